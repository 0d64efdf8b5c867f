"""Leave that becomes known when its days are over: they lose their lights, and what follows."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from alerting.adapters.lights import judged_between
from alerting.domain.goal import GoalKey
from event_contracts.goals import Calendar, Plan


def june(day, hour=0):
    return int(datetime(2026, 6, day, hour, tzinfo=UTC).timestamp() * 1000)


def left(amounts):
    return Plan(days={date(2026, 6, day): Decimal(amount) for day, amount in amounts.items()})


def sick(*days, plan, since, version=2):
    """Return what goal-service says once it is known that the owner was away on the days."""
    off = tuple(date(2026, 6, day) for day in days)
    return {
        "version": version,
        "calendar": Calendar(off=off),
        "restates": off,
        "plan": left(plan),
        "changed_ms": since,
        "reason": "leave",
    }


async def judged(team, values, day):
    await team.put(values)
    await team.at(day)
    await team.settle()


async def learn(team, *days, plan, day, goal="a", **fields):
    await team.goal(goal, **(sick(*days, plan=plan, since=june(day, 12)) | fields))
    await team.at(day, 13)
    await team.settle()


async def told(team, since=0, light="run"):
    """Return what was told of the lights; that there is a new version is another matter."""
    deeds = [deed for deed in await team.deeds(light=light) if deed.kind != "goal.changed"]
    return [(deed.kind, deed.span.start.day, deed.light) for deed in deeds[since:]]


async def shown(team):
    """Return the judged spans by the day that they begin on."""
    found = await judged_between(team.store, GoalKey("acme", "a"), "", "9", 100)
    return {one.span.start.day: one for one in found}


async def test_a_day_of_leave_known_late_loses_its_light_and_takes_back_the_red_that_it_made(stage):
    team = await stage()
    await team.goal()
    await judged(team, {1: 60, 2: 60, 3: 60}, 4)
    assert await team.colours() == ["yellow", "yellow", "red"]
    before = len(await team.deeds(light="run"))
    off_track = next(d for d in await team.deeds() if d.kind == "goal.off_track")
    await learn(team, 2, plan={1: 100, 3: 100, 4: 150, 5: 150}, day=4)
    assert await team.colours() == ["yellow", "none", "yellow"]
    assert await told(team, before) == [
        ("goal.restated", 2, None),
        ("light.changed", 2, None),
        ("goal.restated", 3, "yellow"),
        ("light.changed", 3, "yellow"),
        ("goal.recovered", 3, "yellow"),
    ]
    recovered = (await team.deeds(light="run"))[-1]
    assert recovered.corrects == off_track.id


async def test_a_red_day_that_was_leave_is_recovered_and_the_run_goes_on_without_it(stage):
    team = await stage()
    await team.goal()
    await judged(team, {1: 60, 2: 60, 3: 60}, 4)
    await learn(team, 3, plan={1: 100, 2: 100, 4: 150, 5: 150}, day=4)
    assert await team.colours() == ["yellow", "yellow", "none"]
    assert (await told(team))[-1] == ("goal.recovered", 3, None)
    await judged(team, {4: 90}, 5)
    assert await team.colours() == ["yellow", "yellow", "none", "red"]  # the third low day in a row
    assert (await told(team))[-1] == ("goal.off_track", 4, "red")


async def test_a_run_that_stays_red_keeps_its_alarm(stage):
    team = await stage()
    await team.goal()
    await judged(team, {1: 60, 2: 60, 3: 60, 4: 60}, 5)
    await learn(team, 2, plan={1: 100, 3: 100, 4: 100, 5: 200}, day=5)
    assert await team.colours() == ["yellow", "none", "yellow", "red"]
    kinds = [kind for kind, *_ in await told(team)]
    assert kinds.count("goal.off_track") == 1
    assert "goal.recovered" not in kinds


async def test_the_headline_no_longer_counts_the_plan_of_the_day(stage):
    team = await stage()
    await team.goal()
    await judged(team, {1: 100, 2: 0, 3: 100}, 4)  # to date 200 of 300: red
    await learn(team, 2, plan={1: 100, 3: 100, 4: 150, 5: 150}, day=4)
    lights = {day: one.to_date.light for day, one in (await shown(team)).items()}
    found = {day: (light.plan, str(light.colour)) for day, light in lights.items()}
    assert found == {1: (100, "green"), 2: (0, "none"), 3: (200, "green")}
    assert (await told(team, light="to-date"))[-1] == ("light.changed", 3, "green")


async def test_leave_known_before_its_day_is_judged_gives_no_light_and_says_nothing(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 100, 2: 10})
    await team.goal(**sick(2, plan={1: 100, 3: 133, 4: 133, 5: 134}, since=june(3, 1)))
    await team.at(3)
    await team.settle()
    assert await team.colours() == ["green", "none"]
    assert [day for kind, day, _ in await told(team) if kind == "light.changed"] == [1]


async def test_a_further_version_restates_nothing_twice_and_keeps_what_was(stage):
    team = await stage()
    await team.goal()
    await judged(team, {1: 60, 2: 60, 3: 60}, 4)
    await learn(team, 2, plan={1: 100, 3: 100, 4: 150, 5: 150}, day=4)
    before = await told(team)
    late = sick(2, plan={1: 100, 3: 100, 4: 150, 5: 150}, since=june(4, 14), version=3)
    await team.goal(**(late | {"target": Decimal(500), "reason": "policy"}))
    await team.at(4, 15)
    await team.settle()
    assert await told(team) == before
    await team.put({3: 65})
    await team.at(4, 16)
    await team.settle()
    assert await team.colours() == ["yellow", "none", "yellow"]
    await team.put({2: 200})  # work done on leave counts for the total and lights nothing
    await team.at(4, 17)
    await team.settle()
    assert await team.colours() == ["yellow", "none", "yellow"]
    assert (await shown(team))[2].run.light.actual == 200


async def test_versions_that_replace_each_other_in_the_compacted_topic_still_restate(stage):
    team = await stage()
    await team.goal()
    await judged(team, {1: 60, 2: 60, 3: 60}, 4)
    await learn(team, 2, plan={1: 100, 3: 100, 4: 150, 5: 150}, day=4, version=5)
    assert await team.colours() == ["yellow", "none", "yellow"]


async def test_results_of_the_day_go_to_the_next_working_day_where_the_policy_says_so(stage):
    adding = {"non_working": "add_to_next"}
    team = await stage()
    await team.goal(policy=adding)
    await judged(team, {1: 100, 2: 20, 3: 50}, 4)
    assert await team.colours() == ["green", "yellow", "yellow"]
    plan = {1: 100, 3: 100, 4: 150, 5: 150}
    await learn(team, 2, plan=plan, day=4, policy=adding)
    light = (await shown(team))[3].run.light
    assert (light.actual, light.plan) == (70, 100)


async def test_a_week_is_judged_on_the_days_that_are_left_of_it(stage):
    weekly = {"grain": "week", "red_after": 1}
    weeks = {"end": date(2026, 6, 12), "target": Decimal(1000), "policy": weekly}
    team = await stage()
    await team.goal(**weeks)
    await judged(team, {1: 120, 2: 0, 3: 120, 4: 0, 5: 0}, 8)
    assert await team.colours() == ["red"]  # 240 of 500
    plan = {1: 100, 3: 100, 4: 100} | dict.fromkeys((8, 9, 10, 11, 12), 140)
    await learn(team, 2, 5, plan=plan, day=8, **weeks)
    light = (await shown(team))[1].run.light
    assert (light.plan, light.actual, light.colour) == (300, 240, "yellow")
    assert (await told(team))[-1] == ("goal.recovered", 1, "yellow")


@pytest.mark.parametrize("form", ["ratio", "level"])
async def test_a_day_of_a_ratio_or_of_a_level_loses_its_light_too(stage, form):
    fields = {"form": form, "over_metric": "visits", "target": Decimal("0.5")}
    fields |= {"level_start": Decimal("0.1")} if form == "level" else {}
    fields |= {"plan": Plan(daily=Decimal("0.5")) if form == "ratio" else Plan()}
    team = await stage()
    await team.goal(**fields)
    await team.put(dict.fromkeys((1, 2, 3), 20))
    await team.put(dict.fromkeys((1, 2, 3), 100), metric="visits", part="over")
    await team.at(4)
    await team.complete("visits")
    await team.settle()
    assert "none" not in (await team.colours())[1:]
    await team.goal(**(sick(2, plan={}, since=june(4, 12)) | fields))
    await team.at(4, 13)
    await team.complete("visits")
    await team.settle()
    assert (await team.colours())[1] == "none"
    assert (await shown(team))[2].run.light.why == "leave"
