"""Deeds that are told once per transition: new versions, the final period, silent sources."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from alerting.domain.judged import Kind
from event_contracts.deeds import KINDS
from event_contracts.goals import Plan
from event_contracts.progress import SourceAlive
from event_contracts.wire import deed_id, partition_of

HERE = partition_of(4, "acme", "a")
WEEK = {1: 100, 2: 100, 3: 100, 4: 100, 5: 90}
SETTLED = {"settle_days": 3}
SILENCE_COUNTS = {"source_always_alive": False}


def june(day, hour=0):
    return int(datetime(2026, 6, day, hour, tzinfo=UTC).timestamp() * 1000)


def alive(day, version=1):
    return SourceAlive(
        tenant="acme",
        metric="leads",
        day=date(2026, 6, day),
        quarters=f"{1 << 40:x}",
        version=version,
    )


async def of_kind(team, *kinds):
    return [deed for deed in await team.deeds() if deed.kind in kinds]


async def changed(team):
    return await of_kind(team, "goal.changed")


async def closed(team):
    return await of_kind(team, "goal.closed")


def test_the_judge_tells_exactly_the_kinds_of_the_contract():
    assert {str(kind) for kind in Kind} == set(KINDS)


@pytest.mark.row("T6", "goal-changed")
async def test_a_new_version_is_told_once_with_who_made_it_and_why(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 80})
    await team.at(2)
    await team.settle()
    assert await changed(team) == []  # the first version is no change
    again = {"target": Decimal(400), "plan": Plan(daily=Decimal(80)), "changed_ms": june(2, 12)}
    for _ in range(2):  # the topic is compacted state: a version may be read twice
        await team.goal(version=2, actor="key:lead", reason="Two are away.", **again)
        await team.settle()
    (deed,) = await changed(team)
    assert (deed.goal_version, deed.changed_by, deed.reason) == (2, "key:lead", "Two are away.")
    assert (deed.actual, deed.plan, deed.completion) == (80, 400, Decimal("0.2"))
    assert (deed.span.kind, deed.stopped, deed.final) == ("period", False, False)
    assert deed.id == deed_id("acme", "a", "2026-06-01", "version", "goal.changed", "2")


async def test_versions_that_come_together_are_told_in_their_order_and_leave_no_hole_in_seq(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 80})
    await team.at(2)
    await team.settle()
    await team.goal(version=2, changed_ms=june(2, 10), reason="One.")
    await team.goal(version=3, changed_ms=june(2, 11), reason="Two.")
    await team.put({2: 100})
    await team.at(3)
    await team.settle()
    assert [deed.reason for deed in await changed(team)] == ["One.", "Two."]
    assert [deed.seq for deed in await team.deeds()] == list(range(1, len(await team.deeds()) + 1))


async def test_a_version_is_told_when_its_days_are_all_there_and_not_before(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 80})
    await team.at(2)
    await team.settle()
    await team.goal(version=2, filled=False, changed_ms=june(2, 12))
    await team.settle()
    assert await changed(team) == []
    await team.fill("", "leads", version=2)
    await team.settle()
    assert [deed.goal_version for deed in await changed(team)] == [2]


async def test_a_stopped_goal_says_so_and_is_never_closed(stage):
    team = await stage()
    await team.goal(policy=SETTLED)
    await team.put({1: 80})
    await team.at(2)
    await team.settle()
    await team.goal(version=2, stopped=True, reason="Merged.", changed_ms=june(2, 12), filled=False)
    await team.at(28)
    await team.settle()
    assert [(deed.stopped, deed.reason) for deed in await changed(team)] == [(True, "Merged.")]
    assert await closed(team) == []


@pytest.mark.row("T6", "goal-closed")
async def test_a_period_is_final_settle_days_after_its_end_and_not_a_moment_before(stage):
    team = await stage()
    await team.goal(policy=SETTLED, floor=Decimal(450), stretch=Decimal(600))
    await team.put(WEEK)
    # The period closes at midnight in London, 23:00 UTC of 5 June; three days on is 23:00 of 8.
    team.clock.at_ms = june(8, 23) - 1
    await team.complete("leads")
    await team.settle()
    assert await closed(team) == []
    team.clock.at_ms += 1
    await team.settle()
    assert await closed(team) == []  # what was accepted until now may not all be applied
    await team.complete("leads")
    await team.settle()
    (deed,) = await closed(team)
    assert (deed.actual, deed.plan, deed.tier, deed.final) == (490, 500, "floor", True)
    assert deed.id == deed_id("acme", "a", "2026-06-01", "period", "goal.closed", "1")
    await team.at(20)
    await team.settle()
    assert len(await closed(team)) == 1


@pytest.mark.parametrize(
    ("friday", "tier"), [(49, None), (50, "floor"), (100, "target"), (200, "stretch")]
)
async def test_a_closed_goal_names_the_highest_tier_that_it_reached(stage, friday, tier):
    team = await stage()
    await team.goal(policy=SETTLED, floor=Decimal(450), stretch=Decimal(600))
    await team.put(WEEK | {5: friday})
    await team.at(20)
    await team.settle()
    (deed,) = await closed(team)
    assert (deed.actual, deed.tier) == (400 + friday, tier)


async def test_a_correction_before_the_end_of_settling_is_in_the_final_number(stage):
    team = await stage()
    await team.goal(policy=SETTLED)
    await team.put(WEEK)
    await team.at(7)
    await team.settle()
    await team.put({5: 45})
    await team.at(9)
    await team.settle()
    assert [deed.actual for deed in await closed(team)] == [445]


async def test_a_period_that_was_moved_after_it_was_final_is_closed_once_more(stage):
    team = await stage()
    await team.goal(policy=SETTLED)
    await team.put(WEEK)
    await team.at(9)
    await team.settle()
    await team.goal(version=2, policy=SETTLED, end=date(2026, 6, 12), changed_ms=june(9, 12))
    await team.put({8: 10})
    await team.at(28)
    await team.settle()
    found = [(deed.actual, deed.span.end.day, deed.goal_version) for deed in await closed(team)]
    assert found == [(490, 5, 1), (500, 12, 2)]


@pytest.mark.row("T6", "source-turns")
async def test_a_source_that_falls_silent_is_told_once_and_once_that_it_is_back(stage):
    team = await stage()
    await team.goal(policy=SILENCE_COUNTS)
    await team.apply("progress", HERE, alive(1), alive(4))
    await team.at(6)
    await team.settle()
    found = await of_kind(team, "source.silent", "source.resumed")
    assert [(deed.kind, deed.span.start.day, deed.source) for deed in found] == [
        ("source.silent", 2, "leads"),  # 3 June is silent too, and says nothing
        ("source.resumed", 4, "leads"),
        ("source.silent", 5, "leads"),
    ]
    assert [deed.ordinal for deed in found] == [1, 2, 3]
    assert found[0].id == deed_id("acme", "a", "2026-06-02", "source.leads", "source.silent", "1")


async def test_a_source_that_always_counts_as_alive_is_never_silent(stage):
    team = await stage()
    await team.goal()
    await team.at(6)
    await team.settle()
    assert await of_kind(team, "source.silent") == []


async def test_a_late_sign_of_life_on_the_newest_day_takes_the_silence_back(stage):
    team = await stage()
    await team.goal(policy=SILENCE_COUNTS)
    await team.at(2)
    await team.settle()
    await team.apply("progress", HERE, alive(1))
    await team.at(2, 13)
    await team.settle()
    found = await of_kind(team, "source.silent", "source.resumed")
    assert [(deed.kind, deed.span.start.day) for deed in found] == [
        ("source.silent", 1),
        ("source.resumed", 1),
    ]


async def test_a_late_sign_of_life_on_an_earlier_day_says_nothing_of_the_source_now(stage):
    team = await stage()
    await team.goal(policy=SILENCE_COUNTS)
    await team.at(3)
    await team.settle()
    await team.apply("progress", HERE, alive(1))
    await team.at(3, 13)
    await team.settle()
    assert await team.colours() == ["yellow", "grey"]
    found = await of_kind(team, "source.silent", "source.resumed")
    assert [deed.kind for deed in found] == ["source.silent"]


async def test_of_a_ratio_the_metric_whose_source_is_silent_is_named(stage):
    team = await stage()
    await team.goal(
        form="ratio", over_metric="visits", target=Decimal(1), policy=SILENCE_COUNTS,
        plan=Plan(daily=Decimal(1)),
    )  # fmt: skip
    await team.apply("progress", HERE, alive(1))
    await team.at(2)
    await team.complete("visits")
    await team.settle()
    found = await of_kind(team, "source.silent", "source.resumed")
    assert [(deed.kind, deed.source) for deed in found] == [("source.silent", "visits")]


async def test_a_span_that_is_not_complete_says_nothing_of_its_source(stage):
    team = await stage(patience_seconds=0.0)
    await team.goal(policy=SILENCE_COUNTS | {"incomplete_after_hours": 1})
    await team.at(1, 23)  # the day closes now; its freshness of an hour has not passed
    await team.at(2, 12, complete=False)
    await team.settle()
    await team.settle()
    assert await team.colours() == ["grey"]
    assert await of_kind(team, "source.silent") == []
    await team.complete("leads")
    await team.settle()
    assert [deed.span.start.day for deed in await of_kind(team, "source.silent")] == [1]
