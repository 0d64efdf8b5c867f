"""Completeness with exceptions: one instant for everybody, and earlier ones for a few tenants.

What a mark says stays true for ever, so of two marks of one origin the later of each tenant holds
(:meth:`Mark.joined`), whatever order they come in; of several origins the earlier (:func:`least`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Mark:
    """All that was accepted before ``at_ms`` is in, but of a tenant in ``held`` only before that.

    Epoch milliseconds; -1: nothing is known.
    """

    at_ms: int = -1
    held: Mapping[str, int] = field(default_factory=dict)

    def of(self, tenant: str) -> int:
        """Return until when everything of the tenant is in."""
        return self.held.get(tenant, self.at_ms)

    def joined(self, other: "Mark") -> "Mark":
        """Return what both say together: of each tenant the later instant."""
        if not self.held and not other.held:
            return self if self.at_ms >= other.at_ms else other
        return _mark(max(self.at_ms, other.at_ms), (self, other), max)

    def rows(self) -> list[list[Any]]:
        """Return the held tenants as a document keeps them: their names are nobody's fields."""
        return [[tenant, at_ms] for tenant, at_ms in sorted(self.held.items())]

    @classmethod
    def of_rows(cls, at_ms: int, rows: Iterable[tuple[str, int]]) -> "Mark":
        """Return the mark that a document holds."""
        return cls(at_ms, dict(rows))


UNKNOWN = Mark()


def least(marks: Iterable[Mark]) -> Mark:
    """Return what holds for all of them: of each tenant the earliest instant; of none, UNKNOWN."""
    every = tuple(marks)
    at_ms = min((mark.at_ms for mark in every), default=-1)
    if not any(mark.held for mark in every):
        return Mark(at_ms)
    return _mark(at_ms, every, min)


def _mark(at_ms: int, marks: tuple[Mark, ...], choose: Any) -> Mark:
    tenants = {tenant for mark in marks for tenant in mark.held}
    found = {tenant: choose(mark.of(tenant) for mark in marks) for tenant in sorted(tenants)}
    return Mark(at_ms, {tenant: held_ms for tenant, held_ms in found.items() if held_ms < at_ms})
