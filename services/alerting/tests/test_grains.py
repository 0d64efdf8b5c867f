"""Spans of a week and a month, and the running total: edges, plans, days off, versions."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from alerting.domain.goal import Calendar, Grain, Policy
from alerting.domain.schedule import Position, appointments, kept
from alerting.domain.spans import spans

MONDAY = date(2026, 6, 1)


def policy(grain, **changes):
    red_after = {"week": 2, "running": 2, "month": 1}[grain]
    return Policy(grain=Grain(grain), red_after=red_after, source_always_alive=True, **changes)


def instant(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


def ends(goal):
    found = list(spans(goal, goal.start))
    assert [one.start for one in found[1:]] == [one.end + timedelta(days=1) for one in found[:-1]]
    assert (found[0].start, found[-1].end) == (goal.start, goal.end)
    return [(one.start.day, one.end.day) for one in found]


@pytest.fixture
def weekly(make_goal):
    def make(start, end, **changes):
        first, last = date(2026, 6, start), date(2026, 6, end)
        return make_goal(policy=policy("week"), start=first, end=last, **changes)

    return make


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (1, 14, [(1, 7), (8, 14)]),
        (3, 14, [(3, 7), (8, 14)]),  # Wednesday to Friday: 3 of 5 stand alone
        (4, 14, [(4, 14)]),  # Thursday and Friday: 2 of 5 join the next week
        (1, 17, [(1, 7), (8, 14), (15, 17)]),  # Monday to Wednesday: 3 of 5
        (1, 16, [(1, 7), (8, 16)]),  # 2 of 5
        (4, 16, [(4, 16)]),  # both edges join the one whole week
        (4, 9, [(4, 9)]),  # two short ones join each other
        (4, 5, [(4, 5)]),  # one alone has no neighbour
        (6, 14, [(6, 14)]),  # a weekend has no working day at all
    ],
)
def test_a_week_is_monday_to_sunday_and_less_than_half_at_an_edge_joins(
    weekly, start, end, expected
):
    assert ends(weekly(start, end)) == expected


def test_exactly_half_a_week_stands_alone(weekly):
    calendar = Calendar(weekdays=frozenset({1, 2, 3, 4}))  # Wednesday and Thursday: 2 of 4
    assert ends(weekly(3, 14, calendar=calendar)) == [(3, 7), (8, 14)]
    assert ends(weekly(4, 14, calendar=calendar)) == [(4, 14)]


def test_half_a_week_is_counted_in_working_days_of_the_calendar(weekly):
    # Monday to Wednesday are off: Thursday and Friday are the whole week.
    off = frozenset(date(2026, 6, day) for day in (1, 2, 3))
    assert ends(weekly(4, 14, calendar=Calendar(off=off))) == [(4, 7), (8, 14)]
    # The 6th is made up: 3 of 6 are half.
    assert ends(weekly(4, 14, calendar=Calendar(on=frozenset({date(2026, 6, 6)})))) == [
        (4, 7),
        (8, 14),
    ]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (date(2026, 6, 1), date(2026, 7, 31), [(1, 30), (1, 31)]),
        (date(2026, 6, 16), date(2026, 7, 31), [(16, 30), (1, 31)]),  # 11 of 22 stand alone
        (date(2026, 6, 17), date(2026, 7, 31), [(17, 31)]),  # 10 of 22 join July
        (date(2026, 6, 1), date(2026, 7, 15), [(1, 15)]),  # 11 of July's 23 join June
        (date(2026, 6, 1), date(2026, 7, 16), [(1, 30), (1, 16)]),
        (date(2026, 11, 1), date(2027, 1, 31), [(1, 30), (1, 31), (1, 31)]),
    ],
)
def test_a_month_is_a_calendar_month_and_less_than_half_at_an_edge_joins(
    make_goal, start, end, expected
):
    assert ends(make_goal(policy=policy("month"), start=start, end=end)) == expected


def test_a_week_of_holidays_joins_at_an_edge_and_stands_alone_in_the_middle(weekly):
    first, second = (
        Calendar(off=frozenset(date(2026, 6, day) for day in days))
        for days in (range(1, 6), range(8, 13))
    )
    assert ends(weekly(1, 21, calendar=first)) == [(1, 14), (15, 21)]
    assert ends(weekly(1, 21, calendar=second)) == [(1, 7), (8, 14), (15, 21)]
    assert ends(weekly(1, 14, calendar=second)) == [(1, 14)]


def test_spans_begin_where_they_are_asked_for(weekly):
    goal = weekly(4, 28)
    assert [one.start.day for one in spans(goal, date(2026, 6, 14))] == [4, 15, 22]
    assert [one.start.day for one in spans(goal, date(2026, 6, 15))] == [15, 22]


def test_a_weeks_plan_and_result_are_those_of_all_its_days(bench, weekly):
    desk = bench(weekly(1, 7))
    desk.put({MONDAY: 300, date(2026, 6, 6): 40, date(2026, 6, 7): 10})
    desk.judge()
    light = desk.lights[MONDAY].light
    assert (light.actual, light.plan, light.ratio) == (350, 500, Decimal("0.7"))
    assert (light.colour, light.span.kind) == ("yellow", "week")


def test_the_results_of_days_off_count_in_a_week_though_days_leave_them_out(bench, weekly):
    desk = bench(weekly(1, 14))
    desk.put({date(2026, 6, 7): 350, date(2026, 6, 13): 350})
    desk.judge()
    assert [one.light.actual for one in desk.lights.values()] == [350, 350]


def test_red_is_low_on_two_weeks_in_a_row(bench, weekly):
    for values, colours in (
        ((349, 349, 349), ["yellow", "red", "red"]),
        ((349, 350, 349), ["yellow", "yellow", "yellow"]),
    ):
        desk = bench(weekly(1, 21))
        desk.put({MONDAY + timedelta(days=7 * n): value for n, value in enumerate(values)})
        desk.judge()
        assert desk.colours() == colours


def test_red_is_low_in_one_month(bench, make_goal):
    # June has 22 working days at 100: 70 % are 1540.
    for value, colour in ((1539, "red"), (1540, "yellow")):
        desk = bench(make_goal(policy=policy("month"), end=date(2026, 6, 30)))
        desk.put({MONDAY: value})
        desk.judge()
        assert desk.colours() == [colour]
        assert [d.span.kind for d in desk.deeds if d.kind == "light.changed"] == ["month"] * 2


def test_a_week_is_judged_at_its_close_plus_freshness(bench, weekly):
    desk = bench(weekly(1, 14))
    close = instant(2026, 6, 7, 23)  # Sunday's midnight in London's summer
    desk.judge(close + 3_599_999, 2**53)
    assert desk.colours() == []
    desk.judge(close + 3_600_000, 2**53)
    assert desk.colours() == ["yellow"]


@pytest.mark.parametrize(
    ("value", "band"),
    # Two weeks plan 3: 2 are below 70 %, but one unit short; 1.99 are more than that.
    [("1.99", "low"), (2, "yellow"), ("2.99", "yellow"), (3, "green")],
)
def test_one_unit_short_of_a_running_total_is_not_low(bench, make_goal, value, band):
    goal = make_goal(days=14, policy=policy("running"), daily=Decimal("0.3"), target=Decimal(3))
    desk = bench(goal)
    desk.put({MONDAY: value})
    desk.judge()
    _, second = (one.light for one in desk.lights.values())
    assert (second.actual, second.plan, second.band) == (Decimal(value), 3, band)


def test_more_than_one_unit_short_but_not_below_70_percent_is_not_low(bench, make_goal):
    goal = make_goal(days=7, policy=policy("running"), daily=Decimal(4), target=Decimal(20))
    for value, band in (("13.99", "low"), (14, "yellow")):
        desk = bench(goal)
        desk.put({MONDAY: value})
        desk.judge()
        assert desk.lights[MONDAY].light.band == band


def test_one_unit_short_to_date_is_not_red_either(bench, make_goal):
    goal = make_goal(days=7, policy=policy("running"), daily=Decimal("0.4"), target=Decimal(2))
    for value, colour in ((1, "yellow"), ("0.99", "red")):
        desk = bench(goal)
        desk.put({MONDAY: value})
        desk.judge()
        assert desk.headlines() == [colour]


def test_a_version_with_weeks_begins_behind_the_days_that_are_judged(make_goal):
    old = make_goal(days=14)
    changed = instant(2026, 6, 3, 12)
    new = replace(old, version=2, policy=policy("week"), changed_ms=changed)
    for since in (MONDAY, date(2026, 6, 5), date(2026, 6, 7)):
        found = [(a.span.start.day, a.span.end.day) for a in appointments([old, new], since)]
        days = [(day, day) for day in (1, 2) if day >= since.day]
        assert found == [*days, (3, 7), (8, 14), (1, 14)]
    again = kept([old, new], Position(date(2026, 6, 7)), date(2026, 6, 6))
    assert [(one.span.start.day, one.goal.version) for one in again] == [(3, 2)]


def test_a_version_with_days_begins_behind_the_weeks_that_are_judged(make_goal):
    old = make_goal(days=14, policy=policy("week"))
    changed = instant(2026, 6, 10, 12)
    new = replace(old, version=2, policy=make_goal().policy, changed_ms=changed)
    found = [(a.span.start.day, a.span.end.day) for a in appointments([old, new], MONDAY)]
    assert found == [(1, 7), (10, 10), (11, 11), (12, 12), (1, 14)]
