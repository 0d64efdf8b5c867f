"""The facts log: deltas by lanes, goals that begin to use a metric, watermarks."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from event_contracts.facts import FactBatch, FactsMessage, GoalControl, Watermark, batches_of
from event_contracts.wire import decoder_of
from goal_service import metrics
from goal_service.adapters.alive import MongoAlive
from goal_service.adapters.books import FactBooks
from goal_service.adapters.facts import MongoFacts
from goal_service.adapters.post import OutboxPost
from goal_service.adapters.progress import MongoProgress
from goal_service.adapters.uses import MongoUses, load_uses
from goal_service.adapters.watermarks import Marks, feeding_origins
from goal_service.domain.alive import MetricDay, Quarters
from goal_service.domain.commands import RecordFacts, UseMetric
from goal_service.domain.days import check_zone
from goal_service.domain.matching import Index, Use
from goal_service.domain.progress import DayValue
from goal_service.domain.sheets import check_batch
from goal_service.handlers import handle
from goal_service.ports import MetricKey, Place
from goal_service.settings import SERVICE
from goal_service.stream.reading import letter, read, stamp_of
from service_kit import dead_letters
from service_kit.clock import Clock
from service_kit.errors import BadRecord, UserError
from service_kit.guards import Guards
from service_kit.lanes import Receiver
from service_kit.outbox import Outbox
from service_kit.records import Partition, Record, Slice
from service_kit.store import Document, Store, Tx

MOST_ALIVE_DAYS = 10_000
MOST_PROGRESS_DAYS = 20_000  # of a partition; half a kilobyte each
_facts = decoder_of(FactsMessage)


@dataclass(slots=True)
class Memory:
    """What is remembered of a facts partition. ``told_ms`` is the last watermark sent on."""

    receiver: Receiver
    uses: dict[MetricKey, Index]
    progress: dict[Place, DayValue | None] = field(default_factory=dict)
    alive: dict[MetricDay, Quarters] = field(default_factory=dict)
    told_ms: int = -1


@dataclass(slots=True)
class Effect:
    """What a batch adds to the memory once it is committed."""

    receiver: Receiver
    uses: MongoUses
    progress: MongoProgress
    alive: MongoAlive
    told_ms: int
    counts: Counter[str] = field(default_factory=Counter)


class FactsHandler:
    """Applies the facts log: facts, goals that begin to use a metric, watermarks."""

    def __init__(
        self, store: Store, clock: Clock, guards: Guards, partitions: int, marks: Marks
    ) -> None:
        self._marks = marks
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
        self._memory[partition] = Memory(receiver, await load_uses(self._store, partition.number))
        self._marks.note(partition, receiver.watermark_ms(self._origins))

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> Effect:
        """Apply the records in order, then send the watermark behind what it covers."""
        memory = self._memory[batch.partition]
        post = OutboxPost(outbox, self._partitions)
        effect = Effect(
            receiver=memory.receiver.fork(),
            uses=MongoUses(tx, batch.partition.number, memory.uses),
            progress=MongoProgress(tx, memory.progress),
            alive=MongoAlive(tx, memory.alive),
            told_ms=memory.told_ms,
        )
        books = FactBooks(
            tx,
            facts=MongoFacts(tx, f"{batch.partition}|{batch.start:012d}"),
            progress=effect.progress,
            uses=effect.uses,
            alive=effect.alive,
            post=post,
            guards=self._guards,
        )
        await self._records(tx, batch, effect, books)
        self._tell(batch.partition, effect, post)
        await effect.receiver.save(tx)
        return effect

    def committed(self, batch: Slice, effect: Effect) -> None:
        """Take the lanes, the uses and the signs of life into memory."""
        effect.receiver.adopt()
        memory = self._memory[batch.partition]
        memory.receiver = effect.receiver
        memory.told_ms = effect.told_ms
        self._marks.note(batch.partition, effect.receiver.watermark_ms(self._origins))
        memory.uses.update(effect.uses.changed)
        if len(memory.progress) > MOST_PROGRESS_DAYS:
            memory.progress.clear()
        memory.progress.update(effect.progress.learnt)
        if len(memory.alive) > MOST_ALIVE_DAYS:  # what is forgotten is read again when needed
            memory.alive.clear()
        memory.alive.update(effect.alive.learnt)
        _measure(batch.partition, memory, effect.counts)

    def forget(self, partition: Partition) -> None:
        """Drop the partition's memory, and say no more of it."""
        self._memory.pop(partition, None)
        self._marks.forget(partition)
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
            effect.receiver.note_watermark(stamp.origin, message.at_ms)
        for facts in batches_of(message):  # one that is bad is a letter of the whole record
            check_batch(facts)
        if isinstance(message, GoalControl):
            _check_control(message)
        return message

    def _tell(self, partition: Partition, effect: Effect, post: OutboxPost) -> None:
        complete = effect.receiver.watermark_ms(self._origins)
        if complete > effect.told_ms:
            post.send(Watermark(origin=str(partition), at_ms=complete))
            effect.told_ms = complete


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
    metrics.WATERMARK.labels(name).set(memory.told_ms / 1000)
    metrics.USES.labels(name).set(sum(len(index.by_key) for index in memory.uses.values()))
