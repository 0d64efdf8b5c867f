"""Rows that belong together get one number; what they hold is added up."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service_kit.compiled import compiled

Numbers = NDArray[np.int64]
U = np.uint64
FREE = -1
_SPREAD = U(0x9E3779B97F4A7C15)
_LARGEST = 9_000_000_000_000_000_000


@compiled
def number_pairs(left: Any, right: Any, slots: Any, firsts: Any, numbers: Any, known: int) -> Any:
    """Give each row the number of its pair (left, right); return how many pairs are known then.

    ``firsts[number]`` holds the pairs, (n, 2); a new one gets the next number. ``slots`` is a hash
    table of numbers, FREE or taken, whose size is a power of two and more than twice the pairs'.
    """
    mask = U(len(slots) - 1)
    for row in range(len(left)):
        a, b = left[row], right[row]
        mixed = (U(a) ^ U(b) * _SPREAD) * _SPREAD
        slot = (mixed ^ mixed >> U(32)) & mask
        while True:
            number = slots[slot]
            if number == FREE:
                number = known
                slots[slot] = number
                firsts[number, 0], firsts[number, 1] = a, b
                known += 1
                break
            if firsts[number, 0] == a and firsts[number, 1] == b:
                break
            slot = slot + U(1) & mask
        numbers[row] = number
    return known


def ordered(keys: Numbers, most: int) -> tuple[Numbers, Numbers]:
    """Return the rows in the order of their keys, 0 <= key < most, and where each key begins.

    Rows with one key keep their order; ``begins`` has an end behind the last key.
    """
    begins = np.zeros(most + 1, np.int64)
    rows = np.empty(len(keys), np.int64)
    _order(keys, begins, np.empty(most + 1, np.int64), rows)
    return rows, begins


@compiled
def _order(keys: Any, begins: Any, place: Any, rows: Any) -> None:
    for key in keys:
        begins[key + 1] += 1
    for key in range(1, len(begins)):
        begins[key] += begins[key - 1]
    for key in range(len(begins)):
        place[key] = begins[key]
    for row in range(len(keys)):
        rows[place[keys[row]]] = row
        place[keys[row]] += 1


class Grouped(NamedTuple):
    """Groups of pairs: ``of_row`` is each row's group, ``pairs`` (n, 2), ``counts`` of rows."""

    of_row: Numbers
    pairs: Numbers
    counts: Numbers


def grouped(left: Numbers, right: Numbers) -> Grouped:
    """Return the groups of rows with the same pair, in the order in which they come."""
    rows = len(left)
    of_row = np.empty(rows, np.int64)
    pairs = np.empty((rows, 2), np.int64)
    groups = number_pairs(left, right, free_slots(rows), pairs, of_row, 0)
    return Grouped(of_row, pairs[:groups], np.bincount(of_row, minlength=groups))


def free_slots(pairs: int) -> Numbers:
    """Return an empty table for so many pairs."""
    return np.full(1 << max(4, (3 * pairs).bit_length()), FREE, np.int64)


class Sums(NamedTuple):
    """Sums by group: ``mantissa / 10 ** places``, of ``counts`` values."""

    mantissa: Numbers
    places: Numbers
    counts: Numbers


def sums(of_row: Numbers, groups: int, mantissa: Numbers, places: Numbers) -> Sums | None:
    """Add the values up, exactly; None if a sum is too large for 64 bits.

    A value with negative places is none.
    """
    found = Sums(*(np.zeros(groups, np.int64) for _ in range(3)))
    return found if _add(of_row, mantissa, places, *found) else None


@compiled
def _add(
    of_row: Any, mantissa: Any, places: Any, total: Any, total_places: Any, counts: Any
) -> Any:
    for row in range(len(of_row)):
        digits = places[row]
        if digits < 0:
            continue
        group = of_row[row]
        value, sum_, have = mantissa[row], total[group], total_places[group]
        while have < digits:
            if abs(sum_) > _LARGEST // 10:
                return False
            sum_ *= 10
            have += 1
        while digits < have:
            if abs(value) > _LARGEST // 10:
                return False
            value *= 10
            digits += 1
        if abs(value) > _LARGEST // 2 or abs(sum_) > _LARGEST // 2:
            return False
        sum_ += value
        total[group], total_places[group] = sum_, have
        counts[group] += 1
    return True
