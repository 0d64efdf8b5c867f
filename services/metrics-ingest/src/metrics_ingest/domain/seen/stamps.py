"""What tells one content of an event from another: 64 bits over what was mapped.

The stamp is a sum over the parts of the content, each a hash times the weight of its name, so that
a compiled loop (scan.events) stamps events as it meets their parts, in any order, with the same
result. A text is hashed by xxh3, a number as its plain text, which is the same for equal numbers
however they are written (10.5 and 10.50).
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

import xxhash

from event_contracts.wire import plain
from metrics_ingest.domain.values import Value

MASK = 2**64 - 1
TYPE = "type"
TIME = "time"
SUBJECT = "subject"
VERSION_SHIFT = 56
PIECE = 128
NEXT_PIECE = 0x9E3779B97F4A7C15


@lru_cache(10_000)
def weight(part: str, name: str = "") -> int:
    """Return the odd number by which the hash of a part of the content is multiplied."""
    return xxhash.xxh3_64_intdigest(f"{part}|{name}".encode()) | 1


def field_weight(name: str) -> int:
    """Return the weight of a mapped field."""
    return weight("field", name)


def hash_of(value: Value) -> int:
    """Return 64 bits of a value, piece by piece: compiled loops hash no long texts in one go."""
    text = value if isinstance(value, str) else plain_text(value)
    written = text.encode("utf-8", "surrogatepass")
    total = 0
    while len(written) > PIECE:
        total = (total + xxhash.xxh3_64_intdigest(written[:PIECE])) * NEXT_PIECE & MASK
        written = written[PIECE:]
    return total + xxhash.xxh3_64_intdigest(written) & MASK


def plain_text(number: Decimal | int) -> str:
    """Return a number as it is hashed: without exponent, trailing zeros and sign of zero."""
    return plain(Decimal(number)) if number else "0"


def stamp_of(
    kind: str, at_ms: int, subject: str | None, fields: Mapping[str, Value], version: int
) -> int:
    """Return 8 bits of the definitions' version and 56 of the content."""
    total = hash_of(kind) * weight(TYPE) + at_ms * weight(TIME)
    if subject is not None:
        total += hash_of(subject) * weight(SUBJECT)
    for name, value in fields.items():
        total += hash_of(value) * field_weight(name)
    return (version & 0xFF) << VERSION_SHIFT | (total & MASK) >> 8


def conflicts(first: int, second: int) -> bool:
    """Whether two stamps of one id are of different content.

    Stamps made with different versions of the definitions cannot be compared: no conflict.
    """
    return first >> VERSION_SHIFT == second >> VERSION_SHIFT and first != second
