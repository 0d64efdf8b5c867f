"""The loop that writes cells as JSON, as event_contracts.facts.Cell stands on the wire."""

from itertools import pairwise
from typing import Any

import numpy as np

from metrics_ingest.domain.scan.groups import Numbers, Sums
from service_kit.compiled import compiled, inlined

U = np.uint64
MOST_BYTES = 112
"""Of a cell: four numbers of at most 20 characters, a fraction's zeros, and what is between."""

_OPEN, _CLOSE, _COMMA, _QUOTE, _MINUS, _POINT, _ZERO = b'[],"-.0'


def written(minutes: Numbers, dims: Numbers, sums: Sums, ends: Numbers) -> list[bytes]:
    """Return the cells as JSON lists, one for each group; group g ends at row ``ends[g]``."""
    out = np.empty(2 * len(ends) + len(minutes) * MOST_BYTES, np.uint8)
    text_ends = np.empty(len(ends), np.int64)
    _write(minutes, dims, *sums, ends, text_ends, out)
    last: list[int] = text_ends.tolist()
    text = out[: last[-1]].tobytes()
    return [text[start:end] for start, end in pairwise([0, *last])]


@compiled
def _write(
    minutes: Any,
    dims: Any,
    mantissa: Any,
    places: Any,
    counts: Any,
    ends: Any,
    text_ends: Any,
    out: Any,
) -> None:
    at, row = 0, 0
    for group in range(len(ends)):
        at = _byte(out, at, _OPEN)
        first = row
        while row < ends[group]:
            if row > first:
                at = _byte(out, at, _COMMA)
            at = _whole(out, _byte(out, at, _OPEN), minutes[row])
            at = _whole(out, _byte(out, at, _COMMA), dims[row])
            at = _byte(out, _byte(out, at, _COMMA), _QUOTE)
            at = _byte(out, _decimal(out, at, mantissa[row], places[row]), _QUOTE)
            at = _whole(out, _byte(out, at, _COMMA), counts[row])
            at = _byte(out, at, _CLOSE)
            row += 1
        at = _byte(out, at, _CLOSE)
        text_ends[group] = at


@inlined
def _byte(out: Any, at: int, byte: int) -> Any:
    out[U(at)] = byte
    return at + 1


@inlined
def _whole(out: Any, at: int, value: int) -> Any:
    return _decimal(out, at, value, 0)


@inlined
def _decimal(out: Any, at: int, mantissa: int, places: int) -> Any:
    """Write mantissa / 10 ** places from its last digit on; return where it ends."""
    left = abs(mantissa)
    size, rest = 1, left // 10
    while rest:
        size, rest = size + 1, rest // 10
    size = max(size, places + 1)  # a zero stands before the point
    if mantissa < 0:
        at = _byte(out, at, _MINUS)
    end = at + size + (1 if places else 0)
    place = end
    for digit in range(size):
        if digit == places and digit:
            place -= 1
            out[U(place)] = _POINT
        place -= 1
        out[U(place)] = _ZERO + left % 10
        left //= 10
    return end
