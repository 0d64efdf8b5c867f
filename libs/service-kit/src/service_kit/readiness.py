"""Whether the process keeps up: per partition its position, the end of the log, what halts it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from service_kit.metrics import HALTED, LAG
from service_kit.records import Partition

STUCK_SECONDS = 60.0
ASK_SECONDS = 5.0

AskEnds = Callable[[Sequence[Partition]], Awaitable[dict[Partition, int]]]


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of one partition. ``stuck_seconds``: behind, and unmoved for so long."""

    group: str
    partition: Partition
    next: int
    end: int
    halted: str | None
    stuck_seconds: float

    @property
    def lag(self) -> int:
        """Records (and holes) between the position and the log's end."""
        return max(self.end - self.next, 0)

    @property
    def ready(self) -> bool:
        """Whether the partition is applied as it should be."""
        return self.halted is None and self.stuck_seconds < STUCK_SECONDS


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that stands still until a system beside the broker answers, and why."""

    what: str
    why: str
    seconds: float

    @property
    def ready(self) -> bool:
        """Whether it has not waited for long yet."""
        return self.seconds < STUCK_SECONDS


@dataclass(slots=True)
class _Behind:
    """The position at which a partition was seen behind, and since when."""

    next: int
    since: float


class Readiness:
    """The partitions of all appliers of a process. Time is monotonic, never the shared clock."""

    def __init__(self, ends: AskEnds, now: Callable[[], float] | None = None) -> None:
        self._ends = ends
        self._now = now
        self._views: list[tuple[str, dict[Partition, int], dict[Partition, str]]] = []
        self._behind: dict[tuple[str, Partition], _Behind] = {}
        self._waits: dict[str, tuple[str, float]] = {}

    def wait(self, what: str, why: str) -> None:
        """Note that ``what`` waits; again, it waits since the first time."""
        self._waits[what] = (why, self._waits.get(what, ("", self._clock()))[1])

    def go_on(self, what: str) -> None:
        """Note that it waits no longer."""
        self._waits.pop(what, None)

    def waiting(self) -> list[Waiting]:
        """Return what waits."""
        now = self._clock()
        return [Waiting(what, why, now - at) for what, (why, at) in sorted(self._waits.items())]

    def _clock(self) -> float:
        return asyncio.get_running_loop().time() if self._now is None else self._now()

    def watch(
        self, group: str, positions: dict[Partition, int], halted: dict[Partition, str]
    ) -> None:
        """Watch an applier by its own dictionaries ``next`` and ``halted``."""
        self._views.append((group, positions, halted))

    async def look(self) -> list[Watched]:
        """Return every held partition. Raises TimeoutError when the broker does not answer."""
        held = [(g, p, at, h.get(p)) for g, n, h in self._views for p, at in sorted(n.items())]
        asked = sorted({partition for _, partition, _, _ in held})
        ends = await asyncio.wait_for(self._ends(asked), ASK_SECONDS) if asked else {}
        watched = [self._watched(g, p, at, ends[p], h) for g, p, at, h in held]
        self._publish(watched)
        return watched

    def _watched(
        self, group: str, partition: Partition, position: int, end: int, halted: str | None
    ) -> Watched:
        now = self._clock()
        if end <= position:
            self._behind.pop((group, partition), None)
            return Watched(group, partition, position, end, halted, 0.0)
        seen = self._behind.setdefault((group, partition), _Behind(position, now))
        if seen.next != position:
            seen.next, seen.since = position, now
        return Watched(group, partition, position, end, halted, now - seen.since)

    def _publish(self, watched: Iterable[Watched]) -> None:
        LAG.clear()
        counts = dict.fromkeys((group for group, _, _ in self._views), 0)
        for each in watched:
            LAG.labels(each.group, each.partition.topic, each.partition.number).set(each.lag)
            counts[each.group] += each.halted is not None
        for group, count in counts.items():
            HALTED.labels(group).set(count)
