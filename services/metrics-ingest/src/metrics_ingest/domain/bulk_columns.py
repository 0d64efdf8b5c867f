"""Columns of values: conversions of what stands in events, all at once where that is plain.

``fit`` is a mask over the rows; a value that the conversion refuses makes its row unfit, and the
general reading says what is wrong with it.
"""

from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.definitions import Kind
from metrics_ingest.domain.generations import Words
from metrics_ingest.domain.stamps import hash_of, hashes_of_numbers
from metrics_ingest.domain.values import CONVERT, text_of

Column = list[Any]
Mask = NDArray[np.bool_]

# Beyond it numbers are looked at one by one: the exact limit is the conversion's affair.
_PLAIN_LIMIT = Decimal(10) ** 15


def present(column: Column) -> Mask:
    """Return which rows hold a value."""
    if type(None) not in set(map(type, column)):
        return np.ones(len(column), np.bool_)
    return np.array([value is not None for value in column], np.bool_)


def numbers_of(column: Column, kind: Kind, fit: Mask) -> Column:
    """Return the numbers, None where there is none.

    Digits behind the point are not counted here: a sum shows the most that its values had.
    """
    if kind is not Kind.DECIMAL:
        return [_number(value, kind, fit, row) for row, value in enumerate(column)]
    kinds = set(map(type, column))
    if kinds != {Decimal}:
        column = column.copy()
        odd = [row for row, value in enumerate(column) if type(value) is not Decimal]
        for row in odd:
            column[row] = _number(column[row], kind, fit, row)
    some = [value for value in column if value is not None] if kinds != {Decimal} else column
    if not some or (max(some) < _PLAIN_LIMIT and min(some) > -_PLAIN_LIMIT):
        return column
    return [_number(value, kind, fit, row) for row, value in enumerate(column)]


def _number(value: Any, kind: Kind, fit: Mask, row: int) -> Any:
    if value is None:
        return None
    try:
        return CONVERT[kind](value, "")
    except Unfit:
        fit[row] = False
        return None


def hashes_of(column: Column, fit: Mask) -> Words:
    """Return the hashes of texts or numbers (stamps.hash_of), 0 where there is none."""
    kinds = set(map(type, column))
    if kinds == {Decimal}:
        return np.array(hashes_of_numbers(column), np.uint64)
    if kinds == {Decimal, type(None)}:
        hashes = np.zeros(len(column), np.uint64)
        hashes[present(column)] = hashes_of_numbers([v for v in column if v is not None])
        return hashes
    return np.array([_hash(value, fit, row) for row, value in enumerate(column)], np.uint64)


def _hash(value: Any, fit: Mask, row: int) -> int:
    if value is None:
        return 0
    if type(value) is Decimal:
        return hash_of(value)
    try:
        return hash_of(text_of(value, ""))
    except Unfit:
        fit[row] = False
        return 0
