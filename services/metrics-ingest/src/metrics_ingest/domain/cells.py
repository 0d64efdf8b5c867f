"""A cell: what a metric comes to in one minute of one set of dimension values."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from metrics_ingest.domain.values import Value

Dims = tuple[Value | None, ...]
CellKey = tuple[int, Dims]
"""A UTC epoch minute and the values of the metric's dimensions, in their order."""

_ZERO = Decimal(0)


class Amount(NamedTuple):
    """What one contribution adds to a cell: to its sum, and to its denominator if it has one."""

    sum: Decimal
    over: Decimal = _ZERO


@dataclass(slots=True)
class CellSum:
    """What a cell has come to; ``count`` is how many events stand behind it.

    Sums are exact inside ``localcontext(EXACT)`` only, which the caller opens once for many.
    """

    sum: Decimal = _ZERO
    count: int = 0
    over: Decimal = _ZERO

    def add(self, amount: Amount, count: int = 1) -> None:
        """Add a contribution; a reversal is a negative amount with count -1."""
        self.sum += amount.sum
        self.over += amount.over
        self.count += count

    def merge(self, other: "CellSum") -> None:
        """Add another cell."""
        self.sum += other.sum
        self.over += other.over
        self.count += other.count
