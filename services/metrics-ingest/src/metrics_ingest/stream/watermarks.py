"""Probes for completeness: up to where everything stands that was accepted before an instant."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from event_contracts.topics import RAW
from metrics_ingest.adapters.definitions import StoredSources
from metrics_ingest.adapters.foreign import ForeignTopics
from metrics_ingest.domain.memory import Memory
from metrics_ingest.metrics import WATERMARK_WAITS
from service_kit.clock import Clock
from service_kit.records import Partition

AskEnds = Callable[[Sequence[Partition]], Awaitable[dict[Partition, int]]]
LOOK_SECONDS = 0.02
DOORS_EVERY = 25


class Prober:
    """Notes the clock, then the ends behind which everything accepted before it must lie.

    The order is what makes it true: the clock first, the foreign ends, the wait until they are
    re-keyed (their raw records are acknowledged by then), and the raw ends last.
    """

    def __init__(
        self,
        clock: Clock,
        memory: Memory,
        ends: AskEnds,
        foreign: ForeignTopics,
        sources: StoredSources,
    ) -> None:
        self._clock = clock
        self._memory = memory
        self._ends = ends
        self._foreign = foreign
        self._sources = sources

    async def probe(self) -> None:
        """Leave a probe with every held partition; nothing when the clock has not moved."""
        at_ms = self._clock.now_ms()
        held = [
            Partition(RAW.name, number)
            for number, remembered in sorted(self._memory.partitions.items())
            if remembered.completeness.newest_ms < at_ms
        ]
        if not held:
            return
        await self._wait_for_foreign()
        ends = await self._ends(held)
        for partition, end in ends.items():
            remembered = self._memory.partitions.get(partition.number)
            if remembered is not None:
                remembered.completeness.probe(at_ms, end)

    async def _wait_for_foreign(self) -> None:
        """Return when every foreign partition is re-keyed through its present end."""
        partitions = await self._foreign_partitions()
        ends = await self._foreign.ends(partitions)
        rounds = 0
        while behind := await self._foreign.behind(ends):
            WATERMARK_WAITS.set(len(behind))
            await asyncio.sleep(LOOK_SECONDS)
            rounds += 1
            if rounds % DOORS_EVERY == 0:  # a door that was taken away holds nothing back
                left = set(await self._foreign_partitions())
                ends = {p: end for p, end in ends.items() if p in left}
        WATERMARK_WAITS.set(0)

    async def _foreign_partitions(self) -> list[Partition]:
        topics = await self._sources.active_topics()
        return [p for topic in sorted(topics) for p in await self._foreign.partitions(topic)]
