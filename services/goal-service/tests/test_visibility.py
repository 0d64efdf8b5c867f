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


PLAIN = {"policy": {"grain": "day"}} | {
    key: value for key, value in GOAL.items() if key != "target"
}
FINN, CHO = ("finn", "lead"), ("cho", "lead")


@pytest.fixture
async def cascaded(door: Door) -> Door:
    """The company's goal with Anna's private part and a team's, and a goal below each of both."""
    await door.call("POST", "/v1/people/import", content=PEOPLE.encode())
    private = {"visibility": "private", "owner": "anna"}
    for body in (
        {"id": "whole", "target": 100},
        {"id": "annas", "name": "Secret", "target": 30, "parent": "whole", **private},
        {"id": "sems", "target": 20, "parent": "whole", "owner_team": "sem"},
        {"id": "under", "target": 10, "parent": "annas"},
    ):
        await door.call("POST", "/v1/goals", PLAIN | body, status=201)
    return door


async def test_a_cascade_leaves_out_what_one_does_not_see_and_the_sums_that_would_tell_it(
    cascaded: Door,
) -> None:
    seen = await cascaded.call("GET", "/v1/goals/whole/cascade", person=CHO)
    assert [child["id"] for child in seen["children"]] == ["annas", "sems"]
    assert (seen["assigned"], seen["rest"], seen["hidden"]) == ("50", "50", False)
    kept = await cascaded.call("GET", "/v1/goals/whole/cascade", person=FINN)
    assert [child["id"] for child in kept["children"]] == ["sems"]
    assert (kept["assigned"], kept["rest"], kept["parts"], kept["hidden"]) == (
        None,
        None,
        None,
        True,
    )
    assert kept["warnings"] == []  # what annas and sems count twice would name annas
    (warning,) = seen["warnings"]
    assert warning["code"] == "double-counting"
    assert "Secret" in warning["message"]
    await cascaded.call("GET", "/v1/goals/annas/cascade", person=FINN, status=404)


async def test_a_path_leads_past_a_goal_that_one_does_not_see(cascaded: Door) -> None:
    seen = await cascaded.call("GET", "/v1/goals/under/path", person=CHO)
    assert [step["id"] for step in seen["items"]] == ["under", "annas", "whole"]
    kept = await cascaded.call("GET", "/v1/goals/under/path", person=FINN)
    assert [(step["id"], step["share"]) for step in kept["items"]] == [
        ("under", None),
        ("whole", None),
    ]
    await cascaded.call("GET", "/v1/goals/annas/path", person=FINN, status=404)


async def test_a_goal_that_is_not_seen_is_no_parent_and_is_not_split(cascaded: Door) -> None:
    child = PLAIN | {"parent": "annas", "share": "0.5"}
    refused = await cascaded.call("POST", "/v1/goals", child, person=FINN, status=422)
    unknown = await cascaded.call(
        "POST", "/v1/goals", child | {"parent": "nothing"}, person=FINN, status=422
    )
    assert refused["error"]["code"] == unknown["error"]["code"] == "parent-unknown"
    split = {"parts": [{"name": "A", "share": "1"}]}
    await cascaded.call("POST", "/v1/goals/annas/split", split, person=FINN, status=404)


async def test_a_link_that_somebody_else_made_may_stay_but_tells_no_target(
    cascaded: Door,
) -> None:
    change = PLAIN | {"parent": "annas", "reason": "less"}
    changed = await cascaded.call("PUT", "/v1/goals/under", change | {"target": 9}, person=FINN)
    assert changed["parent"] == "annas"
    share = change | {"share": "0.5", "target": None}
    refused = await cascaded.call("PUT", "/v1/goals/under", share, person=FINN, status=422)
    assert refused["error"]["code"] == "parent-unknown"


async def test_a_split_is_seen_by_whom_the_whole_is_and_warns_of_seen_parts_only(
    cascaded: Door,
) -> None:
    one = {"parts": [{"id": "half", "name": "Half", "share": "0.5"}], "allow_rest": True}
    made = await cascaded.call("POST", "/v1/goals/whole/split", one, person=FINN, status=201)
    assert {w["code"] for w in made["warnings"]} == {"double-counting"}
    assert "Secret" not in str(made["warnings"])
    inner = {"parts": [{"id": "inner", "name": "Inner", "share": "1", "owner": "anna"}]}
    await cascaded.call("DELETE", "/v1/goals/under", person=CHO)
    (part,) = (await cascaded.call("POST", "/v1/goals/annas/split", inner, person=CHO, status=201))[
        "items"
    ]
    assert part["visibility"] == "private"
    await cascaded.call("GET", "/v1/goals/inner", person=FINN, status=404)


POLICIES = ("policies:write",)


async def test_a_changed_policy_names_the_goals_that_one_sees_and_moves_all(door: Door) -> None:
    await door.call("POST", "/v1/people/import", content=PEOPLE.encode())
    strict = {"grain": "day", "reason": "stricter"}
    await door.call("PUT", "/v1/policies/strict", strict)
    private = {"visibility": "private", "owner": "anna"}
    for body in ({"id": "open"}, {"id": "annas", **private}):
        made = PLAIN | {"target": 20, "policy": "strict"} | body
        await door.call("POST", "/v1/goals", made, status=201)
    changed = await door.call(
        "PUT", "/v1/policies/strict", strict | {"low": "0.8"}, scopes=POLICIES
    )
    assert changed["goals"] == ["open"]
    assert (await door.call("GET", "/v1/goals/annas"))["version"] == 2
