"""Calendars by name: China's holidays with make-up days, every day, and what is not known."""

from datetime import date

import pytest

from goal_service.adapters.holidays import holidays_of
from goal_service.domain.calendar import working_days
from goal_service.domain.calendars import CalendarWish, HolidayYear, resolve
from service_kit.errors import UserError

MAY = (date(2026, 5, 1), date(2026, 5, 31))


def days(wish: CalendarWish) -> list[int]:
    calendar, _ = resolve(wish, *MAY, holidays_of)
    return [day.day for day in working_days(calendar, *MAY)]


def test_may_2026_in_china_has_its_holidays_off_and_works_on_saturday_the_ninth() -> None:
    # State Council, 2025: off from 1 to 5 May, work on Saturday 9 May.
    found = days(CalendarWish("working", "CN"))
    assert found[:5] == [6, 7, 8, 9, 11]
    assert len(found) == 19


def test_only_days_of_the_period_stand_in_the_resolved_calendar() -> None:
    calendar, remarks = resolve(CalendarWish("working", "CN"), *MAY, holidays_of)
    assert calendar.off == (date(2026, 5, 1), date(2026, 5, 4), date(2026, 5, 5))
    assert calendar.on == (date(2026, 5, 9),)
    assert remarks == ()


def test_ones_own_days_stand_over_the_countrys() -> None:
    wish = CalendarWish("working", "CN", off=(date(2026, 5, 9),), on=(date(2026, 5, 4),))
    assert days(wish)[:5] == [4, 6, 7, 8, 11]


def test_without_a_country_working_is_monday_to_friday_and_all_is_every_day() -> None:
    assert days(CalendarWish("working"))[:3] == [1, 4, 5]
    assert days(CalendarWish("all")) == list(range(1, 32))
    assert days(CalendarWish("all", off=(date(2026, 5, 1),))) == list(range(2, 32))
    assert days(CalendarWish(weekdays=(6,))) == [2, 9, 16, 23, 30]


@pytest.mark.parametrize(
    ("country", "year", "complete"),
    [
        ("CN", 2026, True),
        ("CN", 2090, False),  # make-up days are announced in the autumn before
        ("CN", 1949, False),
        ("GB", 2027, True),
        ("GB", 2101, False),
    ],
)
def test_a_year_is_complete_when_its_exchanged_days_are_announced(
    country: str, year: int, complete: bool
) -> None:
    found = holidays_of(country, year)
    assert found is not None
    assert found.complete == complete


def test_each_year_that_is_not_fully_known_is_remarked_in_both_languages() -> None:
    period = (date(2089, 12, 1), date(2090, 1, 31))
    _, remarks = resolve(CalendarWish("working", "CN"), *period, holidays_of)
    assert [remark.code for remark in remarks] == ["calendar-year-unknown"] * 2
    assert ["2089" in remarks[0].en, "2090" in remarks[1].zh] == [True, True]


def test_a_make_up_day_wins_over_a_holiday_of_the_same_source() -> None:
    day = date(2026, 5, 6)

    def odd(country: str, year: int) -> HolidayYear:
        return HolidayYear(frozenset([day]), frozenset([day]), complete=True)

    calendar, _ = resolve(CalendarWish("working", "XX"), *MAY, odd)
    assert (calendar.off, calendar.on) == ((), (day,))


@pytest.mark.parametrize(
    ("wish", "code", "where"),
    [
        (CalendarWish("lunar"), "calendar-kind-unknown", "calendar.kind"),
        (CalendarWish("own", "CN"), "calendar-unclear", "calendar.country"),
        (CalendarWish("all", weekdays=(1,)), "calendar-unclear", "calendar.weekdays"),
        (CalendarWish("working", "Mars"), "country-unknown", "calendar.country"),
        (CalendarWish(weekdays=(8,)), "weekday-unknown", "calendar.weekdays"),
    ],
)
def test_a_calendar_that_cannot_be_resolved_is_refused(
    wish: CalendarWish, code: str, where: str
) -> None:
    with pytest.raises(UserError) as caught:
        resolve(wish, *MAY, holidays_of)
    assert (caught.value.code, caught.value.where) == (code, where)
