"""Numbers, shares and instants as people read them; nothing is rounded to the better side."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

DAYS: Mapping[str, tuple[str, ...]] = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TENTH = Decimal("0.1")
_MOST_PLACES = Decimal("0.0001")
_CENT = Decimal("0.01")


def number(value: Decimal | None) -> str:
    """Return an amount with groups of three digits: two places from 1 on, four below.

    Zeros at the end of the places are left out. None is a dash.
    """
    if value is None:
        return "–"
    step = _CENT if abs(value) >= 1 else _MOST_PLACES
    shown = f"{value.quantize(step, ROUND_HALF_UP):,f}"
    return shown.rstrip("0").rstrip(".")


def percent(ratio: Decimal | None) -> str:
    """Return a ratio in percent, cut to one place: 0.6999 is 69.9 %, and never 70 %."""
    if ratio is None:
        return "–"
    cut = f"{(ratio * 100).quantize(_TENTH, ROUND_FLOOR):,f}"
    return f"{cut.removesuffix('.0')} %"


def day(value: date, language: str, *, weekday: bool = False) -> str:
    """Return a day: 25 Nov 2026, or 2026年11月25日."""
    name = DAYS[language][value.weekday()]
    if language == "zh":
        text = f"{value.year}年{value.month}月{value.day}日"
        return f"{text} {name}" if weekday else text
    text = f"{value.day} {MONTHS[value.month - 1]} {value.year}"
    return f"{name} {text}" if weekday else text


def instant(at: datetime | int | None, zone: str, language: str) -> str:
    """Return an instant, or epoch milliseconds, in the zone and with its name; None is a dash."""
    if at is None or (isinstance(at, int) and at < 0):
        return "–"
    moment = datetime.fromtimestamp(at / 1000, UTC) if isinstance(at, int) else at
    local = moment.astimezone(ZoneInfo(zone))
    return f"{day(local.date(), language)} {local:%H:%M:%S} {zone}"
