"""One value of a record, at a mapped path: read into its columns, and into shape and stamp."""

from typing import Any

import numpy as np

from metrics_ingest.domain.scan.found import (
    ABSENT,
    ALWAYS_STAMPED,
    AMOUNTS,
    AT_MS,
    GOOD,
    OTHER_SHAPE,
    RECEIVED_MS,
    SHAPE,
    STAMPED,
    TIME_END,
    TIME_START,
)
from metrics_ingest.domain.scan.hashes import hash64, keyed64, same
from metrics_ingest.domain.scan.instants import ODD, instant, of_epoch
from metrics_ingest.domain.scan.layout import (
    ALWAYS,
    AMOUNT,
    ANYTHING,
    DECIMAL,
    EXACTLY,
    KIND,
    MOMENT,
    NOTHING,
    ODD_TIME,
    OTHER_SEED,
    PER_SECOND,
    RECEIVED,
    SEED,
    SHAPES,
    STAMP,
    TEXT,
    TEXT_END,
    TEXT_START,
    TIME,
)
from metrics_ingest.domain.scan.tokens import (
    MINUS,
    NO,
    NULL,
    POINT,
    QUOTE,
    ZERO,
    number_end,
    text_end,
    value_end,
    word_end,
)
from metrics_ingest.domain.scan.written import decimal_written
from metrics_ingest.domain.seen.stamps import NEXT_PIECE, PIECE
from service_kit.compiled import compiled, inlined

U = np.uint64
_LONGEST_TEXT = 1024
_MOST_DIGITS = 15
_MOST_PLACES = 12
_NEXT_PIECE = U(NEXT_PIECE)


@inlined
def take(
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


@compiled
def work_on(found: Any, numbers: Any, text: Any) -> None:
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
