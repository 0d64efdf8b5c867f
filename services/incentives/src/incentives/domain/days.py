"""Local days of an organisation: 23 or 25 hours long where the clocks change."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=65_536)
def local_day(zone: str, minute: int) -> date:
    """Return the local day of a UTC epoch minute; raises OverflowError outside years 1 to 9999."""
    return (_EPOCH + timedelta(minutes=minute)).astimezone(ZoneInfo(zone)).date()


def is_zone(name: str) -> bool:
    """Whether the name is in the time zone database."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True
