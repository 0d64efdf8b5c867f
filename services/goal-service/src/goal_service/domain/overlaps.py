"""Which parts of a goal can count the same event, without a look at every pair of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from event_contracts.goals import GoalChanged
from goal_service.domain.filters import Sieve, can_meet, sieve


def overlapping(parts: Sequence[GoalChanged]) -> Iterator[tuple[GoalChanged, GoalChanged]]:
    """Yield each pair whose periods and filters can meet, in the order of the parts."""
    sieves = [sieve(part.where) for part in parts]
    named = _Named(sieves)
    for number, one in enumerate(parts):
        for later in named.later(number):
            other = parts[later]
            together = one.start <= other.end and other.start <= one.end
            if together and can_meet(sieves[number], sieves[later]):
                yield one, other


class _Named:
    """Which parts name which values.

    Parts are told apart by the values that they name of one dimension. Of those, one can meet only
    who names a value that it names, too, and who names none.
    """

    def __init__(self, sieves: Sequence[Sieve]) -> None:
        self._sieves = sieves
        self._naming: dict[tuple[str, str], list[int]] = defaultdict(list)
        dims = set()
        for number, each in enumerate(sieves):
            for dim, allowed in each.items():
                if allowed.only is not None:
                    dims.add(dim)
                    for value in allowed.only:
                        self._naming[dim, value].append(number)
        self._open = {dim: [n for n, s in enumerate(sieves) if not _names(s, dim)] for dim in dims}

    def later(self, number: int) -> Iterable[int]:
        """Return, in order, the parts behind this one among which are all that it can meet."""
        ways = [
            [self._open[dim], *(self._naming[dim, value] for value in allowed.only)]
            for dim, allowed in self._sieves[number].items()
            if allowed.only is not None
        ]
        if not ways:
            return range(number + 1, len(self._sieves))
        fewest = min(ways, key=lambda way: sum(map(len, way)))
        return sorted({other for each in fewest for other in each if other > number})


def _names(sieve: Sieve, dim: str) -> bool:
    return dim in sieve and sieve[dim].only is not None
