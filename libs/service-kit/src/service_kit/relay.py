"""The relay: sends the outbox's rows in lane order, then moves the lane's cursor.

    relay  {_id: origin, epoch, cursors: {"facts:2": 17}, trimmed: {"facts:2": 3}}

One relay at a time holds a database (lease with an epoch). A row is sent again when the relay dies
between sending and moving the cursor; receivers drop it by lane and seq, version or id. The lease
lives on the observer's monotonic clock: a holder whose ``beat`` has not moved for LEASE seconds is
taken for dead; its late cursor writes fail on the epoch.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Protocol

from pymongo import UpdateOne

from service_kit.errors import Infrastructure
from service_kit.guards import Faults
from service_kit.lanes import Stamp
from service_kit.outbox import lane_name, partition_of, place_of, row_id
from service_kit.records import Partition
from service_kit.relay_trim import Trimmer
from service_kit.store import Document, Store, find_ids

log = logging.getLogger(__name__)

LEASE = 3.0
STEP = 1000
IDLE_SECONDS = 0.25


class Producer(Protocol):
    """Sends rows; order within a partition is the order of the call."""

    async def send(self, rows: Sequence[Document]) -> None:
        """Return when every row is acknowledged by all in-sync replicas; raises Infrastructure."""
        ...


class Wake(Protocol):
    """Says that there may be rows. It may lie either way: the truth is the query."""

    async def wait(self, seconds: float) -> None:
        """Return when something was written, at the latest after ``seconds``."""
        ...


def stamp_of(row: Document) -> Stamp:
    """Return the lane headers of a row."""
    origin = row["lane"].rpartition(">")[0]
    return Stamp(origin, row["seq"], row["range"][0], row["range"][1])


class Relay:
    """Relays the outbox of one database."""

    def __init__(self, store: Store, producer: Producer, wake: Wake, me: str) -> None:
        self._db = store.db
        self._producer = producer
        self._wake = wake
        self._me = me
        self._epoch = 0
        self._origins: set[str] = set()
        self._cursors: dict[str, int] = {}
        self._beaten = 0.0
        self._trimmer = Trimmer(store)
        self._faults = Faults.from_environment()
        self.sent = 0
        self.waiting = 0  # rows written and not sent, as seen by the last step

    async def run(self) -> None:
        """Relay for ever; raises Infrastructure when broker or database fail."""
        while True:
            await self._acquire()
            while await self._beat():
                if not await self.step():
                    await self._wake.wait(IDLE_SECONDS)
                await self._trimmer.step(self._cursors)

    async def step(self) -> int:
        """Send what stands beyond the cursors, about STEP rows; return how many."""
        heads = await self._heads()
        self.waiting = sum(max(at - self._cursors.get(lane, 0), 0) for lane, at in heads.items())
        rows = await self._read(self._due(heads))
        if rows:
            await self._producer.send(rows)
            if self._faults.relay_hold:
                await asyncio.sleep(self._faults.relay_hold)
            await self._move(rows)
        self.sent += len(rows)
        return len(rows)

    def _due(self, heads: dict[str, int]) -> list[str]:
        """Return the ids of the next rows; every waiting lane gets a share of the step."""
        waiting = {lane: head for lane, head in heads.items() if head > self._cursors.get(lane, 0)}
        share = max(STEP // max(len(waiting), 1), 1)
        return [
            row_id(lane, seq)
            for lane, head in waiting.items()
            for seq in range(
                self._cursors.get(lane, 0) + 1,
                min(head, self._cursors.get(lane, 0) + share) + 1,
            )
        ]

    async def _read(self, ids: Sequence[str]) -> list[Document]:
        """Return the rows in this order, all lanes in one query."""
        if not ids:
            return []
        found = await find_ids(self._db["outbox"], list(ids))
        rows = {row["_id"]: row for row in found}
        if len(rows) != len(ids):
            missing = next(i for i in ids if i not in rows)
            raise Infrastructure(f"the outbox of {self._db.name} has no row {missing}")
        return [rows[i] for i in ids]

    async def _move(self, rows: Sequence[Document]) -> None:
        last = {row["lane"]: row["seq"] for row in rows}
        moved: dict[str, dict[str, int]] = {}
        for lane, seq in last.items():
            origin, counter = place_of(lane)
            moved.setdefault(origin, {})[f"cursors.{counter}"] = seq
        done = await self._db["relay"].bulk_write(
            [
                UpdateOne({"_id": origin, "epoch": self._epoch}, {"$set": cursors})
                for origin, cursors in moved.items()
            ]
        )
        if done.matched_count != len(moved):
            self._epoch = 0  # somebody else holds the lease now
        self._cursors |= last

    async def _heads(self) -> dict[str, int]:
        """Return the last seq written in every lane, and make sure that each origin has cursors."""
        lanes: dict[str, dict[str, int]] = {}
        for document in await self._db["offsets"].find({}, projection=["lanes"]).to_list(None):
            group, topic, number = document["_id"].rsplit("|", 2)
            lanes[f"{group}:{Partition(topic, int(number))}"] = document["lanes"]
        for document in await self._db["origins"].find({}).to_list(None):
            lanes[document["_id"]] = document["lanes"]
        fresh = lanes.keys() - self._origins
        if fresh:
            await self._db["relay"].bulk_write(
                [
                    UpdateOne(
                        {"_id": origin},
                        # Never on an existing one: a relay that was frozen here would undo its
                        # successor's fence and then move the cursor back.
                        {"$setOnInsert": {"cursors": {}, "epoch": self._epoch}},
                        upsert=True,
                    )
                    for origin in sorted(fresh)
                ]
            )
            self._origins |= fresh
        return {
            lane_name(origin, partition_of(counter)): seq
            for origin, counters in lanes.items()
            for counter, seq in counters.items()
        }

    async def _acquire(self) -> None:
        """Wait for the lease, take it, fence the predecessor and read the cursors."""
        self.waiting = 0  # who holds the lease tells
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
        self._origins = {document["_id"] for document in documents}
        self._cursors = _by_lane(documents, "cursors")
        self._trimmer.begin(_by_lane(documents, "trimmed"))
        log.info("relay %s holds %s, epoch %d", self._me, self._db.name, self._epoch)

    async def _beat(self) -> bool:
        """Renew the lease three times a lease; return whether it is still held."""
        now = asyncio.get_running_loop().time()
        if self._epoch and now - self._beaten > LEASE / 3:
            held = await self._db["leases"].update_one(
                {"_id": "relay", "epoch": self._epoch}, {"$inc": {"beat": 1}}
            )
            self._beaten = now
            if not held.matched_count:
                self._epoch = 0
        return bool(self._epoch)


def _by_lane(documents: Sequence[Document], name: str) -> dict[str, int]:
    return {
        lane_name(document["_id"], partition_of(counter)): seq
        for document in documents
        for counter, seq in document.get(name, {}).items()
    }
