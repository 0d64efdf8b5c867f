"""What filters say of each other: whether one narrows another, whether two can meet."""

from collections.abc import Mapping
from dataclasses import dataclass

from event_contracts.facts import Condition
from event_contracts.metrics import MetricDefined
from service_kit.errors import UserError

Where = tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Allowed:
    """The values of one dimension that a filter lets through.

    ``only`` None: any value, or none at all, but for those in ``never``.
    """

    only: frozenset[str] | None = None
    never: frozenset[str] = frozenset()

    def meets(self, other: "Allowed") -> bool:
        """Whether some value fulfils both."""
        if self.only is None and other.only is None:
            return True
        if self.only is None or other.only is None:
            named, rest = (self, other) if other.only is None else (other, self)
            return bool((named.only or frozenset()) - rest.never)
        return bool(self.only & other.only)

    def within(self, other: "Allowed") -> bool:
        """Whether every value that fulfils this one fulfils the other."""
        if self.only is not None:
            return (
                self.only <= other.only
                if other.only is not None
                else self.only.isdisjoint(other.never)
            )
        return other.only is None and other.never <= self.never

    def narrowed(self, condition: Condition) -> "Allowed":
        """Return what is left when a further condition has to hold."""
        if not condition.any_of:
            never = self.never | set(condition.none_of)
            return Allowed(None if self.only is None else self.only - never, never)
        only = frozenset(condition.any_of) - self.never
        return Allowed(only if self.only is None else self.only & only, self.never)


ANY = Allowed()
Sieve = Mapping[str, Allowed]
"""What a filter lets through, by dimension; ANY of those that are not named."""


def sieve(where: Where) -> Sieve:
    """Return what the filter lets through."""
    found: dict[str, Allowed] = {}
    for condition in where:
        found[condition.dim] = found.get(condition.dim, ANY).narrowed(condition)
    return found


def can_meet(one: Sieve, other: Sieve) -> bool:
    """Whether some dimensions fulfil both filters: cells may count twice."""
    dims = one.keys() | other.keys()
    return all(one.get(dim, ANY).meets(other.get(dim, ANY)) for dim in dims)


def narrows(inner: Where, outer: Where) -> bool:
    """Whether whatever fulfils ``inner`` fulfils ``outer``."""
    given = sieve(inner)
    return all(given.get(dim, ANY).within(allowed) for dim, allowed in sieve(outer).items())


def check_where(where: Where, definition: MetricDefined, at: str = "where") -> None:
    """Raise UserError for a dimension that the metric does not have, and for unclear conditions."""
    known = ", ".join(definition.dims) or "none"
    for number, condition in enumerate(where):
        if condition.dim not in definition.dims:
            raise UserError(
                "dimension-unknown",
                f"{at}.{number}.dim",
                f"metric {definition.metric} has no dimension {condition.dim!r}; it has: {known}",
                f"指标 {definition.metric} 没有维度 {condition.dim!r}；现有维度：{known}",
            )
        if bool(condition.any_of) == bool(condition.none_of):
            raise UserError(
                "condition-unclear",
                f"{at}.{number}",
                "a condition names values in any_of or in none_of: one of the two",
                "条件须在 any_of 与 none_of 中二选一，并列出取值",
            )
