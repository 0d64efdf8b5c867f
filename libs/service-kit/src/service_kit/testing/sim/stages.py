"""The miniature: fold (raw -> facts), total (facts -> progress), judge (progress -> deeds).

It uses the kit as the services do: memory that changes only after the commit, lanes for deltas,
versions for state, deterministic ids for deeds, watermarks behind what they cover, and heads where
something is decided by reading.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from service_kit import heads
from service_kit.clock import Clock
from service_kit.errors import Infrastructure
from service_kit.guards import Guards
from service_kit.lanes import Receiver, Stamp
from service_kit.outbox import Message, Origin, Outbox
from service_kit.owners import take_over
from service_kit.records import Partition, Record, Slice
from service_kit.store import Document, Session, Store, Tx

RAW = tuple(Partition("raw", number) for number in range(2))
FACTS = tuple(Partition("facts", number) for number in range(2))
PROGRESS = tuple(Partition("progress", number) for number in range(2))
DEEDS = Partition("deeds", 0)
GOALS = ("g0", "g1", "g2", "g3")
THRESHOLD = 10

Disturb = Callable[[str], Any]


def facts_of(goal: str) -> Partition:
    """Return the facts partition of a goal."""
    return FACTS[int(goal[1:]) % 2]


def progress_of(goal: str) -> Partition:
    """Return the progress partition of a goal."""
    return PROGRESS[int(goal[1:]) // 2]


def body_of(record: Record) -> dict[str, Any]:
    """Decode a record."""
    decoded: dict[str, Any] = json.loads(record.value or b"")
    return decoded


def message(to: Partition, body: dict[str, Any]) -> Message:
    """Encode a message."""
    return Message(to, b"", json.dumps(body).encode())


class Disturbed:
    """Where a handler may meet a fault of its own."""

    def __init__(self, disturb: Disturb) -> None:
        self._disturb = disturb

    async def disturb(self) -> None:
        """Raise Infrastructure when the seed says so."""
        if await self._disturb("handler"):
            raise Infrastructure("injected into the handler")


class Fold(Disturbed):
    """Adds up raw events by goal, each id once, and sends the sums to the facts partitions."""

    def __init__(
        self, store: Store, clock: Clock, end: Callable[[Partition], Any], disturb: Disturb
    ) -> None:
        super().__init__(disturb)
        self._store = store
        self._clock = clock
        self._end = end
        self._seen: dict[Partition, set[str]] = {}
        self._marks: dict[Partition, tuple[int, int]] = {}
        self._sent: dict[Partition, int] = {}

    async def load(self, partition: Partition) -> None:
        """Load the window of ids."""
        document = await self._store.db["seen"].find_one({"_id": str(partition)})
        self._seen[partition] = set(document["ids"]) if document else set()

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> tuple[list[str], int]:
        """Fold new events; behind them a watermark, when everything before it is folded."""
        await self.disturb()
        partition = batch.partition
        fresh: dict[str, dict[str, Any]] = {}
        for record in batch.records:
            event = body_of(record)
            if event["id"] not in self._seen[partition]:
                fresh.setdefault(event["id"], event)
        if fresh:
            ids = sorted(fresh)
            await tx["seen"].update_one(
                {"_id": str(partition)}, {"$push": {"ids": {"$each": ids}}}, upsert=True
            )
        for to in FACTS:
            here = [event for event in fresh.values() if facts_of(event["goal"]) == to]
            if here:
                outbox.send(message(to, _folded(here)))
        return sorted(fresh), self._watermark(batch, outbox)

    def _watermark(self, batch: Slice, outbox: Outbox) -> int:
        at_ms, end = self._marks.get(batch.partition, (0, 0))
        if batch.end < end or at_ms <= self._sent.get(batch.partition, 0):
            return 0
        outbox.send_all(message(to, {"watermark": at_ms}) for to in FACTS)
        return at_ms

    def committed(self, batch: Slice, effect: tuple[list[str], int]) -> None:
        """Remember the ids and the watermark sent."""
        ids, at_ms = effect
        self._seen[batch.partition] |= set(ids)
        self._sent[batch.partition] = max(at_ms, self._sent.get(batch.partition, 0))

    def forget(self, partition: Partition) -> None:
        """Forget the window."""
        for memory in (self._seen, self._marks, self._sent):
            memory.pop(partition, None)

    async def note_marks(self) -> None:
        """Before a tick: note the clock, and only then ask where the logs end."""
        at_ms = self._clock.now_ms()
        for partition in list(self._seen):
            end = await self._end(partition)
            if partition in self._seen:
                self._marks[partition] = (at_ms, end)


def _folded(events: list[dict[str, Any]]) -> dict[str, Any]:
    sums: dict[str, int] = {}
    for event in events:
        sums[event["goal"]] = sums.get(event["goal"], 0) + event["amount"]
    return {"sums": sums, "ids": [event["id"] for event in events]}


@dataclass(frozen=True, slots=True)
class Totalled:
    """What a batch of facts did to the memory."""

    receiver: Receiver
    ids: frozenset[str]
    low_ms: int


class Total(Disturbed):
    """Keeps a sum and a version per goal and sends both as state."""

    def __init__(
        self,
        store: Store,
        guards: Guards,
        check: Callable[[Partition, Receiver, frozenset[str]], None],
        disturb: Disturb,
    ) -> None:
        super().__init__(disturb)
        self._store = store
        self._guards = guards
        self._check = check
        self._receivers: dict[Partition, Receiver] = {}
        self._applied: dict[Partition, frozenset[str]] = {}
        self._low: dict[Partition, int] = {}
        self._origins = frozenset(f"a:{partition}" for partition in RAW)

    async def load(self, partition: Partition) -> None:
        """Load the lanes, and the ids that the check wants to know."""
        receiver = Receiver("b", partition, self._guards)
        await receiver.load(self._store)
        document = await self._store.db["applied"].find_one({"_id": str(partition)})
        self._applied[partition] = frozenset(document["ids"] if document else ())
        self._receivers[partition] = receiver

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> Totalled:
        """Add what is new in its lane; behind it the watermark, when it has grown."""
        await self.disturb()
        partition = batch.partition
        fork = self._receivers[partition].fork()
        sums: dict[str, int] = {}
        ids: list[str] = []
        for record in batch.records:
            stamp, body = Stamp.of(record), body_of(record)
            if not fork.admit(stamp):
                continue
            if "watermark" in body:
                fork.note_watermark(stamp.origin, body["watermark"])
                continue
            ids += body["ids"]
            for goal, amount in body["sums"].items():
                sums[goal] = sums.get(goal, 0) + amount
        for goal, amount in sums.items():
            await self._add(tx, outbox, goal, amount)
        if batch.records:
            await fork.save(tx)
        if ids:
            await tx["applied"].update_one(
                {"_id": str(partition)}, {"$push": {"ids": {"$each": ids}}}, upsert=True
            )
        low_ms = fork.watermark_ms(self._origins)
        if low_ms > self._low.get(partition, -1):
            outbox.send_all(message(to, {"watermark": low_ms}) for to in PROGRESS)
        return Totalled(fork, self._applied[partition] | set(ids), low_ms)

    async def _add(self, tx: Tx, outbox: Outbox, goal: str, amount: int) -> None:
        stored = await tx["sums"].find_one({"_id": goal}) or {"value": 0, "version": 0}
        state = {"value": stored["value"] + amount, "version": stored["version"] + 1}
        await tx["sums"].update_one({"_id": goal}, {"$set": state}, upsert=True)
        outbox.send(message(progress_of(goal), {"goal": goal, **state}))

    def committed(self, batch: Slice, effect: Totalled) -> None:
        """Adopt the lanes."""
        effect.receiver.adopt()
        partition = batch.partition
        self._receivers[partition] = effect.receiver
        self._applied[partition] = effect.ids
        self._low[partition] = effect.low_ms
        self._check(partition, effect.receiver, effect.ids)

    def forget(self, partition: Partition) -> None:
        """Forget the lanes."""
        self._receivers.pop(partition, None)
        self._applied.pop(partition, None)
        self._low.pop(partition, None)


class Judge(Disturbed):
    """Stores progress and judges each goal once it is complete, and again when it has changed."""

    def __init__(
        self,
        store: Store,
        session: Session,
        guards: Guards,
        closes_ms: int,
        disturb: Disturb,
    ) -> None:
        super().__init__(disturb)
        self._store = store
        self._session = session
        self._guards = guards
        self._closes_ms = closes_ms
        self._changed = asyncio.Event()
        self._receivers: dict[Partition, Receiver] = {}
        self._origins = frozenset(f"b:{partition}" for partition in FACTS)

    async def load(self, partition: Partition) -> None:
        """Load the lanes, and take the judge's session over for the partition."""
        await take_over(self._store, self._session, [f"judge:{partition}"])
        receiver = Receiver("c", partition, self._guards)
        await receiver.load(self._store)
        self._receivers[partition] = receiver

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> Receiver:
        """Store the newest versions; what is judged already becomes dirty."""
        await self.disturb()
        fork = self._receivers[batch.partition].fork()
        newest: dict[str, dict[str, Any]] = {}
        for record in batch.records:
            stamp, body = Stamp.of(record), body_of(record)
            fork.admit(stamp)
            if "watermark" in body:
                fork.note_watermark(stamp.origin, body["watermark"])
            elif body["version"] > newest.get(body["goal"], body | {"version": 0})["version"]:
                newest[body["goal"]] = body
        for goal, state in newest.items():
            await self._store_state(tx, goal, state)
        if batch.records:
            await fork.save(tx)
        return fork

    async def _store_state(self, tx: Tx, goal: str, state: dict[str, Any]) -> None:
        stored = await tx["progress"].find_one({"_id": goal})
        if stored is not None and stored["version"] >= state["version"]:
            return
        await heads.touch(tx, "heads", [goal], self._guards)
        fields = {"value": state["value"], "version": state["version"]}
        await tx["progress"].update_one({"_id": goal}, {"$set": fields}, upsert=True)
        due = await tx["due"].find_one({"_id": goal})
        if due is not None and due["deeds"]:
            await tx["due"].update_one({"_id": goal}, {"$set": {"dirty": True}})

    def committed(self, batch: Slice, effect: Receiver) -> None:
        """Adopt the lanes."""
        effect.adopt()
        self._receivers[batch.partition] = effect
        self._changed.set()

    def forget(self, partition: Partition) -> None:
        """Forget the lanes."""
        self._receivers.pop(partition, None)

    async def judge_every(self, seconds: float) -> None:
        """Judge for ever what is due in the partitions held, soon after something came."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), seconds)
            self._changed.clear()
            for partition, receiver in list(self._receivers.items()):
                if receiver.watermark_ms(self._origins) >= self._closes_ms:
                    await self._judge(partition)

    async def _judge(self, partition: Partition) -> None:
        due: list[Document] = (
            await self._store.db["due"]
            .find({"partition": str(partition), "dirty": True}, sort=[("_id", 1)])
            .to_list(None)
        )
        origin = Origin(f"judge:{partition}")
        for row in due:
            await self._session.run(partial(self._decide, origin=origin, goal=row["_id"]))

    async def _decide(self, tx: Tx, origin: Origin, goal: str) -> None:
        await heads.touch(tx, "heads", [goal], self._guards)
        due = await tx["due"].find_one({"_id": goal})
        progress = await tx["progress"].find_one({"_id": goal})
        await self.disturb()
        if due is None or not due["dirty"]:
            return
        deeds = due["deeds"]
        reached = (progress or {"value": 0})["value"] >= THRESHOLD
        if not deeds or deeds[-1] != reached:
            deeds = [*deeds, reached]
            outbox = await origin.open(tx)
            deed = {"_id": f"{goal}:{len(deeds)}", "goal": goal, "reached": reached}
            await tx["deeds"].insert_many([deed])
            outbox.send(message(DEEDS, deed))
            await origin.close(tx, outbox)
        await tx["due"].update_one({"_id": goal}, {"$set": {"dirty": False, "deeds": deeds}})
