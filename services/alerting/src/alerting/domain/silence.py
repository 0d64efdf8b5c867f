"""Whether a source delivered anything in a span of time, by its quarter hours."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

QUARTER_MS = 900_000
_QUARTERS = 96


def delivered(quarters: Mapping[date, int], start_ms: int, end_ms: int) -> bool:
    """Return whether a quarter hour that begins in [start, end) is set.

    ``quarters`` has bit i of a UTC day set when the source delivered an event whose time lies in
    the i-th quarter hour of that day.
    """
    first, last = -(-start_ms // QUARTER_MS), -(-end_ms // QUARTER_MS)
    for number in range(first // _QUARTERS, (last - 1) // _QUARTERS + 1):
        low = max(first - number * _QUARTERS, 0)
        high = min(last - number * _QUARTERS, _QUARTERS)
        mask = (1 << high) - (1 << low)
        if quarters.get(utc_day(number), 0) & mask:
            return True
    return False


def fresh_quarters(old: int, new: int, day: date) -> list[int]:
    """Return the instants (epoch milliseconds) of the quarter hours set in new and not in old."""
    number = (day - date(1970, 1, 1)).days * _QUARTERS
    bits = new & ~old
    return [(number + i) * QUARTER_MS for i in range(_QUARTERS) if bits >> i & 1]


def utc_day(number: int) -> date:
    """Return the UTC day with this number, 0 being 1 January 1970."""
    return datetime.fromtimestamp(number * 86_400, UTC).date()
