"""What filters say of each other: whether one narrows another, whether two can meet."""

from collections.abc import Iterable
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


def can_meet(one: Where, other: Where) -> bool:
    """Whether some dimensions fulfil both filters: cells may count twice."""
    return all(_allowed(one, dim).meets(_allowed(other, dim)) for dim in _dims((*one, *other)))


def narrows(inner: Where, outer: Where) -> bool:
    """Whether whatever fulfils ``inner`` fulfils ``outer``."""
    return all(_allowed(inner, dim).within(_allowed(outer, dim)) for dim in _dims(outer))


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


def _allowed(where: Where, dim: str) -> Allowed:
    allowed = Allowed()
    for condition in where:
        if condition.dim == dim:
            allowed = allowed.narrowed(condition)
    return allowed


def _dims(where: Iterable[Condition]) -> set[str]:
    return {condition.dim for condition in where}
