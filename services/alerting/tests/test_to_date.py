"""The to-date light, the headline: figures, bands, deeds, and whom a red run reaches."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from alerting.domain.goal import Calendar, Form, Policy
from alerting.domain.needed import needed_per_day
from event_contracts.wire import deed_id

MONDAY = date(2026, 6, 1)
ALIVE = Policy(source_always_alive=True)


def noon(day):
    return int(datetime(2026, 6, day, 12, tzinfo=UTC).timestamp() * 1000)


def working(count):
    days = (MONDAY + timedelta(days=n) for n in range(3 * count))
    return [day for day in days if day.isoweekday() <= 5][:count]


@pytest.fixture
def pace(bench, make_goal):
    """Return a maker of benches: 20 a day for 61 working days, the first of them as given."""

    def make(*values, **changes):
        goal = make_goal(**{"days": 85, "daily": Decimal(20), "target": Decimal(1220)} | changes)
        desk = bench(goal)
        desk.put(dict(zip(working(len(values)), values, strict=True)))
        if values:
            after = working(len(values))[-1] + timedelta(days=1)
            at = datetime(after.year, after.month, after.day, 12, tzinfo=UTC).timestamp()
            desk.judge(*2 * [int(at * 1000)])
        return desk

    return make


def test_ten_days_at_12_of_20_then_20_are_140_of_220(pace):
    desk = pace(*[12] * 10, 20)
    headline = desk.to_date[working(11)[-1]].light
    assert (headline.actual, headline.plan) == (140, 220)
    assert round(headline.ratio, 2) == Decimal("0.64")
    assert headline.colour == "red"
    assert desk.colours()[-1] == "green"
    # 1220 - 140 = 1080 over the 50 working days that are left.
    assert needed_per_day(desk.versions[0], desk.verdicts[working(11)[-1]]) == Decimal("21.6")


def test_ten_days_at_30_of_20_and_three_at_13_are_red_and_reach_the_owner_only(pace):
    desk = pace(*[30] * 10, 13, 13, 13)
    last = working(13)[-1]
    headline = desk.to_date[last].light
    assert (headline.actual, headline.plan, headline.colour) == (339, 260, "green")
    assert desk.lights[last].light.colour == "red"
    (off,) = [d for d in desk.deeds if d.kind == "goal.off_track"]
    assert off.escalated_to == "owner"


def test_a_red_run_reaches_the_lead_when_the_headline_is_not_green(pace):
    # Ten days at 22: 259 of 260 is yellow. 23 on the first of them: 260 is green.
    for first, to in ((22, "lead"), (23, "owner")):
        desk = pace(first, *[22] * 9, 13, 13, 13)
        (off,) = [d for d in desk.deeds if d.kind == "goal.off_track"]
        assert (off.actual, off.escalated_to) == (13, to)
        assert desk.to_date[working(13)[-1]].light.actual == 237 + first


def test_a_red_run_reaches_the_lead_while_there_is_no_headline_yet(pace):
    desk = pace(13, 13, 13)
    assert desk.headlines() == ["none"] * 3
    assert [d.escalated_to for d in desk.deeds if d.kind == "goal.off_track"] == ["lead"]


def test_a_policy_may_send_every_red_run_to_the_lead(pace):
    policy = replace(ALIVE, owner_only_while_green=False)
    desk = pace(*[30] * 10, 13, 13, 13, policy=policy)
    assert [d.escalated_to for d in desk.deeds if d.kind == "goal.off_track"] == ["lead"]


@pytest.mark.parametrize(
    ("values", "colour"),
    [
        ([13] * 10 + [9], "red"),  # 139 of 220 is 63 %
        ([14] * 11, "yellow"),  # 154 of 220 is exactly 70 %
        ([14] * 10 + ["13.99"], "red"),
        ([20] * 10 + ["19.99"], "yellow"),
        ([20] * 11, "green"),
    ],
)
def test_the_bands_of_the_headline_are_those_of_the_run_and_red_comes_at_once(pace, values, colour):
    assert pace(*values).headlines()[-1] == colour


def test_the_headline_begins_at_ten_percent_of_the_periods_plan(pace):
    # 61 days at 20: 10 % are 122, which the seventh day reaches.
    desk = pace(*[20] * 7)
    assert desk.headlines() == ["none"] * 6 + ["green"]
    assert desk.to_date[MONDAY].light.why == "too-early"
    # 60 days at 20: 10 % are 120, exactly the sixth day.
    sixty = pace(*[20] * 6, days=84)
    assert sixty.headlines() == ["none"] * 5 + ["green"]


def test_the_headline_counts_days_off_though_the_days_leave_them_out(pace):
    desk = pace(20, 20, 20, 20, 20)
    desk.put({date(2026, 6, 6): 7, date(2026, 6, 8): 20, date(2026, 6, 9): 20})
    desk.judge(*2 * [noon(10)])
    headline = desk.to_date[date(2026, 6, 9)].light
    assert (headline.actual, headline.plan) == (147, 140)


def test_the_headline_of_a_silent_day_is_grey(pace):
    desk = pace(*[20] * 7, policy=Policy())
    desk.judge(*2 * [noon(11)])  # nothing was heard on the 10th
    assert desk.headlines()[-2:] == ["green", "grey"]


def test_the_headline_of_an_incomplete_day_is_grey_until_it_is_complete(pace):
    desk = pace(*[20] * 7)
    desk.judge(noon(13), noon(10), patient=False)
    assert desk.headlines()[-1] == "grey"
    desk.judge(*2 * [noon(13)])
    assert "grey" not in desk.headlines()


def test_a_span_without_a_plan_that_was_incomplete_is_judged_again(pace):
    desk = pace(days=5, daily=None)
    plans = {MONDAY: Decimal(0), date(2026, 6, 2): Decimal(20)}
    desk.versions = [replace(desk.versions[0], days=plans)]
    desk.judge(noon(4), -1, patient=False)
    assert desk.verdicts[MONDAY].incomplete
    assert desk.dirty == MONDAY
    desk.judge(*2 * [noon(4)])
    assert desk.dirty is None


def test_the_headline_has_deeds_of_its_own(pace):
    desk = pace(*[20] * 7, 0)
    (first, second) = [d for d in desk.deeds if d.light_kind == "to-date"]
    assert (first.kind, first.before, first.light) == ("light.changed", None, "green")
    assert first.id == deed_id("acme", "leads", "2026-06-09", "to-date", "light.changed", "1")
    assert (second.before, second.light, second.actual, second.plan, second.ratio) == (
        "green", "yellow", 140, 160, Decimal("0.875"),
    )  # fmt: skip
    run = [d for d in desk.deeds if d.light_kind == "run"]
    assert [(d.span.start, d.actual) for d in run] == [(MONDAY, 20), (date(2026, 6, 10), 0)]


def test_a_late_result_restates_the_headline_of_every_span_whose_colour_it_changes(pace):
    desk = pace(*[20] * 7, 0, 20)
    yellow = next(d for d in desk.deeds if d.light == "yellow" and d.light_kind == "to-date")
    desk.put({MONDAY: 40})
    restated = [d for d in desk.judge(*2 * [noon(12)]) if d.light_kind == "to-date"]
    # 160 of 160 and 180 of 180 are green now; the seventh day was green before.
    assert [(str(d.kind), d.span.start.day, d.before, d.light, d.corrects) for d in restated] == [
        ("goal.restated", 10, "yellow", "green", yellow.id),
        ("light.changed", 10, "yellow", "green", yellow.id),
        ("goal.restated", 11, "yellow", "green", yellow.id),
        ("light.changed", 11, "yellow", "green", yellow.id),
    ]
    assert len({d.id for d in desk.deeds}) == len(desk.deeds)


def test_a_late_result_that_leaves_the_headlines_colour_is_told_once_where_it_belongs(pace):
    desk = pace(*[20] * 9)
    desk.put({MONDAY: 120})
    (one,) = desk.judge(*2 * [noon(12)])
    assert (one.kind, one.light_kind, one.span.start, one.actual) == (
        "goal.restated", "run", MONDAY, 120,
    )  # fmt: skip
    assert desk.to_date[date(2026, 6, 11)].light.actual == 280


def test_a_policy_may_demand_strictly_more_than_the_plan(pace):
    policy = replace(ALIVE, strictly_more=True)
    assert pace(*[20] * 7, policy=policy).colours()[-1] == "yellow"
    assert pace(*[20] * 7, policy=policy).headlines()[-1] == "yellow"
    more = pace(*[20] * 6, "20.01", policy=policy)
    assert (more.colours()[-1], more.headlines()[-1]) == ("green", "green")


def test_what_is_needed_is_exact_never_negative_and_nothing_once_no_day_is_left(pace, make_goal):
    goal = make_goal(days=5, target=Decimal(500))
    assert needed_per_day(goal, None) == 100
    desk = pace(50, days=5, daily=Decimal(100), target=Decimal(500))
    last = desk.verdicts[MONDAY]
    assert needed_per_day(goal, last) == Decimal("112.5")
    assert needed_per_day(replace(goal, target=Decimal(49)), last) == 0
    third = replace(goal, target=Decimal(51), calendar=Calendar(off=frozenset({date(2026, 6, 2)})))
    assert needed_per_day(third, last) == Decimal("0." + "3" * 34)
    assert needed_per_day(replace(goal, end=MONDAY), last) is None
    assert needed_per_day(replace(goal, form=Form.LEVEL), last) is None
    assert needed_per_day(replace(goal, stopped=True), last) is None
