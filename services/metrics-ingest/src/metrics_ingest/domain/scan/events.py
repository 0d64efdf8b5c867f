"""The loop over events: each record is walked through once, byte by byte.

What a record holds at its mapped paths goes into columns as it is met. A record that is not plain
in every respect is refused, and read in the general way.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics_ingest.domain.scan.hashes import first8, hash64, keyed64, same
from metrics_ingest.domain.scan.instants import ODD, instant, of_epoch
from metrics_ingest.domain.scan.layout import (
    ALWAYS,
    AMOUNT,
    ANYTHING,
    DECIMAL,
    EXACTLY,
    INSTEAD,
    KIND,
    MOMENT,
    NAME_END,
    NAME_START,
    NAME_WORD,
    NEEDED,
    NOTHING,
    ODD_TIME,
    OTHER_SEED,
    PER_SECOND,
    RECEIVED,
    REQUIRED,
    SEED,
    SHAPES,
    SLOT,
    STAMP,
    TEXT,
    TEXT_END,
    TEXT_START,
    TIME,
    Layout,
)
from metrics_ingest.domain.scan.tokens import (
    CLOSE,
    COMMA,
    MINUS,
    NO,
    NULL,
    OPEN,
    POINT,
    QUOTE,
    ZERO,
    colon_end,
    number_end,
    space_end,
    text_end,
    value_end,
    word_end,
)
from metrics_ingest.domain.scan.written import MOST_BYTES, decimal_written
from metrics_ingest.domain.seen.stamps import NEXT_PIECE, PIECE
from service_kit.compiled import compiled, inlined

U = np.uint64
ABSENT = -1
"""The places of an amount that is not there."""

_LONGEST_TEXT = 1024
_MOST_DIGITS = 15
_MOST_PLACES = 12
_NEXT_PIECE = U(NEXT_PIECE)
_DEEPEST = 16
NO_NUMBERS = np.empty((0, 3), np.int64)


# The columns of what is found, a row for each record: whether it was plain; when it was accepted;
# its time, ODD where that has to be read elsewhere, and where it is written; the two words of its
# shape; parts of the content's stamp (layout.Slot); whether a required field is not there. Behind
# them, for each amount, mantissa and places: mantissa / 10 ** places, ABSENT places without one; of
# a text where it begins and ends.
(
    GOOD,
    RECEIVED_MS,
    AT_MS,
    TIME_START,
    TIME_END,
    SHAPE,
    OTHER_SHAPE,
    STAMPED,
    ALWAYS_STAMPED,
    LACKS,
) = range(10)
AMOUNTS = 10


def found_for(rows: int, amounts: int) -> NDArray[np.int64]:
    """Return room for what is found in so many records."""
    found = np.zeros((rows, AMOUNTS + 2 * amounts), np.int64)
    found[:, AMOUNTS + 1 :: 2] = ABSENT
    return found


def scan(
    data: NDArray[np.uint8],
    ends: NDArray[np.int64],
    rows: NDArray[np.int64],
    layout: Layout,
    amounts: int,
    numbers: NDArray[np.int64] = NO_NUMBERS,
) -> NDArray[np.int64]:
    """Read these rows; row r of the data ends where ``ends[r]`` says.

    ``numbers`` are the amounts that are worked on, see _work_on.
    """
    found = found_for(len(rows), amounts)
    _scan(data, ends, rows, *layout, np.zeros(_DEEPEST, np.int64), found)
    if len(numbers):
        _work_on(found, numbers, np.zeros(MOST_BYTES, np.uint8))
    return found


@compiled
def _work_on(found: Any, numbers: Any, text: Any) -> None:
    """Scale and stamp the amounts of some columns, a row for each.

    A row holds the column, by how many places its point moves to the left, and the weight of its
    hash. An amount that gets too many places is the general reading's.
    """
    for place in range(len(found)):
        for number in range(len(numbers)):
            column, shift, weight = numbers[number, 0], numbers[number, 1], numbers[number, 2]
            mantissa = found[place, AMOUNTS + 2 * column]
            places = found[place, AMOUNTS + 2 * column + 1]
            if places < 0:
                continue
            places += shift
            while places > 0 and mantissa % 10 == 0:
                mantissa //= 10
                places -= 1
            if places > _MOST_PLACES:
                found[place, GOOD] = 0
                continue
            found[place, AMOUNTS + 2 * column] = mantissa
            found[place, AMOUNTS + 2 * column + 1] = places
            size = decimal_written(text, 0, mantissa, places)
            found[place, STAMPED] += np.int64(_hash(text, 0, size)) * weight


@compiled
def _scan(
    data: Any,
    ends: Any,
    rows: Any,
    texts: Any,
    nodes: Any,
    members: Any,
    slots: Any,
    path: Any,
    found: Any,
) -> None:
    for place in range(len(rows)):
        row = rows[place]
        start = ends[row - 1] if row else 0
        good = _scan_one(data, start, ends[row], texts, nodes, members, slots, path, found, place)
        found[place, GOOD] = good


@compiled
def _scan_one(
    data: Any,
    start: int,
    end: int,
    texts: Any,
    nodes: Any,
    members: Any,
    slots: Any,
    path: Any,
    found: Any,
    place: int,
) -> Any:
    """Read one record; return whether it was plain. ``path`` are the nodes that it is in."""
    depth = 0
    met_nodes, met_slots, filled = U(1), U(0), U(0)
    at = space_end(data, start, end)
    if at >= end or data[U(at)] != OPEN:
        return False
    at = space_end(data, at + 1, end)
    while True:
        # A name stands here, or nothing good.
        if at >= end or data[U(at)] != QUOTE:
            return False
        name = at + 1
        at, plain = text_end(data, name, end)
        if at == NO or not plain:
            return False
        node = U(path[U(depth)])
        first, last = nodes[node, 0], nodes[node, 1]
        member = _member(data, name, at - 1, end, first, last, members, texts)
        at = colon_end(data, at, end)
        if at == NO or at >= end:
            return False
        if member == NO:
            at = value_end(data, at, end)
        elif members[U(member), SLOT] >= 0:
            slot = U(members[U(member), SLOT])
            bit = U(1) << slot
            if met_slots & bit:
                return False
            at, there = _take(data, at, end, texts, slots, slot, found, place)
            # A null is as good as nothing, but for a second one.
            met_slots |= bit
            if there:
                filled |= bit
        else:
            below = -1 - members[U(member), SLOT]
            bit = U(1) << U(below)
            if met_nodes & bit or data[U(at)] != OPEN or depth + 1 >= _DEEPEST:
                return False
            met_nodes |= bit
            depth += 1
            path[U(depth)] = below
            at = space_end(data, at + 1, end)
            if at >= end or data[U(at)] != CLOSE:
                continue
        if at == NO:
            return False
        # A value has ended; so may have what holds it.
        while True:
            at = space_end(data, at, end)
            if at >= end:
                return False
            byte = data[U(at)]
            at = space_end(data, at + 1, end)
            if byte == COMMA:
                break
            if byte != CLOSE:
                return False
            if depth == 0:
                return at == end and _has_all(filled, slots, found, place)
            depth -= 1


@inlined
def _has_all(filled: Any, slots: Any, found: Any, place: int) -> Any:
    """Whether what is needed is there, and nothing that stands instead of what is not."""
    if filled == (U(1) << U(len(slots))) - U(1):
        return True
    for slot in range(len(slots)):
        if filled & U(1) << U(slot):
            instead = slots[U(slot), INSTEAD]
            if instead >= 0 and not filled & U(1) << U(instead):
                return False
        else:
            if slots[U(slot), NEEDED]:
                return False
            found[place, LACKS] |= slots[U(slot), REQUIRED]
    return True


@inlined
def _member(
    data: Any, start: int, end: int, limit: int, first: int, last: int, members: Any, texts: Any
) -> Any:
    """Return which of the members has this name, NO if none; the record ends at ``limit``."""
    size = end - start
    word = np.int64(first8(data, start, end, limit))
    for number in range(first, last):
        member = U(number)
        name = members[member, NAME_START]
        if (
            members[member, NAME_WORD] == word
            and members[member, NAME_END] - name == size
            and (size <= 8 or same(data, start, texts, name, size))
        ):
            return number
    return NO


@inlined
def _take(
    data: Any, at: int, end: int, texts: Any, slots: Any, slot: Any, found: Any, place: int
) -> Any:
    """Read the value of a slot; return the position behind it, or NO, and whether one is there."""
    kind = slots[slot, KIND]
    byte = data[U(at)]
    if byte == NULL:
        return word_end(data, at, end), False
    if kind == ANYTHING:
        return value_end(data, at, end), True
    written = byte == QUOTE
    if written:
        start = at + 1
        behind, plain = text_end(data, start, end)
        last = behind - 1
    elif byte == MINUS or 0x30 <= byte <= 0x39:
        start = at
        behind, plain = number_end(data, start, end)
        last = behind
    else:
        return NO, False
    if behind == NO or not plain or kind == NOTHING:
        return NO, False
    if kind == EXACTLY:
        first = slots[slot, TEXT_START]
        size = slots[slot, TEXT_END] - first
        good = written and last - start == size and same(data, start, texts, first, size)
    elif kind == TIME or kind == ODD_TIME or kind == MOMENT:
        at_ms, column = _instant(data, start, last, written, slots, slot), slots[slot, AMOUNT]
        good = at_ms != ODD or (kind != MOMENT and written and column < 0)
        if kind != MOMENT:
            found[place, TIME_START], found[place, TIME_END] = start, last
            found[place, AT_MS] = at_ms
        if column >= 0:
            found[place, AMOUNTS + 2 * column] = at_ms
            found[place, AMOUNTS + 2 * column + 1] = 0
        if slots[slot, SHAPES]:
            _note(data, start, last, slots, slot, found, place)
    elif kind == TEXT:
        good = _is_text(data, start, last, written)
        column = slots[slot, AMOUNT]
        if good and column >= 0:
            found[place, AMOUNTS + 2 * column], found[place, AMOUNTS + 2 * column + 1] = start, last
        if good:
            _note(data, start, last, slots, slot, found, place)
    else:
        mantissa, places, last = _number(data, start, last)
        good = places >= 0 and (kind == DECIMAL or places == 0)
        if kind == RECEIVED:
            good = good and not written and mantissa >= 0
            found[place, RECEIVED_MS] = mantissa
        elif good:
            _note(data, start, last, slots, slot, found, place)
            column = slots[slot, AMOUNT]
            if column >= 0:
                found[place, AMOUNTS + 2 * column] = mantissa
                found[place, AMOUNTS + 2 * column + 1] = places
    return (behind if good else NO), True


@inlined
def _instant(data: Any, start: int, end: int, written: bool, slots: Any, slot: Any) -> Any:
    """Return the instant of a slot's value, ODD for what is to be read elsewhere."""
    if slots[slot, PER_SECOND]:
        return of_epoch(data, start, end, slots[slot, PER_SECOND])
    if slots[slot, KIND] == ODD_TIME or not written:
        return ODD
    return instant(data, start, end)


@compiled
def _is_text(data: Any, start: int, end: int, written: bool) -> Any:
    """Whether it is a text that is not too long, or a whole number as JSON writes it."""
    if written:
        return end - start <= _LONGEST_TEXT
    if data[U(start)] == MINUS and data[U(start + 1)] == ZERO:
        return False
    for place in range(start, end):
        if data[U(place)] == POINT:
            return False
    return True


@inlined
def _note(data: Any, start: int, end: int, slots: Any, slot: Any, found: Any, place: int) -> None:
    """Add a value's hashes to the shape and to the stamp."""
    if slots[slot, SHAPES]:
        seed, other = U(slots[slot, SEED]), U(slots[slot, OTHER_SEED])
        first, second = keyed64(data, start, end, seed, other)
        found[place, SHAPE] += np.int64(first)
        found[place, OTHER_SHAPE] += np.int64(second)
    if slots[slot, STAMP] or slots[slot, ALWAYS]:
        hashed = np.int64(_hash(data, start, end))
        found[place, STAMPED] += hashed * slots[slot, STAMP]
        found[place, ALWAYS_STAMPED] += hashed * slots[slot, ALWAYS]


@compiled
def _hash(data: Any, start: int, end: int) -> Any:
    """Return stamps.hash_of of a text."""
    total = U(0)
    while end - start > PIECE:
        total = (total + hash64(data, start, start + PIECE)) * _NEXT_PIECE
        start += PIECE
    return total + hash64(data, start, end)


@inlined
def _number(data: Any, start: int, end: int) -> Any:
    """Return mantissa and places of a plainly written number, and where its plain text ends.

    Places are ABSENT if it is none, or has very many digits. A plain text has no zeros at the end
    of its fraction; of zero it is "0" alone.
    """
    negative = start < end and data[U(start)] == MINUS
    first = start + 1 if negative else start
    mantissa, digits, point = 0, 0, NO
    for place in range(first, end):
        byte = data[U(place)]
        if byte == POINT and point == NO and place > first:
            point = place
        elif 0x30 <= byte <= 0x39:
            mantissa = mantissa * 10 + (byte - 0x30)
            digits += 1
            if digits > _MOST_DIGITS:
                return 0, ABSENT, end
        else:
            return 0, ABSENT, end
    if (
        digits == 0
        or point == end - 1
        or (data[U(first)] == ZERO and digits > 1 and point != first + 1)
    ):
        return 0, ABSENT, end
    if mantissa == 0:
        # Of "-0" and "0.00" nothing but one zero is hashed.
        return (0, ABSENT, end) if negative else (0, 0, first + 1)
    places = 0 if point == NO else end - 1 - point
    while places > 0 and mantissa % 10 == 0:
        mantissa //= 10
        places -= 1
        end -= 1
    if places == 0 and point != NO:
        end = point
    if places > _MOST_PLACES:
        return 0, ABSENT, end
    return (-mantissa if negative else mantissa), places, end
