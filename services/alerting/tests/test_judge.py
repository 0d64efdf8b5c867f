"""The judge on its store: clock and watermark, corrections, heads, goals side by side."""

import asyncio
from decimal import Decimal

import pytest

from alerting.adapters.values import lowest, watermarks
from event_contracts.facts import Watermark
from event_contracts.goals import Plan
from event_contracts.wire import partition_of
from service_kit.guards import Guards


def kinds(deeds):
    return [(deed.kind, deed.span.start.day, deed.light) for deed in deeds]


async def test_a_week_is_judged_with_its_deeds_in_order(stage):
    team = await stage()
    await team.goal(floor=Decimal(450))
    await team.put({1: 65, 2: 60, 3: 69, 4: 100, 5: 100})
    await team.at(6)
    await team.settle()
    assert await team.colours() == ["yellow", "yellow", "red", "green", "green"]
    deeds = await team.deeds()
    # To date 65, 125/200 and 194/300 are below 70 %; 294/400 and 394/500 are not.
    assert [(d.kind, d.light_kind, d.span.start.day, d.light) for d in deeds] == [
        ("light.changed", "run", 1, "yellow"),
        ("light.changed", "to-date", 1, "red"),
        ("light.changed", "run", 3, "red"),
        ("goal.off_track", "run", 3, "red"),
        ("light.changed", "run", 4, "green"),
        ("light.changed", "to-date", 4, "yellow"),
        ("goal.missed", "run", 1, None),
    ]
    assert [deed.seq for deed in deeds] == [1, 2, 3, 4, 5, 6, 7]
    missed = deeds[-1]
    assert (missed.actual, missed.plan, missed.floor, missed.completion) == (
        394, 500, 450, Decimal("0.788"),
    )  # fmt: skip


async def test_nothing_is_judged_before_clock_and_watermark_have_passed(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 100})
    await team.at(1, 23)  # the day closes at 23:00 UTC, its freshness is one hour
    await team.settle()
    assert await team.colours() == []
    await team.at(3, 12, complete=False)
    await team.settle()
    assert await team.colours() == []
    await team.at(2, 0)
    await team.settle()
    assert await team.colours() == ["green"]


async def test_nothing_is_judged_before_the_goals_version_is_back_filled(stage):
    team = await stage()
    await team.goal()
    await team.goal(version=2, target=Decimal(400))
    await team.store.db["back_filled"].update_many({}, {"$set": {"version": 1}})
    await team.at(2)
    await team.settle()
    assert await team.colours() == []


async def test_looking_again_changes_nothing(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 100})
    await team.at(2)
    await team.settle()
    deeds = await team.deeds()
    for _ in range(3):
        await team.settle()
    assert await team.deeds() == deeds
    assert [deed.light_kind for deed in deeds] == ["run", "to-date"]


async def test_a_late_result_restates_once_its_watermark_has_passed(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 60, 2: 60, 3: 60})
    await team.at(4)
    await team.settle()
    assert await team.colours() == ["yellow", "yellow", "red"]
    before = await team.deeds(light="run")
    await team.put({2: 90})
    await team.settle()
    assert await team.deeds(light="run") == before  # what was accepted with it may be on its way
    await team.at(4, 13)
    await team.settle()
    assert await team.colours() == ["yellow", "yellow", "yellow"]
    fresh = (await team.deeds(light="run"))[len(before) :]
    # 60 -> 90 leaves yellow: its actual moved by 30 % of the plan.
    assert kinds(fresh) == [
        ("goal.restated", 2, "yellow"),
        ("goal.restated", 3, "yellow"),
        ("light.changed", 3, "yellow"),
        ("goal.recovered", 3, "yellow"),
    ]
    assert fresh[-1].corrects == next(d.id for d in before if d.kind == "goal.off_track")


async def test_a_correction_accepted_before_a_close_is_decided_with_it_however_late_it_is_applied(
    stage,
):
    """Three low days, the second mended before the third closed; the worker was down meanwhile."""
    team = await stage()
    await team.goal()
    await team.put({1: 60, 2: 60})
    await team.at(3)
    await team.settle()
    mended = team.day("a", 2, 100)  # accepted on the third at noon
    await team.put({3: 60})
    await team.at(4, complete=False)
    await team.apply("progress", team_partition(), mended)  # applied on the fourth
    await team.complete("leads")
    await team.settle()
    assert await team.colours() == ["yellow", "green", "yellow"]
    assert "goal.off_track" not in [deed.kind for deed in await team.deeds()]


async def test_a_goal_of_a_tenant_that_is_held_is_judged_once_it_is_released(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 60})
    await team.at(1)
    noon, origin = team.clock.at_ms, f"facts/{partition_of(4, 'acme', 'leads')}"

    async def tell(at_ms, held):
        mark = Watermark(origin=origin, at_ms=at_ms, held=held)
        await team.apply("progress", team_partition(), mark)
        await team.settle()

    await team.at(2, complete=False)
    await tell(team.clock.at_ms, {"acme": -1})
    await tell(noon, {})  # an old one, sent again behind it
    await tell(team.clock.at_ms, {"acme": noon})
    assert await team.colours() == []
    assert lowest(await watermarks(team.store), team_partition(), "birch", [origin]) > noon
    await team.put({1: 100})
    await tell(team.clock.at_ms, {"birch": 5})
    assert await team.colours() == ["green"]
    assert lowest(await watermarks(team.store), team_partition(), "acme", [origin]) > noon


async def test_results_that_never_stop_coming_late_do_not_put_a_correction_off_for_ever(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 60, 2: 60, 3: 60})
    await team.at(4)
    await team.settle()
    await team.put({2: 90})
    await team.at(4, 13)
    await team.put({2: 91})  # accepted at the watermark itself: perhaps not all of it is here
    await team.settle()
    assert await team.colours() == ["yellow", "yellow", "yellow"]
    await team.put({2: 100})
    await team.settle()
    assert await team.colours() == ["yellow", "yellow", "yellow"]
    await team.at(4, 14)
    await team.settle()
    assert await team.colours() == ["yellow", "green", "yellow"]


async def test_an_older_version_of_a_day_changes_nothing(stage):
    team = await stage()
    await team.goal()
    old = team.day("a", 1, 5)
    await team.put({1: 100})
    await team.apply("progress", team_partition(), old)
    await team.at(2)
    await team.settle()
    assert await team.colours() == ["green"]


async def test_a_span_without_facts_is_grey_after_48_hours_and_patience(stage):
    team = await stage(patience_seconds=0.01)
    await team.goal()
    await team.put({1: 100})
    await team.at(2, 0, complete=False)
    await team.apply("progress", team_partition(), team.day("a", 2, 1))
    for hour_day in ((3, 23), (4, 0)):
        await team.at(*hour_day, complete=False)
        await team.judge.step()
        await asyncio.sleep(0.02)
        await team.judge.step()
        expected = [] if hour_day == (3, 23) else ["grey"]
        assert await team.colours() == expected
    await team.at(4, 1)
    await team.settle()
    assert (await team.colours())[0] == "green"
    assert ("goal.restated", 1, "green") in kinds(await team.deeds())


@pytest.mark.parametrize("head", [True, False], ids=["heads", "no-heads"])
async def test_only_the_heads_keep_a_correction_that_commits_while_the_judge_holds(
    stage, judge_while, head
):
    """The judge reads 60, a correction to 100 commits, the judge writes."""
    team = await stage(Guards(head=head))
    await team.goal()
    await team.put({1: 60})
    await team.at(2)

    await judge_while(team, team.put({1: 100}))
    await team.at(2, 13)
    await team.settle()
    # Without heads nobody knows that the judged day has changed: the light stays wrong for ever.
    assert await team.colours() == (["green"] if head else ["yellow"])


async def test_goals_are_judged_each_by_itself(stage):
    team = await stage()
    names = [f"g{number}" for number in range(12)]
    for number, name in enumerate(names):
        await team.goal(name)
        await team.put({1: 100 if number % 2 else 60}, name)
    await team.at(2)
    await team.settle()
    for number, name in enumerate(names):
        assert await team.colours(name) == (["green"] if number % 2 else ["yellow"])
        assert [deed.seq for deed in await team.deeds(name)] == [1, 2]


async def test_a_judge_judges_only_the_partitions_that_its_process_holds(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 100})
    await team.at(2)
    team.judge._held = lambda: [n for n in range(4) if n != team_partition()]
    await team.settle()
    assert await team.colours() == []
    team.judge._held = lambda: [team_partition()]
    await team.settle()
    assert await team.colours() == ["green"]


async def test_a_new_version_judges_what_closes_after_it(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 60, 2: 60})
    await team.at(2)
    await team.settle()
    changed = team.clock.now_ms()
    await team.goal(version=2, plan=Plan(daily=Decimal(50)), changed_ms=changed)
    await team.at(3)
    await team.settle()
    assert await team.colours() == ["yellow", "green"]


async def test_a_version_that_comes_late_restates_what_closed_after_it_was_made(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 60, 2: 60})
    await team.at(2)
    changed = team.clock.now_ms()
    await team.at(3)
    await team.settle()
    await team.goal(version=2, plan=Plan(daily=Decimal(50)), changed_ms=changed)
    await team.at(3, 13)
    await team.settle()
    assert await team.colours() == ["yellow", "green"]


def team_partition():
    return partition_of(4, "acme", "a")
