"""A stamp tells one content of an event from another under the same id."""

from decimal import Decimal

import xxhash

from metrics_ingest.domain.mapping.reader import Mapped
from metrics_ingest.domain.values import EXACT


def content_stamp(event: Mapped, version: int) -> int:
    """Return 64 bits that tell one content from another: 8 of the definitions' version, 56 of hash.

    The hash is of what was mapped, not of the bytes: the same event through another door, or
    written with other blanks, has the same content.
    """
    fields = [str(EXACT.normalize(v)) if type(v) is Decimal else v for v in event.fields.values()]
    content = repr((event.type, event.at_ms, event.subject, tuple(event.fields), fields))
    return (version & 0xFF) << 56 | xxhash.xxh3_64_intdigest(content.encode()) >> 8


def conflicts(first: int, second: int) -> bool:
    """Whether two stamps of one id are of different content.

    Stamps made with different versions of the definitions cannot be compared: no conflict.
    """
    return first >> 56 == second >> 56 and first != second
