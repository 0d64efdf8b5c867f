"""The raw log is folded (service_kit.batch.Handler)."""

import base64
import time
from collections.abc import Callable

import msgspec

from event_contracts.raw import RawEvent
from event_contracts.wire import decoder_of, hash16
from metrics_ingest.adapters.drift import drift_of
from metrics_ingest.adapters.folds import MongoFoldStore, blocks_of, letter_keys_of
from metrics_ingest.adapters.older_ids import SqliteOlderIds
from metrics_ingest.adapters.routes import Counts, FoldRoute
from metrics_ingest.domain.causes import UNREADABLE, error_text
from metrics_ingest.domain.folding import Arrival, Folded
from metrics_ingest.domain.memory import Memory, PartitionMemory
from metrics_ingest.handlers import HANDLERS
from metrics_ingest.handlers.folding import Effect, FoldSlice, remember, spill
from metrics_ingest.metrics import (
    DEAD,
    FOLDED,
    OTHER_SETS,
    WATERMARK,
    WINDOW_IDS,
    WINDOW_SPILLED,
)
from metrics_ingest.ports import OlderIds
from service_kit.clock import Clock
from service_kit.guards import Guards
from service_kit.outbox import Outbox
from service_kit.records import Partition, Record, Slice
from service_kit.store import Store, Tx

UNDECLARED = "-"

_decode = decoder_of(RawEvent)
ALL_GUARDS = Guards()


class FoldHandler:
    """Folds slices of the raw log; what it remembers is that of the partitions it holds."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        counts: Counts,
        memory: Memory,
        older: Callable[[], OlderIds] = SqliteOlderIds,
        guards: Guards = ALL_GUARDS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._counts = counts
        self._make_older = older
        self._guards = guards
        self._older: dict[int, OlderIds] = {}
        self.memory = memory

    async def load(self, partition: Partition) -> None:
        """Load the window and the open letters of the partition."""
        older = self._older[partition.number] = self._make_older()
        remembered = self.memory.partitions[partition.number] = PartitionMemory()
        async for block in blocks_of(self._store, partition):
            remembered.window.add(block)
            remembered.arrived_ms = block.at_ms
            _count_spilled(spill(self.memory, remembered, older))
        remembered.letters = await letter_keys_of(self._store, partition)
        remembered.drift = await drift_of(self._store, partition)
        self._show()

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> Effect:
        """Write what the slice comes to, in the transaction."""
        now_ms = self._clock.now_ms()
        number, place = batch.partition.number, self._place(batch)
        effect: Effect = await HANDLERS[FoldSlice](
            FoldSlice(
                batch.partition.topic,
                number,
                place,
                batch.end,
                [_arrival(record, now_ms) for record in batch.records],
            ),
            MongoFoldStore(tx, batch.partition, place, now_ms),
            FoldRoute(outbox, self._counts),
            self.memory,
            self.memory.partitions[number],
            self._older[number],
            now_ms,
        )
        return effect

    def committed(self, batch: Slice, effect: Effect) -> None:
        """Remember the slice."""
        number = batch.partition.number
        spilled = remember(effect, self.memory, self.memory.partitions[number], self._older[number])
        _count_spilled(spilled)
        self._count(effect.folded)
        OTHER_SETS.inc(effect.others)
        if effect.told_ms is not None:
            WATERMARK.labels(number).set(effect.told_ms / 1000)
        if batch.records:
            self._show()

    def forget(self, partition: Partition) -> None:
        """Drop what is remembered of the partition."""
        self.memory.partitions.pop(partition.number, None)
        older = self._older.pop(partition.number, None)
        if older is not None:
            older.close()
        WATERMARK.remove(partition.number)

    def _count(self, folded: Folded) -> None:
        _count(folded)
        for letter in folded.letters:
            event = letter.arrival.event
            plan = self.memory.plans.get(event.tenant)
            # What is not declared anywhere has any name a sender likes.
            declared = plan is not None and event.source in plan.sources
            DEAD.labels(event.source if declared else UNDECLARED, letter.cause).inc()

    def _place(self, batch: Slice) -> int:
        """Return the number in the ids of what is kept: the same slice is never kept twice.

        This is a second fence behind the compare-and-set. The drill that takes that away takes
        both: with this one left a zombie fails on the ids that its successor wrote.
        """
        return batch.start if self._guards.cas else time.time_ns()

    def _show(self) -> None:
        WINDOW_IDS.set(sum(len(each.window) for each in self.memory.partitions.values()))


def _arrival(record: Record, now_ms: int) -> Arrival:
    try:
        event: RawEvent = _decode(record.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        event = _garbled(record, str(error), now_ms)
    return Arrival(record.offset, hash16(event.tenant, event.source, event.id), event)


def _garbled(record: Record, detail: str, now_ms: int) -> RawEvent:
    """Nothing of ours writes such a record; it is kept under no tenant and stops nothing."""
    body = msgspec.json.encode(base64.b64encode(record.value or b"").decode())
    return RawEvent(
        tenant="",
        source="",
        id=f"{record.partition}/{record.offset}",
        door="",
        received_ms=now_ms,
        body=msgspec.Raw(body),
        error=error_text(UNREADABLE, str(record.partition), detail),
    )


def _count(folded: Folded) -> None:
    for source in folded.sources.values():
        FOLDED.labels("accepted").inc(source.accepted)
        FOLDED.labels("unmatched").inc(source.unmatched)
    for counts in folded.counts.values():
        FOLDED.labels("duplicate").inc(counts.duplicates)
        FOLDED.labels("conflict").inc(counts.conflicts)
        FOLDED.labels("skipped").inc(counts.skipped)
        FOLDED.labels("dead-letter").inc(counts.dead)


def _count_spilled(ids: int) -> None:
    if ids:
        WINDOW_SPILLED.inc(ids)
