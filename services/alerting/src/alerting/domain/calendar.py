"""Local days: which of them are worked, and at which instants they begin and close."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from alerting.domain.goal import Calendar

DAY = timedelta(days=1)


def is_working(calendar: Calendar, day: date) -> bool:
    """Whether results are expected on the day; a make-up day wins over everything."""
    if day in calendar.on:
        return True
    return day.isoweekday() in calendar.weekdays and day not in calendar.off


def working_days(calendar: Calendar, first: date, last: date) -> int:
    """Return how many days are worked from first to last, both inclusive."""
    return sum(is_working(calendar, day) for day in days_between(first, last))


def days_between(first: date, last: date) -> Iterator[date]:
    """Yield the days from first to last, both inclusive."""
    day = first
    while day <= last:
        yield day
        day += DAY


@lru_cache(maxsize=65536)
def open_ms(zone: str, day: date) -> int:
    """Return the instant of the day's first moment, epoch milliseconds.

    Where the clocks jump over midnight the day begins at the jump; where midnight comes twice it
    begins at the first one.
    """
    return int(datetime.combine(day, time.min, ZoneInfo(zone)).timestamp() * 1000)


def close_ms(zone: str, day: date) -> int:
    """Return the instant of the local midnight after the day, epoch milliseconds."""
    return open_ms(zone, day + DAY)


def local_day(zone: str, at_ms: int) -> date:
    """Return the local day of an instant."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone)).date()
