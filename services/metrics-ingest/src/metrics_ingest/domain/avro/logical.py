"""Logical types as JSON: exact texts, which the mapping language reads on (specification 1.12).

A logical type that is unknown or does not go with its type is none, as the specification says.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from metrics_ingest.domain.avro.binary import Misfit

MOST_DECIMAL_BYTES = 64
MOST_SCALE = 1000

Convert = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(1970, 1, 1).toordinal()
_DAY_SECONDS = 86_400


def in_base64(value: bytes) -> str:
    """Return the text of bytes that nothing else is said of."""
    return base64.b64encode(value).decode()


def conversion(schema: Mapping[str, Any]) -> Convert | None:
    """Return what makes JSON of the schema's values, None where they are JSON as they are."""
    kind, logical = schema["type"], schema.get("logicalType")
    if logical == "decimal" and kind in ("bytes", "fixed"):
        scale = schema.get("scale", 0)
        if type(scale) is int and 0 <= scale <= MOST_SCALE:
            return partial(_decimal, scale)
    if logical == "uuid" and kind == "fixed" and schema.get("size") == 16:
        return _uuid
    if kind in ("bytes", "fixed"):
        return in_base64
    return _TIMES.get((kind, logical))


def _decimal(scale: int, value: bytes) -> str:
    """Write the unscaled two's complement number with its point, whatever its precision says."""
    if not 0 < len(value) <= MOST_DECIMAL_BYTES:
        raise Misfit(f"a decimal has 1 to {MOST_DECIMAL_BYTES} bytes, this has {len(value)}")
    unscaled = int.from_bytes(value, "big", signed=True)
    digits = str(abs(unscaled)).rjust(scale + 1, "0")
    whole, part = digits[: len(digits) - scale], digits[len(digits) - scale :]
    return ("-" if unscaled < 0 else "") + whole + (f".{part}" if part else "")


def _uuid(value: bytes) -> str:
    return str(UUID(bytes=value))


def _date(days: int) -> str:
    try:
        return date.fromordinal(_FIRST_DAY + days).isoformat()
    except (ValueError, OverflowError):
        raise Misfit("years from 1 to 9999 are taken") from None


def _time(places: int, count: int) -> str:
    seconds, rest = divmod(count, 10**places)
    if not 0 <= seconds < _DAY_SECONDS:
        raise Misfit("a time of day lies within 24 hours")
    return f"{_EPOCH + timedelta(seconds=seconds):%H:%M:%S}.{rest:0{places}}"


def _instant(places: int, zone: str, count: int) -> str:
    seconds, rest = divmod(count, 10**places)
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise Misfit("years from 1 to 9999 are taken") from None
    return f"{moment.replace(tzinfo=None).isoformat()}.{rest:0{places}}{zone}"


_PLACES = {"millis": 3, "micros": 6, "nanos": 9}
_TIMES: dict[tuple[str, Any], Convert] = {
    ("int", "date"): _date,
    ("int", "time-millis"): partial(_time, 3),
    ("long", "time-micros"): partial(_time, 6),
    **{("long", f"timestamp-{unit}"): partial(_instant, n, "Z") for unit, n in _PLACES.items()},
    # Local: in whatever zone the mapping's source has.
    **{
        ("long", f"local-timestamp-{unit}"): partial(_instant, n, "") for unit, n in _PLACES.items()
    },
}
