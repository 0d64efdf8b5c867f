"""Values as the store keeps them: copied in and out, checked as BSON checks them, and ordered."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.errors import InvalidDocument
from bson.objectid import ObjectId

_INT64 = 1 << 63


def stored(value: Any) -> Any:
    """Return a deep copy as the store keeps it.

    Raises InvalidDocument for what BSON cannot hold, OverflowError beyond int64, decimal.Inexact
    beyond 34 digits, and ValueError for NaN and infinities: the fake is stricter there on purpose.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool or kind is bytes or kind is Binary:
        return value
    if kind is int:
        return _whole(value)
    if kind is list or kind is tuple:
        return [stored(item) for item in value]
    if isinstance(value, Mapping):
        return {_name(key): stored(item) for key, item in value.items()}
    return _rare(value)


def _whole(value: int) -> int:
    if not -_INT64 <= value < _INT64:
        raise OverflowError("MongoDB can only handle up to 8-byte ints")
    return value


def _name(key: Any) -> str:
    if not isinstance(key, str):
        raise InvalidDocument(f"documents must have only string keys, key was {key!r}")
    if "\0" in key:
        raise InvalidDocument(f"Key names must not contain the NULL byte: {key!r}")
    return key


def _rare(value: Any) -> Any:
    match value:
        case Decimal() if value.is_finite():
            return Decimal128(value).to_decimal()
        case float() if math.isfinite(value):
            return value
        case Decimal() | float():
            raise ValueError(f"{value!r} would poison every sum: it is not stored")
        case Decimal128():
            return stored(value.to_decimal())
        case datetime():
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return aware.replace(microsecond=aware.microsecond // 1000 * 1000).astimezone(UTC)
        case bytes() | ObjectId():
            return value
        case str():
            return str(value)
        case int():
            return _whole(int(value))
    raise InvalidDocument(f"cannot encode object: {value!r}, of type: {type(value)}")


def copied(value: Any) -> Any:
    """Return a deep copy of a stored value."""
    kind = type(value)
    if kind is dict:
        return {key: copied(item) for key, item in value.items()}
    if kind is list:
        return [copied(item) for item in value]
    return value


def rank(value: Any) -> int:
    """Return the place of the value's type in BSON's order of types."""
    match value:
        case None:
            return 1
        case bool():
            return 8
        case int() | float() | Decimal():
            return 2
        case str():
            return 3
        case dict():
            return 4
        case list():
            return 5
        case bytes():
            return 6
        case ObjectId():
            return 7
    return 9


def order(value: Any) -> tuple[Any, ...]:
    """Return a key that sorts values of any types as the store does; equal keys, equal values."""
    place = rank(value)
    if place == 4:
        return place, tuple((rank(item), name, order(item)) for name, item in value.items())
    if place == 5:
        return place, tuple(order(item) for item in value)
    if place == 6:
        return place, len(value), getattr(value, "subtype", 0), bytes(value)
    return place, 0 if value is None else value


def equal(left: Any, right: Any) -> bool:
    """Whether two values are the same to the store: 1 is 1.0 and not True."""
    if type(left) is str or type(right) is str:
        return bool(left == right)
    return order(left) == order(right)
