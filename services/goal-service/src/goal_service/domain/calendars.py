"""A calendar as somebody names it, resolved into the days off and on of a goal's period."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, TypeAlias

from event_contracts.goals import Calendar
from goal_service.domain.calendar import check_calendar
from goal_service.domain.remarks import Remark
from service_kit.errors import UserError

KINDS = ("own", "working", "all")
MONDAY_TO_FRIDAY = (1, 2, 3, 4, 5)
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


class HolidayYear(NamedTuple):
    """A country's year: public holidays, make-up working days, and whether it is fully known.

    ``complete`` is False beyond the years of the source, and where the country announces its
    make-up days year by year and has not yet.
    """

    off: frozenset[date] = frozenset()
    on: frozenset[date] = frozenset()
    complete: bool = False


HolidaysOf: TypeAlias = Callable[[str, int], HolidayYear | None]
"""Returns the year (second argument) of a country by its ISO code; None for an unknown country."""


@dataclass(frozen=True, slots=True)
class CalendarWish:
    """``own``: ``weekdays`` less ``off`` plus ``on``; ``working``: Monday to Friday with the
    holidays of ``country``; ``all``: every day.

    ``off`` and ``on`` hold in each kind and stand over what the country says.
    """

    kind: str = "own"
    country: str | None = None
    weekdays: tuple[int, ...] | None = None
    off: tuple[date, ...] = ()
    on: tuple[date, ...] = ()


def resolve(
    wish: CalendarWish, start: date, end: date, holidays: HolidaysOf
) -> tuple[Calendar, tuple[Remark, ...]]:
    """Return the calendar of the period and a remark per year that is not fully known.

    Raises UserError for an unknown kind or country, and for what contradicts itself.
    """
    _check(wish)
    usual = EVERY_DAY if wish.kind == "all" else MONDAY_TO_FRIDAY
    weekdays = usual if wish.weekdays is None else wish.weekdays
    own = Calendar(weekdays=weekdays, off=wish.off, on=wish.on)
    check_calendar(own)
    if wish.country is None:
        return own, ()
    return _with_country(own, wish.country, start, end, holidays)


def overridden(holidays: HolidaysOf, country: str, own: Calendar) -> HolidaysOf:
    """Return the holidays with what an organisation says itself of the country's days over them.

    A year of which it names any day counts as known.
    """
    off, on = frozenset(own.off), frozenset(own.on)
    named = {day.year for day in off | on}

    def years(asked: str, number: int) -> HolidayYear | None:
        year = holidays(asked, number)
        if year is None or asked != country:
            return year
        return HolidayYear(
            off=(year.off - on) | {day for day in off if day.year == number},
            on=(year.on - off) | {day for day in on if day.year == number},
            complete=year.complete or number in named,
        )

    return years


def _with_country(
    own: Calendar, country: str, start: date, end: date, holidays: HolidaysOf
) -> tuple[Calendar, tuple[Remark, ...]]:
    off, on, unknown = set(own.off), set(own.on), []
    for number in range(start.year, end.year + 1):
        year = holidays(country, number)
        if year is None:
            raise _country_unknown(country)
        off |= {day for day in year.off if day.isoweekday() in own.weekdays} - set(own.on)
        on |= year.on - set(own.off)
        if not year.complete:
            unknown.append(number)
    # A make-up day wins over a holiday of the same source: the source names it on purpose.
    off -= on

    def within(days: set[date]) -> tuple[date, ...]:
        return tuple(sorted(day for day in days if start <= day <= end))

    calendar = Calendar(weekdays=own.weekdays, off=within(off), on=within(on))
    return calendar, tuple(_year_unknown(country, number) for number in unknown)


def _check(wish: CalendarWish) -> None:
    if wish.kind not in KINDS:
        raise UserError(
            "calendar-kind-unknown",
            "calendar.kind",
            f"{wish.kind!r} is no kind of calendar; use {', '.join(KINDS)}",
            f"{wish.kind!r} 不是日历类型；请使用 {'、'.join(KINDS)}",
        )
    if wish.country is not None and wish.kind != "working":
        raise UserError(
            "calendar-unclear",
            "calendar.country",
            'a country belongs to a calendar of kind "working"; set it, or leave the country out',
            '国家只用于类型为 "working" 的日历；请设置该类型，或省略国家',
        )
    if wish.kind == "all" and wish.weekdays is not None:
        raise UserError(
            "calendar-unclear",
            "calendar.weekdays",
            'kind "all" means every weekday; leave weekdays out, or use kind "own"',
            '类型 "all" 表示每一天；请省略 weekdays，或使用类型 "own"',
        )


def _country_unknown(country: str) -> UserError:
    return UserError(
        "country-unknown",
        "calendar.country",
        f"{country!r} has no known holidays; use an ISO code like CN, DE or GB, or list the days "
        "in off and on",
        f"没有 {country!r} 的节假日数据；请使用 CN、DE、GB 等 ISO 代码，或在 off 与 on 中列出日期",
    )


def _year_unknown(country: str, year: int) -> Remark:
    return Remark(
        "calendar-year-unknown",
        "calendar",
        f"the holidays and make-up days of {country} in {year} are not fully known; list them in "
        "off and on, or set the calendar again once they are published",
        f"{country} {year} 年的节假日与调休安排尚不完整；"
        "请在 off 与 on 中列出，或在公布后重新设置日历",
    )
