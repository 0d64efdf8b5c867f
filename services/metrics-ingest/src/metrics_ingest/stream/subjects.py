"""The subjects log: events of one subject meet here, and leave as facts (batch.Handler)."""

from dataclasses import dataclass

import msgspec

from event_contracts.facts import Watermark
from event_contracts.raw import RawEvent
from event_contracts.subjects import SubjectBatch, SubjectsMessage
from event_contracts.topics import RAW, SUBJECTS
from event_contracts.wire import decoder_of, hash16
from metrics_ingest.adapters.routes import Counts, FactsRoute
from metrics_ingest.adapters.subject_store import MongoSubjectStore
from metrics_ingest.adapters.tallies import tallies_of
from metrics_ingest.domain.causes import UNREADABLE, Unfit, error_text
from metrics_ingest.domain.folding import Arrival, Letter
from metrics_ingest.domain.letters import SUBJECT_DOOR, kept, lacking_id
from metrics_ingest.handlers import HANDLERS
from metrics_ingest.handlers.subjects.applying import ApplySubjects
from metrics_ingest.handlers.subjects.memory import Refused, SubjectMemory, SubjectsEffect, remember
from metrics_ingest.metrics import (
    DEAD,
    OTHER_SETS,
    SUBJECT_EVENTS,
    SUBJECT_MISSING,
    SUBJECT_WATERMARK,
)
from service_kit.clock import Clock
from service_kit.guards import Guards
from service_kit.lanes import Receiver, Stamp
from service_kit.marks import UNKNOWN, Mark
from service_kit.outbox import Outbox
from service_kit.records import Partition, Record, Slice
from service_kit.store import Store, Tx

SERVICE = "metrics-ingest"
GROUP = SUBJECTS.group_of(SERVICE)

_decode = decoder_of(SubjectsMessage)


@dataclass(slots=True)
class Memory:
    """What is remembered of a partition. ``told`` is the last watermark sent on."""

    receiver: Receiver
    subjects: SubjectMemory
    told: Mark = UNKNOWN


@dataclass(slots=True)
class Effect:
    """What a batch adds to the memory once it is committed."""

    receiver: Receiver
    subjects: SubjectsEffect
    told: Mark


class SubjectsHandler:
    """Applies the subjects log: states of subjects, and watermarks over the second hop."""

    def __init__(self, store: Store, clock: Clock, counts: Counts, guards: Guards) -> None:
        self._store = store
        self._clock = clock
        self._counts = counts
        self._guards = guards
        self._origins = frozenset(f"{SERVICE}:{RAW.name}/{n}" for n in range(counts.raw))
        self._memory: dict[Partition, Memory] = {}

    async def load(self, partition: Partition) -> None:
        """Load the lanes into the partition; states are read as they are needed."""
        receiver = Receiver(GROUP, partition, self._guards)
        await receiver.load(self._store)
        self._memory[partition] = Memory(
            receiver, SubjectMemory(tallies=await tallies_of(self._store, partition))
        )

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> Effect:
        """Apply the records in order, then send the watermark behind what it covers."""
        memory = self._memory[batch.partition]
        now_ms = self._clock.now_ms()
        receiver = memory.receiver.fork()
        batches, letters = self._read(batch, receiver, now_ms)
        store = MongoSubjectStore(tx, batch.partition, batch.start, now_ms)
        facts = FactsRoute(outbox, self._counts)
        effect: SubjectsEffect = await HANDLERS[ApplySubjects](
            ApplySubjects(batches), store, facts, memory.subjects, now_ms
        )
        letters += [_refusal(each, batch.partition) for each in effect.refused]
        letters += [_lacking(each, batch.partition) for each in effect.short]
        if letters:
            await store.write_letters(
                [
                    kept(each, batch.partition.topic, batch.partition.number, now_ms)
                    for each in letters
                ]
            )
        await store.close_letters(effect.mended)
        told = receiver.mark(self._origins)
        if told != memory.told:
            facts.complete(str(batch.partition), told)
        await receiver.save(tx)
        return Effect(receiver, effect, told)

    def committed(self, batch: Slice, effect: Effect) -> None:
        """Take lanes and states into memory."""
        effect.receiver.adopt()
        memory = self._memory[batch.partition]
        memory.receiver = effect.receiver
        memory.told = effect.told
        remember(effect.subjects, memory.subjects)
        for (role, outcome), count in effect.subjects.outcomes.items():
            SUBJECT_EVENTS.labels(role, outcome).inc(count)
        OTHER_SETS.inc(effect.subjects.others)
        for subject, _, unfit in effect.subjects.letters:
            DEAD.labels(subject.source, unfit.cause).inc()
        name = str(batch.partition)
        SUBJECT_MISSING.labels(name).set(
            sum(len(lane.missing) for lane in memory.receiver.lanes.values())
        )
        SUBJECT_WATERMARK.labels(name).set(memory.told.at_ms / 1000)

    def forget(self, partition: Partition) -> None:
        """Drop the partition's memory, and say no more of it."""
        self._memory.pop(partition, None)
        for gauge in (SUBJECT_MISSING, SUBJECT_WATERMARK):
            gauge.remove(str(partition))

    def _read(
        self, batch: Slice, receiver: Receiver, now_ms: int
    ) -> tuple[list[SubjectBatch], list[Letter]]:
        """Return what is new: a row of a lane that was applied before is dropped."""
        batches, letters = [], []
        for record in batch.records:
            try:
                stamp = Stamp.of(record)
            except (KeyError, ValueError) as error:
                letters.append(_letter(record, f"lane headers: {error!r}", now_ms))
                continue
            if not receiver.admit(stamp):
                SUBJECT_EVENTS.labels("-", "copy").inc()
                continue
            try:
                message = _decode(record.value or b"")
            except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
                letters.append(_letter(record, str(error), now_ms))
                continue
            if isinstance(message, Watermark):
                receiver.note_watermark(stamp.origin, Mark(message.at_ms, message.held))
            else:
                batches.append(message)
        return batches, letters


def _refusal(refused: Refused, partition: Partition) -> Letter:
    """Tell what was taken out of an accepted event: it cannot be replayed, but sent again."""
    unfit = refused.unfit
    error = error_text(unfit.cause, unfit.where, unfit.detail, unfit.zh)
    return _told(refused, partition, error=error)


def _lacking(refused: Refused, partition: Partition) -> Letter:
    """Tell what cannot count of a record as it is now: one letter, closed once it counts."""
    subject, _, unfit = refused
    return _told(refused, partition, replay_of=lacking_id(subject, unfit.cause, unfit.where))


def _told(
    refused: Refused, partition: Partition, error: str | None = None, replay_of: str | None = None
) -> Letter:
    subject, event, unfit = refused
    raw = RawEvent(
        tenant=subject.tenant,
        source=subject.source,
        id=event.id,
        door=f"{SUBJECT_DOOR}{partition.number}",
        received_ms=event.received_ms,
        body=msgspec.Raw(msgspec.json.encode(event)),
        error=error,
        replay_of=replay_of,
    )
    return Letter(Arrival(0, hash16(subject.tenant, subject.source, event.id), raw), unfit)


def _letter(record: Record, detail: str, now_ms: int) -> Letter:
    """Nothing of ours writes such a record; it is kept under no tenant and stops nothing."""
    identity = f"{record.partition}/{record.offset}"
    event = RawEvent(
        tenant="",
        source="",
        id=identity,
        door="",
        received_ms=now_ms,
        body=msgspec.Raw(msgspec.json.encode(repr(record.value))),
        error=detail,
    )
    arrival = Arrival(record.offset, hash16("", "", identity), event)
    return Letter(arrival, Unfit(UNREADABLE, "", detail))
