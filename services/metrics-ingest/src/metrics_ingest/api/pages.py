"""Tokens of lists in the order of time, and instants in a query."""

import base64
import binascii
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.values import instant_of
from service_kit.errors import UserError

Place = tuple[int, str]
_EVER = 2**62


def token_of(at_ms: int, identity: str) -> str:
    """Return the token that goes on behind this item."""
    return base64.urlsafe_b64encode(msgspec.json.encode((at_ms, identity))).decode()


def place_of(token: str | None) -> Place | None:
    """Read a token; raises UserError on one that is not ours."""
    if token is None:
        return None
    try:
        text = base64.urlsafe_b64decode(token.encode())
        place: Place = msgspec.json.decode(text, type=tuple[int, str])
        if not -_EVER <= place[0] <= _EVER:
            raise ValueError("nothing has such a place")
        return place
    except (binascii.Error, ValueError):
        raise UserError(
            "bad-token",
            "query.after",
            "use the token of `next`, unchanged",
            "请原样使用 next 返回的令牌",
        ) from None


def span_of(begin: str | None, to: str | None, zone: ZoneInfo) -> tuple[int, int]:
    """Return the span of a query in epoch milliseconds, ``to`` included; raises UserError."""
    return _instant(begin, "query.from", zone, -_EVER), _instant(to, "query.to", zone, _EVER, True)


def _instant(text: str | None, where: str, zone: ZoneInfo, default: int, end: bool = False) -> int:
    """Return a day of the zone, or an instant, as epoch milliseconds; raises UserError.

    As the ``end`` of a span a day is included and an instant is not.
    """
    if text is None:
        return default
    try:
        if len(text) == len("2026-11-03"):
            day = date.fromisoformat(text) + timedelta(days=int(end))
            return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000
        return instant_of(text, where, zone)
    except (ValueError, OverflowError, Unfit):
        raise UserError(
            "invalid-value",
            where,
            "a day such as 2026-11-03 or an instant such as 2026-11-03T02:18:45Z is needed",
            "需要日期（如 2026-11-03）或时间（如 2026-11-03T02:18:45Z）",
        ) from None
