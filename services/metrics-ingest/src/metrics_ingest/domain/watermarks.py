"""Completeness: up to which instant everything accepted has been folded.

A probe says: all that its mark promises lies below these end offsets. A partition that has
committed through its end may say so. Under load newer probes arrive before older ones are met, so
they wait in a queue; what those met say together is told.
"""

from collections import deque
from functools import reduce

from service_kit.marks import UNKNOWN, Mark

_KEEP = 600


class Completeness:
    """What is known of one partition's completeness. Memory only: a restart probes anew."""

    def __init__(self) -> None:
        self._probes: deque[tuple[Mark, int]] = deque()
        self._told = UNKNOWN

    @property
    def newest(self) -> Mark:
        """The newest mark that has been noted or told."""
        return self._probes[-1][0] if self._probes else self._told

    def wants(self, at_ms: int) -> bool:
        """Whether a probe at an instant can say more: it is later, or somebody was held."""
        return at_ms > self.newest.at_ms or bool(self.newest.held)

    def probe(self, mark: Mark, end: int) -> None:
        """Note that all that the mark promises lies below offset ``end``."""
        newest = self.newest
        news = mark.at_ms > newest.at_ms or (mark.at_ms == newest.at_ms and mark != newest)
        # When full, the new one is left out: the old ones are nearer to being met.
        if news and len(self._probes) < _KEEP:
            self._probes.append((mark, end))

    def reached(self, position: int) -> Mark | None:
        """Return what the probes met say together, None for none that has not been told.

        A newer one may say nothing of a tenant of whom an older one still did.
        """
        met = [mark for mark, end in self._probes if end <= position]
        return reduce(Mark.joined, met) if met else None

    def told(self, mark: Mark) -> None:
        """Note that the mark was told (its transaction is committed): what it says leaves."""
        self._told = mark
        while self._probes and mark.joined(self._probes[0][0]) == mark:
            self._probes.popleft()
