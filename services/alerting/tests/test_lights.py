"""The settled rules of the run light, each on its boundary."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from alerting.domain.goal import Calendar, Policy
from alerting.domain.lights import Band, band_of

MONDAY = date(2026, 6, 1)
WEEK = [MONDAY + timedelta(days=n) for n in range(5)]


def week(bench, goal, *values):
    desk = bench(goal)
    desk.put(dict(zip(WEEK, values, strict=False)))
    desk.judge(*2 * [at(WEEK[len(values) - 1] + timedelta(days=1), 12)])
    return desk


def at(day, hour):
    from datetime import UTC, datetime, time

    return int(datetime.combine(day, time(hour), UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("actual", "band"),
    [
        ("69.99", Band.LOW),
        ("70", Band.YELLOW),
        ("99.99", Band.YELLOW),
        ("100", Band.GREEN),
        ("-5", Band.LOW),
    ],
)
def test_bands_include_their_lower_boundary(actual, band):
    assert band_of(Policy(), Decimal(actual), Decimal(100)) is band


def test_a_boundary_beyond_any_float_is_exact():
    plan = Decimal("1000000000000000000000000000.01")
    exact = plan * 7 / 10
    assert band_of(Policy(), Decimal("700000000000000000000000000.007"), plan) is Band.YELLOW
    assert band_of(Policy(), Decimal("700000000000000000000000000.0069"), plan) is Band.LOW
    assert exact < plan


def test_65_60_69_is_red_on_the_third_day(bench, make_goal):
    desk = week(bench, make_goal(), 65, 60, 69)
    assert desk.colours() == ["yellow", "yellow", "red"]
    assert [desk.lights[day].light.watch for day in WEEK[:3]] == [True, True, False]
    assert [desk.lights[day].light.low_run for day in WEEK[:3]] == [1, 2, 3]


def test_65_75_60_is_not_red(bench, make_goal):
    desk = week(bench, make_goal(), 65, 75, 60)
    assert desk.colours() == ["yellow", "yellow", "yellow"]
    assert [desk.lights[day].light.watch for day in WEEK[:3]] == [True, False, True]


def test_a_day_of_exactly_70_percent_ends_a_low_run(bench, make_goal):
    assert week(bench, make_goal(), 65, 65, 70, 65, 65).colours() == ["yellow"] * 5


def test_red_lasts_as_long_as_days_are_low(bench, make_goal):
    desk = week(bench, make_goal(), 60, 60, 60, 60, 100)
    assert desk.colours() == ["yellow", "yellow", "red", "red", "green"]


def test_a_day_without_results_is_zero_where_the_source_is_always_alive(bench, make_goal):
    desk = bench(make_goal(days=3))
    desk.judge()
    assert desk.colours() == ["yellow", "yellow", "red"]
    assert desk.lights[WEEK[2]].light.actual == 0


def test_a_silent_source_is_grey_and_neither_counts_nor_breaks(bench, make_goal):
    desk = week(bench, make_goal(policy=Policy()), 65, 60)
    desk.put({WEEK[3]: 69})
    desk.judge(*2 * [at(WEEK[4], 12)])
    assert desk.colours() == ["yellow", "yellow", "grey", "red"]
    assert [desk.lights[day].light.low_run for day in WEEK[:4]] == [1, 2, 2, 3]
    assert desk.lights[WEEK[2]].light.why == "silent"


def test_a_source_that_delivered_nothing_for_this_goal_is_zero(bench, make_goal):
    desk = bench(make_goal(policy=Policy(), days=1))
    desk.quarters = {MONDAY: 1 << 95}  # 23:45 UTC is 0:45 on Tuesday in London's summer
    desk.judge()
    assert desk.colours() == ["grey"]
    desk = bench(make_goal(policy=Policy(), days=1))
    desk.quarters = {MONDAY: 1 << 91}  # 22:45 UTC is 23:45 on Monday
    desk.judge()
    assert desk.colours() == ["yellow"]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Shanghai", "Pacific/Auckland"])
def test_the_sign_of_a_whole_day_of_another_zone_is_heard_on_that_day_and_on_no_other(
    bench, make_goal, zone
):
    goal = make_goal(policy=Policy(), days=3)
    desk = bench(replace(goal, zone=zone))
    desk.quarters = {WEEK[1]: 1 << 43}  # 10:45 UTC: see metrics-ingest, domain.subjects.day_sign
    desk.judge()
    assert desk.colours() == ["grey", "yellow", "grey"]


def test_a_span_with_plan_0_has_no_light_and_neither_counts_nor_breaks(bench, make_goal):
    plans = {day: Decimal(100) for day in WEEK} | {WEEK[2]: Decimal(0)}
    goal = replace(make_goal(), daily=None, days=plans)
    desk = week(bench, goal, 65, 60, 500, 69)
    assert desk.colours() == ["yellow", "yellow", "none", "red"]
    assert desk.lights[WEEK[2]].light.ratio is None


@pytest.mark.parametrize(
    ("added", "actual", "ratio", "colour"),
    [(False, 12, "0.6", "yellow"), (True, 26, "1.3", "green")],
)
def test_a_weekend_is_left_out_or_added_to_monday(bench, make_goal, added, actual, ratio, colour):
    """Friday 20, Saturday 8, Sunday 6, Monday 12 of 20: left out 60 % low, added 130 %."""
    policy = Policy(source_always_alive=True, add_to_next=added)
    goal = replace(make_goal(policy=policy, start=date(2026, 6, 5)), daily=Decimal(20))
    desk = bench(goal)
    desk.put({date(2026, 6, 5) + timedelta(days=n): v for n, v in enumerate((20, 8, 6, 12))})
    desk.judge(*2 * [at(date(2026, 6, 9), 12)])
    friday, monday = (desk.lights[date(2026, 6, day)].light for day in (5, 8))
    assert friday.ratio == 1
    assert (monday.actual, monday.ratio, monday.colour) == (actual, Decimal(ratio), colour)


def test_a_weekend_before_the_period_is_not_added_and_one_at_its_end_lights_nothing(
    bench, make_goal
):
    goal = make_goal(days=7, policy=Policy(source_always_alive=True, add_to_next=True))
    desk = bench(goal)
    desk.put({MONDAY - timedelta(days=1): 1000, MONDAY: 10, date(2026, 6, 6): 1000})
    desk.judge()
    assert desk.lights[MONDAY].light.actual == 10
    assert list(desk.lights) == WEEK


def test_make_up_days_are_worked_and_holidays_are_not(bench, make_goal):
    saturday = date(2026, 6, 6)
    calendar = Calendar(off=frozenset({WEEK[1], saturday}), on=frozenset({saturday}))
    desk = bench(make_goal(days=7, calendar=calendar))
    desk.judge()
    assert list(desk.lights) == [WEEK[0], *WEEK[2:], saturday]


def test_a_goal_may_have_a_calendar_of_its_own(bench, make_goal):
    desk = bench(make_goal(days=14, calendar=Calendar(weekdays=frozenset({6, 7}))))
    desk.judge()
    assert [day.isoweekday() for day in desk.lights] == [6, 7, 6, 7]


def test_a_policy_may_want_another_number_of_low_days(bench, make_goal):
    policy = Policy(source_always_alive=True, red_after=2)
    assert week(bench, make_goal(policy=policy), 60, 60).colours() == ["yellow", "red"]
