"""Values out of JSON, exact: decimals, integers, texts and instants. Nothing passes a float."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from zoneinfo import ZoneInfo

from metrics_ingest.domain.causes import BAD_TIME, OUT_OF_RANGE, WRONG_KIND, Unfit, sort_of
from metrics_ingest.domain.definitions import Kind

Value = Decimal | str | int


class Received(int):
    """When an event arrived, epoch milliseconds: it needs no format."""


# A value has at most 30 digits; a sum gets twice as many, and an error instead of rounding.
EXACT = Context(prec=60, traps=[Inexact])

# 18 digits before and 12 after the point leave a sum of ten thousand times the largest value
# within the 34 digits of Decimal128.
_LIMIT = Decimal(10) ** 18
_PLACES = -12
_INT64 = 2**63
_TEXT_LIMIT = 1024
_ZERO = Decimal(0)
_NAN = Decimal("NaN")
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?"
    r"([Zz]|[+-][0-9]{2}:?[0-9]{2})?",
    re.ASCII,
)


def exact(text: str) -> Decimal:
    """Return a JSON number as it stands; raises ValueError for one that no Decimal holds.

    For decoders: these make their own error of a ValueError alone.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = _NAN
    if not number.is_finite():  # where EXACT holds, no error is raised but this
        raise ValueError("a number has an exponent beyond all bounds")
    return number


def decimal_of(value: object, where: str) -> Decimal:
    """Return a number, or a text that writes one plainly, as the exact Decimal."""
    if type(value) is Decimal:
        number = value
    elif type(value) is int or (type(value) is str and _NUMBER.fullmatch(value)):
        number = Decimal(value)
    else:
        raise Unfit(WRONG_KIND, where, f"a number is wanted, this is a {sort_of(value)}")
    return bounded(number, where)


def bounded(number: Decimal, where: str) -> Decimal:
    """Return a number that sums can hold; raises Unfit."""
    if not number:
        return _ZERO
    if not -_LIMIT < number < _LIMIT:
        raise Unfit(OUT_OF_RANGE, where, "at most 18 digits before the point")
    if int(number.as_tuple().exponent) < _PLACES:
        number = EXACT.normalize(number)
        if int(number.as_tuple().exponent) < _PLACES:
            raise Unfit(OUT_OF_RANGE, where, "at most 12 digits after the point")
    return number


def integer_of(value: object, where: str) -> int:
    """Return a whole number; 1.0 is one."""
    number = decimal_of(value, where)
    whole = int(number)
    if number != whole:
        raise Unfit(WRONG_KIND, where, "a whole number is wanted, this has a fraction")
    if not -_INT64 <= whole < _INT64:
        raise Unfit(OUT_OF_RANGE, where, "at most 64 bits")
    return whole


def text_of(value: object, where: str) -> str:
    """Return a text; whole numbers and booleans as JSON writes them."""
    if type(value) is str:
        text = value
    elif type(value) is bool:
        text = "true" if value else "false"
    elif type(value) is int or type(value) is Received:
        text = str(value)
    else:
        raise Unfit(WRONG_KIND, where, f"a text is wanted, this is a {sort_of(value)}")
    if len(text) > _TEXT_LIMIT:
        raise Unfit(OUT_OF_RANGE, where, f"at most {_TEXT_LIMIT} characters")
    return text


def instant_of(value: object, where: str, zone: ZoneInfo) -> int:
    """Return the instant of an ISO 8601 date and time as epoch milliseconds.

    A time without a zone is local in ``zone``: the repeated hour of autumn is taken as its first
    pass, an hour skipped in spring with the offset before the change.
    """
    if type(value) is not str or not _INSTANT.fullmatch(value):
        raise Unfit(BAD_TIME, where, "a text like 2026-11-03T02:18:45Z is wanted")
    try:
        moment = datetime.fromisoformat(value.upper())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        # In whole units: a float of seconds rounds to the next second in far years.
        instant = (moment - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        raise Unfit(BAD_TIME, where, "there is no such date and time") from None
    return in_range(instant, where)


def in_range(instant_ms: int, where: str) -> int:
    """Return an instant within the years that are taken; raises Unfit."""
    if not 0 <= instant_ms < _END:
        raise Unfit(BAD_TIME, where, "years from 1970 to 9998 are taken")
    return instant_ms


def _compared(value: object, where: str) -> int:
    """Return the instant that a condition names: epoch milliseconds, or a text, UTC."""
    return in_range(value, where) if type(value) is int else instant_of(value, where, _UTC)


_UTC = ZoneInfo("UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_END = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND

CONVERT: dict[Kind, Callable[[object, str], Value]] = {
    Kind.DECIMAL: decimal_of,
    Kind.INTEGER: integer_of,
    Kind.STRING: text_of,
    Kind.TIME: _compared,
}
