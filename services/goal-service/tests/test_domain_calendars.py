"""Calendars by name: China's holidays with make-up days, every day, and what is not known."""

from datetime import date

import pytest

from event_contracts.goals import Calendar
from goal_service.adapters.holidays import holidays_of, spring_festival
from goal_service.domain.calendar import working_days
from goal_service.domain.calendars import CalendarWish, HolidayYear, overridden, resolve
from goal_service.domain.festivals import align
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


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2024, 10, 12), True),  # a Saturday, made up for
        (date(2024, 10, 13), False),
        (date(2018, 4, 30), False),
        (date(2025, 1, 26), True),  # a Sunday before Spring Festival
        (date(2025, 1, 28), False),
    ],
)
def test_published_working_days_of_china(day: date, works: bool) -> None:
    calendar, remarks = resolve(CalendarWish("working", "CN"), day, day, holidays_of)
    assert (working_days(calendar, day, day) == (day,)) is works
    assert remarks == ()


@pytest.mark.parametrize(
    ("first", "last", "number"),
    [
        (date(2011, 1, 1), date(2011, 1, 31), 21),
        (date(2011, 1, 1), date(2011, 12, 31), 260),
    ],
)
def test_weekdays_are_counted_as_numpys_busday_count_does(
    first: date, last: date, number: int
) -> None:
    calendar, _ = resolve(CalendarWish("working"), first, last, holidays_of)
    assert len(working_days(calendar, first, last)) == number


def test_what_an_organisation_says_of_a_year_stands_over_the_country_and_makes_it_known() -> None:
    own = Calendar(
        off=(date(2090, 2, 3), date(2026, 5, 9)), on=(date(2090, 2, 4), date(2026, 5, 4))
    )
    known = overridden(holidays_of, "CN", own)

    calendar, remarks = resolve(CalendarWish("working", "CN"), *MAY, known)
    assert [d.day for d in working_days(calendar, *MAY)][:5] == [4, 6, 7, 8, 11]
    february = (date(2090, 2, 2), date(2090, 2, 5))
    calendar, remarks = resolve(CalendarWish("working", "CN"), *february, known)
    assert remarks == ()
    assert date(2090, 2, 4) in working_days(calendar, *february)
    assert date(2090, 2, 3) not in working_days(calendar, *february)
    assert known("GB", 2026) == holidays_of("GB", 2026)


def test_spring_festival_is_the_first_day_of_the_lunar_year() -> None:
    # Hong Kong Observatory, Gregorian-Lunar Calendar Conversion Table.
    published = {
        2011: (2, 3), 2012: (1, 23), 2018: (2, 16), 2020: (1, 25), 2023: (1, 22), 2024: (2, 10),
        2025: (1, 29), 2026: (2, 17), 2027: (2, 6), 2030: (2, 3),
    }  # fmt: skip
    assert {year: spring_festival(year) for year in published} == {
        year: date(year, *day) for year, day in published.items()
    }
    assert all(date(y, 1, 20) < spring_festival(y) < date(y, 2, 22) for y in range(1950, 2100))


def test_days_are_compared_at_the_same_distance_from_the_nearest_festival() -> None:
    eve = align(date(2026, 2, 16), 1, spring_festival)
    assert (eve.distance, eve.against) == (-1, date(2025, 1, 28))
    december = align(date(2025, 12, 31), 1, spring_festival)
    assert (december.festival, december.distance) == (date(2026, 2, 17), -48)
    assert december.against == date(2024, 12, 12)
    assert align(date(2026, 3, 3), 2, spring_festival).against == date(2024, 2, 24)


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
