"""Which goals a cell counts for: found by one dimension value, so that others cost nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from event_contracts.facts import Condition

Dims = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Use:
    """A goal's use of one metric. A stopped use counts nothing but keeps its version."""

    tenant: str
    metric: str
    goal: str
    version: int
    zone: str
    start: date
    end: date
    where: tuple[Condition, ...] = ()
    stopped: bool = False

    def counts_like(self, other: "Use") -> bool:
        """Whether both count the same cells on the same days."""
        mine = (self.zone, self.start, self.end, self.where, self.stopped)
        return mine == (other.zone, other.start, other.end, other.where, other.stopped)


def meets(where: Iterable[Condition], dims: Dims) -> bool:
    """Whether the dimensions fulfil every condition; a missing dimension is in no list."""
    return all(_fulfils(condition, dims.get(condition.dim)) for condition in where)


def _fulfils(condition: Condition, value: str | None) -> bool:
    if condition.any_of:
        return value in condition.any_of
    return value not in condition.none_of


@dataclass(frozen=True, slots=True)
class Index:
    """The uses of one metric: by goal, and the running ones by a value that their filter asks for.

    A use whose filter names no value (empty, or only ``none_of``) is looked at for every cell.
    """

    by_goal: Mapping[str, Use] = field(default_factory=dict)
    by_value: Mapping[tuple[str, str], Mapping[str, Use]] = field(default_factory=dict)
    unnamed: Mapping[str, Use] = field(default_factory=dict)

    @classmethod
    def of(cls, uses: Iterable[Use]) -> "Index":
        """Build the index in one pass."""
        by_goal = {use.goal: use for use in uses}
        by_value: dict[tuple[str, str], dict[str, Use]] = {}
        unnamed: dict[str, Use] = {}
        for use in by_goal.values():
            if not use.stopped:
                for place in _places(use):
                    (by_value.setdefault(place, {}) if place else unnamed)[use.goal] = use
        return cls(by_goal, by_value, unnamed)

    def put(self, use: Use) -> "Index":
        """Return the index with the use in place of the goal's earlier one."""
        by_value, unnamed = dict(self.by_value), dict(self.unnamed)
        earlier = self.by_goal.get(use.goal)
        for place in _places(earlier) if earlier is not None and not earlier.stopped else ():
            if place is None:
                del unnamed[use.goal]
            else:
                by_value[place] = {g: u for g, u in by_value[place].items() if g != use.goal}
        for place in () if use.stopped else _places(use):
            if place is None:
                unnamed[use.goal] = use
            else:
                by_value[place] = {**by_value.get(place, {}), use.goal: use}
        return Index({**self.by_goal, use.goal: use}, by_value, unnamed)

    def matching(self, dims: Dims) -> Sequence[Use]:
        """Return the running uses whose filter the dimensions meet."""
        return [use for use in self._candidates(dims) if meets(use.where, dims)]

    def _candidates(self, dims: Dims) -> Iterator[Use]:
        yield from self.unnamed.values()
        for place in dims.items():
            yield from self.by_value.get(place, {}).values()


def _places(use: Use) -> Sequence[tuple[str, str] | None]:
    """Return where the use is filed: under each value of its shortest list, else under None."""
    named = [condition for condition in use.where if condition.any_of]
    if not named:
        return [None]
    shortest = min(named, key=lambda condition: len(condition.any_of))
    return [(shortest.dim, value) for value in dict.fromkeys(shortest.any_of)]
