"""Guardrails: they keep a goal from being green, and tell each turn once."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from alerting.domain.goal import Guardrail, Policy
from event_contracts.wire import deed_id

MONDAY = date(2026, 6, 1)
DAYS = [MONDAY + timedelta(days=n) for n in range(5)]
COST = Guardrail("cost", "spend", Decimal(200), over_metric="leads", measure="cost")
SPEND, LEADS = "guardrail.0", "guardrail.0.over"


def noon(day):
    return int(datetime(2026, 6, day, 12, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def guarded(bench, make_goal):
    """Return a maker of benches: 100 leads a day, spend as given, at most 200 each."""

    def make(*spend, leads=100, guardrail=COST):
        policy = Policy(source_always_alive=True, to_date_from=Decimal(0))
        desk = bench(make_goal(days=5, policy=policy, guardrails=(guardrail,)))
        for number, amount in enumerate(spend):
            desk.put({DAYS[number]: leads})
            desk.put({DAYS[number]: amount}, SPEND)
            desk.put({DAYS[number]: leads}, LEADS)
        desk.judge(*2 * [noon(1 + len(spend))])
        return desk

    return make


def turns(deeds):
    return [(str(d.kind), d.span.start.day) for d in deeds if d.guardrail]


def test_a_goal_reached_but_bought_too_dear_is_not_green(guarded):
    for spend, colour, why in ((20000, "green", ""), ("20000.01", "yellow", "guardrail")):
        desk = guarded(spend)
        for light in (desk.lights[MONDAY].light, desk.to_date[MONDAY].light):
            assert (light.colour, light.why, light.band) == (colour, why, "green")
        assert desk.verdicts[MONDAY].breached == (("cost",) if why else ())


def test_a_breach_leaves_yellow_and_red_as_they_are_and_breaks_no_run(guarded):
    desk = guarded(*[99999] * 4, leads=60)
    assert desk.colours() == ["yellow", "yellow", "red", "red"]
    assert [one.light.why for one in desk.lights.values()] == [""] * 4


def test_a_red_run_under_a_breach_goes_to_the_lead(guarded):
    desk = guarded()
    desk.put(dict(zip(DAYS, (500, 60, 60, 60), strict=False)))
    desk.put({MONDAY: 1}, SPEND)
    desk.judge(*2 * [noon(5)])
    # Something over nothing breaches an at-most: 680 of 400 is not green.
    assert desk.headlines() == ["yellow"] * 4
    assert [d.escalated_to for d in desk.deeds if d.kind == "goal.off_track"] == ["lead"]


def test_a_guardrail_looks_at_the_period_to_date_and_tells_each_turn_once(guarded):
    # To date: 250, 225, 200, 187.5 each.
    desk = guarded(25000, 20000, 15000, 15000)
    assert turns(desk.deeds) == [("guardrail.breached", 1), ("guardrail.cleared", 3)]
    assert desk.colours() == ["yellow", "yellow", "green", "green"]
    breached, cleared = (d for d in desk.deeds if d.guardrail)
    assert (breached.guardrail, breached.actual, breached.plan) == ("cost", 250, 200)
    assert (cleared.actual, cleared.light) == (200, None)
    parts = ("acme", "leads", "2026-06-01", "guardrail.cost", "guardrail.breached", "1")
    assert breached.id == deed_id(*parts)


@pytest.mark.parametrize(
    ("spend", "leads", "is_breached"),
    [(0, 0, False), (1, 0, True), (0, 5, False)],
)
def test_nothing_over_nothing_is_no_value_and_spend_for_nothing_a_breach(
    guarded, spend, leads, is_breached
):
    desk = guarded(spend, leads=leads)
    assert bool(desk.verdicts[MONDAY].breached) is is_breached


@pytest.mark.parametrize(
    ("revenue", "spend", "is_breached"),
    [(60000, 20000, False), ("59999.99", 20000, True), (0, 0, False), (5, 0, False), (0, 5, True)],
)
def test_a_guardrail_of_at_least_is_breached_below_its_limit(guarded, revenue, spend, is_breached):
    roi = Guardrail("roi", "revenue", Decimal(3), at_most=False, over_metric="spend", measure="roi")
    desk = guarded(guardrail=roi)
    desk.put({MONDAY: 100})
    desk.put({MONDAY: revenue}, "guardrail.0")
    desk.put({MONDAY: spend}, "guardrail.0.over")
    desk.judge(*2 * [noon(2)])
    assert bool(desk.verdicts[MONDAY].breached) is is_breached


def test_a_guardrail_may_be_a_plain_sum(guarded):
    for spend, colour in ((900, "green"), (901, "yellow")):
        budget = Guardrail("budget", "spend", Decimal(900), measure="budget")
        assert guarded(spend, guardrail=budget).colours() == [colour]


def test_a_correction_that_leaves_the_guardrail_where_it_is_now_moves_colours_only(guarded):
    desk = guarded(20000, 20000)
    desk.put({MONDAY: 25000, DAYS[1]: 15000}, SPEND)
    restated = desk.judge(*2 * [noon(3)])
    assert turns(desk.deeds) == []
    assert desk.colours() == ["yellow", "green"]
    assert {(d.light_kind, str(d.kind)) for d in restated} == {
        (light, kind) for light in ("run", "to-date") for kind in ("goal.restated", "light.changed")
    }


def test_a_correction_that_breaches_it_now_tells_so_at_the_newest_span_and_again_when_lifted(
    guarded,
):
    desk = guarded(20000, 20000)
    for spend in (25000, 20000, 25000):
        desk.put({MONDAY: spend}, SPEND)
        desk.judge(*2 * [noon(3)])
    assert turns(desk.deeds) == [
        ("guardrail.breached", 2),
        ("guardrail.cleared", 2),
        ("guardrail.breached", 2),
    ]
    assert len({d.id for d in desk.deeds}) == len(desk.deeds)


def test_an_incomplete_span_keeps_what_was_known_of_the_guardrail(guarded):
    desk = guarded(25000)
    desk.put({DAYS[1]: 100})
    desk.judge(noon(5), noon(2), patient=False)
    assert desk.verdicts[DAYS[1]].breached == ("cost",)
    assert turns(desk.deeds) == [("guardrail.breached", 1)]


def test_another_version_may_number_guardrails_anew_and_keeps_what_it_measures_no_more(guarded):
    desk = guarded(25000, 25000)
    budget = Guardrail("budget", "spend", Decimal(10**6), measure="budget")
    old = desk.versions[0]
    desk.versions.append(replace(old, version=2, guardrails=(budget, COST), changed_ms=noon(3)))
    desk.parts["guardrail.1"] = desk.parts.pop(SPEND)
    desk.parts["guardrail.1.over"] = desk.parts.pop(LEADS)
    desk.put({DAYS[2]: 100})
    desk.put({DAYS[2]: 25000}, "guardrail.1")
    desk.put({DAYS[2]: 100}, "guardrail.1.over")
    desk.put({MONDAY: 100})
    desk.judge(*2 * [noon(4)])
    assert [one.breached for one in desk.verdicts.values()] == [("cost",)] * 3
    assert turns(desk.deeds) == [("guardrail.breached", 1)]
    desk.versions.append(replace(old, version=3, guardrails=(), changed_ms=noon(4)))
    desk.parts = {"": desk.parts[""]}
    desk.put({MONDAY: 101})
    desk.judge(*2 * [noon(4)])
    assert [one.breached for one in desk.verdicts.values()] == [("cost",)] * 3
