"""Which goals a cell counts for: found by one dimension value, so that others cost nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from event_contracts.facts import Condition

Dims = Mapping[str, str]


class UseKey(NamedTuple):
    """One sum of one goal; ``part`` as GoalControl names it."""

    goal: str
    part: str = ""


class Filter:
    """Conditions, compiled: a list may name thousands of values, and every cell is looked up."""

    __slots__ = ("_conditions",)

    def __init__(self, where: Iterable[Condition]) -> None:
        self._conditions = [
            (each.dim, frozenset(each.any_of or each.none_of), bool(each.any_of)) for each in where
        ]

    def meets(self, dims: Dims) -> bool:
        """Whether the dimensions fulfil every condition; a missing dimension is in no list."""
        return all((dims.get(dim) in values) is wanted for dim, values, wanted in self._conditions)


@dataclass(frozen=True, slots=True)
class Use:
    """A use of one metric by one part of a goal.

    A stopped use counts nothing but keeps its version. ``denominator``: it counts the metric's own
    denominators, not its sums.
    """

    tenant: str
    metric: str
    goal: str
    version: int
    zone: str
    start: date
    end: date
    where: tuple[Condition, ...] = ()
    stopped: bool = False
    part: str = ""
    denominator: bool = False
    filter: Filter = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the filter."""
        object.__setattr__(self, "filter", Filter(self.where))

    @property
    def key(self) -> UseKey:
        """What the use is of, among those of its metric."""
        return UseKey(self.goal, self.part)

    def counts_like(self, other: "Use") -> bool:
        """Whether both count the same cells on the same days."""
        return self._counted() == other._counted()

    def _counted(self) -> tuple[object, ...]:
        return self.zone, self.start, self.end, self.where, self.stopped, self.denominator


@dataclass(frozen=True, slots=True)
class Index:
    """The uses of one metric: by key, and the running ones by a value that their filter asks for.

    A use whose filter names no value (empty, or only ``none_of``) is looked at for every cell.
    """

    by_key: Mapping[UseKey, Use] = field(default_factory=dict)
    by_value: Mapping[tuple[str, str], Mapping[UseKey, Use]] = field(default_factory=dict)
    unnamed: Mapping[UseKey, Use] = field(default_factory=dict)

    @classmethod
    def of(cls, uses: Iterable[Use]) -> "Index":
        """Build the index in one pass."""
        by_key = {use.key: use for use in uses}
        by_value: dict[tuple[str, str], dict[UseKey, Use]] = {}
        unnamed: dict[UseKey, Use] = {}
        for use in by_key.values():
            if not use.stopped:
                for place in _places(use):
                    (by_value.setdefault(place, {}) if place else unnamed)[use.key] = use
        return cls(by_key, by_value, unnamed)

    def put(self, use: Use) -> "Index":
        """Return the index with the use in place of the earlier one of its key."""
        by_value, unnamed = dict(self.by_value), dict(self.unnamed)
        earlier = self.by_key.get(use.key)
        for place in _places(earlier) if earlier is not None and not earlier.stopped else ():
            if place is None:
                del unnamed[use.key]
            else:
                by_value[place] = {k: u for k, u in by_value[place].items() if k != use.key}
        for place in () if use.stopped else _places(use):
            if place is None:
                unnamed[use.key] = use
            else:
                by_value[place] = {**by_value.get(place, {}), use.key: use}
        return Index({**self.by_key, use.key: use}, by_value, unnamed)

    def matching(self, dims: Dims) -> Sequence[Use]:
        """Return the running uses whose filter the dimensions meet."""
        return [use for use in self._candidates(dims) if use.filter.meets(dims)]

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
