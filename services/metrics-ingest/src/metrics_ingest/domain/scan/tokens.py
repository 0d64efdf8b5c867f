"""JSON, checked byte by byte: where a text, a number or any value ends.

Each function takes the position at which something begins and returns the one behind it, or NO: it
is no JSON, or something so odd (a lone half of a character's pair, a number of hundreds of digits,
very deep nesting) that the general reading shall decide. Nothing is taken that it would refuse.
"""

from typing import Any

import numpy as np

from metrics_ingest.domain.scan.machine import WIDE, specials, zeros_below
from service_kit.compiled import compiled, inlined

NO = -1
QUOTE, BACKSLASH, COMMA, COLON = 0x22, 0x5C, 0x2C, 0x3A
OPEN, CLOSE, OPEN_LIST, CLOSE_LIST = 0x7B, 0x7D, 0x5B, 0x5D
MINUS, POINT, ZERO, NINE = 0x2D, 0x2E, 0x30, 0x39
NULL, TRUE, FALSE = 0x6E, 0x74, 0x66

U = np.uint64

_SPACE, _TAB, _LINE, _RETURN = 0x20, 0x09, 0x0A, 0x0D
_DEEPEST = 60
_LONGEST_NUMBER = 60
_LONGEST_EXPONENT = 6  # of eighteen digits and more no decimal is made

# What stands behind the first letter of null, true and false.
_WORDS = np.zeros((128, 4), np.uint8)
_WORDS[NULL, :3] = list(b"ull")
_WORDS[TRUE, :3] = list(b"rue")
_WORDS[FALSE] = list(b"alse")
_WORD_SIZES = np.zeros(128, np.int64)
_WORD_SIZES[[NULL, TRUE, FALSE]] = [3, 3, 4]
_ESCAPES = np.zeros(256, np.bool_)
_ESCAPES[list(b'"\\/bfnrt')] = True
# 0: an ordinary byte of a text; anything else needs a look.
_SPECIAL = np.zeros(256, np.bool_)
_SPECIAL[:0x20] = _SPECIAL[0x80:] = _SPECIAL[[QUOTE, BACKSLASH]] = True


@inlined
def space_end(data: Any, at: int, end: int) -> Any:
    """Return where the next thing begins; ``end`` if nothing comes any more."""
    while at < end:
        byte = data[U(at)]
        if byte > _SPACE or not (
            byte == _SPACE or byte == _LINE or byte == _TAB or byte == _RETURN
        ):
            return at
        at += 1
    return at


@inlined
def text_end(data: Any, at: int, end: int) -> Any:
    """Return the position behind a text's last quote, and whether it is plain: without escapes.

    ``at`` is the position behind its first quote.
    """
    plain = True
    while at < end:
        if at + WIDE <= len(data):
            found = specials(data, U(at))
            if found == 0:
                at += WIDE
                continue
            at += int(zeros_below(found))
            if at >= end:
                break
        byte = data[U(at)]
        if byte == QUOTE:
            return at + 1, plain
        if not _SPECIAL[byte]:
            at += 1
        elif byte == BACKSLASH:
            plain = False
            at = _escape_end(data, at + 1, end)
        else:
            at = _wide_end(data, at, end)
        if at == NO:
            break
    return NO, plain


@compiled
def _escape_end(data: Any, at: int, end: int) -> Any:
    if at >= end:
        return NO
    if _ESCAPES[data[U(at)]]:
        return at + 1
    if data[U(at)] != 0x75 or at + 5 > end:
        return NO
    code = 0
    for place in range(at + 1, at + 5):
        digit = _hex(data[U(place)])
        if digit == NO:
            return NO
        code = code * 16 + digit
    # Halves of pairs are rare, and whether they match is not decided here.
    return NO if 0xD800 <= code <= 0xDFFF else at + 5


@compiled
def _hex(byte: int) -> Any:
    if ZERO <= byte <= NINE:
        return byte - ZERO
    low = byte | 0x20
    return low - 0x57 if 0x61 <= low <= 0x66 else NO


@compiled
def _wide_end(data: Any, at: int, end: int) -> Any:
    """Return the position behind one character of several bytes of UTF-8 (RFC 3629, table 4)."""
    first = data[U(at)]
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if first < 0xC2 or first > 0xF4 or at + size > end:
        return NO
    low, high = 0x80, 0xBF
    if first == 0xE0:
        low = 0xA0
    elif first == 0xED:
        high = 0x9F
    elif first == 0xF0:
        low = 0x90
    elif first == 0xF4:
        high = 0x8F
    if data[U(at + 1)] < low or data[U(at + 1)] > high:
        return NO
    for place in range(at + 2, at + size):
        if data[U(place)] & 0xC0 != 0x80:
            return NO
    return at + size


@compiled
def number_end(data: Any, at: int, end: int) -> Any:
    """Return the position behind a number, and whether it is plain: without exponent."""
    start = at
    if at < end and data[U(at)] == MINUS:
        at += 1
    first = at
    at = digits_end(data, at, end)
    if at == first or (data[U(first)] == ZERO and at > first + 1):
        return NO, False
    if at < end and data[U(at)] == POINT:
        first = at + 1
        at = digits_end(data, first, end)
        if at == first:
            return NO, False
    plain = True
    if at < end and data[U(at)] | 0x20 == 0x65:
        plain = False
        at += 1
        if at < end and (data[U(at)] == MINUS or data[U(at)] == 0x2B):
            at += 1
        first = at
        at = digits_end(data, first, end)
        if at == first or at - first > _LONGEST_EXPONENT:
            return NO, False
    return (at if at - start <= _LONGEST_NUMBER else NO), plain


@compiled
def digits_end(data: Any, at: int, end: int) -> Any:
    """Return the position behind some digits, or none."""
    while at < end and ZERO <= data[U(at)] <= NINE:
        at += 1
    return at


@compiled
def word_end(data: Any, at: int, end: int) -> Any:
    """Return the position behind null, true or false."""
    first = data[U(at)]
    size = _WORD_SIZES[first] if first < 128 else 0
    if size == 0 or at + 1 + size > end:
        return NO
    for place in range(size):
        if data[U(at + 1 + place)] != _WORDS[first, place]:
            return NO
    return at + 1 + size


@compiled
def value_end(data: Any, at: int, end: int) -> Any:
    """Return the position behind any value; ``at`` is where it begins."""
    depth = 0
    objects = 0  # a bit for each level: whether it is an object
    while at < end:
        # A value begins here.
        byte = data[U(at)]
        if byte == OPEN or byte == OPEN_LIST:
            depth += 1
            if depth > _DEEPEST:
                return NO
            objects = objects << 1 | (byte == OPEN)
            at = space_end(data, at + 1, end)
            if at >= end:
                return NO
            if data[U(at)] == (CLOSE if byte == OPEN else CLOSE_LIST):
                at += 1
                depth -= 1
                objects >>= 1
            else:
                if byte == OPEN:
                    at = name_end(data, at, end)
                    if at == NO:
                        return NO
                continue
        else:
            at = _scalar_end(data, at, end)
            if at == NO:
                return NO
        # It has ended: another one, or the end of what holds it.
        while depth:
            at = space_end(data, at, end)
            if at >= end:
                return NO
            byte = data[U(at)]
            at += 1
            if byte == COMMA:
                at = space_end(data, at, end)
                if objects & 1:
                    at = name_end(data, at, end)
                    if at == NO:
                        return NO
                break
            if byte != (CLOSE if objects & 1 else CLOSE_LIST):
                return NO
            depth -= 1
            objects >>= 1
        else:
            return at
    return NO


@compiled
def _scalar_end(data: Any, at: int, end: int) -> Any:
    byte = data[U(at)]
    if byte == QUOTE:
        return text_end(data, at + 1, end)[0]
    if byte == MINUS or ZERO <= byte <= NINE:
        return number_end(data, at, end)[0]
    return word_end(data, at, end)


@compiled
def name_end(data: Any, at: int, end: int) -> Any:
    """Return where the value of a member begins; ``at`` is where its name does."""
    if at >= end or data[U(at)] != QUOTE:
        return NO
    at = text_end(data, at + 1, end)[0]
    return NO if at == NO else colon_end(data, at, end)


@inlined
def colon_end(data: Any, at: int, end: int) -> Any:
    """Return where the value begins behind a name and its colon."""
    at = space_end(data, at, end)
    if at >= end or data[U(at)] != COLON:
        return NO
    return space_end(data, at + 1, end)
