"""The loops over ids: are they known, where do they stand first, put them into a table.

An id is two words. A table is of 32-bit slots with open addressing: 0 is free, anything else is
MARK_BITS of the id and the place of its entry, counted from 1.
"""

from typing import Any

import numpy as np

from service_kit.compiled import compiled, inlined

PLACE_BITS = 24
MOST_SLOTS = 2**PLACE_BITS

_PLACE = np.uint32(MOST_SLOTS - 1)
U = np.uint64
_MARK_SHIFT = U(56)


@compiled
def find_ids(
    ids: Any, rows: Any, entries: Any, slots: Any, floor: int, here: Any, stamps: Any
) -> None:
    """Look these rows' ids up; an entry at a place up to ``floor`` does not count any more.

    An id may have come again with another content: of its entries the newest stands last.
    """
    mask = U(len(slots) - 1)
    for row in rows:
        first, second = ids[row, 0], ids[row, 1]
        mark = first >> _MARK_SHIFT
        slot = second & mask
        while slots[slot] != 0:
            word = slots[slot]
            if U(word >> np.uint32(PLACE_BITS)) == mark:
                place = np.int64(word & _PLACE)
                entry = place - 1
                if place > floor and entries[entry, 0] == first and entries[entry, 1] == second:
                    here[row] = True
                    stamps[row] = entries[entry, 2]
            slot = slot + U(1) & mask


@compiled
def place_ids(entries: Any, start: int, end: int, slots: Any) -> None:
    """Put the entries from ``start`` up to ``end`` into the table."""
    mask = U(len(slots) - 1)
    for entry in range(start, end):
        slot = entries[entry, 1] & mask
        while slots[slot] != 0:
            slot = slot + U(1) & mask
        mark = np.uint32(entries[entry, 0] >> _MARK_SHIFT)
        slots[slot] = mark << np.uint32(PLACE_BITS) | np.uint32(entry + 1)


@compiled
def first_rows(ids: Any, slots: Any, first: Any) -> None:
    """Write for each row the row where its id stands first. ``slots`` holds rows, -1 where free."""
    mask = U(len(slots) - 1)
    for row in range(len(ids)):
        slot = ids[row, 1] & mask
        while True:
            there = slots[slot]
            if there < 0:
                slots[slot] = row
                first[row] = row
                break
            if ids[there, 0] == ids[row, 0] and ids[there, 1] == ids[row, 1]:
                first[row] = there
                break
            slot = slot + U(1) & mask


@compiled
def put(ids: Any, words: Any) -> None:
    """Put the ids into a filter."""
    for row in range(len(ids)):
        words[_place(ids[row, 0], len(words))] |= _bits(ids[row, 1])


@compiled
def passing(ids: Any, words: Any, rows: Any) -> Any:
    """Write the rows of the ids that may be in a filter; return how many they are."""
    count = 0
    for row in range(len(ids)):
        bits = _bits(ids[row, 1])
        # Written in any case: a branch that is seldom foreseen costs more.
        rows[count] = row
        count += words[_place(ids[row, 0], len(words))] & bits == bits
    return count


@inlined
def _place(word: Any, words: int) -> Any:
    return (word >> U(32)) * U(words) >> U(32)


@inlined
def _bits(word: Any) -> Any:
    bits = U(0)
    for shift in range(24, 54, 6):
        bits |= U(1) << (word >> U(shift) & U(63))
    return bits
