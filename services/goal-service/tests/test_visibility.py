"""Who sees which goals through the door: the owner, the team, the leads up the line, an admin."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from event_contracts.goals import GoalChanged, Plan
from goal_service.adapters.goals import MongoGoals
from goal_service.domain.goals import GoalVersion

Door = Any
PEOPLE = """id,name,team,team_name,team_lead,team_parent,manager
eva,Eva,,,,,
dora,Dora,marketing,Marketing,dora,,eva
cho,Cho,content,Content,cho,marketing,dora
anna,Anna,content,,,,cho
ben,Ben,content,,,,cho
finn,Finn,sem,SEM,,marketing,dora
"""
GOAL = {
    "metric": "gross_revenue",
    "name": "Articles",
    "start": "2011-01-03",
    "end": "2011-01-31",
    "zone": "UTC",
    "target": 20,
}


@pytest.fixture
async def full(door: Door) -> Door:
    """Goals of every visibility; Anna owns the private one and that of the team."""
    await door.call("POST", "/v1/people/import", content=PEOPLE.encode())
    goals = [
        goal("all"),
        goal("sem", visibility="team", owner_team="sem"),
        goal("team", visibility="team", owner="anna"),
        goal("mine", visibility="private", owner="anna", owner_team="content"),
    ]

    async def write(tx: Any) -> None:
        for each in goals:
            await MongoGoals(tx).add(GoalVersion(each, "", "key:test"))

    await (await door.stage.store.session()).run(write)
    return door


def goal(identity: str, **fields: Any) -> GoalChanged:
    return GoalChanged(
        tenant="shop",
        goal=identity,
        version=1,
        name="Articles",
        metric="gross_revenue",
        unit="GBP",
        zone="UTC",
        start=date(2011, 1, 3),
        end=date(2011, 1, 31),
        plan=Plan(daily=Decimal(1)),
        target=Decimal(21),
        **fields,
    )


@pytest.mark.parametrize(
    ("person", "roles", "seen"),
    [
        ("anna", "member", {"all", "team", "mine"}),
        ("ben", "member", {"all", "team"}),
        ("cho", "lead", {"all", "team", "mine"}),
        ("dora", "lead", {"all", "team", "mine", "sem"}),
        ("eva", "viewer", {"all", "team", "mine", "sem"}),
        ("finn", "member", {"all", "sem"}),
        ("gus", "finance", {"all"}),
        ("root", "admin", {"all", "team", "mine", "sem"}),
    ],
)
async def test_a_person_sees_a_goal_in_lists_and_alone_or_nowhere(
    full: Door, person: str, roles: str, seen: set[str]
) -> None:
    who = (person, roles)
    for limit in (1, 2, 100):
        assert await listed(full, who, limit) == sorted(seen)
    for each in ("all", "sem", "team", "mine"):
        status = 200 if each in seen else 404
        for path in ("", "/versions", "/progress"):
            await full.call("GET", f"/v1/goals/{each}{path}", person=who, status=status)


async def listed(door: Door, who: tuple[str, str], limit: int) -> list[str]:
    found: list[str] = []
    after = ""
    while after is not None:
        page = await door.call("GET", "/v1/goals", person=who, limit=limit, after=after)
        found += [each["id"] for each in page["items"]]
        after = page["next"]
    return found


async def test_a_goal_that_is_not_seen_cannot_be_changed_or_stopped_either(full: Door) -> None:
    change = GOAL | {"reason": "x"}
    who = ("finn", "lead")
    refused = await full.call("PUT", "/v1/goals/mine", change, person=who, status=404)
    assert refused["error"]["code"] == "goal-unknown"
    await full.call("DELETE", "/v1/goals/mine", person=who, status=404)
    await full.call("DELETE", "/v1/goals/mine", person=("cho", "lead"))


async def test_a_key_sees_what_is_the_organisations_unless_it_may_read_all(full: Door) -> None:
    reads = ("goals:read",)
    found = await full.call("GET", "/v1/goals", scopes=reads)
    assert [each["id"] for each in found["items"]] == ["all"]
    await full.call("GET", "/v1/goals/mine", scopes=reads, status=404)
    found = await full.call("GET", "/v1/goals", scopes=(*reads, "goals:read-all"))
    assert len(found["items"]) == 4


async def test_who_changes_teams_sees_with_the_directory_not_with_an_old_token(full: Door) -> None:
    await full.call("PUT", "/v1/people/finn", {"name": "Finn", "team": "content"})
    assert await listed(full, ("finn", "member"), 100) == ["all", "team"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"visibility": "galaxy", "owner_team": "sem"}, "visibility-unknown"),
        ({"visibility": "team"}, "owner-missing"),
        ({"visibility": "private"}, "owner-missing"),
    ],
)
async def test_a_goal_that_nobody_could_see_is_refused(
    door: Door, fields: dict[str, Any], code: str
) -> None:
    refused = await door.call("POST", "/v1/goals", GOAL | fields, status=422)
    assert (refused["error"]["code"], refused["error"]["where"]) == (code, "visibility")


async def test_a_goals_visibility_is_kept_and_told(door: Door) -> None:
    body = GOAL | {"visibility": "team", "owner_team": "sem"}
    made = await door.call("POST", "/v1/goals", body, status=201)
    assert made["visibility"] == "team"
    (event,) = await door.outbox("goals", GoalChanged)
    assert event.visibility == "team"
