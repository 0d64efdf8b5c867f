"""Times in the common forms: 2026-11-03T02:18:45, with or without a fraction, Z or an offset."""

from typing import Any

import numpy as np

from metrics_ingest.domain.scan.tokens import digits_end
from service_kit.compiled import compiled

ODD = -100_000
"""Another form, or no time at all; no instant and no offset is this number."""

U = np.uint64
_DAY_MS = 86_400_000
_FIRST_YEAR, _LAST_YEAR = 1970, 9998
_END_MS = 253_370_764_800_000  # 9999-01-01
_MOST_DIGITS = 9
_MOST_EPOCH_DIGITS = 18
_SECONDS = 19  # where they end
_FORM = b"0000-00-00T00:00:00"


@compiled
def instant(data: Any, start: int, end: int) -> Any:
    """Return the instant of a text, epoch milliseconds, or ODD."""
    size = end - start
    if size < _SECONDS + 1 or not _has_form(data, start):
        return ODD
    year = _two(data, start) * 100 + _two(data, start + 2)
    month, day = _two(data, start + 5), _two(data, start + 8)
    hour, minute, second = _two(data, start + 11), _two(data, start + 14), _two(data, start + 17)
    if hour > 23 or minute > 59 or second > 59:
        return ODD
    if not _FIRST_YEAR <= year <= _LAST_YEAR or not 1 <= month <= 12:
        return ODD
    if not 1 <= day <= _days_in(year, month):
        return ODD
    at_ms = _days_before(year, month, day) * _DAY_MS
    at_ms += ((hour * 60 + minute) * 60 + second) * 1000
    at = start + _SECONDS
    if data[U(at)] == 0x2E:
        last = digits_end(data, at + 1, end)
        if not 1 <= last - at - 1 <= _MOST_DIGITS:
            return ODD
        at_ms += _thousandths(data, at + 1, last)
        at = last
    east = _east(data, at, end)
    if east == ODD:
        return ODD
    at_ms -= east * 60_000
    return at_ms if 0 <= at_ms < _END_MS else ODD


@compiled
def of_epoch(data: Any, start: int, end: int, per_second: int) -> Any:
    """Return the instant of a count of units since 1970, ODD unless it is digits alone."""
    if not 1 <= end - start <= _MOST_EPOCH_DIGITS or digits_end(data, start, end) != end:
        return ODD
    count = 0
    for place in range(start, end):
        count = count * 10 + (data[U(place)] - 0x30)
    if count >= _END_MS // 1000 * per_second:
        return ODD
    # In two parts, for a count times 1000 need not fit into 64 bits.
    return count // per_second * 1000 + count % per_second * 1000 // per_second


@compiled
def _thousandths(data: Any, start: int, end: int) -> Any:
    """Return the first three digits of a fraction; what is smaller is cut off."""
    found = 0
    for place in range(start, start + 3):
        found = found * 10 + (data[U(place)] - 0x30 if place < end else 0)
    return found


@compiled
def _east(data: Any, at: int, end: int) -> Any:
    """Return how many minutes a zone is east, ODD if none stands there."""
    if end - at == 1 and data[U(at)] == 0x5A:
        return 0
    if end - at != 6 or data[U(at + 3)] != 0x3A or not (data[U(at)] == 0x2B or data[U(at)] == 0x2D):
        return ODD
    if not (_digits(data, at + 1) and _digits(data, at + 4)):
        return ODD
    hours, minutes = _two(data, at + 1), _two(data, at + 4)
    if hours > 23 or minutes > 59:
        return ODD
    east = hours * 60 + minutes
    return east if data[U(at)] == 0x2B else -east


@compiled
def _has_form(data: Any, start: int) -> Any:
    for place in range(_SECONDS):
        wanted = _FORM[place]
        if wanted == 0x30:
            if not _digit(data, start + place):
                return False
        elif data[U(start + place)] != wanted:
            return False
    return True


@compiled
def _digit(data: Any, at: int) -> Any:
    return 0x30 <= data[U(at)] <= 0x39


@compiled
def _digits(data: Any, at: int) -> Any:
    return _digit(data, at) and _digit(data, at + 1)


@compiled
def _two(data: Any, at: int) -> Any:
    return (data[U(at)] - 0x30) * 10 + (data[U(at + 1)] - 0x30)


@compiled
def _days_in(year: int, month: int) -> Any:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@compiled
def _days_before(year: int, month: int, day: int) -> Any:
    """Return the days from 1970-01-01 on (Hinnant's days_from_civil)."""
    if month <= 2:
        year -= 1
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
