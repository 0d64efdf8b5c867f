"""What is known of a goal's days, added up."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from itertools import accumulate

import msgspec

from alerting.domain.figures import ZERO, minus, total


class DayValue(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a goal's day: its sum and how many events stand behind it."""

    value: Decimal
    count: int = 1


Days = Mapping[date, DayValue]


class Totals:
    """The days of one part of a goal, added up once."""

    def __init__(self, days: Days) -> None:
        self._known = days
        self._days = sorted(days)
        values = (days[day].value for day in self._days)
        self._sums = list(accumulate(values, lambda one, other: total((one, other))))

    def through(self, start: date, end: date) -> Decimal:
        """Return the sum of the days from start to end, both inclusive."""
        upper = bisect_right(self._days, end)
        lower = bisect_left(self._days, start)
        high = self._sums[upper - 1] if upper else ZERO
        low = self._sums[lower - 1] if lower else ZERO
        return total((minus(high, low),)) if upper > lower else ZERO

    def of(self, days: Iterable[date]) -> Decimal:
        """Return the sum of these days."""
        return total(self._known[day].value for day in days if day in self._known)

    def heard(self, days: Iterable[date]) -> bool:
        """Whether an event stands behind one of the days."""
        return any(self._known[day].count for day in days if day in self._known)


class Sums:
    """The days of every part of a goal; a part that nothing is known of is 0."""

    def __init__(self, parts: Mapping[str, Days]) -> None:
        self._parts = {part: Totals(days) for part, days in parts.items()}

    def __getitem__(self, part: str) -> Totals:
        return self._parts.get(part, _NOTHING)


_NOTHING = Totals({})
