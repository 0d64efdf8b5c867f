"""Shares follow a changed target, down the cascade and to the digit; own targets stay."""

from decimal import Decimal
from typing import Any

import pytest

from event_contracts.facts import GoalControl
from event_contracts.goals import GoalChanged
from event_contracts.metrics import MetricDefined
from service_kit import audit

GOAL = {
    "metric": "gross_revenue",
    "start": "2011-01-17",
    "end": "2011-01-28",
    "zone": "Europe/London",
    "policy": {"grain": "day"},
}
COMPANY = GOAL | {"id": "q2", "name": "Q2 revenue", "target": 1_500_000}


def part(identity: str, country: str, **size: Any) -> dict[str, Any]:
    where = [{"dim": "country", "any_of": [country]}]
    return {"id": identity, "name": identity.title(), "level": "team", "where": where} | size


async def build(door: Any, *parts: dict[str, Any], target: Any = 1_500_000) -> None:
    await door.call("POST", "/v1/goals", COMPANY | {"target": target}, status=201)
    await door.call("POST", "/v1/goals/q2/split", {"parts": parts, "allow_rest": True}, status=201)


async def halves(door: Any) -> None:
    await build(door, part("renewals", "France", share=0.4), part("new", "Eire", share=0.6))


async def change(door: Any, target: Any, goal: dict[str, Any] = COMPANY, **more: Any) -> Any:
    body = goal | {"target": target, "reason": "the board"}
    return await door.call("PUT", f"/v1/goals/{goal['id']}", body, **more)


async def shown(door: Any, *goals: str) -> list[tuple[int, Decimal]]:
    found = [await door.call("GET", f"/v1/goals/{goal}") for goal in goals]
    return [(goal["version"], Decimal(goal["target"])) for goal in found]


async def test_40_and_60_percent_follow_1500000_to_1800000_in_one_transaction(door: Any) -> None:
    await halves(door)
    changed = await change(door, 1_800_000)
    assert [(f["id"], f["version"], Decimal(f["target"])) for f in changed["followed"]] == [
        ("renewals", 2, 720_000),
        ("new", 2, 1_080_000),
    ]
    assert changed["warnings"] == []
    assert await shown(door, "q2", "renewals", "new") == [
        (2, 1_800_000),
        (2, 720_000),
        (2, 1_080_000),
    ]
    moved = await door.call("GET", "/v1/goals/renewals")
    assert moved["reason"] == "share of q2, version 2: the board"
    assert (Decimal(moved["share"]), moved["plan"]["daily"]) == (Decimal("0.4"), "72000")
    root = await door.call("GET", "/v1/goals/q2/cascade")
    assert (Decimal(root["assigned"]), Decimal(root["rest"])) == (1_800_000, 0)
    told = await door.outbox("goals", GoalChanged)
    assert {(e.goal, e.version) for e in told} >= {("q2", 2), ("renewals", 2), ("new", 2)}
    controls = await door.outbox("facts", GoalControl)
    assert {(c.goal, c.goal_version) for c in controls} >= {("renewals", 2), ("new", 2)}
    first = await door.call("GET", "/v1/goals/renewals", version=1)
    assert Decimal(first["target"]) == 600_000
    assert (await audit.verify(door.stage.store, "shop")).whole


async def test_shares_of_shares_follow_and_their_reasons_name_the_way(door: Any) -> None:
    await halves(door)
    inner = {"parts": [part("push", "Eire", share=0.5)], "allow_rest": True}
    await door.call("POST", "/v1/goals/new/split", inner, status=201)
    changed = await change(door, 1_800_000)
    assert [(f["id"], f["parent"]) for f in changed["followed"]] == [
        ("renewals", "q2"),
        ("new", "q2"),
        ("push", "new"),
    ]
    push = await door.call("GET", "/v1/goals/push")
    assert (Decimal(push["target"]), push["version"]) == (540_000, 2)
    assert push["reason"] == "share of new, version 2: share of q2, version 2: the board"


async def test_a_part_with_an_amount_stays_and_the_answer_says_what_no_longer_fits(
    door: Any,
) -> None:
    await build(door, part("renewals", "France", share=0.4), part("new", "Eire", amount=900_000))
    await door.call(
        "POST",
        "/v1/goals/renewals/split",
        {"parts": [part("push", "France", amount=500_000)], "allow_rest": True},
        status=201,
    )
    changed = await change(door, 1_200_000)
    assert [f["id"] for f in changed["followed"]] == ["renewals"]
    assert await shown(door, "renewals", "new", "push") == [
        (2, 480_000),
        (1, 900_000),
        (1, 500_000),
    ]
    found = [(warning["code"], warning["where"]) for warning in changed["warnings"]]
    assert found == [("over-assigned", "q2"), ("over-assigned", "renewals")]


async def test_a_goal_made_by_share_follows_and_floor_and_stretch_as_they_were_said(
    door: Any,
) -> None:
    await door.call("POST", "/v1/goals", COMPANY, status=201)
    made = GOAL | {"id": "own", "name": "Own", "parent": "q2", "share": 0.1}
    made |= {"floor": {"share": 0.8}, "stretch": 200_000}
    await door.call("POST", "/v1/goals", made, status=201)
    await change(door, 1_800_000)
    own = await door.call("GET", "/v1/goals/own")
    assert [Decimal(own[tier]) for tier in ("floor", "target", "stretch")] == [
        144_000,
        180_000,
        200_000,
    ]
    changed = await change(door, 2_400_000)  # 240,000 would pass the stretch of 200,000
    assert changed["followed"] == []
    assert [w["code"] for w in changed["warnings"]] == ["under-assigned", "tiers-out-of-order"]
    assert (await shown(door, "own")) == [(2, 180_000)]
    (entry,) = [
        e for e in await door.stage.all("audit") if e.get("action") == "cascade.not-followed"
    ]
    assert (entry["subject"], entry["detail"]) == (
        "own",
        {"parent": "q2", "version": 3, "why": "tiers-out-of-order"},
    )


THIRDS = (("a", 0.333), ("b", 0.333), ("c", 0.334))


async def test_parts_of_one_split_are_rounded_together_however_often_they_follow(door: Any) -> None:
    thirds = [part(name, name, share=share) for name, share in THIRDS]
    await build(door, *thirds, target=100)
    for target in (101, 7, 1_000, 998, 100):
        await change(door, target)
        amounts = [amount for _, amount in await shown(door, "a", "b", "c")]
        assert sum(amounts) == target
        assert all(amount == int(amount) for amount in amounts)
    assert amounts == [33, 33, 34]


async def test_a_part_that_is_changed_and_keeps_its_share_keeps_its_place_in_the_split(
    door: Any,
) -> None:
    await build(door, *[part(name, name, share=share) for name, share in THIRDS], target=100)
    body = GOAL | part("a", "a", share=0.333) | {"parent": "q2", "reason": "another name"}
    renamed = await door.call("PUT", "/v1/goals/a", body | {"name": "Alpha"})
    assert Decimal(renamed["target"]) == 33
    await change(door, 200)
    assert [amount for _, amount in await shown(door, "a", "b", "c")] == [67, 66, 67]


async def test_a_part_that_gets_a_target_of_its_own_follows_no_more(door: Any) -> None:
    await halves(door)
    own = GOAL | part("new", "Eire", target=900_000) | {"parent": "q2", "reason": "agreed"}
    await door.call("PUT", "/v1/goals/new", own)
    changed = await change(door, 1_800_000)
    assert [f["id"] for f in changed["followed"]] == ["renewals"]
    assert (await door.call("GET", "/v1/goals/new"))["share"] is None
    assert [w["code"] for w in changed["warnings"]] == ["under-assigned"]


async def test_what_is_stopped_over_or_no_part_of_the_figure_stays(door: Any) -> None:
    over = part("over", "Spain", share=0.1) | {"end": "2011-01-17"}
    stopped = part("stopped", "Italy", share=0.1)
    await build(door, part("renewals", "France", share=0.4), over, stopped)
    await door.call("DELETE", "/v1/goals/stopped")
    changed = await change(door, 1_800_000)
    assert [f["id"] for f in changed["followed"]] == ["renewals"]
    assert await shown(door, "over", "stopped") == [(1, 150_000), (2, 150_000)]


async def test_a_change_of_anything_but_the_target_moves_nothing(door: Any) -> None:
    await halves(door)
    renamed = COMPANY | {"name": "Revenue", "reason": "clearer"}
    assert (await door.call("PUT", "/v1/goals/q2", renamed))["followed"] == []
    assert await shown(door, "renewals", "new") == [(1, 600_000), (1, 900_000)]


async def test_goals_that_one_does_not_see_follow_and_are_not_named(door: Any) -> None:
    await door.call("POST", "/v1/goals", COMPANY, status=201)
    secret = {"id": "secret", "name": "Secret", "parent": "q2", "share": 0.5}
    secret |= {"visibility": "private", "owner": "li"}
    await door.call("POST", "/v1/goals", GOAL | secret, status=201)
    changed = await change(door, 1_800_000, person=("chen", "lead"))
    assert (changed["followed"], changed["warnings"]) == ([], [])
    assert await shown(door, "secret") == [(2, 900_000)]


async def test_more_goals_than_one_transaction_takes_are_refused_and_nothing_moves(
    door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goal_service.handlers.links.MOST_AT_ONCE", 1)
    await halves(door)
    refused = await change(door, 1_800_000, status=422)
    assert refused["error"]["code"] == "cascade-too-large"
    assert await shown(door, "q2", "renewals", "new") == [
        (1, 1_500_000),
        (1, 600_000),
        (1, 900_000),
    ]


async def test_a_target_that_too_many_would_follow_is_refused_before_they_are_moved(
    door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goal_service.handlers.links.MOST_AT_ONCE", 3)

    async def asked(parts: int, goal: str) -> int:
        made = [{"id": f"{goal}-{n}", "name": "x", "share": 0.001} for n in range(parts)]
        await door.call("POST", "/v1/goals", COMPANY | {"id": goal}, status=201)
        body = {"parts": made, "allow_rest": True}
        await door.call("POST", f"/v1/goals/{goal}/split", body, status=201)
        door.stage.calls.clear()
        refused = await change(door, 1_800_000, COMPANY | {"id": goal}, status=422)
        assert refused["error"]["code"] == "cascade-too-large"
        return int(door.stage.calls.total())

    assert await asked(100, "many") == await asked(4, "few")


async def test_a_part_of_a_split_that_moves_to_another_metric_does_not_take_its_amount_along(
    door: Any,
) -> None:
    await door.stage.define(
        MetricDefined(
            tenant="shop",
            metric="orders",
            version=1,
            kind="additive",
            source="orders",
            unit="orders",
            dims=("country",),
        )
    )
    await halves(door)
    moved = GOAL | {"metric": "orders", "parent": "q2", "share": 0.4}
    moved |= {"name": "Orders", "level": "team", "reason": "counted now"}
    refused = await door.call("PUT", "/v1/goals/renewals", moved, status=422)
    assert refused["error"]["code"] == "share-of-another-metric"
    assert await shown(door, "renewals") == [(1, 600_000)]


async def test_a_part_that_is_renamed_keeps_the_cents_that_its_split_gave_it(door: Any) -> None:
    parts = part("a", "France", share=0.3333), part("b", "Eire", share=0.3333)
    await build(door, part("own", "Spain", amount=33.34), *parts, target=100)
    assert await shown(door, "a", "b") == [(1, Decimal("33.33")), (1, Decimal("33.33"))]
    body = GOAL | part("a", "France", share=0.3333) | {"name": "Renamed", "parent": "q2"}
    await door.call("PUT", "/v1/goals/a", body | {"reason": "a better name"})
    assert await shown(door, "a", "b") == [(2, Decimal("33.33")), (1, Decimal("33.33"))]
    await change(door, 200)
    assert await shown(door, "a", "b") == [(3, Decimal("66.66")), (2, Decimal("66.66"))]
