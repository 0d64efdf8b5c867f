"""Named policies: versions with reasons, and goals that follow them, through kills too."""

from typing import Any

import pytest

from event_contracts.goals import GoalChanged
from event_contracts.metrics import MetricDefined
from goal_service.adapters.policies import PolicyReader
from goal_service.api.carrying import carrier
from goal_service.api.following import MOST_PER_TRANSACTION, PolicyFollower
from goal_service.domain.commands import FollowPolicy, SetPolicy
from goal_service.domain.policies import Rules
from service_kit import audit

MONTH = {"start": "2011-01-01", "end": "2011-01-31", "zone": "Europe/London"}
LEADS = MONTH | {"name": "Leads", "metric": "gross_revenue", "target": 300, "policy": "strict"}
STRICT = {"low": "0.8", "reason": "the board asked"}


async def versions(door: Any, goal: str) -> list[tuple[int, str, str, str]]:
    found = await door.call("GET", f"/v1/goals/{goal}/versions")
    return [
        (v["version"], v["policy"]["low"], v["policy"]["grain"], v["reason"])
        for v in found["items"]
    ]


async def test_a_policy_has_versions_with_reasons_and_audit_entries(door: Any) -> None:
    path = "/v1/policies/strict"
    made = await door.call("PUT", path, STRICT)
    assert (made["version"], made["low"], made["grain"], made["goals"]) == (1, "0.8", "auto", [])
    door.stage.clock.now += 1_000
    await door.call("PUT", path, {"low": "0.9", "reason": "again"})
    shown = await door.call("GET", path)
    assert (shown["version"], shown["low"], shown["reason"]) == (2, "0.9", "again")
    assert (await door.call("GET", path, version=1))["low"] == "0.8"
    listed = await door.call("GET", f"{path}/versions")
    assert [v["version"] for v in listed["items"]] == [1, 2]
    assert [p["name"] for p in (await door.call("GET", "/v1/policies"))["items"]] == ["strict"]
    entries = [row for row in await door.stage.all("audit") if row.get("action")]
    assert [(e["action"], e["subject"]) for e in entries] == [
        ("policy.created", "strict"),
        ("policy.changed", "strict"),
    ]
    assert (await audit.verify(door.stage.store, "shop")).whole


async def test_a_goal_takes_the_policy_that_it_names_settled_for_itself(door: Any) -> None:
    await door.call("PUT", "/v1/policies/strict", STRICT)
    made = await door.call("POST", "/v1/goals", LEADS | {"id": "leads"}, status=201)
    assert (made["policy_name"], made["policy_version"]) == ("strict", 1)
    assert (made["policy_wanted"]["grain"], made["policy_wanted"]["red_after"]) == ("auto", 0)
    # 300 over 21 working days are 14 a day.
    assert (made["policy"]["low"], made["policy"]["grain"], made["policy"]["red_after"]) == (
        "0.8",
        "day",
        3,
    )


async def test_a_changed_policy_gives_each_running_goal_that_names_it_a_version(door: Any) -> None:
    await door.call("PUT", "/v1/policies/strict", STRICT)
    past = LEADS | {"id": "past", "start": "2010-12-01", "end": "2011-01-17"}
    other = LEADS | {"id": "other", "policy": {}}
    for body in (LEADS | {"id": "leads"}, LEADS | {"id": "small", "target": 40}, past, other):
        await door.call("POST", "/v1/goals", body, status=201)
    await door.call("POST", "/v1/goals", LEADS | {"id": "gone"}, status=201)
    await door.call("DELETE", "/v1/goals/gone", reason="sold")
    change = {"low": "0.9", "reason": "stricter still"}
    changed = await door.call("PUT", "/v1/policies/strict", change)
    assert (changed["goals"], changed["warnings"]) == (["leads", "small"], [])
    assert await versions(door, "leads") == [
        (1, "0.8", "day", ""),
        (2, "0.9", "day", "stricter still"),
    ]
    assert [grain for _, _, grain, _ in await versions(door, "small")] == ["month", "month"]
    assert len(await versions(door, "past")) == 1  # today is 18 January: it stays as judged
    assert len(await versions(door, "other")) == 1
    assert len(await versions(door, "gone")) == 2
    events = [e for e in await door.outbox("goals", GoalChanged) if e.goal == "leads"]
    assert [(e.version, str(e.policy.low)) for e in events] == [(1, "0.8"), (2, "0.9")]


async def test_a_goal_whose_last_day_is_today_still_follows(door: Any) -> None:
    await door.call("PUT", "/v1/policies/strict", STRICT)
    today = LEADS | {"id": "today", "end": "2011-01-18"}
    await door.call("POST", "/v1/goals", today, status=201)
    changed = await door.call("PUT", "/v1/policies/strict", STRICT | {"low": "0.9"})
    assert changed["goals"] == ["today"]


async def test_a_goal_that_the_new_policy_does_not_fit_keeps_its_own_and_is_named(
    door: Any,
) -> None:
    await door.stage.define(
        MetricDefined(
            tenant="shop",
            metric="money",
            version=1,
            kind="additive",
            source="orders",
            unit="GBP",
            currency="GBP",
        )
    )
    await door.call("PUT", "/v1/policies/strict", STRICT | {"grain": "week"})
    money = LEADS | {"id": "money", "metric": "money"}
    await door.call("POST", "/v1/goals", money, status=201)
    await door.call("POST", "/v1/goals", LEADS | {"id": "leads"}, status=201)
    changed = await door.call("PUT", "/v1/policies/strict", STRICT)  # grain auto: needs its deals
    assert changed["goals"] == ["leads"]
    (warning,) = changed["warnings"]
    assert (warning["where"], warning["code"]) == ("money", "deal-value-missing")
    assert len(await versions(door, "money")) == 1
    entries = [row for row in await door.stage.all("audit") if row.get("action")]
    assert ("policy.not-followed", "money") in {(e["action"], e["subject"]) for e in entries}


async def test_many_goals_follow_in_transactions_of_bounded_size(door: Any) -> None:
    await door.call("PUT", "/v1/policies/strict", STRICT)
    number = MOST_PER_TRANSACTION + 1
    names = [f"g{n:03}" for n in range(number)]
    for name in names:
        await door.call("POST", "/v1/goals", LEADS | {"id": name}, status=201)
    carried: list[Any] = []
    carry = carrier(door.runtime)

    async def watched(command: Any) -> Any:
        carried.append(command)
        return await carry(command)

    await carry(SetPolicy("shop", "strict", Rules(red_after=5), "more patience", "key:x", 0))
    follower = PolicyFollower(watched, PolicyReader(door.stage.store), door.stage.clock)
    assert await follower.run() == number
    assert [type(command) for command in carried] == [FollowPolicy, FollowPolicy]
    assert await follower.run() == 0
    assert len(carried) == 2


async def test_a_killed_change_is_finished_later_and_no_goal_moves_twice(door: Any) -> None:
    await door.call("PUT", "/v1/policies/strict", STRICT)
    for name in ("a", "b", "c"):
        await door.call("POST", "/v1/goals", LEADS | {"id": name}, status=201)
    carry = carrier(door.runtime)
    now = door.stage.clock.now_ms()
    await carry(SetPolicy("shop", "strict", Rules(red_after=5), "patience", "key:x", now))
    await carry(FollowPolicy("shop", "strict", now, most=1))  # and here the process dies
    # A goal that is made in between has the new version already.
    late = await door.call("POST", "/v1/goals", LEADS | {"id": "late"}, status=201)
    assert late["policy_version"] == 2
    follower = PolicyFollower(carry, PolicyReader(door.stage.store), door.stage.clock)
    assert await follower.run() == 2
    for name in ("a", "b", "c"):
        assert [v for v, *_ in await versions(door, name)] == [1, 2]
    assert [v for v, *_ in await versions(door, "late")] == [1]


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("a b", STRICT, "id-invalid"),
        ("strict", STRICT | {"reason": " "}, "reason-missing"),
        ("strict", {"low": "0.8"}, "missing-field"),
        ("strict", STRICT | {"low": "2"}, "policy-value"),
        ("strict", STRICT | {"colour": "red"}, "unknown-field"),
        ("strict", STRICT | {"based_on": 3}, "policy-moved-on"),
    ],
)
async def test_a_policy_that_cannot_be_is_refused(
    door: Any, name: str, body: dict[str, Any], code: str
) -> None:
    status = 409 if code == "policy-moved-on" else 422
    refused = await door.call("PUT", f"/v1/policies/{name}", body, status=status)
    assert refused["error"]["code"] == code
    assert await door.stage.all("policies") == []


async def test_a_policy_that_nobody_made_is_unknown_and_tenants_have_their_own(door: Any) -> None:
    refused = await door.call("POST", "/v1/goals", LEADS, status=422)
    assert (refused["error"]["code"], refused["error"]["where"]) == ("policy-unknown", "policy")
    await door.call("PUT", "/v1/policies/strict", STRICT)
    await door.call("GET", "/v1/policies/strict", tenant="rival", status=404)
    await door.call("GET", "/v1/policies/strict/versions", tenant="rival", status=404)
    await door.call("GET", "/v1/policies/strict", version=9, status=404)
    assert (await door.call("GET", "/v1/policies", tenant="rival"))["items"] == []
    reads = ("goals:read",)
    await door.call("PUT", "/v1/policies/strict", STRICT, scopes=reads, status=403)
    await door.call("GET", "/v1/policies/strict", scopes=("goals:write",), status=403)


async def test_only_admins_and_keys_for_policies_write_them_whoever_may_write_goals(
    door: Any,
) -> None:
    goals = ("goals:read", "goals:write", "goals:read-all")
    await door.call("PUT", "/v1/policies/strict", STRICT, scopes=goals, status=403)
    for role in ("lead", "member", "finance", "sales", "viewer"):
        person = ("somebody", role)
        await door.call("PUT", "/v1/policies/strict", STRICT, person=person, status=403)
    assert await door.stage.all("policies") == []
    key = ("policies:write",)
    assert (await door.call("PUT", "/v1/policies/strict", STRICT, scopes=key))["version"] == 1
    admin = ("eve", "admin")
    assert (await door.call("PUT", "/v1/policies/strict", STRICT, person=admin))["version"] == 2
    await door.call("POST", "/v1/goals", LEADS, scopes=key, status=403)
    await door.call("GET", "/v1/policies/strict", person=("somebody", "viewer"))
