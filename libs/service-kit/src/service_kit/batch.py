"""The batch: offset, effect and messages to send, in one MongoDB transaction.

Whatever Kafka, a loop or a killed process does, the effect of a record happens once: the
compare-and-set of the offset document lets exactly one transaction move a partition from a to b.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

from service_kit import offsets
from service_kit.clock import Clock
from service_kit.errors import Gap, Halted, Moved
from service_kit.guards import Guards
from service_kit.outbox import Outbox
from service_kit.owners import Fence, take_over
from service_kit.records import Partition, Slice
from service_kit.store import Document, Session, Store, Tx

log = logging.getLogger(__name__)


class Handler(Protocol):
    """What a service does with a partition. Memory changes in ``committed``, nowhere else."""

    async def load(self, partition: Partition) -> None:
        """Load what has to be remembered for the partition, anew."""
        ...

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> Any:
        """Write the slice's effect; return what ``committed`` needs. May run several times.

        A slice without records is a tick. Records that cannot be applied become dead letters here.
        """
        ...

    def committed(self, batch: Slice, effect: Any) -> None:
        """Take the effect into memory: its transaction has been committed."""
        ...

    def forget(self, partition: Partition) -> None:
        """Drop everything remembered for the partition; it may never have been loaded."""
        ...


@runtime_checkable
class Preparing(Handler, Protocol):
    """A handler that can do work on a slice before its transaction, in another thread.

    It gets its records as columns, without time and headers (records.Bulk).
    """

    def prepare(self, batch: Slice) -> Any:
        """Return what ``apply`` will find as the slice's ``prepared``; changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """A partition's log as the broker sees it."""

    topic_id: str
    low: int
    high: int


AskBounds = Callable[[Sequence[Partition]], Awaitable[dict[Partition, Bounds]]]


class Applier:
    """Applies the slices of one loop. One applier has one session and one handler."""

    def __init__(
        self,
        *,
        store: Store,
        session: Session,
        fence: Fence,
        group: str,
        handler: Handler,
        bounds: AskBounds,
        gapless: frozenset[str],
        clock: Clock,
        guards: Guards,
    ) -> None:
        self._store = store
        self._session = session
        self._fence = fence
        self._group = group
        self._handler = handler
        self._bounds = bounds
        self.gapless = gapless
        self._clock = clock
        self._guards = guards
        # A timer of the same process that writes what the handler writes takes turns with it: two
        # open transactions on one head cost the later one all its work.
        self.turn = asyncio.Lock()
        self.next: dict[Partition, int] = {}
        self.rows = 0  # that the last transaction has sent
        self._documents: dict[Partition, Document] = {}
        self.halted: dict[Partition, str] = {}

    async def take(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Take partitions over; return where each begins. A halted one begins too: it is drained.

        Any error here must end the process: the loop would read from a wrong place.
        """
        async with self.turn:
            taken = sorted(set(partitions))
            await self._fence.check()
            await take_over(self._store, self._session, [self._owner(p) for p in taken])
            await self._load(taken)
            starts = {partition: self.next[partition] for partition in taken}
            told = ", ".join(f"{partition} at {start}" for partition, start in starts.items())
            log.info("%s takes %s", self._group, told)
            return starts

    async def drop(self, partitions: Iterable[Partition]) -> None:
        """Let partitions go: another worker may have them."""
        async with self.turn:
            for partition in partitions:
                self.next.pop(partition, None)
                self._documents.pop(partition, None)
                self.halted.pop(partition, None)
                self._handler.forget(partition)

    @property
    def prepares(self) -> bool:
        """Whether the handler does work ahead, and so takes records as columns (records.Bulk)."""
        return isinstance(self._handler, Preparing)

    def prepare(self, batch: Slice) -> Slice:
        """Return the slice with what the handler does ahead; may be called in another thread."""
        if isinstance(self._handler, Preparing):
            return replace(batch, prepared=self._handler.prepare(batch))
        return batch

    async def apply(self, slices: Sequence[Slice]) -> None:
        """Apply the slices in one transaction; return when they are applied or known to be.

        A partition that may not go on is marked and left out. Infrastructure is raised; the caller
        must end the process then.
        """
        async with self.turn:
            while ready := await self._ready(slices):
                try:
                    effects, written, rows = await self._session.run(
                        partial(self._body, slices=ready)
                    )
                except Moved as moved:
                    log.warning("%s; loading it again", moved)
                    await self._load(moved.partitions)
                except Halted as halted:
                    await self._halt(halted)
                else:
                    self._commit(ready, effects, written)
                    self.rows = rows
                    return

    async def tick(self) -> None:
        """Apply an empty slice to every partition that is held and not halted."""
        held = [Slice(p, position, position) for p, position in sorted(self.next.items())]
        if held:
            await self.apply(held)

    async def _body(
        self, tx: Tx, slices: Sequence[Slice]
    ) -> tuple[list[Any], dict[Partition, Document], int]:
        known = self._documents
        outboxes = await offsets.open_slices(tx, self._group, slices, known, self._guards)
        effects, closing = [], []
        for batch, outbox in zip(slices, outboxes, strict=True):
            effects.append(await self._handler.apply(tx, batch, outbox))
            if batch.records or batch.end != batch.start or len(outbox):
                closing.append((batch, outbox))
        written = await offsets.close_slices(tx, self._group, closing, known, self._guards)
        return effects, written, sum(map(len, outboxes))

    def _commit(
        self,
        slices: Sequence[Slice],
        effects: Sequence[Any],
        written: Mapping[Partition, Document],
    ) -> None:
        for partition, changed in written.items():
            self._documents[partition] = self._documents[partition] | changed
        for batch, effect in zip(slices, effects, strict=True):
            self.next[batch.partition] = batch.end
            self._handler.committed(batch, effect)

    async def _ready(self, slices: Sequence[Slice]) -> list[Slice]:
        """Return what is still to be applied: held partitions, from their position on."""
        ready = []
        for batch in slices:
            try:
                rest = self._rest(batch)
            except Gap as gap:
                await self._halt(gap)
            else:
                if rest is not None:
                    ready.append(rest)
        return ready

    def _rest(self, batch: Slice) -> Slice | None:
        partition = batch.partition
        position = self.next.get(partition)
        if position is None or partition in self.halted:
            return None
        if not batch.records and batch.start == batch.end:
            return replace(batch, start=position, end=position)
        if not self._guards.cas:
            return batch
        if batch.end <= position:
            return None
        if batch.start > position and partition.topic in self.gapless:
            raise Gap(partition, f"next is {position}, the first record read is {batch.start}")
        if batch.start == position:
            return batch
        records = tuple(record for record in batch.records if record.offset >= position)
        return replace(batch, start=position, records=records, prepared=None)

    async def _load(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            self.next.pop(partition, None)  # until it is loaded, ticks leave it alone
        documents = {p: await offsets.read(self._store, self._group, p) for p in partitions}
        # Only after the positions: another worker may still move them, and the log's end with it.
        bounds = await self._bounds(partitions)
        for partition, document in documents.items():
            await self._begin(partition, document, bounds[partition])

    async def _begin(self, partition: Partition, document: Document, bounds: Bounds) -> None:
        self._handler.forget(partition)
        self.halted.pop(partition, None)
        if document["halted"]:
            self.halted[partition] = document["halted"]["reason"]
        else:
            try:
                offsets.check_log(partition, document, bounds.topic_id, bounds.low, bounds.high)
            except Halted as halted:
                await self._halt(halted)
            else:
                await self._handler.load(partition)
        self._documents[partition] = document
        self.next[partition] = document["next"]

    async def _halt(self, halted: Halted) -> None:
        log.error("partition halted: %s", halted)
        await offsets.mark_halted(self._store, self._group, halted, self._clock.now_ms())
        self.halted[halted.partition] = halted.reason
        self._handler.forget(halted.partition)

    def _owner(self, partition: Partition) -> str:
        return f"{self._group}:{partition}"
