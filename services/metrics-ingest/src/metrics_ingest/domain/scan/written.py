"""The loop that writes cells as JSON, as event_contracts.facts.Cell stands on the wire."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    return _texts(out, text_ends)


def written_sums(sums: Sums, starts: Numbers, ends: Numbers) -> list[bytes]:
    """Return the sums alone as JSON lists, one for the rows from each start to its end."""
    rows = int((ends - starts).sum())
    out = np.empty(2 * len(ends) + rows * MOST_BYTES, np.uint8)
    text_ends = np.empty(len(ends), np.int64)
    _write_sums(sums.mantissa, sums.places, starts, ends, text_ends, out)
    return _texts(out, text_ends)


def _texts(out: NDArray[np.uint8], ends: Numbers) -> list[bytes]:
    bounds = [0, *ends.tolist()]
    text = out[: bounds[-1]].tobytes()
    return [text[start:end] for start, end in pairwise(bounds)]


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
            at = _sum(out, _byte(out, at, _COMMA), mantissa[row], places[row])
            at = _whole(out, _byte(out, at, _COMMA), counts[row])
            at = _byte(out, at, _CLOSE)
            row += 1
        at = _byte(out, at, _CLOSE)
        text_ends[group] = at


@compiled
def _write_sums(
    mantissa: Any, places: Any, starts: Any, ends: Any, text_ends: Any, out: Any
) -> None:
    at = 0
    for group in range(len(ends)):
        at = _byte(out, at, _OPEN)
        for row in range(starts[group], ends[group]):
            if row > starts[group]:
                at = _byte(out, at, _COMMA)
            at = _sum(out, at, mantissa[row], places[row])
        at = _byte(out, at, _CLOSE)
        text_ends[group] = at


@inlined
def _sum(out: Any, at: int, mantissa: int, places: int) -> Any:
    """Write a sum as a text, as Decimals stand on the wire."""
    at = _byte(out, at, _QUOTE)
    return _byte(out, decimal_written(out, at, mantissa, places), _QUOTE)


@inlined
def _byte(out: Any, at: int, byte: int) -> Any:
    out[U(at)] = byte
    return at + 1


@inlined
def _whole(out: Any, at: int, value: int) -> Any:
    return decimal_written(out, at, value, 0)


@inlined
def decimal_written(out: Any, at: int, mantissa: int, places: int) -> Any:
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
