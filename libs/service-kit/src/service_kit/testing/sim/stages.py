"""The miniature's first stages: fold (raw -> facts) and total (facts -> progress).

They use the kit as the services do: memory that changes only after the commit, lanes for deltas,
versions for state, and watermarks behind what they cover.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service_kit.clock import Clock
from service_kit.guards import Guards
from service_kit.lanes import Receiver, Stamp
from service_kit.marks import UNKNOWN, Mark
from service_kit.outbox import Outbox
from service_kit.records import Partition, Slice
from service_kit.store import Store, Tx
from service_kit.testing.sim.goals import (
    FACTS,
    PROGRESS,
    RAW,
    Disturb,
    Disturbed,
    body_of,
    facts_of,
    message,
    progress_of,
)


class Fold(Disturbed):
    """Adds up raw events by goal, each id once, and sends the sums to the facts partitions."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        end: Callable[[Partition], Any],
        disturb: Disturb,
        held: Callable[[], dict[str, int]] = dict,
    ) -> None:
        """``held`` tells which goals have events that do not stand in the raw log yet."""
        super().__init__(disturb)
        self._held = held
        self._store = store
        self._clock = clock
        self._end = end
        self._seen: dict[Partition, set[str]] = {}
        self._marks: dict[Partition, tuple[Mark, int]] = {}
        self._sent: dict[Partition, Mark] = {}

    async def load(self, partition: Partition) -> None:
        """Load the window of ids."""
        document = await self._store.db["seen"].find_one({"_id": str(partition)})
        self._seen[partition] = set(document["ids"]) if document else set()

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> tuple[list[str], Mark]:
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

    def _watermark(self, batch: Slice, outbox: Outbox) -> Mark:
        sent = self._sent.get(batch.partition, UNKNOWN)
        mark, end = self._marks.get(batch.partition, (UNKNOWN, 0))
        if batch.end < end or mark.at_ms <= 0 or sent.joined(mark) == sent:
            return sent
        outbox.send_all(message(to, told(mark)) for to in FACTS)
        return mark

    def committed(self, batch: Slice, effect: tuple[list[str], Mark]) -> None:
        """Remember the ids and the watermark sent."""
        ids, self._sent[batch.partition] = effect
        self._seen[batch.partition] |= set(ids)

    def forget(self, partition: Partition) -> None:
        """Forget the window."""
        memories: tuple[dict[Partition, Any], ...] = (self._seen, self._marks, self._sent)
        for memory in memories:
            memory.pop(partition, None)

    async def note_marks(self) -> None:
        """Before a tick: note the clock, and only then ask where the logs end."""
        at_ms = self._clock.now_ms()
        mark = Mark(at_ms, self._held())
        for partition in list(self._seen):
            end = await self._end(partition)
            if partition in self._seen:
                self._marks[partition] = (mark, end)


def told(mark: Mark) -> dict[str, Any]:
    """Return a watermark's message."""
    return {"watermark": mark.at_ms} | ({"held": dict(mark.held)} if mark.held else {})


def heard(body: dict[str, Any]) -> Mark:
    """Return the watermark of a message."""
    return Mark(body["watermark"], body.get("held", {}))


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
    low: Mark


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
        self._low: dict[Partition, Mark] = {}
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
                fork.note_watermark(stamp.origin, heard(body))
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
        low = fork.mark(self._origins)
        if low != self._low.get(partition, UNKNOWN):
            outbox.send_all(message(to, told(low)) for to in PROGRESS)
        return Totalled(fork, self._applied[partition] | set(ids), low)

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
        self._low[partition] = effect.low
        self._check(partition, effect.receiver, effect.ids)

    def forget(self, partition: Partition) -> None:
        """Forget the lanes."""
        self._receivers.pop(partition, None)
        self._applied.pop(partition, None)
        self._low.pop(partition, None)
