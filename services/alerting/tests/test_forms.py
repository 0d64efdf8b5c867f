"""Ratios, levels and goals where less is better, each sentence on its boundary."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal

import pytest

from alerting.domain.goal import Form, Policy

MONDAY = date(2026, 6, 1)
DAYS = [MONDAY + timedelta(days=n) for n in range(12) if n not in (5, 6)]
ALIVE = Policy(source_always_alive=True, to_date_from=Decimal(0))


def after(day):
    morrow = day + timedelta(days=1)
    return int(datetime(2026, 6, morrow.day, 12, tzinfo=UTC).timestamp() * 1000)


def last(desk):
    return desk.lights[max(desk.lights)].light


def quotient(above, below):
    return Context(prec=34).divide(Decimal(above), Decimal(below))


def headline(desk):
    return desk.to_date[max(desk.lights)].light


@pytest.fixture
def ratio(bench, make_goal):
    """Return a maker of benches: a ratio of ``over`` (numerator, denominator) day by day."""

    def make(target, *values, **changes):
        fields = {
            "form": Form.RATIO,
            "over_metric": "clicks",
            "target": Decimal(target),
            "daily": None,
            "policy": ALIVE,
        }
        desk = bench(make_goal(**fields | changes))
        desk.put(dict(zip(DAYS, (above for above, _ in values), strict=False)))
        desk.put(dict(zip(DAYS, (below for _, below in values), strict=False)), "over")
        desk.judge(*2 * [after(DAYS[len(values) - 1])])
        return desk

    return make


@pytest.mark.parametrize(
    ("above", "colour", "band"),
    [("6.99", "yellow", "low"), (7, "yellow", "yellow"), ("9.99", "yellow", "yellow"),
     (10, "green", "green")],
)  # fmt: skip
def test_a_ratio_is_compared_with_the_ratio_wanted(ratio, above, colour, band):
    desk = ratio("0.1", (above, 100))
    light = last(desk)
    assert (light.plan, light.actual) == (Decimal("0.1"), Decimal(above) / 100)
    assert (light.colour, light.band) == (colour, band)


def test_a_ratio_is_judged_over_the_last_five_working_days_with_parts_summed(ratio):
    # The first day leaves the window on the sixth: 5 * 8 of 5 * 100, not the mean of quotients.
    desk = ratio("0.1", (100, 100), *[(8, 100)] * 4, (8, 300))
    sixth = last(desk)
    assert sixth.actual == quotient(40, 700)
    assert desk.lights[DAYS[4]].light.actual == Decimal("0.264")  # 132 of 500
    assert headline(desk).actual == Decimal("0.175")  # 140 of 800


def test_a_policy_may_judge_a_ratio_over_another_number_of_days(ratio):
    policy = replace(ALIVE, ratio_days=2)
    assert last(ratio("0.1", (100, 100), (8, 100), (9, 100), policy=policy)).actual == Decimal(
        "0.085"
    )


def test_a_ratios_window_takes_days_off_as_the_policy_says(ratio):
    # The five days have 50 of 500, the weekend between them 125 of 25.
    for added, actual in ((False, Decimal("0.1")), (True, quotient(175, 525))):
        desk = ratio("0.1", *[(10, 100)] * 6, policy=replace(ALIVE, add_to_next=added))
        desk.put({date(2026, 6, 6): 100, date(2026, 6, 7): 25})
        desk.put({date(2026, 6, 6): 20, date(2026, 6, 7): 5}, "over")
        desk.put({DAYS[6]: 10})
        desk.put({DAYS[6]: 100}, "over")
        desk.judge(*2 * [after(DAYS[6])])
        assert last(desk).actual == actual


@pytest.mark.parametrize(("below", "why"), [("29.99", "too-few"), (30, ""), (0, "too-few")])
def test_below_30_in_the_denominator_there_is_no_light(ratio, below, why):
    light = last(ratio("0.1", (10, below)))
    assert (light.why, light.colour) == (why, "none" if why else "green")


def test_a_ratio_without_a_light_neither_counts_nor_breaks_a_run(ratio):
    # One day at a time: low, low, too few, low.
    policy = replace(ALIVE, ratio_days=1)
    desk = ratio("0.1", (1, 100), (1, 100), (1, 29), (1, 100), policy=policy)
    assert desk.colours() == ["yellow", "yellow", "none", "red"]


def test_the_headline_of_a_ratio_has_the_same_least_over_all_days(ratio):
    policy = replace(ALIVE, ratio_days=1)
    desk = ratio("0.1", (2, 20), (2, 20), policy=policy)
    assert desk.colours() == ["none", "none"]
    assert desk.headlines() == ["none", "green"]


def test_the_headline_of_a_ratio_begins_at_ten_percent_of_the_working_days(ratio):
    # 20 working days: two are 10 %.
    desk = ratio("0.1", (10, 100), (10, 100), policy=Policy(source_always_alive=True))
    assert desk.headlines() == ["none", "green"]
    assert desk.to_date[MONDAY].light.why == "too-early"


@pytest.mark.parametrize(
    ("spend", "r", "band"),
    [
        (8000, "1", "green"),
        (8001, "0.999875", "yellow"),
        (10400, "0.7", "yellow"),
        (10401, "0.699875", "low"),
        (10500, "0.6875", "low"),
        (16000, "0", "low"),
        (99999, "0", "low"),
    ],
)
def test_at_most_80_each_104_is_70_percent_and_105_is_6875_percent(ratio, spend, r, band):
    desk = ratio(80, (spend, 100), at_most=True)
    assert (last(desk).ratio, last(desk).band) == (Decimal(r), band)
    assert headline(desk).ratio == Decimal(r)


def test_spend_without_a_result_is_0_and_neither_is_no_light(ratio):
    desk = ratio(80, (500, 0), at_most=True)
    assert (last(desk).ratio, last(desk).band, last(desk).actual) == (0, "low", 500)
    assert headline(desk).colour == "red"
    none = ratio(80, (0, 0), at_most=True)
    assert (last(none).ratio, last(none).colour, last(none).why) == (None, "none", "too-few")


@pytest.mark.parametrize(
    ("least", "results", "why"),
    [(30, 29, "too-few"), (30, 30, ""), (0, 1, ""), (30, 0, "")],
)
def test_few_results_are_no_light_at_most_but_if_the_policy_says_so(ratio, least, results, why):
    policy = replace(ALIVE, ratio_least=Decimal(least))
    assert last(ratio(80, (2000, results), at_most=True, policy=policy)).why == why


def test_three_days_of_spend_without_result_are_red(ratio):
    assert ratio(80, *[(500, 0)] * 3, at_most=True).colours() == ["yellow", "yellow", "red"]


def test_a_day_on_which_one_of_a_ratios_sources_was_silent_is_grey(ratio):
    policy = replace(ALIVE, source_always_alive=False)
    desk = ratio("0.1", (10, 100), policy=policy)
    assert desk.colours() == ["green"]
    desk.put({DAYS[1]: 10})
    desk.judge(*2 * [after(DAYS[1])])
    assert (last(desk).colour, last(desk).why) == ("grey", "silent")
    desk.put({DAYS[1]: 100}, "over")
    desk.judge(*2 * [after(DAYS[1])])
    assert last(desk).colour == "green"


def test_too_few_on_an_incomplete_day_is_grey_for_more_may_come(ratio):
    desk = ratio("0.1", (10, 100), (10, 100), policy=replace(ALIVE, ratio_days=1))
    desk.put({DAYS[2]: 1})
    desk.judge(after(DAYS[4]), after(DAYS[1]), patient=False)
    assert desk.lights[DAYS[2]].light.colour == "grey"


@pytest.mark.parametrize(
    ("actual", "r", "band"),
    [("104", "0.96", "yellow"), (100, "1", "green"), (130, "0.7", "yellow"),
     ("130.01", "0.6999", "low"), (0, "2", "green")],
)  # fmt: skip
def test_a_sum_of_at_most_its_plan_is_judged_span_by_span(bench, make_goal, actual, r, band):
    desk = bench(make_goal(at_most=True, policy=ALIVE))
    desk.put({MONDAY: actual})
    desk.judge(*2 * [after(MONDAY)])
    assert (last(desk).ratio, last(desk).band) == (Decimal(r), band)
    assert headline(desk).ratio == Decimal(r)


@pytest.fixture
def level(bench, make_goal):
    """Return a maker of benches: a level from s to t over 20 working days, by its changes."""

    def make(at, to, *changes, **fields):
        wanted = {
            "form": Form.LEVEL,
            "level_start": Decimal(at),
            "target": Decimal(to),
            "daily": None,
            "policy": Policy(source_always_alive=True),
        }
        desk = bench(replace(make_goal(), **wanted | fields))
        desk.put(dict(zip(DAYS, changes, strict=False)))
        desk.judge(*2 * [after(DAYS[len(changes) - 1])])
        return desk

    return make


def test_from_25_to_40_percent_planned_at_325_and_being_at_31_is_80_percent(level):
    # Ten of 20 working days: half of the way.
    desk = level(25, 40, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1)
    light = last(desk)
    assert (light.plan, light.actual, light.ratio) == (Decimal("32.5"), 31, Decimal("0.8"))
    assert light.colour == "yellow"
    assert headline(desk).ratio == Decimal("0.8")


def test_a_level_that_falls_is_judged_by_the_same_formula(level):
    desk = level(40, 25, *[-1, 0] * 4, -1, -1)
    assert (last(desk).plan, last(desk).actual, last(desk).ratio) == (
        Decimal("32.5"), 34, Decimal("0.8"),
    )  # fmt: skip


def test_a_level_has_no_light_before_its_plan_has_moved_ten_percent(level):
    # 20 working days: the second has moved exactly 10 %.
    desk = level(0, 20, 1, 1)
    assert desk.colours() == ["none", "green"]
    assert desk.headlines() == ["none", "green"]
    assert desk.lights[MONDAY].light.why == "too-early"
    late = level(0, 20, 1, 1, policy=Policy(source_always_alive=True, level_from=Decimal("0.11")))
    assert late.colours() == ["none", "none"]


def test_a_level_on_its_boundary_is_exact_though_its_plan_is_not(level):
    # Seven days from 0 to 10: one day plans 10/7 without an end, and 70 % of that are exactly 1.
    for change, band in ((1, "yellow"), ("0.9999999999999999999999999999999", "low")):
        desk = level(0, 10, change, start=MONDAY, end=date(2026, 6, 9))
        assert last(desk).band == band


def test_a_level_may_be_planned_day_by_day(level):
    plans = {MONDAY: Decimal(2), DAYS[2]: Decimal(4)}
    desk = level(0, 20, 2, 0, 1, days=plans)
    assert [one.light.plan for one in desk.lights.values()] == [2, 2, 4]
    assert [one.light.ratio for one in desk.lights.values()] == [1, 1, Decimal("0.75")]


def test_a_level_of_a_ratio_is_that_of_the_last_working_days(ratio):
    fields = {"form": Form.LEVEL, "level_start": Decimal("0.25")}
    values = [(0, 100)] * 5 + [(31, 100)] * 5
    desk = ratio("0.40", *values, **fields)
    assert (last(desk).plan, last(desk).actual, last(desk).ratio) == (
        Decimal("0.325"), Decimal("0.31"), Decimal("0.8"),
    )  # fmt: skip
    few = ratio("0.40", *[(1, 5)] * 10, **fields)
    assert {one.light.why for one in few.lights.values()} == {"too-early", "too-few"}
    assert last(few).why == "too-few"


def test_a_late_result_restates_every_span_whose_window_shows_it(ratio):
    desk = ratio("0.1", *[(10, 100)] * 7)
    assert desk.colours() == ["green"] * 7
    desk.put({DAYS[1]: 0})
    restated = [d for d in desk.judge(*2 * [after(DAYS[6])]) if d.light_kind == "run"]
    # The second to the sixth working day have the second in their five; the seventh has not.
    assert [d.span.start for d in restated if d.kind == "goal.restated"] == DAYS[1:6]
    assert desk.colours() == ["green", *["yellow"] * 5, "green"]
