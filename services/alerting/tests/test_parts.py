"""Goals made of several sums, on the judge's store: complete only when every one is."""

from datetime import date
from decimal import Decimal

import pytest

from alerting.handlers.heads import alive_head
from event_contracts.facts import Condition
from event_contracts.goals import Guardrail, Plan
from event_contracts.progress import SourceAlive
from event_contracts.wire import partition_of

HERE = partition_of(4, "acme", "a")
RATIO = {
    "form": "ratio",
    "metric": "leads",
    "over_metric": "clicks",
    "target": Decimal("0.1"),
    "plan": Plan(),
    "policy": {"to_date_from": Decimal(0)},
}
COST = Guardrail(name="cost", metric="spend", limit=Decimal(200), over_metric="leads")


def origin(metric):
    return partition_of(4, "acme", metric)


def test_the_metrics_of_these_tests_have_origins_of_their_own():
    assert len({origin("leads"), origin("clicks"), origin("spend")}) == 3


async def test_a_ratio_is_judged_once_both_its_metrics_are_complete(stage):
    team = await stage()
    await team.goal(**RATIO)
    await team.put({1: 10})
    await team.put({1: 100}, metric="clicks", part="over")
    await team.at(2)
    await team.settle()
    assert await team.colours() == []
    await team.complete("clicks")
    await team.settle()
    assert await team.colours() == ["green"]
    (deed, _) = await team.deeds()
    assert (deed.actual, deed.plan, deed.completion) == (Decimal("0.1"), Decimal("0.1"), 1)


async def test_a_goal_waits_for_the_metrics_of_its_guardrails(stage):
    team = await stage()
    await team.goal(guardrails=(COST,))
    await team.put({1: 100})
    await team.at(2)
    await team.settle()
    assert await team.colours() == []
    await team.complete("spend")
    await team.settle()
    assert await team.colours() == ["green"]


async def test_a_goal_waits_for_the_back_fill_of_every_one_of_its_sums(stage):
    team = await stage()
    await team.goal(filled=False, guardrails=(COST,))
    await team.put({1: 100})
    await team.at(2)
    await team.complete("spend")
    parts = [("", "leads"), ("guardrail.0", "spend"), ("guardrail.0.over", "leads")]
    for part, metric in parts:
        await team.settle()
        assert await team.colours() == []
        await team.fill(part, metric)
    await team.settle()
    assert await team.colours() == ["green"]


async def test_a_new_version_waits_for_what_it_measures_and_the_old_one_does_not(stage):
    team = await stage()
    await team.goal()
    await team.goal(version=2, filled=False, guardrails=(COST,))
    await team.fill("", "leads", version=2)
    await team.put({1: 100})
    await team.at(2)
    await team.complete("spend")
    await team.settle()
    assert await team.colours() == []
    for part, metric in (("guardrail.0", "spend"), ("guardrail.0.over", "leads")):
        await team.fill(part, metric, version=2)
    await team.settle()
    assert await team.colours() == ["green"]


async def test_two_sums_of_one_metric_are_kept_apart(stage):
    team = await stage()
    paid = (Condition(dim="channel", any_of=("sem",)),)
    share = Guardrail(
        name="paid", metric="leads", limit=Decimal("0.5"), where=paid, over_metric="leads"
    )
    await team.goal(guardrails=(share,))
    await team.put({1: 100})
    await team.put({1: 51}, part="guardrail.0")
    await team.put({1: 100}, part="guardrail.0.over")
    await team.at(2)
    await team.settle()
    assert await team.colours() == ["yellow"]
    (row,) = await team.store.db["lights"].find({"goal": "a"}).to_list(None)
    assert row["judged"]["breached"] == ["paid"]


async def test_a_breach_is_told_once_though_it_is_judged_on_many_days(stage):
    team = await stage()
    await team.goal(guardrails=(COST,))
    for day, spend in ((1, 25000), (2, 20000), (3, 15000), (4, 10000)):
        await team.put({day: 100})
        await team.put({day: spend}, metric="spend", part="guardrail.0")
        await team.put({day: 100}, part="guardrail.0.over")
        await team.at(day + 1)
        await team.complete("spend")
        await team.settle()
    told = [d for d in await team.deeds() if d.guardrail]
    assert [(d.kind, d.guardrail, d.span.start.day, d.actual) for d in told] == [
        ("guardrail.breached", "cost", 1, 250),
        ("guardrail.cleared", "cost", 3, 200),
    ]
    assert await team.colours() == ["yellow", "yellow", "green", "green"]
    assert [d.seq for d in await team.deeds()] == list(range(1, len(await team.deeds()) + 1))


async def test_a_late_value_of_any_part_restates_once_every_metric_is_complete_again(stage):
    team = await stage()
    await team.goal(**RATIO)
    await team.put({1: 10})
    await team.put({1: 100}, metric="clicks", part="over")
    await team.at(2)
    await team.complete("clicks")
    await team.settle()
    await team.put({1: 101}, metric="clicks", part="over")
    await team.at(2, 13)
    await team.settle()
    assert await team.colours() == ["green"]
    await team.complete("clicks")
    await team.settle()
    assert await team.colours() == ["yellow"]


async def test_a_late_sign_of_life_of_the_denominators_source_turns_grey_into_a_light(stage):
    team = await stage()
    policy = {"to_date_from": Decimal(0), "source_always_alive": False}
    await team.goal(**RATIO | {"at_most": True, "policy": policy})
    await team.put({1: 10})
    await team.at(2)
    await team.complete("clicks")
    await team.settle()
    assert await team.colours() == ["grey"]
    alive = SourceAlive(
        tenant="acme", metric="clicks", day=date(2026, 6, 1), quarters=f"{1 << 40:x}", version=1
    )
    await team.apply("progress", HERE, alive)
    await team.at(2, 13)
    await team.complete("clicks")
    await team.settle()
    assert await team.colours() == ["yellow"]  # 10 for nothing is low


async def test_the_judge_meets_the_signs_of_life_of_every_source_that_it_reads(stage):
    """Else a sign of life and a judgement could both commit, and the day stay grey for ever."""
    team = await stage()
    policy = {"to_date_from": Decimal(0), "source_always_alive": False}
    await team.goal(**RATIO | {"policy": policy})
    await team.at(2)
    await team.complete("clicks")
    await team.settle()
    heads = {row["_id"] for row in await team.store.db["heads"].find({}).to_list(None)}
    assert {alive_head("acme", "leads"), alive_head("acme", "clicks")} <= heads


@pytest.mark.parametrize(("first", "to"), [(500, "owner"), (160, "lead")])
async def test_whom_a_red_run_reaches_is_told_with_it(stage, first, to):
    team = await stage()
    await team.goal()
    # Red on Thursday: 680 or 340 of 400 to date.
    await team.put({1: first, 2: 60, 3: 60, 4: 60})
    await team.at(5)
    await team.settle()
    (off,) = [d for d in await team.deeds() if d.kind == "goal.off_track"]
    assert (off.escalated_to, off.light_kind) == (to, "run")
