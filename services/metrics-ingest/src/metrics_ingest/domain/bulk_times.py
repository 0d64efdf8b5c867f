"""Many written times at once: the common forms are read as columns of digits."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

REFUSED = -1

_FORM = "0000-00-00T00:00:00"
_ZERO = ord("0")
_DAY_MS = 86_400_000
_END = int(np.datetime64("9999-01-01", "ms").astype(np.int64))
# What may stand behind the seconds, by the length of the whole text.
_TAILS = {20: "Z", 24: ".000Z", 25: "+00:00", 29: ".000+00:00"}

Instants = NDArray[np.int64]


def instants(texts: Sequence[str], one: Callable[[str], int]) -> Instants:
    """Return the instants of the texts, epoch milliseconds, REFUSED where there is none.

    ``one`` reads a text of any other form, and returns REFUSED if it cannot; a text that is read
    here has the same instant there (values.instant_of).
    """
    found = np.full(len(texts), REFUSED, np.int64)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    for length in np.unique(lengths).tolist():
        if length in _TAILS:
            rows = np.flatnonzero(lengths == length)
            some = texts if len(rows) == len(texts) else [texts[row] for row in rows.tolist()]
            found[rows] = _read("".join(some), length, _TAILS[length])
    for row in np.flatnonzero(found == REFUSED).tolist():
        found[row] = one(texts[row])
    return found


def _read(joined: str, length: int, tail: str) -> Instants:
    if not joined.isascii():
        return np.full(len(joined) // length, REFUSED, np.int64)
    chars = np.frombuffer(joined.encode(), np.uint8).reshape(-1, length)
    columns = np.ascontiguousarray(chars.T)
    good = _has_form(columns, _FORM + tail)
    digits = columns - np.uint8(_ZERO)

    def number(start: int, end: int) -> Any:
        value: Any = np.int32(0)
        for place in range(start, end):
            value = value * np.int32(10) + digits[place]
        return value

    hour, minute, second = number(11, 13), number(14, 16), number(17, 19)
    good &= (hour < 24) & (minute < 60) & (second < 60)
    year, month, day = number(0, 4), number(5, 7), number(8, 10)
    good &= (month >= 1) & (month <= 12) & (year >= 1970)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0)
    first = _day(months)
    good &= (day >= 1) & (day <= _day(months + 1) - first)
    at_ms = (first + day - 1) * _DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000
    if tail.startswith("."):
        at_ms += number(20, 23)
    if tail.endswith(":00"):
        hours, minutes = number(length - 5, length - 3), number(length - 2, length)
        good &= (hours < 24) & (minutes < 60)
        east = np.where(columns[length - 6] == ord("+"), 1, -1)
        at_ms -= east * (hours * 60 + minutes) * 60_000
    good &= (at_ms >= 0) & (at_ms < _END)
    return np.where(good, at_ms, REFUSED)


def _has_form(columns: NDArray[np.uint8], form: str) -> NDArray[np.bool_]:
    good = np.ones(columns.shape[1], np.bool_)
    for column, wanted in zip(columns, form, strict=True):
        if wanted == "0":
            good &= (column >= _ZERO) & (column <= _ZERO + 9)
        elif wanted == "+":
            good &= (column == ord("+")) | (column == ord("-"))
        else:
            good &= column == ord(wanted)
    return good


def _day(months: Instants) -> Instants:
    """Return the day from the epoch on which a month from the epoch begins."""
    days = months.astype("datetime64[M]").astype("datetime64[D]")
    return days.astype(np.int64)
