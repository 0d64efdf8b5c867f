"""Completeness: up to which instant everything accepted has been folded.

A probe says: all that was accepted before ``at_ms`` lies below these end offsets. A partition that
has committed through its end may say so. Under load newer probes arrive before older ones are met,
so they wait in a queue; the newest one met is told.
"""

from collections import deque

_KEEP = 600


class Completeness:
    """What is known of one partition's completeness. Memory only: a restart probes anew."""

    def __init__(self) -> None:
        self._probes: deque[tuple[int, int]] = deque()
        self._told_ms = -1

    @property
    def newest_ms(self) -> int:
        """The newest instant that has been noted or told; -1 when there is none."""
        return self._probes[-1][0] if self._probes else self._told_ms

    def probe(self, at_ms: int, end: int) -> None:
        """Note that all accepted before ``at_ms`` lies below offset ``end``."""
        # When full, the new one is left out: the old ones are nearer to being met.
        if at_ms > self.newest_ms and len(self._probes) < _KEEP:
            self._probes.append((at_ms, end))

    def reached(self, position: int) -> int | None:
        """Return the newest instant that a partition standing at ``position`` covers, once told."""
        met = [at_ms for at_ms, end in self._probes if end <= position]
        return max(met, default=None)

    def told(self, at_ms: int) -> None:
        """Note that the instant was told (its transaction is committed): older ones leave."""
        self._told_ms = max(self._told_ms, at_ms)
        while self._probes and self._probes[0][0] <= at_ms:
            self._probes.popleft()
