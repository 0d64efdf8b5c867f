"""Row T2: ratios, levels, costs and guardrails, each by two additive metrics."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Any

import pytest

from paceline.trial.stage import Stage, Tenant, noon, of_channel

TWO_WEEKS = timedelta(days=11)  # from a Monday: 10 working days
COST = {"metric": "spend", "form": "ratio", "over_metric": "leads", "target": 80, "at_most": True}
RATE = {"metric": "leads", "form": "ratio", "over_metric": "clicks", "target": "0.1"}
LEVEL = {"form": "level", "level_start": 0, "target": 20}
RAIL = {"name": "cost", "metric": "spend", "over_metric": "leads", "limit": 200}


@pytest.fixture
async def team(stage: Stage) -> Tenant:
    """A tenant that also counts clicks and spend."""
    tenant = await stage.tenant()
    await tenant.metric("clicks", value="amount", types=["click"], dims=["channel"], unit="clicks")
    money = {"unit": "CNY", "currency": "CNY"}
    await tenant.metric("spend", value="amount", types=["bill"], dims=["channel"], **money)
    return tenant


@pytest.mark.row("T2", "ratio-last-five-days")
async def test_a_ratio_is_judged_over_the_last_five_working_days_with_parts_summed(
    team: Tenant,
) -> None:
    monday = team.stage.weeks(2)
    goal = await team.goal(monday, monday + TWO_WEEKS, **_of("sem", RATE))
    values = [(100, 100), *[(8, 100)] * 4, (8, 300)]
    days = [monday + timedelta(days=n) for n in (0, 1, 2, 3, 4, 7)]

    seen = [
        (await team.day([goal], day, *_events(team, day, {"sem": {"lead": a, "click": b}})))[0]
        for day, (a, b) in zip(days, values, strict=True)
    ]

    # The first five days are 132 of 500. On the sixth the first has left the window: 40 of 700,
    # not the mean of five quotients; all six days are 140 of 800.
    assert (Decimal(seen[4]["actual"]), seen[4]["light"]) == (Decimal("0.264"), "green")
    assert Decimal(seen[5]["actual"]) == Context(prec=34).divide(Decimal(40), Decimal(700))
    assert (Decimal(seen[5]["plan"]), seen[5]["light"], seen[5]["watch"]) == (
        *(Decimal("0.1"), "yellow"),
        True,
    )
    assert Decimal(seen[5]["to_date"]["actual"]) == Decimal("0.175")


@pytest.mark.row("T2", "below-30-no-light")
async def test_below_30_in_the_denominator_there_is_no_light_and_at_30_there_is(
    team: Tenant,
) -> None:
    monday = team.stage.weeks(2)
    goal = await team.goal(monday, monday + TWO_WEEKS, **_of("sem", RATE))
    tuesday = monday + timedelta(days=1)

    (few,) = await team.day(
        [goal], monday, *_events(team, monday, {"sem": {"lead": 3, "click": 29}})
    )
    (enough,) = await team.day([goal], tuesday, *_events(team, tuesday, {"sem": {"click": 1}}))

    assert (few["light"], few["why"]) == ("none", "too-few")
    assert (few["to_date"]["light"], few["to_date"]["why"]) == ("none", "too-few")
    # 3 of 30 are exactly the tenth that is wanted.
    assert (enough["light"], Decimal(enough["actual"])) == ("green", Decimal("0.1"))


@pytest.mark.row("T2", "at-most-104-of-80")
@pytest.mark.row("T2", "spend-without-result")
async def test_at_most_80_each_104_is_yellow_105_is_low_and_spend_for_nothing_is_0(
    team: Tenant,
) -> None:
    monday = team.stage.weeks(2)
    days = {
        "at 80": {"bill": 8_000, "lead": 100},
        "at 104": {"bill": 10_400, "lead": 100},
        "at 105": {"bill": 10_500, "lead": 100},
        "for nothing": {"bill": 500},
        "neither": {},
    }
    goals = [await team.goal(monday, monday + TWO_WEEKS, **_of(name, COST)) for name in days]

    seen = await team.day(goals, monday, *_events(team, monday, days))

    assert [_judgement(row) for row in seen] == [
        ("green", "green", 1),
        ("yellow", "yellow", Decimal("0.7")),
        ("yellow", "low", Decimal("0.6875")),
        ("yellow", "low", 0),
        ("none", "none", None),
    ]
    assert [row["watch"] for row in seen] == [False, False, True, True, False]
    # The headline shows the same numbers, and is red at once below 70 %.
    assert [row["to_date"]["light"] for row in seen] == ["green", "yellow", "red", "red", "none"]
    assert [Decimal(row["actual"]) for row in seen[:3]] == [80, 104, 105]
    assert seen[4]["why"] == "too-few"


@pytest.mark.row("T2", "level-31-of-325")
async def test_from_25_to_40_percent_planned_at_325_and_being_at_31_is_80_percent(
    team: Tenant,
) -> None:
    monday = team.stage.weeks(2)
    # The half of ten working days: 25 + 15 / 2 = 32.5. A share of two sums, and a counted level.
    share = RATE | {"form": "level", "level_start": "0.25", "target": "0.40"}
    counted = {"form": "level", "level_start": 25, "target": 40}
    goals = [
        await team.goal(monday, monday + TWO_WEEKS, **_of(channel, form))
        for channel, form in (("share", share), ("counted", counted))
    ]
    for number, change in enumerate((1, 1, 2, 1, 1)):
        day = monday + timedelta(days=number)
        amounts = {"share": {"lead": 31, "click": 100}, "counted": {"lead": change}}
        seen = await team.day(goals, day, *_events(team, day, amounts))

    assert [_judgement(row) for row in seen] == [("yellow", "yellow", Decimal("0.8"))] * 2
    assert [(Decimal(row["plan"]), Decimal(row["actual"])) for row in seen] == [
        (Decimal("0.325"), Decimal("0.31")),
        (Decimal("32.5"), 31),
    ]
    assert [Decimal(row["to_date"]["ratio"]) for row in seen] == [Decimal("0.8")] * 2


@pytest.mark.row("T2", "level-31-of-325")
async def test_a_level_has_no_light_before_its_plan_has_moved_ten_percent(team: Tenant) -> None:
    monday = team.stage.weeks(3)
    # Of 11 working days the first has moved a little less than 10 %, of 10 exactly 10 %.
    goals = [
        await team.goal(monday, monday + timedelta(days=last), **_of("sem", LEVEL))
        for last in (14, 11)
    ]

    seen = await team.day(goals, monday, *_events(team, monday, {"sem": {"lead": 2}}))

    assert [(row["light"], row["why"]) for row in seen] == [("none", "too-early"), ("green", "")]


@pytest.mark.row("T2", "bought-too-dear")
@pytest.mark.row("T6", "guardrail-turns")
async def test_a_breached_guardrail_keeps_a_goal_from_being_green_and_tells_each_turn_once(
    team: Tenant,
) -> None:
    monday = team.stage.weeks(1)
    days = [monday + timedelta(days=n) for n in range(5)]
    rails = [RAIL | {"where": of_channel("sem"), "over_where": of_channel("sem")}]
    goal = await team.goal(monday, days[-1], 100, **_of("sem", {"guardrails": rails}))

    # To date each costs 200.0001, 225, 200, 187.5 and 190.
    spent = ("20000.01", "24999.99", 15_000, 15_000, 20_000)
    seen = []
    for day, amount in zip(days, spent, strict=True):
        brought = {"sem": {"lead": 100, "bill": amount}}
        seen += await team.day([goal], day, *_events(team, day, brought))
    await team.settled()

    assert [(row["light"], row["band"], row["why"]) for row in seen] == [
        *[("yellow", "green", "guardrail")] * 2,
        *[("green", "green", "")] * 3,
    ]
    assert [row["to_date"]["light"] for row in seen] == ["yellow"] * 2 + ["green"] * 3
    assert [row["breached"] for row in seen] == [["cost"], ["cost"], [], [], []]
    turns = [deed for deed in await team.deeds(goal) if deed.get("guardrail")]
    assert [(d["kind"], d["span"]["start"], Decimal(d["actual"])) for d in turns] == [
        ("guardrail.breached", str(days[0]), Decimal("200.0001")),
        ("guardrail.cleared", str(days[2]), 200),
    ]
    assert {(d["guardrail"], Decimal(d["plan"])) for d in turns} == {("cost", 200)}


def _of(channel: str, form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form with its sums, all of one channel."""
    over = {"over_where": of_channel(channel)} if "over_metric" in form else {}
    return {**form, "where": of_channel(channel), **over}


def _events(
    team: Tenant, day: date, amounts: Mapping[str, Mapping[str, Any]]
) -> Sequence[dict[str, Any]]:
    """Return an event for each amount, by channel and type."""
    return [
        team.event(noon(day), amount, channel=channel, type=kind)
        for channel, by_type in amounts.items()
        for kind, amount in by_type.items()
    ]


def _judgement(row: Mapping[str, Any]) -> tuple[str, str, Decimal | None]:
    ratio = row["ratio"]
    return row["light"], row["band"], None if ratio is None else Decimal(ratio)
