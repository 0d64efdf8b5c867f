"""Every kind of deed, from days that a reader can check by hand (plan 100 a day)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from alerting.domain.goal import Policy
from event_contracts.wire import deed_id

MONDAY = date(2026, 6, 1)
DAYS = [MONDAY + timedelta(days=n) for n in range(5)]


def noon(day):
    return int(datetime(2026, 6, day, 12, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def judged(bench, make_goal):
    def judge(*values, through=None, **changes):
        desk = bench(make_goal(**{"days": 5, "target": Decimal(500), **changes}))
        desk.put(dict(zip(DAYS, values, strict=False)))
        desk.judge(*2 * [noon(1 + (through or len(values)))])
        return desk

    return judge


def of_run(deeds):
    return [d for d in deeds if d.light_kind == "run"]


def told(deeds):
    """Return what was told of the run light."""
    return [(str(d.kind), d.span.start.day, d.before, d.light) for d in of_run(deeds)]


def test_the_first_light_changes_from_no_light_and_an_equal_one_says_nothing(judged):
    desk = judged(100, 100, 80)
    assert told(desk.deeds) == [
        ("light.changed", 1, None, "green"),
        ("light.changed", 3, "green", "yellow"),
    ]


def test_a_run_that_turns_red_is_off_track_once(judged):
    desk = judged(60, 60, 60, 60)
    assert told(desk.deeds) == [
        ("light.changed", 1, None, "yellow"),
        ("light.changed", 3, "yellow", "red"),
        ("goal.off_track", 3, "yellow", "red"),
    ]
    off = of_run(desk.deeds)[-1]
    # The to-date light was red, as deed 2, on Monday.
    assert (off.actual, off.plan, off.seq, off.ordinal) == (60, 100, 4, 1)
    assert off.id == deed_id("acme", "leads", "2026-06-03", "run", "goal.off_track", "1")


def test_grey_inside_a_red_run_is_shown_but_is_no_new_alarm(judged):
    desk = judged(60, 60, 60, policy=Policy())
    desk.put({DAYS[4]: 60})
    desk.judge()
    lights = [deed for deed in desk.deeds if deed.source is None]
    assert told(lights)[3:5] == [
        ("light.changed", 4, "red", "grey"),
        ("light.changed", 5, "grey", "red"),
    ]
    assert [d.kind for d in desk.deeds].count("goal.off_track") == 1


def test_no_light_is_stepped_over(judged):
    plans = dict.fromkeys(DAYS, Decimal(100)) | {DAYS[1]: Decimal(0)}
    desk = judged(through=0, daily=None)
    desk.versions = [replace(desk.versions[0], days=plans)]
    desk.put({DAYS[0]: 100, DAYS[1]: 5, DAYS[2]: 100, DAYS[3]: 80})
    desk.judge(*2 * [noon(5)])
    assert told(desk.deeds) == [
        ("light.changed", 1, None, "green"),
        ("light.changed", 4, "green", "yellow"),
    ]


def test_a_late_result_restates_its_span_and_the_run_behind_it(judged):
    desk = judged(60, 60, 60, 60)
    first, red, off = of_run(desk.deeds)
    desk.put({DAYS[1]: 100})
    restated = desk.judge(*2 * [noon(5)])
    assert told(restated) == [
        ("goal.restated", 2, "yellow", "green"),
        ("light.changed", 2, "yellow", "green"),
        ("goal.restated", 3, "red", "yellow"),
        ("light.changed", 3, "red", "yellow"),
        ("goal.recovered", 3, "red", "yellow"),
        ("goal.restated", 4, "red", "yellow"),
        ("light.changed", 4, "red", "yellow"),
    ]
    assert [d.corrects for d in of_run(restated)] == [
        first.id, first.id, red.id, red.id, off.id, red.id, red.id,
    ]  # fmt: skip
    assert desk.colours() == ["yellow", "green", "yellow", "yellow"]
    assert [d.seq for d in desk.deeds] == list(range(1, len(desk.deeds) + 1))


def test_a_correction_that_leaves_the_colour_says_nothing_below_the_share(judged):
    desk = judged(100)
    desk.put({DAYS[0]: "104.99"})
    assert desk.judge(*2 * [noon(2)]) == []
    assert desk.lights[MONDAY].light.actual == Decimal("104.99")
    desk.put({DAYS[0]: 105})
    (one,) = desk.judge(*2 * [noon(2)])
    assert (one.kind, one.before, one.light, one.actual) == ("goal.restated", "green", "green", 105)
    desk.put({DAYS[0]: 109})
    assert desk.judge(*2 * [noon(2)]) == []


def test_a_policy_may_restate_by_colour_only(judged):
    desk = judged(100, policy=Policy(source_always_alive=True, restate_share=None))
    desk.put({DAYS[0]: 499})
    assert desk.judge(*2 * [noon(2)]) == []


def test_a_run_that_begins_later_after_a_correction_raises_no_second_alarm(judged):
    desk = judged(60, 60, 60, 60, 60)
    off = next(d for d in desk.deeds if d.kind == "goal.off_track")
    desk.put({DAYS[0]: 100})
    restated = desk.judge(*2 * [noon(6)])
    assert desk.colours() == ["green", "yellow", "yellow", "red", "red"]
    assert {d.kind for d in restated} == {"goal.restated", "light.changed"}
    assert desk.lights[DAYS[3]].alarm == off.id
    desk.put({DAYS[2]: 100})
    recovered = [d for d in desk.judge(*2 * [noon(6)]) if d.kind == "goal.recovered"]
    assert [(d.span.start, d.corrects) for d in recovered] == [(DAYS[3], off.id)]


def test_a_red_that_comes_back_after_its_recovery_is_a_new_transition(judged):
    desk = judged(60, 60, 60)
    desk.put({DAYS[2]: 100})
    desk.judge(*2 * [noon(4)])
    desk.put({DAYS[2]: 60})
    again = desk.judge(*2 * [noon(4)])
    assert told(again)[-1] == ("goal.off_track", 3, "yellow", "red")
    assert of_run(again)[-1].ordinal == 2
    assert len({d.id for d in desk.deeds}) == len(desk.deeds)


def test_a_correction_that_makes_a_run_red_raises_its_first_alarm(judged):
    desk = judged(60, 70, 60)
    desk.put({DAYS[1]: 69})
    assert told(desk.judge(*2 * [noon(4)])) == [
        ("goal.restated", 3, "yellow", "red"),
        ("light.changed", 3, "yellow", "red"),
        ("goal.off_track", 3, "yellow", "red"),
    ]


def test_tiers_are_reached_once_each_with_the_results_of_days_off(bench, make_goal):
    goal = make_goal(days=10, target=Decimal(300), floor=Decimal(250), stretch=Decimal(400))
    desk = bench(goal)
    desk.put({DAYS[0]: 240, date(2026, 6, 6): 10, date(2026, 6, 7): 5, date(2026, 6, 8): 50})
    desk.judge(*2 * [noon(8)])
    assert [d for d in desk.deeds if d.kind == "goal.reached"] == []
    desk.judge(*2 * [noon(9)])
    found = [d for d in desk.deeds if d.kind == "goal.reached"]
    assert [(d.tier, d.actual, d.plan, d.span.kind) for d in found] == [
        ("floor", 305, 300, "period"),
        ("target", 305, 300, "period"),
    ]
    desk.put({date(2026, 6, 8): 0})
    desk.judge(*2 * [noon(9)])
    desk.put({date(2026, 6, 8): 200})
    again = [d.tier for d in desk.judge(*2 * [noon(9)]) if d.kind == "goal.reached"]
    assert again == ["stretch"]


@pytest.mark.parametrize(
    ("total", "kinds"),
    [
        (799, ["goal.missed"]),
        (800, ["floor"]),
        (899, ["floor"]),
        (900, ["floor", "target"]),
        (1000, ["floor", "target", "stretch"]),
    ],
)
def test_799_is_missed_800_is_the_floor_900_the_target_1000_the_stretch(
    bench, make_goal, total, kinds
):
    goal = make_goal(target=Decimal(900), floor=Decimal(800), stretch=Decimal(1000))
    desk = bench(goal)
    desk.put({DAYS[0]: total})
    desk.judge()
    of_period = [d for d in desk.deeds if d.span.kind == "period"]
    assert [d.tier if d.kind == "goal.reached" else str(d.kind) for d in of_period] == kinds


def test_missed_is_told_at_the_close_of_the_period_with_its_trailing_weekend(bench, make_goal):
    goal = make_goal(days=7, target=Decimal(500), floor=Decimal(450))
    desk = bench(goal)
    desk.put(dict.fromkeys(DAYS, 80))
    desk.put({date(2026, 6, 6): 49})
    desk.judge(*2 * [noon(7)])
    assert "goal.missed" not in [d.kind for d in desk.deeds]
    (missed,) = desk.judge(*2 * [noon(8)])
    assert (missed.kind, missed.actual, missed.plan, missed.tier, missed.final) == (
        "goal.missed", 449, 500, "floor", False,
    )  # fmt: skip
    assert (missed.span.start, missed.span.end) == (MONDAY, date(2026, 6, 7))


def test_a_late_result_takes_a_missed_back_and_may_bring_it_again(bench, make_goal):
    goal = make_goal(days=5, target=Decimal(500), floor=Decimal(450))
    desk = bench(goal)
    desk.put(dict.fromkeys(DAYS, 89))
    desk.judge()
    missed = desk.deeds[-1]
    assert missed.kind == "goal.missed"
    desk.put({DAYS[4]: 94})
    deeds = desk.judge()
    kinds = [(str(d.kind), d.tier, d.corrects) for d in deeds if d.span.kind == "period"]
    assert kinds == [("goal.reached", "floor", None), ("goal.recovered", "floor", missed.id)]
    desk.put({DAYS[4]: 93})
    (again,) = [d for d in desk.judge() if d.kind == "goal.missed"]
    assert again.id != missed.id


def test_a_goal_without_a_floor_is_missed_below_its_target(judged):
    desk = judged(100, 100, 100, 100, 99)
    desk.judge()
    assert desk.deeds[-1].kind == "goal.missed"


def test_final_is_said_once_nothing_can_change_any_more(judged):
    desk = judged(99, policy=Policy(source_always_alive=True, settle_days=0))
    desk.judge()
    assert [d.final for d in desk.deeds if d.kind == "goal.missed"] == [True]
    assert desk.deeds[0].final is False


def test_a_span_that_stays_incomplete_is_grey_and_its_watermark_restates_it(judged):
    desk = judged(through=0)
    desk.put(dict(zip(DAYS, (60, 60, 60), strict=False)))
    desk.judge(noon(5), noon(2), patient=False)
    assert desk.colours() == ["yellow", "grey"]
    assert desk.lights[DAYS[1]].light.why == "incomplete"
    assert desk.dirty == DAYS[1]
    assert told(desk.judge(*2 * [noon(4)]))[0] == ("goal.restated", 2, "grey", "yellow")
    assert desk.colours() == ["yellow", "yellow", "red"]
    assert desk.dirty is None


def test_nothing_is_reached_or_missed_on_incomplete_numbers(judged):
    desk = judged(through=0)
    desk.put({DAYS[0]: 9999})
    desk.judge(noon(30), -1, patient=False)
    assert desk.colours() == ["grey"] * 5
    assert {str(d.kind) for d in desk.deeds} == {"light.changed"}
    kinds = [str(d.kind) for d in desk.judge(*2 * [noon(30)]) if d.span.kind == "period"]
    assert kinds == ["goal.reached"]


def test_a_raised_target_may_be_reached_again(judged):
    desk = judged(500)
    raised = replace(
        desk.versions[0], version=2, target=Decimal(600), changed_ms=noon(2) + 3_600_000
    )
    desk.versions.append(raised)
    desk.put({DAYS[2]: 100})
    desk.judge(*2 * [noon(5)])
    reached = [d for d in desk.deeds if d.kind == "goal.reached"]
    assert [(d.tier, d.actual, d.ordinal, d.goal_version) for d in reached] == [
        ("target", 500, 1, 1),
        ("target", 600, 2, 2),
    ]


def test_a_version_that_measures_something_else_leaves_the_old_spans_as_they_were(judged):
    desk = judged(60, 60)
    desk.versions.append(replace(desk.versions[0], version=2, measure="other", changed_ms=noon(3)))
    desk.put({DAYS[0]: 500, DAYS[1]: 500, DAYS[2]: 60})
    desk.judge(*2 * [noon(4)])
    assert desk.colours() == ["yellow", "yellow", "red"]
    assert [desk.lights[day].light.actual for day in DAYS[:3]] == [60, 60, 60]


def test_a_version_that_only_moves_the_plan_restates_old_spans_under_their_old_plan(judged):
    desk = judged(60, 60)
    desk.versions.append(
        replace(desk.versions[0], version=2, daily=Decimal(50), changed_ms=noon(3))
    )
    desk.put({DAYS[0]: 90, DAYS[2]: 50})
    desk.judge(*2 * [noon(4)])
    lights = [desk.lights[day].light for day in DAYS[:3]]
    assert [(one.version, one.plan, one.colour) for one in lights] == [
        (1, 100, "yellow"),
        (1, 100, "yellow"),
        (2, 50, "green"),
    ]
    assert lights[0].actual == 90
