"""Rows T1, T2, T6: the to-date light, what it needs from now, and whom a red run reaches."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from paceline.trial.stage import Stage, Tenant, noon, of_channel

QUARTER = timedelta(days=84)  # from a Monday: 61 working days, 1,220 at 20 a day


@pytest.mark.row("T1", "ten-days-at-12")
@pytest.mark.row("T2", "from-ten-percent")
async def test_ten_days_at_12_of_20_then_20_are_140_of_220(stage: Stage) -> None:
    monday = stage.weeks(13)
    team = await stage.tenant()
    goal = await team.goal(monday, monday + QUARTER, 20)

    seen = [
        (await team.day([goal], day, team.event(noon(day), amount)))[0]
        for day, amount in zip(_working(monday), [12] * 10 + [20], strict=False)
    ]
    page = await team.api.get("alerting", "/v1/lights", goal=goal, limit=1)

    # 10 % of 1,220 are 122: six days plan 120, the seventh 140; 84 of 140 is red at once.
    assert [row["to_date"]["light"] for row in seen] == ["none"] * 6 + ["red"] * 5
    assert {row["to_date"]["why"] for row in seen[:6]} == {"too-early"}
    headline = seen[-1]["to_date"]
    assert _figures(headline) == ("red", 140, 220)
    assert round(Decimal(headline["ratio"]), 2) == Decimal("0.64")
    assert (seen[-1]["light"], Decimal(seen[-1]["actual"])) == ("green", 20)
    # 1,220 - 140 = 1,080 over the 50 working days that are left.
    assert Decimal(page["needed_per_day"]) == Decimal("21.6")


@pytest.mark.row("T2", "to-date-339-of-260")
async def test_a_red_run_reaches_the_owner_only_while_the_headline_is_green(stage: Stage) -> None:
    monday = stage.weeks(13)
    team = await stage.tenant()
    # Ten days at 30 and three at 13 are 339 of 260; ten days at 22 are 259 of 260, not green.
    before = {"green": 30, "yellow": 22}
    goals = {
        channel: await team.goal(monday, monday + QUARTER, 20, where=of_channel(channel))
        for channel in before
    }
    for number, day in zip(range(13), _working(monday), strict=False):
        amounts = {c: before[c] if number < 10 else 13 for c in before}
        last = await team.day(goals.values(), day, *_events(team, day, amounts))

    assert [row["light"] for row in last] == ["red", "red"]
    headlines = [_figures(row["to_date"]) for row in last]
    assert headlines == [("green", 339, 260), ("yellow", 259, 260)]
    for channel, whom in (("green", "owner"), ("yellow", "lead")):
        (off,) = await team.deeds(goals[channel], "goal.off_track")
        assert (off["escalated_to"], off["span"]["start"]) == (whom, last[0]["span"]["start"])


@pytest.mark.row("T2", "exactly-100-is-green")
async def test_a_policy_may_demand_strictly_more_than_the_plan(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    friday = monday + timedelta(days=4)
    goals = [
        await team.goal(monday, friday, 20, policy={"strictly_more": strictly})
        for strictly in (False, True)
    ]

    first = await team.day(goals, monday, team.event(noon(monday), 20))
    tuesday = monday + timedelta(days=1)
    second = await team.day(goals, tuesday, team.event(noon(tuesday), "20.01"))

    assert [(row["light"], row["to_date"]["light"]) for row in first] == [
        ("green", "green"),
        ("yellow", "yellow"),
    ]
    assert [(row["light"], row["to_date"]["light"]) for row in second] == [("green", "green")] * 2


@pytest.mark.row("T6", "to-date-changed")
async def test_the_headline_has_deeds_of_its_own_and_a_late_result_restates_it(
    stage: Stage,
) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    tuesday = monday + timedelta(days=1)
    goal = await team.goal(monday, monday + timedelta(days=4), 20)
    assert await team.play(goal, ((monday, 20), (tuesday, 0))) == ["green", "yellow"]
    first, second = [d for d in await team.deeds(goal) if d.get("light_kind") == "to-date"]
    assert (first.get("before"), first["light"], second.get("before"), second["light"]) == (
        *(None, "green"),
        *("green", "red"),  # 20 of 40
    )

    await team.on(monday, 20)
    await team.total_becomes(goal, 40)
    stage.clock(noon(monday + timedelta(days=2)))
    # One for Monday's run, whose 20 became 40; one for Tuesday's headline.
    restated = await team.deeds_become(goal, "goal.restated", 2)
    await team.settled()

    assert len(await team.deeds(goal, "goal.restated")) == 2
    (headline,) = [d for d in restated if d.get("light_kind") == "to-date"]
    assert (headline["span"]["start"], headline["corrects"]) == (str(tuesday), second["id"])
    changes = [
        d for d in await team.deeds(goal, "light.changed") if d.get("light_kind") == "to-date"
    ]
    assert [(d.get("before"), d["light"]) for d in changes[2:]] == [("red", "green")]
    assert _figures((await team.judged(goal, tuesday))["to_date"]) == ("green", 40, 40)


def _working(monday: date) -> Iterable[date]:
    days = (monday + timedelta(days=n) for n in range(QUARTER.days + 1))
    return (day for day in days if day.isoweekday() <= 5)


def _events(team: Tenant, day: date, amounts: dict[str, int]) -> list[dict[str, Any]]:
    return [team.event(noon(day), amount, channel=c) for c, amount in amounts.items()]


def _figures(headline: dict[str, Any]) -> tuple[str, Decimal, Decimal]:
    return headline["light"], Decimal(headline["actual"]), Decimal(headline["plan"])
