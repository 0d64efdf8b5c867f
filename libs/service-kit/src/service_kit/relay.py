"""The relay: sends the outbox's rows in lane order, then moves the origin's cursor.

    relay  {_id: origin, epoch, cursor: 17, trimmed: 3}

``cursor`` is the last bundle (service_kit.outbox) that was sent. One relay at a time holds a
database (lease with an epoch). A row is sent again when the relay dies between sending and moving
the cursor; receivers drop it by lane and seq, version or id. The lease lives on the observer's
monotonic clock: a holder whose ``beat`` has not moved for LEASE seconds is taken for dead; its late
cursor writes fail on the epoch.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pymongo import UpdateOne

from service_kit.errors import Infrastructure
from service_kit.guards import Faults
from service_kit.lanes import Stamp
from service_kit.outbox import bundle_id, rows_of
from service_kit.records import Partition
from service_kit.relay_trim import Trimmer
from service_kit.store import Document, Store, find_ids

log = logging.getLogger(__name__)

LEASE = 3.0
STEP = 16  # bundles
# However much is told, the truth is looked at so often: a row that nobody told of waits so long.
LOOK_SECONDS = 0.5
# Cursors are written so often: what a killed relay has sent since is sent again, and dropped.
CURSOR_SECONDS = 0.25

# The last bundle written, by origin, e.g. {"goal-service:facts/0": 17}.
Written = Mapping[str, int]


class Producer(Protocol):
    """Sends rows; order within a partition is the order of the call."""

    async def send(self, rows: Sequence[Document]) -> None:
        """Return when every row is acknowledged by all in-sync replicas; raises Infrastructure."""
        ...


class Wake(Protocol):
    """Says what was written. It may miss something: the truth is the query."""

    async def wait(self, seconds: float) -> Written | None:
        """Return what was committed since the last call; None: somebody has to look.

        At the latest after ``seconds``.
        """
        ...


# The collections whose documents count what an origin has written.
SENDERS = ("offsets", "origins")


def origin_of(collection: str, id: str) -> str:
    """Return the origin that a document of a sender counts for."""
    if collection == "origins":
        return id
    group, topic, number = id.rsplit("|", 2)
    return f"{group}:{Partition(topic, int(number))}"


async def written(db: Any) -> Written:
    """Return the last bundle that each origin of the database has written."""
    bundles: dict[str, int] = {}
    for collection in SENDERS:
        for document in await db[collection].find({}, projection=["bundles"]).to_list(None):
            if "bundles" in document:
                bundles[origin_of(collection, document["_id"])] = document["bundles"]
    return bundles


def stamp_of(row: Document) -> Stamp:
    """Return the lane headers of a row."""
    origin = row["lane"].rpartition(">")[0]
    return Stamp(origin, row["seq"], row["range"][0], row["range"][1])


class _MissingBundle(Infrastructure):
    """A bundle that should have been written is not there."""


class Relay:
    """Relays the outbox of one database."""

    def __init__(
        self, store: Store, producer: Producer, wake: Wake, me: str, look: float = LOOK_SECONDS
    ) -> None:
        """``look``: how often the truth is looked at, whatever is told, in seconds."""
        self._db = store.db
        self._producer = producer
        self._wake = wake
        self._me = me
        self._look = look
        self._epoch = 0
        self._cursors: dict[str, int] = {}
        self._heads: dict[str, int] = {}
        self._moved: dict[str, int] = {}  # cursors that are not written yet
        self._written: dict[str, int] = {}  # as they are written: a successor begins there
        self._moving: asyncio.Task[None] | None = None
        self._looked = 0.0
        self._beaten = 0.0
        self._trimmer = Trimmer(store)
        self._faults = Faults.from_environment()
        self.sent = 0
        self.waiting = 0  # bundles written and not sent, as seen by the last step

    async def run(self) -> None:
        """Relay for ever; raises Infrastructure when broker or database fail."""
        try:
            while True:
                await self._acquire()
                told: Written | None = None
                while await self._beat():
                    told = {} if await self.step(told) else await self._wake.wait(self._look)
                    await self._trimmer.step(self._written)
        finally:
            self._stop_moving()

    async def step(self, told: Written | None = None) -> int:
        """Send what stands beyond the cursors, about STEP bundles; return how many rows.

        ``told`` is what was written since the last step; None: look.
        """
        now = asyncio.get_running_loop().time()
        # Of an origin that is not known, the truth is asked: nobody's word makes a document.
        if told is None or now - self._looked > self._look or told.keys() - self._cursors.keys():
            told, self._looked = await written(self._db), now
        await self._note(told)
        try:
            due, rows = await self._next_rows()
        except _MissingBundle:  # or the word that it is there was false
            self._heads = {}
            await self._note(await written(self._db))
            due, rows = await self._next_rows()
        if rows:
            await self._producer.send(rows)
            if self._faults.relay_hold:
                await asyncio.sleep(self._faults.relay_hold)
            self._move({origin: numbers[-1] for origin, numbers in due.items()})
        self.sent += len(rows)
        return len(rows)

    async def _next_rows(self) -> tuple[dict[str, range], list[Document]]:
        """Return the numbers of the next bundles, and their rows; raises _MissingBundle."""
        due = self._due()
        return due, await self._read(due)

    def _due(self) -> dict[str, range]:
        """Return the numbers of the next bundles; every waiting origin gets a share of the step."""
        waiting = {
            origin: head - self._cursors[origin]
            for origin, head in self._heads.items()
            if head > self._cursors[origin]
        }
        self.waiting = sum(waiting.values())
        share = max(STEP // max(len(waiting), 1), 1)
        return {
            origin: range(self._cursors[origin] + 1, self._cursors[origin] + min(count, share) + 1)
            for origin, count in waiting.items()
        }

    async def _read(self, due: Mapping[str, range]) -> list[Document]:
        """Return the rows in their order, those of all origins by one query."""
        ids = [bundle_id(origin, number) for origin, numbers in due.items() for number in numbers]
        found = {row["_id"]: row for row in await find_ids(self._db["outbox"], ids)}
        if len(found) != len(ids):
            missing = next(i for i in ids if i not in found)
            raise _MissingBundle(f"the outbox of {self._db.name} has no bundle {missing}")
        return [row for i in ids for row in rows_of(found[i])]

    def _move(self, to: Mapping[str, int]) -> None:
        """Move the cursors, and have them written while the next rows are sent."""
        self._cursors |= to
        self._moved |= to
        if self._moving is not None and self._moving.done():
            self._moving.result()  # raises what went wrong: those cursors would never be written
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._write_cursors())

    def _stop_moving(self) -> None:
        if self._moving is not None:
            self._moving.cancel()
        self._moving, self._moved = None, {}

    async def _write_cursors(self) -> None:
        """Write the cursors that have moved until none moves any more."""
        while True:
            await asyncio.sleep(CURSOR_SECONDS)
            moved, self._moved = self._moved, {}
            if not moved:
                return
            done = await self._db["relay"].bulk_write(
                [
                    UpdateOne({"_id": origin, "epoch": self._epoch}, {"$set": {"cursor": number}})
                    for origin, number in moved.items()
                ]
            )
            if done.matched_count != len(moved):
                self._epoch = 0  # somebody else holds the lease now
                return
            self._written |= moved

    async def _note(self, told: Written) -> None:
        """Take over the last bundles written, and make sure that each origin has a cursor."""
        fresh = told.keys() - self._cursors.keys()
        if fresh:
            await self._db["relay"].bulk_write(
                [
                    UpdateOne(
                        {"_id": origin},
                        # Never on an existing one: a relay that was frozen here would undo its
                        # successor's fence and then move the cursor back.
                        {"$setOnInsert": {"cursor": 0, "epoch": self._epoch}},
                        upsert=True,
                    )
                    for origin in sorted(fresh)
                ]
            )
            self._cursors |= dict.fromkeys(fresh, 0)
        for origin, number in told.items():
            self._heads[origin] = max(number, self._heads.get(origin, 0))

    async def _acquire(self) -> None:
        """Wait for the lease, take it, fence the predecessor and read the cursors."""
        self.waiting = 0  # who holds the lease tells
        self._stop_moving()
        leases = self._db["leases"]
        await leases.update_one(
            {"_id": "relay"}, {"$setOnInsert": {"epoch": 0, "beat": 0, "holder": ""}}, upsert=True
        )
        while True:
            seen = await leases.find_one({"_id": "relay"})
            await asyncio.sleep(0 if seen["holder"] in ("", self._me) else LEASE)
            taken = await leases.update_one(
                {"_id": "relay", "epoch": seen["epoch"], "beat": seen["beat"]},
                {"$set": {"holder": self._me, "epoch": seen["epoch"] + 1}, "$inc": {"beat": 1}},
            )
            if taken.matched_count:
                break
        self._epoch = seen["epoch"] + 1
        self._beaten = asyncio.get_running_loop().time()
        await self._db["relay"].update_many(
            {"epoch": {"$lt": self._epoch}}, {"$set": {"epoch": self._epoch}}
        )
        documents: list[dict[str, Any]] = await self._db["relay"].find({}).to_list(None)
        self._cursors = {document["_id"]: document["cursor"] for document in documents}
        self._written = dict(self._cursors)
        self._heads = {}
        self._trimmer.begin({row["_id"]: row.get("trimmed", 0) for row in documents})
        log.info("relay %s holds %s, epoch %d", self._me, self._db.name, self._epoch)

    async def _beat(self) -> bool:
        """Renew the lease three times a lease; return whether it is still held."""
        if self._moving is not None and self._moving.done():
            await self._moving  # raises what went wrong
            self._moving = None
        now = asyncio.get_running_loop().time()
        if self._epoch and now - self._beaten > LEASE / 3:
            held = await self._db["leases"].update_one(
                {"_id": "relay", "epoch": self._epoch}, {"$inc": {"beat": 1}}
            )
            self._beaten = now
            if not held.matched_count:
                self._epoch = 0
        return bool(self._epoch)
