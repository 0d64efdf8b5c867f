"""Local days of an organisation: 23 or 25 hours long where the clocks change."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from service_kit.errors import UserError

# Minutes since the epoch that have a local day in every zone: years 2 to 9998.
FIRST_MINUTE = int(datetime(2, 1, 1, tzinfo=UTC).timestamp()) // 60
LAST_MINUTE = int(datetime(9998, 12, 31, tzinfo=UTC).timestamp()) // 60
# A local day's cells lie within a day of its first and last minute, whatever the clocks do; a
# day-grain cell stands at the beginning of that day in another zone, 26 hours away at the most.
MARGIN_MINUTES = 27 * 60


def local_day(zone: str, minute: int) -> date:
    """Return the local day of a UTC epoch minute; raises ValueError outside years 2 to 9998."""
    day = _day_of_quarter(zone, minute // 15)
    return _day(zone, minute) if day is None else day


def first_minute(zone: str, day: date) -> int:
    """Return the UTC epoch minute with which the local day begins.

    Where the clocks skip midnight it is the minute after the skip; where midnight comes twice, the
    first one.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return int(midnight.timestamp()) // 60


def windows(start: date, end: date, days: int) -> Iterator[tuple[date, date]]:
    """Split ``start`` to ``end``, both inclusive, into stretches of at most ``days`` days."""
    while start <= end:
        last = min(end, start + timedelta(days=days - 1))
        yield start, last
        start = last + timedelta(days=1)


def check_zone(zone: str, where: str = "zone") -> None:
    """Raise UserError unless the zone is in the time zone database."""
    if not is_zone(zone):
        raise UserError(
            "zone-unknown",
            where,
            f"{zone!r} is no time zone; use a name like Europe/London or Asia/Shanghai",
            f"{zone!r} 不是有效时区；请使用如 Asia/Shanghai 或 Europe/London 的名称",
        )


def is_zone(zone: str) -> bool:
    """Whether the time zone database has it."""
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        return False
    return True


@lru_cache(maxsize=65_536)
def _day_of_quarter(zone: str, quarter: int) -> date | None:
    """Return the day of all 15 minutes, or None where it changes among them.

    Newfoundland put its clocks back at 00:01 until 2011: a quarter hour with two days.
    """
    first, last = _day(zone, quarter * 15), _day(zone, quarter * 15 + 14)
    return first if first == last else None


def _day(zone: str, minute: int) -> date:
    return datetime.fromtimestamp(minute * 60, ZoneInfo(zone)).date()
