"""The loop that writes cells as JSON, as event_contracts.facts.Cell stands on the wire."""

from typing import Any

import numpy as np

from metrics_ingest.domain.scan.groups import Numbers, Sums
from service_kit.compiled import compiled, inlined

U = np.uint64
MOST_BYTES = 112
"""Of a cell: four numbers of at most 20 characters, a fraction's zeros, and what is between."""

_OPEN, _CLOSE, _COMMA, _QUOTE, _MINUS, _POINT, _ZERO = b'[],"-.0'


def written(minutes: Numbers, dims: Numbers, sums: Sums) -> bytes:
    """Return the cells as a JSON list."""
    out = np.empty(2 + len(minutes) * MOST_BYTES, np.uint8)
    return out[: _write(minutes, dims, *sums, out)].tobytes()


def written_sums(sums: Sums) -> bytes:
    """Return the sums alone as a JSON list."""
    out = np.empty(2 + len(sums.mantissa) * MOST_BYTES, np.uint8)
    return out[: _write_sums(sums.mantissa, sums.places, out)].tobytes()


@compiled
def _write(minutes: Any, dims: Any, mantissa: Any, places: Any, counts: Any, out: Any) -> Any:
    at = _byte(out, 0, _OPEN)
    for row in range(len(minutes)):
        if row:
            at = _byte(out, at, _COMMA)
        at = _whole(out, _byte(out, at, _OPEN), minutes[row])
        at = _whole(out, _byte(out, at, _COMMA), dims[row])
        at = _sum(out, _byte(out, at, _COMMA), mantissa[row], places[row])
        at = _whole(out, _byte(out, at, _COMMA), counts[row])
        at = _byte(out, at, _CLOSE)
    return _byte(out, at, _CLOSE)


@compiled
def _write_sums(mantissa: Any, places: Any, out: Any) -> Any:
    at = _byte(out, 0, _OPEN)
    for row in range(len(mantissa)):
        if row:
            at = _byte(out, at, _COMMA)
        at = _sum(out, at, mantissa[row], places[row])
    return _byte(out, at, _CLOSE)


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
