"""Avro's binary encoding, read strictly (specification 1.12, "Binary Encoding").

What a right writer never writes is refused instead of read as something else: a branch or a symbol
below zero, a number of more bits than its type, a length beyond the body.
"""

import math
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy

STEPS_PER_BYTE = 8
SPARE_STEPS = 1000

_FLOAT = struct.Struct("<f").unpack_from
_DOUBLE = struct.Struct("<d").unpack_from


class Misfit(Exception):
    """The body does not fit its schema; ``path`` grows while the reading unwinds, inner first."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.path: list[str] = []

    @property
    def where(self) -> str:
        """The JSON path of the value."""
        return "$" + "".join(reversed(self.path))


class Body:
    """A record's bytes and how far they are read.

    Values can take no bytes at all (null, records without fields), so a few bytes could stand for
    any number of them: the steps are bounded by the length.
    """

    __slots__ = ("at", "data", "steps")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.steps = STEPS_PER_BYTE * len(data) + SPARE_STEPS

    def step(self) -> None:
        """Count a value; raises Misfit where there are too many for so few bytes."""
        self.steps -= 1
        if self.steps < 0:
            raise Misfit("there are more values than the body has bytes for")

    def take(self, size: int) -> bytes:
        """Return the next bytes; raises Misfit."""
        end = self.at + size
        if size < 0 or end > len(self.data):
            raise Misfit(f"{size} bytes are wanted, {len(self.data) - self.at} are left")
        start, self.at = self.at, end
        return self.data[start:end]


Read = Callable[[Body], Any]


def read_long(body: Body) -> int:
    """Read 64 bits: zig-zag, seven bits a byte, the lowest first."""
    data, at, shift, bits = body.data, body.at, 0, 0
    while True:
        if at >= len(data):
            raise Misfit("the body ends inside of a number")
        byte = data[at]
        at += 1
        bits |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise Misfit("a number has more than 64 bits")
    if bits >> 64:
        raise Misfit("a number has more than 64 bits")
    body.at = at
    return (bits >> 1) ^ -(bits & 1)


def read_int(body: Body) -> int:
    """Read 32 bits, written as 64 are."""
    number = read_long(body)
    if not -(2**31) <= number < 2**31:
        raise Misfit("a number has more than 32 bits")
    return number


def read_null(body: Body) -> None:
    """Read nothing."""


def read_boolean(body: Body) -> bool:
    """Read a byte, 0 or 1."""
    byte = body.take(1)[0]
    if byte > 1:
        raise Misfit("a boolean is neither 0 nor 1")
    return byte == 1


def read_float(body: Body) -> float:
    """Read 32 bits as the number that their shortest text writes: 0.1, not 0.10000000149."""
    return _finite(float(str(numpy.float32(_FLOAT(body.take(4))[0]))))


def read_double(body: Body) -> float:
    """Read 64 bits."""
    return _finite(_DOUBLE(body.take(8))[0])


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise Misfit("NaN and infinity are no numbers")
    return number


def read_bytes(body: Body) -> bytes:
    """Read bytes behind their length."""
    return body.take(read_long(body))


def read_string(body: Body) -> str:
    """Read UTF-8 behind its length."""
    try:
        return read_bytes(body).decode()
    except UnicodeDecodeError:
        raise Misfit("a text is not valid UTF-8") from None


def fixed_of(size: int) -> Read:
    """Return what reads so many bytes."""
    return lambda body: body.take(size)


def enum_of(symbols: list[str]) -> Read:
    """Return what reads one of the symbols."""
    return lambda body: symbols[_index(body, len(symbols), "symbols")]


def union_of(branches: list[Read]) -> Read:
    """Return what reads one of the branches: the value, without the branch's name."""
    return lambda body: branches[_index(body, len(branches), "branches")](body)


def _index(body: Body, count: int, what: str) -> int:
    index = read_int(body)
    if not 0 <= index < count:
        raise Misfit(f"there are {count} {what}, this is number {index}")
    return index


def record_of(fields: list[tuple[str, Read]]) -> Read:
    """Return what reads the fields in their order."""

    def read(body: Body) -> dict[str, Any]:
        found: dict[str, Any] = {}
        name = ""
        try:
            for name, value in fields:
                body.step()
                found[name] = value(body)
        except Misfit as misfit:
            misfit.path.append(f".{name}")
            raise
        return found

    return read


def array_of(item: Read) -> Read:
    """Return what reads blocks of items."""

    def read(body: Body) -> list[Any]:
        found: list[Any] = []
        try:
            for _ in _items(body):
                found.append(item(body))
        except Misfit as misfit:
            misfit.path.append(f"[{len(found)}]")
            raise
        return found

    return read


def map_of(value: Read) -> Read:
    """Return what reads blocks of keys and values."""

    def read(body: Body) -> dict[str, Any]:
        found: dict[str, Any] = {}
        key = ""
        try:
            for _ in _items(body):
                key = read_string(body)
                if key in found:
                    raise Misfit("a key stands twice in a map")
                found[key] = value(body)
        except Misfit as misfit:
            misfit.path.append(f".{key}")
            raise
        return found

    return read


def _items(body: Body) -> Iterator[None]:
    """Stop at every item of the blocks that follow; the caller reads it before it goes on."""
    while count := _block(body):
        for _ in range(count):
            body.step()
            yield


def _block(body: Body) -> int:
    """Read how many items follow; behind a count below zero stands the block's size in bytes."""
    count = read_long(body)
    if count < 0:
        read_long(body)
    return abs(count)
