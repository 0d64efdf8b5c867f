"""The ways in which vendors write an instant. Each is read exactly, to the millisecond."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, partial
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from metrics_ingest.domain.causes import BAD_TIME, SPANS_DAYS, Unfit
from metrics_ingest.domain.values import Received, in_range, instant_of

ReadTime = Callable[[object, str, ZoneInfo], int]

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_COMPACT = re.compile(r"[0-9]{8}", re.ASCII)
_HOUR = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})[T ]?([0-9]{1,2})", re.ASCII)
_NAMED = re.compile(
    r"([^\[\]]{10,40}?)(?:\[([A-Za-z0-9_+/-]{1,64})\]| +([A-Za-z0-9_+/-]{1,64}))", re.ASCII
)
_MOST = 10**21
_DAY_MS = 86_400_000
_WHOLE = re.compile(r"[0-9]{1,21}", re.ASCII)


def _epoch(value: Any, where: str, zone: ZoneInfo, *, per_second: int, unit: str) -> int:
    """Return epoch milliseconds of a count of units since 1970; smaller parts are cut off."""
    written = type(value) is str and _WHOLE.fullmatch(value)
    if written or (type(value) is Decimal and 0 <= value < _MOST and value == int(value)):
        value = int(value)
    if type(value) is not int or value < 0:
        raise Unfit(BAD_TIME, where, f"a whole number of {unit} since 1970 is wanted")
    return in_range(value * 1000 // per_second, where)


def _midnight(found: date, where: str, zone: ZoneInfo) -> int:
    return instant_of(f"{found.isoformat()}T00:00:00", where, zone)


def _day(value: object, where: str, form: re.Pattern[str], example: str) -> date:
    if type(value) is int:
        value = str(value)
    if type(value) is not str or not form.fullmatch(value):
        raise Unfit(BAD_TIME, where, f"a date like {example} is wanted")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Unfit(BAD_TIME, where, "there is no such date") from None


def _date(value: object, where: str, zone: ZoneInfo) -> int:
    return _midnight(_day(value, where, _DATE, "2026-11-10"), where, zone)


def _compact_date(value: object, where: str, zone: ZoneInfo) -> int:
    return _midnight(_day(value, where, _COMPACT, "20261110"), where, zone)


def _date_hour(value: object, where: str, zone: ZoneInfo) -> int:
    """Read a date with an hour, 0 to 23 with one digit or two: ``2026-11-10 9``, 2026111009."""
    found = _HOUR.fullmatch(value) if type(value) is str else None
    if found is None:
        raise Unfit(BAD_TIME, where, "a date with its hour like 2026-11-10 09 is wanted")
    year, month, day, hour = found.groups()
    return instant_of(f"{year}-{month}-{day}T{hour:>02}:00:00", where, zone)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _iso_zone(value: object, where: str, zone: ZoneInfo) -> int:
    """Read a local time and the IANA zone that it names itself.

    ``2026-11-12 19:00 Europe/Berlin`` or ``2026-11-12T19:00:00+01:00[Europe/Berlin]``; an offset
    that stands there decides.
    """
    found = _NAMED.fullmatch(value) if type(value) is str else None
    if found is None:
        raise Unfit(BAD_TIME, where, "a text like 2026-11-12 19:00 Europe/Berlin is wanted")
    local, bracketed, spaced = found.groups()
    name = bracketed or spaced
    if name not in _zones():
        raise Unfit(BAD_TIME, where, "an IANA zone such as Europe/Berlin is wanted")
    return instant_of(local, where, ZoneInfo(name))


def _one_day(value: object, where: str, zone: ZoneInfo) -> int:
    """Read the day of a span ``2026-11-10..2026-11-10``, which must be of one day."""
    first, dots, last = value.partition("..") if type(value) is str else ("", "", "")
    if not dots:
        raise Unfit(BAD_TIME, where, "two dates like 2026-11-10..2026-11-10 are wanted")
    begin = _day(first, where, _DATE, "2026-11-10")
    days = (_day(last, where, _DATE, "2026-11-10") - begin) // timedelta(days=1) + 1
    if days != 1:
        raise Unfit(SPANS_DAYS, where, f"{days} days from {begin.isoformat()} on")
    return _midnight(begin, where, zone)


def _epoch_days(value: object, where: str, zone: ZoneInfo) -> int:
    """Read a date written as days since 1970."""
    return _midnight_of(_epoch(value, where, zone, per_second=1, unit="days") // 1000, where, zone)


def _date_ms(value: object, where: str, zone: ZoneInfo) -> int:
    """Read a date written as the milliseconds of its midnight in UTC."""
    ms = _epoch(value, where, zone, per_second=1000, unit="milliseconds")
    days, rest = divmod(ms, _DAY_MS)
    if rest:
        raise Unfit(BAD_TIME, where, "a date, midnight in UTC, is wanted")
    return _midnight_of(days, where, zone)


def _midnight_of(days: int, where: str, zone: ZoneInfo) -> int:
    in_range(days * _DAY_MS, where)
    return _midnight(date(1970, 1, 1) + timedelta(days=days), where, zone)


def _of_units(per_second: int, unit: str) -> ReadTime:
    return partial(_epoch, per_second=per_second, unit=unit)


FORMATS: dict[str, ReadTime] = {
    "iso": instant_of,
    "iso_zone": _iso_zone,
    "epoch_s": _of_units(1, "seconds"),
    "epoch_ms": _of_units(10**3, "milliseconds"),
    "epoch_us": _of_units(10**6, "microseconds"),
    "epoch_ns": _of_units(10**9, "nanoseconds"),
    "epoch_days": _epoch_days,
    "date": _date,
    "date_ms": _date_ms,
    "compact_date": _compact_date,
    "date_hour": _date_hour,
    "one_day": _one_day,
}


def reader_of(form: str, zone: ZoneInfo) -> Callable[[object, str], int]:
    """Return what reads an instant written in this form; a time of arrival is taken as it is."""
    read = FORMATS[form]

    def instant(value: object, where: str) -> int:
        return int(value) if type(value) is Received else read(value, where, zone)

    return instant
