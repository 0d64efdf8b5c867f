"""The year of a real shop: every light of expected_lights.json, from truth.json's days."""

import json
import os
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from alerting.domain.goal import Goal, GoalKey, Policy

DATA = Path(__file__).parents[4] / "shared" / "data" / "retail"
DAYS = {
    "gross_revenue": "gross_per_day",
    "net_revenue": "net_per_day",
    "orders": "orders_per_day",
    "export_revenue": "export_per_day",
}


@pytest.fixture(scope="module")
def retail():
    if not DATA.exists():
        reason = f"{DATA} is absent"
        if os.environ.get("PACELINE_REQUIRE_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    files = ("expected_lights.json", "truth.json")
    return [json.loads((DATA / name).read_text(), parse_float=Decimal) for name in files]


def retail_goal(name: str, target: int, *, rolled: bool) -> Goal:
    policy = Policy(source_always_alive=True, restate_share=None, add_to_next=rolled)
    return Goal(
        key=GoalKey("shop", name),
        version=1,
        metric=name,
        zone="Europe/London",
        start=date(2010, 12, 1),
        end=date(2011, 12, 9),
        target=Decimal(268 * target),
        floor=Decimal(268 * target) * Decimal("0.8"),
        stretch=Decimal(268 * target) * Decimal("1.2"),
        daily=Decimal(target),
        policy=policy,
    )


@pytest.mark.parametrize("rolled", [False, True], ids=["left-out", "added"])
@pytest.mark.parametrize("name", DAYS)
def test_every_light_of_the_year_is_the_expected_one(retail, bench, name, rolled):
    expected, truth = retail
    goal = expected["goals"][name]
    desk = bench(retail_goal(name, goal["target_per_day"], rolled=rolled))
    desk.put({date.fromisoformat(d): v for d, v in truth[DAYS[name]].items()})
    desk.judge()

    field = "light_weekend_rolled" if rolled else "light"
    value = "value_weekend_rolled" if rolled else "value"
    assert len(goal["days"]) == 268
    for day in goal["days"]:
        light = desk.lights[date.fromisoformat(day["date"])].light
        assert (light.colour, light.actual) == (day[field], Decimal(day[value])), day["date"]
        if not rolled:
            assert light.low_run == day["below70_streak"]
    assert len(desk.lights) == 268


@pytest.mark.parametrize("name", DAYS)
def test_judging_day_by_day_gives_what_judging_at_once_gives(retail, bench, name):
    expected, truth = retail
    goal = retail_goal(name, expected["goals"][name]["target_per_day"], rolled=False)
    days = {date.fromisoformat(d): v for d, v in truth[DAYS[name]].items()}
    at_once, daily = bench(goal), bench(goal)
    at_once.put(days)
    at_once.judge()
    for day in sorted(days):
        daily.put({day: days[day]})
        daily.judge(now_ms=_noon(day), watermark_ms=_noon(day))
    daily.judge()

    assert daily.colours() == at_once.colours()
    assert [deed.id for deed in daily.deeds] == [deed.id for deed in at_once.deeds]


@pytest.mark.parametrize("name", DAYS)
def test_the_deeds_of_the_year_follow_from_the_expected_lights(retail, bench, name):
    expected, truth = retail
    goal = expected["goals"][name]
    desk = bench(retail_goal(name, goal["target_per_day"], rolled=False))
    days = {date.fromisoformat(d): Decimal(v) for d, v in truth[DAYS[name]].items()}
    desk.put(days)
    desk.judge()

    changed = [deed.span.start for deed in desk.of_run() if deed.kind == "light.changed"]
    assert changed == [date.fromisoformat(run["from"]) for run in goal["runs"]]
    turning = [deed.span.start for deed in desk.deeds if deed.kind == "goal.off_track"]
    assert turning == [
        date.fromisoformat(run["from"]) for run in goal["runs"] if run["light"] == "red"
    ]
    whole, target = sum(days.values()), 268 * goal["target_per_day"]
    tiers = {"floor": Decimal("0.8"), "target": Decimal(1), "stretch": Decimal("1.2")}
    reached = {deed.tier: deed for deed in desk.deeds if deed.kind == "goal.reached"}
    missed = [deed for deed in desk.deeds if deed.kind == "goal.missed"]
    assert len(missed) == (whole < tiers["floor"] * target)
    assert {tier for tier, part in tiers.items() if whole >= part * target} <= set(reached)
    for tier, deed in reached.items():
        assert deed.actual == _first_crossing(days, tiers[tier] * target)
    assert [deed.seq for deed in desk.deeds] == list(range(1, len(desk.deeds) + 1))
    assert len({deed.id for deed in desk.deeds}) == len(desk.deeds)


def test_a_year_changed_by_one_cent_on_a_boundary_shows_it(retail, bench):
    expected, truth = retail
    goal = retail_goal("orders", 70, rolled=False)
    for name, below in (("days_exactly_70pct", "low"), ("days_exactly_100pct", "yellow")):
        for text in expected["goals"]["orders"][name]:
            day = date.fromisoformat(text)
            exact, under = bench(goal), bench(replace(goal))
            exact.put({day: truth["orders_per_day"][text]})
            under.put({day: Decimal(truth["orders_per_day"][text]) - Decimal("0.01")})
            exact.judge()
            under.judge()
            assert exact.lights[day].light.band == {"low": "yellow", "yellow": "green"}[below]
            assert under.lights[day].light.band == below


def test_by_week_the_export_goal_is_red_in_fewer_and_longer_stretches(retail, bench):
    """The default grain of a goal whose average deal is 845: 5.9 deals a day, 29.6 a week."""
    expected, truth = retail
    name = "export_revenue"
    target = expected["goals"][name]["target_per_day"]
    goal = retail_goal(name, target, rolled=False)
    goal = replace(goal, policy=replace(goal.policy, grain="week", red_after=2))
    desk = bench(goal)
    days = {date.fromisoformat(d): Decimal(v) for d, v in truth[DAYS[name]].items()}
    desk.put(days)
    desk.judge()

    mondays = [goal.start - timedelta(days=goal.start.weekday())]
    while mondays[-1] + timedelta(days=7) <= goal.end:
        mondays.append(mondays[-1] + timedelta(days=7))
    sums = dict.fromkeys(mondays, Decimal(0))  # the shop is shut for a whole week
    for day, value in days.items():
        sums[day - timedelta(days=day.weekday())] += value
    wanted, low = {}, 0
    for monday in mondays:
        start = max(monday, goal.start)
        ratio = sums[monday] / (target * (5 - (start - monday).days))
        low = low + 1 if ratio < Decimal("0.7") else 0
        wanted[start] = "green" if ratio >= 1 else "red" if low >= 2 else "yellow"
    assert desk.colours() == list(wanted.values())
    assert Counter(wanted.values()) == {"green": 34, "yellow": 14, "red": 6}


def _first_crossing(days: dict[date, Decimal], amount: Decimal) -> Decimal:
    running = Decimal(0)
    for day in sorted(days):
        running += days[day]
        if day.isoweekday() <= 5 and running >= amount:
            return running
    raise AssertionError(f"{amount} is never reached")


def _noon(day: date) -> int:
    from datetime import UTC, datetime, time

    return int(datetime.combine(day, time(12), UTC).timestamp() * 1000)
