"""How every message stands on the wire: JSON, one frozen struct per event and version.

Readers are tolerant: unknown fields are ignored, new fields have defaults. The field ``type``
names event and version; amounts are decimals written as text, so no figure passes through a float.
"""

from collections.abc import Callable
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec
import xxhash


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Base of every message; a subclass sets ``tag`` to ``<name>.v<version>``.

    msgspec does not inherit ``kw_only``, and type checkers want ``frozen`` said again.
    """


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the structures inside a message."""


_encoder = msgspec.json.Encoder(decimal_format="string")


def encode(event: Event) -> bytes:
    """Return the event as UTF-8 JSON; maps keep the order in which they were built.

    A field that was never set is left out; one that was read as its own default may be written
    out. Both mean the same to a reader, so a default must not change within a version.
    """
    return _encoder.encode(event)


def decoder_of(union: Any) -> Callable[[bytes], Any]:
    """Return a function that reads one message of the union.

    Raises ``msgspec.ValidationError`` (a known type with wrong fields, or an unknown type) or
    ``msgspec.DecodeError`` (no JSON).
    """
    return msgspec.json.Decoder(union).decode


def type_of(event: type[Event]) -> str:
    """Return what stands in the field ``type`` of the event's messages: ``<name>.v<version>``."""
    tag = event.__struct_config__.tag
    if not isinstance(tag, str):
        raise TypeError(f"{event.__name__} sets no tag")
    return tag


def key_of(*parts: str) -> str:
    """Join the parts of a key; ``%`` and ``|`` inside a part are escaped: keys stay apart."""
    return "|".join([part.replace("%", "%25").replace("|", "%7C") for part in parts])


def parts_of(key: bytes) -> list[str]:
    """Return the parts that were joined to a key; of other bytes, anything."""
    parts = key.decode("utf-8", "replace").split("|")
    return [part.replace("%7C", "|").replace("%25", "%") for part in parts]


def hash16(*parts: str) -> bytes:
    """Return the 16-byte xxh3 hash of the key of the parts: fast, not for secrets."""
    return xxhash.xxh3_128_digest(key_of(*parts).encode())


def partition_of(count: int, *parts: str) -> int:
    """Return the partition (0 <= p < count) that the key of the parts belongs to."""
    return partition_of_key(count, key_of(*parts).encode())


def partition_of_key(count: int, key: bytes) -> int:
    """Return the partition of a key that is made already (:func:`key_of`, encoded)."""
    return int.from_bytes(xxhash.xxh3_128_digest(key)[:8], "big") % count


def deed_id(*parts: str) -> str:
    """Return the id of a deed from what makes it one: the same deed has the same id for ever."""
    return blake2b(key_of(*parts).encode(), digest_size=16).hexdigest()


def plain(value: Decimal) -> str:
    """Write a decimal without exponent and trailing zeros: ``Decimal("1E+3")`` is ``1000``."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
