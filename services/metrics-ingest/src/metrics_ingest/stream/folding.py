"""The raw log is folded (service_kit.batch.Handler)."""

import time
from collections.abc import Callable

from metrics_ingest.adapters.definitions import plans_of
from metrics_ingest.adapters.drift import drift_of
from metrics_ingest.adapters.folds import MongoFoldStore, blocks_of, letter_keys_of
from metrics_ingest.adapters.older_ids import FileOlderIds
from metrics_ingest.adapters.routes import Counts, FoldRoute
from metrics_ingest.adapters.tallies import tallies_of
from metrics_ingest.domain.bulk.reading import Prepared
from metrics_ingest.domain.folding import Folded
from metrics_ingest.domain.memory import Memory, PartitionMemory
from metrics_ingest.domain.seen.window import ENTRY
from metrics_ingest.handlers import HANDLERS
from metrics_ingest.handlers.folding import Effect, FoldSlice, remember, spill
from metrics_ingest.metrics import (
    BULK_FOLDED,
    DEAD,
    FOLDED,
    OTHER_SETS,
    WATERMARK,
    WINDOW_IDS,
    WINDOW_SPILLED,
)
from metrics_ingest.ports.folds import OlderIds
from metrics_ingest.stream.raw_records import PlannedReader, SliceRecords
from service_kit.clock import Clock
from service_kit.guards import Guards
from service_kit.outbox import Outbox
from service_kit.records import Partition, Slice
from service_kit.store import Store, Tx

UNDECLARED = "-"
ALL_GUARDS = Guards()


class FoldHandler:
    """Folds slices of the raw log; what it remembers is that of the partitions it holds."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        counts: Counts,
        memory: Memory,
        older: Callable[[], OlderIds] = FileOlderIds,
        guards: Guards = ALL_GUARDS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._counts = counts
        self._make_older = older
        self._guards = guards
        self._older: dict[int, OlderIds] = {}
        self.memory = memory
        self._reader = PlannedReader()
        self._ahead = PlannedReader()

    def prepare(self, batch: Slice) -> Prepared:
        """Read a slice ahead, in the loop's own thread, with the definitions as they are known."""
        return self._ahead.read(batch.records, dict(self.memory.plans))

    async def load(self, partition: Partition) -> None:
        """Load the window and the open letters of the partition, and plans if there are none."""
        if not self.memory.plans:
            self.memory.plans.update(await plans_of(self._store, self._clock.now_ms()))
        older = self._older[partition.number] = self._make_older()
        remembered = self.memory.partitions[partition.number] = PartitionMemory()
        async for block in blocks_of(self._store, partition):
            remembered.window.add(block)
            # All before the first block is gone: to look for more reads every block that there is.
            remembered.pruned_ms = remembered.pruned_ms or block.at_ms
            remembered.arrived_ms = block.at_ms
            _count_spilled(spill(self.memory, remembered, older))
        remembered.window.make_room()
        remembered.letters = await letter_keys_of(self._store, partition)
        remembered.tallies = await tallies_of(self._store, partition)
        remembered.drift = await drift_of(self._store, partition)
        self._show()

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> Effect:
        """Write what the slice comes to, in the transaction."""
        now_ms = self._clock.now_ms()
        number, place = batch.partition.number, self._place(batch)
        records = SliceRecords(batch, self._reader, now_ms) if len(batch.records) else None
        effect: Effect = await HANDLERS[FoldSlice](
            FoldSlice(batch.partition.topic, number, place, batch.end, records),
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
        OTHER_SETS.inc(effect.published.others)
        if effect.told is not None:
            WATERMARK.labels(number).set(effect.told.at_ms / 1000)
        if len(batch.records):
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


def _count(folded: Folded) -> None:
    BULK_FOLDED.inc(len(folded.packed) // ENTRY)
    sources, counts = folded.sources.values(), folded.counts.values()
    FOLDED.labels("accepted").inc(sum(each.accepted for each in sources))
    FOLDED.labels("unmatched").inc(sum(each.unmatched for each in sources))
    FOLDED.labels("duplicate").inc(sum(each.duplicates for each in counts))
    FOLDED.labels("conflict").inc(sum(each.conflicts for each in counts))
    FOLDED.labels("skipped").inc(sum(each.skipped for each in counts))
    FOLDED.labels("dead-letter").inc(sum(each.dead for each in counts))


def _count_spilled(ids: int) -> None:
    if ids:
        WINDOW_SPILLED.inc(ids)
