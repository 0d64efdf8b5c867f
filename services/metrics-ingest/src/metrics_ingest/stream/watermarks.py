"""Probes for completeness: up to where everything stands that was accepted before an instant."""

from collections.abc import Awaitable, Callable, Sequence

from event_contracts.topics import RAW
from metrics_ingest.domain.memory import Memory
from metrics_ingest.stream.waiting import ForeignWaits
from service_kit.clock import Clock
from service_kit.records import Partition

AskEnds = Callable[[Sequence[Partition]], Awaitable[dict[Partition, int]]]


class Prober:
    """Notes the clock, then the ends behind which everything accepted before it must lie.

    The order is what makes it true: the clock first, the foreign ends, the wait until they are
    re-keyed (their raw records are acknowledged by then), and the raw ends last. Of a tenant whose
    topics stand still the probe promises less, and waits no longer for it.
    """

    def __init__(
        self,
        clock: Clock,
        memory: Memory,
        ends: AskEnds,
        waits: ForeignWaits,
    ) -> None:
        self._clock = clock
        self._memory = memory
        self._ends = ends
        self._waits = waits

    async def probe(self) -> None:
        """Leave a probe with every held partition; nothing when nothing more can be said."""
        at_ms = self._clock.now_ms()
        held = [
            Partition(RAW.name, number)
            for number, remembered in sorted(self._memory.partitions.items())
            if remembered.completeness.wants(at_ms)
        ]
        if not held:
            return
        mark = await self._waits.mark(at_ms)
        ends = await self._ends(held)
        for partition, end in ends.items():
            remembered = self._memory.partitions.get(partition.number)
            if remembered is not None:
                remembered.completeness.probe(mark, end)
