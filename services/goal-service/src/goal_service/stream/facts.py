"""The facts log: deltas by lanes, goals that begin to use a metric, watermarks."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from event_contracts.facts import FactBatch, FactsMessage, GoalControl, Watermark, batches_of
from event_contracts.wire import decoder_of
from goal_service import metrics
from goal_service.adapters.alive import MongoAlive
from goal_service.adapters.books import FactBooks
from goal_service.adapters.facts import MongoFacts
from goal_service.adapters.held import Held
from goal_service.adapters.hot_days import MOST_DAYS, Stripe, load_stripes
from goal_service.adapters.post import OutboxPost
from goal_service.adapters.progress import MongoProgress
from goal_service.adapters.uses import MongoUses, load_uses
from goal_service.adapters.watermarks import feeding_origins
from goal_service.domain.alive import MetricDay, Quarters
from goal_service.domain.commands import RecordFacts, TellDays, UseMetric
from goal_service.domain.days import check_zone
from goal_service.domain.matching import Index, Use
from goal_service.domain.sheets import check_batch
from goal_service.handlers import handle
from goal_service.ports import MetricKey
from goal_service.settings import SERVICE
from goal_service.stream.reading import letter, read, stamp_of
from service_kit import dead_letters
from service_kit.clock import Clock
from service_kit.errors import BadRecord, UserError
from service_kit.guards import Guards
from service_kit.lanes import Receiver
from service_kit.marks import UNKNOWN, Mark
from service_kit.outbox import Outbox
from service_kit.records import Partition, Record, Slice
from service_kit.store import Document, Store, Tx

MOST_ALIVE_DAYS = 10_000
UNHURRIED_DAYS = 100  # of a partition
MOST_PAUSES = 4.0
_facts = decoder_of(FactsMessage)


@dataclass(slots=True)
class Memory:
    """What is remembered of a facts partition.

    ``told`` is the last watermark sent on, ``told_at`` when that was (monotonic seconds).
    """

    receiver: Receiver
    uses: dict[MetricKey, Index]
    stripes: Sequence[Stripe]
    alive: dict[MetricDay, Quarters] = field(default_factory=dict)
    told: Mark = UNKNOWN
    told_at: float = -math.inf


@dataclass(slots=True)
class Effect:
    """What a batch adds to the memory once it is committed."""

    receiver: Receiver
    uses: MongoUses
    progress: MongoProgress
    alive: MongoAlive
    told: Mark
    told_at: float
    counts: Counter[str] = field(default_factory=Counter)


class FactsHandler:
    """Applies the facts log: facts, goals that begin to use a metric, watermarks."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        guards: Guards,
        partitions: int,
        held: Held,
        tell_seconds: float = 0.0,
        hot_days: int = MOST_DAYS,
    ) -> None:
        """Progress and watermarks are sent on at most every ``tell_seconds`` of a partition.

        The more days have changed, the longer they wait (:func:`pause_for`).

        A stripe holds ``hot_days``.
        """
        self._hot_days = hot_days
        self._held = held
        self._tell_seconds = tell_seconds
        self._store = store
        self._clock = clock
        self._guards = guards
        self._partitions = partitions
        self._origins = feeding_origins(partitions)
        self._memory: dict[Partition, Memory] = {}

    async def load(self, partition: Partition) -> None:
        """Load the lanes into the partition and the goals that use its metrics."""
        receiver = Receiver(SERVICE, partition, self._guards)
        await receiver.load(self._store)
        uses = await load_uses(self._store, partition.number)
        self._memory[partition] = Memory(receiver, uses, await load_stripes(self._store, partition))
        self._note(partition)

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> Effect:
        """Apply the records in order, then send the watermark behind what it covers."""
        memory = self._memory[batch.partition]
        post = OutboxPost(outbox, self._partitions)
        effect = Effect(
            receiver=memory.receiver.fork(),
            uses=MongoUses(tx, batch.partition.number, memory.uses),
            progress=MongoProgress(tx, batch.partition, memory.stripes, self._hot_days),
            alive=MongoAlive(tx, memory.alive),
            told=memory.told,
            told_at=memory.told_at,
        )
        partition = batch.partition
        books = FactBooks(
            facts=MongoFacts(tx, partition.number, f"{partition}|{batch.start:012d}"),
            progress=effect.progress,
            uses=effect.uses,
            alive=effect.alive,
            post=post,
        )
        await self._records(tx, batch, effect, books)
        await self._tell(batch.partition, effect, books)
        await effect.progress.save()
        await effect.receiver.save(tx)
        return effect

    def committed(self, batch: Slice, effect: Effect) -> None:
        """Take the lanes, the uses and the signs of life into memory."""
        effect.receiver.adopt()
        memory = self._memory[batch.partition]
        memory.receiver = effect.receiver
        memory.told, memory.told_at = effect.told, effect.told_at
        changed = effect.progress.changed
        memory.stripes = [changed.get(n, known) for n, known in enumerate(memory.stripes)]
        self._note(batch.partition)
        memory.uses.update(effect.uses.changed)
        if len(memory.alive) > MOST_ALIVE_DAYS:  # what is forgotten is read again when needed
            memory.alive.clear()
        memory.alive.update(effect.alive.learnt)
        _measure(batch.partition, memory, effect.counts)

    def forget(self, partition: Partition) -> None:
        """Drop the partition's memory, and say no more of it."""
        self._memory.pop(partition, None)
        self._held.forget(partition)
        for gauge in (metrics.MISSING, metrics.WATERMARK, metrics.USES):
            gauge.remove(str(partition))

    async def _records(self, tx: Tx, batch: Slice, effect: Effect, books: FactBooks) -> None:
        """Record facts together; only a control record cuts them into before and after."""
        facts: list[FactBatch] = []
        letters: list[Document] = []
        for record in batch.records:
            try:
                message = self._read(record, effect)
            except BadRecord as bad:
                letters.append(letter(record, bad, self._clock.now_ms()))
                continue
            facts += batches_of(message)
            if isinstance(message, GoalControl):
                await _record(facts, effect, books)
                facts = []
                effect.counts["use_metric"] += 1
                await handle(UseMetric(_use(message)), books)
        await _record(facts, effect, books)
        await dead_letters.write(tx, letters)

    def _read(self, record: Record, effect: Effect) -> Any:
        """Return the record's message; None when there is nothing to do. Raises BadRecord."""
        stamp = stamp_of(record)
        if not effect.receiver.admit(stamp):
            effect.counts["repeated"] += 1
            return None
        message = read(_facts, record)
        if isinstance(message, Watermark):
            effect.receiver.note_watermark(stamp.origin, Mark(message.at_ms, message.held))
        for facts in batches_of(message):  # one that is bad is a letter of the whole record
            check_batch(facts)
        if isinstance(message, GoalControl):
            _check_control(message)
        return message

    async def _tell(self, partition: Partition, effect: Effect, books: FactBooks) -> None:
        """Send what days have come to, and behind them the watermark that covers them.

        A day is a state: whoever reads it misses nothing when ten changes come as one. While a
        backlog is worked off a thousand goals change with every slice.
        """
        now = time.monotonic()
        if now - effect.told_at < self._tell_seconds * pause_for(effect.progress.waiting):
            return  # the next slice, or the next tick, will
        effect.told_at = now
        await handle(TellDays(), books)
        mark = effect.receiver.mark(self._origins)
        if mark != effect.told:
            told = Watermark(origin=str(partition), at_ms=mark.at_ms, held=dict(mark.held))
            books.post.send(told)
            effect.told = mark

    def _note(self, partition: Partition) -> None:
        memory = self._memory[partition]
        complete = memory.receiver.mark(self._origins)
        self._held.note(partition, complete, memory.stripes)


def pause_for(days: int) -> float:
    """Return how many times as long as usual so many changed days may wait to be told.

    A few are told every second. With a thousand goals that change all the time it would be what
    alerting, the relay and the broker do most.
    """
    return min(1 + days / UNHURRIED_DAYS, MOST_PAUSES)


async def _record(facts: list[FactBatch], effect: Effect, books: FactBooks) -> None:
    if facts:
        effect.counts["record_facts"] += 1
        effect.counts["cells"] += sum(len(batch.cells) for batch in facts)
        await handle(RecordFacts(tuple(facts)), books)


def _check_control(control: GoalControl) -> None:
    try:
        check_zone(control.zone)
    except UserError as error:
        raise BadRecord("bad-control", error.en) from error
    if not 2 <= control.start.year <= control.end.year <= 9998:
        raise BadRecord("bad-control", f"no period: {control.start} to {control.end}")


def _use(control: GoalControl) -> Use:
    return Use(
        tenant=control.tenant,
        metric=control.metric,
        goal=control.goal,
        version=control.goal_version,
        zone=control.zone,
        start=control.start,
        end=control.end,
        where=control.where,
        stopped=control.stopped,
        part=control.part,
        denominator=control.denominator,
    )


def _measure(partition: Partition, memory: Memory, counts: Counter[str]) -> None:
    name = str(partition)
    metrics.CELLS.inc(counts["cells"])
    metrics.REPEATED.inc(counts["repeated"])
    for command in ("record_facts", "use_metric"):
        metrics.COMMANDS.labels(command).inc(counts[command])
    metrics.MISSING.labels(name).set(
        sum(len(lane.missing) for lane in memory.receiver.lanes.values())
    )
    metrics.WATERMARK.labels(name).set(memory.told.at_ms / 1000)
    metrics.USES.labels(name).set(sum(len(index.by_key) for index in memory.uses.values()))
