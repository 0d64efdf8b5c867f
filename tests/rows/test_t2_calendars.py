"""Row T2: which days are judged: make-up days, every day, and none of the owner's leave."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from paceline.trial.stage import Stage, Tenant, noon
from paceline.trial.system import until


@pytest.mark.row("T2", "make-up-day")
async def test_a_make_up_saturday_is_judged_like_any_working_day(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    thursday, friday, saturday, sunday = (monday + timedelta(days=n) for n in range(3, 7))
    made_up = await team.settle(thursday, sunday, 100, calendar={"on": [str(saturday)]})
    plain = await team.settle(thursday, sunday, 100)

    lights = await team.play(made_up["id"], ((thursday, 65), (friday, 60), (saturday, 69)))

    assert lights == ["yellow", "yellow", "red"]
    assert _planned(made_up) == (3, 300)
    assert _planned(plain) == (2, 200)
    assert (await team.judged(plain["id"], friday))["light"] == "yellow"
    assert await team.light(plain["id"], saturday) is None
    assert await team.deeds(plain["id"], "goal.off_track") == []


@pytest.mark.row("T2", "all-days")
async def test_a_calendar_of_all_days_judges_the_weekend_too(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    friday, saturday, sunday = (monday + timedelta(days=n) for n in range(4, 7))
    goal = await team.settle(friday, sunday, target=300, calendar={"kind": "all"})

    lights = await team.play(goal["id"], ((friday, 65), (saturday, 60), (sunday, 69)))

    assert _planned(goal) == (3, 300)
    assert lights == ["yellow", "yellow", "red"]
    assert [Decimal((await team.judged(goal["id"], sunday))[f]) for f in ("actual", "plan")] == [
        *(69, 100)
    ]


@pytest.mark.row("T2", "owner-on-leave")
async def test_the_owners_leave_is_no_day_of_an_individual_goal_and_breaks_no_run(
    stage: Stage,
) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    stage.clock(noon(monday))
    tuesday, wednesday, thursday, friday = (monday + timedelta(days=n) for n in range(1, 5))
    await team.api.call("PUT", "goal-service", "/v1/people/anna", {"name": "Anna"})
    own = await team.goal(monday, friday, target=400, level="individual", owner="anna")
    teams = await team.goal(monday, friday, target=400, level="team", owner="anna")
    leave = {"leave": [{"from": str(wednesday), "to": str(wednesday)}]}
    await team.api.call("PUT", "goal-service", "/v1/people/anna/leave", leave)
    await _plan_becomes(team, own, monday, 100)

    before = await team.play(own, ((monday, 65), (tuesday, 60)))
    stage.clock(noon(wednesday))
    await team.on(wednesday, 90)
    team.close(wednesday)
    after = await team.play(own, ((thursday, 69),))

    assert [*before, *after] == ["yellow", "yellow", "red"]
    assert await team.light(own, wednesday) is None
    assert await team.total(own) == 65 + 60 + 90 + 69  # results of the day count all the same
    assert Decimal((await team.judged(own, thursday))["plan"]) == 100
    # The team's goal plans 80 a day on all five, and Wednesday's 90 of 80 is green.
    assert (await team.judged(teams, wednesday))["light"] == "green"
    goal = await team.api.get("goal-service", f"/v1/goals/{own}")
    assert (goal["version"], goal["reason"], goal["working_days"]) == (2, "leave", 4)


@pytest.mark.row("T2", "leave-known-late")
async def test_leave_known_late_takes_the_light_and_the_red_that_it_made_back(
    stage: Stage,
) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    stage.clock(noon(monday))
    tuesday, wednesday, thursday, friday = (monday + timedelta(days=n) for n in range(1, 5))
    await team.api.call("PUT", "goal-service", "/v1/people/anna", {"name": "Anna"})
    own = await team.goal(monday, friday, target=500, level="individual", owner="anna")
    lights = await team.play(own, ((monday, 60), (tuesday, 60), (wednesday, 60)))
    assert lights == ["yellow", "yellow", "red"]

    stage.clock(noon(thursday))
    ill = {"leave": [{"from": str(tuesday), "to": str(tuesday)}]}
    await team.api.call("PUT", "goal-service", "/v1/people/anna/leave", ill)
    await _plan_becomes(team, own, thursday, 150)
    stage.clock(noon(thursday) + timedelta(minutes=1))
    (recovered,) = await team.deeds_become(own, "goal.recovered", 1)
    (off_track,) = await team.deeds(own, "goal.off_track")

    assert recovered["corrects"] == off_track["id"]
    rows = [await team.judged(own, day) for day in (monday, tuesday, wednesday)]
    found = [(row["light"], row["why"], Decimal(row["plan"])) for row in rows]
    assert found == [("yellow", "", 100), ("none", "leave", 0), ("yellow", "", 100)]
    goal = await team.api.get("goal-service", f"/v1/goals/{own}")
    assert goal["restates"] == [str(tuesday)]
    assert [Decimal(goal["plan"]["days"][str(day)]) for day in (monday, wednesday, friday)] == [
        100,
        100,
        150,
    ]


def _planned(goal: dict[str, Any]) -> tuple[int, Decimal]:
    return goal["working_days"], Decimal(goal["target"])


async def _plan_becomes(team: Tenant, goal: str, day: date, plan: int) -> None:
    """Wait until alerting knows the version that plans so much for the day."""

    async def look() -> bool:
        row = await team.light(goal, day)
        return row is not None and Decimal(row["plan"]) == plan

    await until(look, 60.0, f"{goal} plans {plan}")
