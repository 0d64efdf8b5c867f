"""A person's own goals follow a changed leave, at once and through kills."""

from datetime import date
from typing import Any

import pytest

from event_contracts.facts import GoalControl
from event_contracts.goals import GoalChanged
from goal_service.adapters.directory import DirectoryReader
from goal_service.api.carrying import carrier
from goal_service.api.following import MOST_PER_TRANSACTION, LeaveFollower
from goal_service.domain.commands import ChangeDirectory, FollowLeave
from goal_service.domain.people import Leave, Patch, Person, Ref
from service_kit import audit

# The stage's clock stands at 18 January 2011, a Tuesday; the week from the 24th is Monday's.
OWN = {
    "id": "own",
    "name": "Leads",
    "metric": "gross_revenue",
    "start": "2011-01-24",
    "end": "2011-01-28",
    "zone": "Europe/London",
    "target": 100,
    "level": "individual",
    "owner": "anna",
}
FRIDAY = {"leave": [{"from": "2011-01-28", "to": "2011-01-30"}]}
PATH = "/v1/people/anna/leave"


@pytest.fixture
async def office(door: Any) -> Any:
    for name in ("anna", "ben"):
        await door.call("PUT", f"/v1/people/{name}", {"name": name.title()})
    return door


async def make(door: Any, **fields: Any) -> Any:
    return await door.call("POST", "/v1/goals", OWN | fields, status=201)


async def shown(door: Any, goal: str) -> tuple[Any, ...]:
    found = await door.call("GET", f"/v1/goals/{goal}")
    return found["version"], found["plan"]["daily"], found["working_days"], found["reason"]


async def test_goals_follow_leave_and_its_withdrawal_with_a_version_and_a_control(
    office: Any,
) -> None:
    await make(office)
    await office.call("PUT", PATH, FRIDAY)
    assert await shown(office, "own") == (2, "25", 4, "leave")
    found = await office.call("GET", "/v1/goals/own")
    assert (found["calendar"]["off"], found["calendar_wanted"]["off"]) == (["2011-01-28"], [])
    assert found["plan_wanted"] == "straight"
    await office.call("PUT", PATH, FRIDAY)  # the same again
    assert (await shown(office, "own"))[0] == 2
    await office.call("PUT", PATH, {"leave": []})
    assert await shown(office, "own") == (3, "20", 5, "leave")
    told = [(e.version, e.reason) for e in await office.outbox("goals", GoalChanged)]
    assert told == [(1, ""), (2, "leave"), (3, "leave")]
    controls = await office.outbox("facts", GoalControl)
    assert [(c.goal, c.goal_version) for c in controls] == [("own", 1), ("own", 2), ("own", 3)]
    entries = [e["action"] for e in await office.stage.all("audit") if e.get("subject") == "own"]
    assert entries == ["goal.created", "goal.changed", "goal.changed"]
    assert (await audit.verify(office.stage.store, "shop")).whole


async def test_a_goal_made_after_the_leave_has_it_from_the_first_version(office: Any) -> None:
    await office.call("PUT", PATH, FRIDAY)
    await make(office)
    assert await shown(office, "own") == (1, "25", 4, "")
    change = OWN | {"target": 80, "reason": "less"}
    await office.call("PUT", "/v1/goals/own", change)
    assert await shown(office, "own") == (2, "20", 4, "less")
    await office.call("PUT", "/v1/goals/own", change | {"owner": "ben", "reason": "handed over"})
    assert await shown(office, "own") == (3, "16", 5, "handed over")


async def test_leave_touches_running_individual_goals_of_that_owner_alone(office: Any) -> None:
    await make(office)
    await make(office, id="bens", owner="ben")
    await make(office, id="teams", level="team")
    await make(office, id="last-day", start="2011-01-17", end="2011-01-18")
    await make(office, id="over", start="2011-01-10", end="2011-01-17")
    await make(office, id="stopped")
    await office.call("DELETE", "/v1/goals/stopped")
    leave = {"leave": [{"from": "2011-01-17", "to": "2011-01-17"}, *FRIDAY["leave"]]}
    await office.call("PUT", PATH, leave)
    versions = {goal: (await shown(office, goal))[0] for goal in ("own", "bens", "teams", "over")}
    assert versions == {"own": 2, "bens": 1, "teams": 1, "over": 1}
    assert (await shown(office, "last-day"))[0] == 2  # its last day is today
    assert (await shown(office, "stopped"))[0] == 2  # the version that stopped it


async def test_a_plan_by_hand_stays_and_the_trail_says_why_without_the_day(office: Any) -> None:
    await make(office, plan={"daily": 20})
    await office.call("PUT", PATH, FRIDAY)
    assert await shown(office, "own") == (1, "20", 5, "")
    (entry,) = [
        e for e in await office.stage.all("audit") if e.get("action") == "leave.not-followed"
    ]
    assert (entry["subject"], entry["detail"]) == (
        "own",
        {"person": "anna", "why": "plan-on-leave"},
    )
    made = await make(office, id="other", plan={"daily": 20})
    assert [warning["code"] for warning in made["warnings"]] == ["plan-on-leave"]


async def test_a_changed_policy_keeps_the_leave_and_what_was_wanted(office: Any) -> None:
    await office.call("PUT", "/v1/policies/strict", {"low": "0.8", "reason": "asked"})
    await make(office, policy="strict")
    await office.call("PUT", PATH, FRIDAY)
    await office.call("PUT", "/v1/policies/strict", {"low": "0.9", "reason": "again"})
    assert await shown(office, "own") == (3, "25", 4, "again")
    await office.call("PUT", PATH, {"leave": []})
    found = await office.call("GET", "/v1/goals/own")
    assert (found["version"], found["plan"]["daily"], found["policy"]["low"]) == (4, "20", "0.9")


async def test_a_killed_change_is_finished_later_and_no_goal_moves_twice(office: Any) -> None:
    names = [f"g{number:03}" for number in range(MOST_PER_TRANSACTION + 1)]
    for name in names:
        await make(office, id=name)
    carry = carrier(office.runtime)
    now = office.stage.clock.now_ms()
    leave = Leave(date(2011, 1, 28), date(2011, 1, 30))
    patch = Patch(Ref(Person, "anna"), {"leave": (leave,)})
    await carry(ChangeDirectory("shop", (patch,), "key:x", now))
    await carry(FollowLeave("shop", "anna", now, most=1))  # and here the process dies
    carried: list[Any] = []

    async def watched(command: Any) -> Any:
        carried.append(command)
        return await carry(command)

    follower = LeaveFollower(watched, DirectoryReader(office.stage.store), office.stage.clock)
    assert await follower.run() == len(names) - 1
    assert len(carried) == 2
    assert await follower.run() == 0
    assert len(carried) == 2
    assert {await shown(office, name) for name in names} == {(2, "25", 4, "leave")}


async def test_a_change_of_anything_else_moves_no_goal(office: Any) -> None:
    await make(office)
    await office.call("PUT", "/v1/people/anna", {"name": "Anna Li"})
    reader = DirectoryReader(office.stage.store)
    assert await reader.unfollowed() == []
    assert (await shown(office, "own"))[0] == 1


# The week of the stage's today, Tuesday the 18th.
RUNNING = {"start": "2011-01-17", "end": "2011-01-21"}


async def test_leave_in_mid_period_leaves_yesterday_as_it_was_and_tells_what_it_restates(
    office: Any,
) -> None:
    await make(office, **RUNNING)
    await office.call("PUT", PATH, {"leave": [{"from": "2011-01-21", "to": "2011-01-21"}]})
    found = await office.call("GET", "/v1/goals/own")
    assert found["plan"]["days"] == {
        "2011-01-17": "20",
        "2011-01-18": "26",
        "2011-01-19": "27",
        "2011-01-20": "27",
    }
    sick = {"leave": [{"from": "2011-01-17", "to": "2011-01-17"}]}
    await office.call("PUT", PATH, sick)
    assert await shown(office, "own") == (3, "25", 4, "leave")
    told = [e.restates for e in await office.outbox("goals", GoalChanged)]
    assert told == [(), (), (date(2011, 1, 17),)]


async def test_a_later_change_of_the_goal_still_tells_what_was_restated(office: Any) -> None:
    await make(office, **RUNNING)
    await office.call("PUT", PATH, {"leave": [{"from": "2011-01-17", "to": "2011-01-17"}]})
    change = OWN | RUNNING | {"target": 80, "reason": "less"}
    await office.call("PUT", "/v1/goals/own", change)
    told = await office.outbox("goals", GoalChanged)
    assert [len(event.restates) for event in told] == [0, 1, 1]
    later = change | {"start": "2011-01-18", "reason": "from today"}
    await office.call("PUT", "/v1/goals/own", later)
    assert (await office.outbox("goals", GoalChanged))[-1].restates == ()
