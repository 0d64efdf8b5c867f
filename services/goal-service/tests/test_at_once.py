"""Two writes at once of which each reads what the other changes: one runs again and sees it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from goal_service.adapters.books import GoalBooks
from goal_service.api.bodies import GoalBody
from goal_service.domain.commands import ChangeGoal, CreateGoal, SetPolicy, StopGoal
from goal_service.domain.policies import Rules
from goal_service.handlers import handle
from service_kit.errors import UserError
from service_kit.guards import Guards
from service_kit.outbox import Origin, Outbox
from service_kit.runtime import ApiWriter
from service_kit.store import Tx
from service_kit.web.bodies import convert

PARTITIONS = 4
GOAL = {
    "name": "g",
    "metric": "gross_revenue",
    "target": 300,
    "start": "2011-01-01",
    "end": "2011-01-31",
    "zone": "Europe/London",
}


def change(goal: str, **fields: Any) -> ChangeGoal:
    draft = convert(GOAL | fields, GoalBody).draft()
    return ChangeGoal("shop", goal, draft, "why", "key:x", 0)


async def writer(door: Any, instance: str) -> ApiWriter:
    """Return the writer of one of two processes."""
    session = await door.stage.store.session()
    return ApiWriter(session, Origin(f"goal-service:api:{instance}"), door.runtime.fail)


async def carry(through: ApiWriter, command: Any, meanwhile: Callable[[], Awaitable[Any]]) -> int:
    """Carry the command out; ``meanwhile`` happens in its first snapshot. Return the attempts."""
    attempts = 0

    async def body(tx: Tx, outbox: Outbox) -> None:
        nonlocal attempts
        attempts += 1
        await tx["goals"].find_one({})  # its snapshot stands from here on
        if attempts == 1:
            await meanwhile()
        await handle(command, GoalBooks(tx, outbox, PARTITIONS, Guards()))

    await through.run(body)
    return attempts


async def test_two_links_made_at_once_never_close_a_ring(door: Any) -> None:
    for name in ("a", "b"):
        await door.call("POST", "/v1/goals", GOAL | {"id": name}, status=201)
    one, other = await writer(door, "one"), await writer(door, "other")

    async def link_b() -> None:
        async def body(tx: Tx, outbox: Outbox) -> None:
            await handle(change("b", parent="a"), GoalBooks(tx, outbox, PARTITIONS, Guards()))

        await other.run(body)

    with pytest.raises(UserError) as caught:
        await carry(one, change("a", parent="b"), link_b)
    assert caught.value.code == "parent-cycle"
    path = await door.call("GET", "/v1/goals/b/path")
    assert [step["id"] for step in path["items"]] == ["b", "a"]


async def test_a_parent_that_stops_while_a_part_is_made_is_seen_to_have_stopped(door: Any) -> None:
    await door.call("POST", "/v1/goals", GOAL | {"id": "whole"}, status=201)
    one, other = await writer(door, "one"), await writer(door, "other")
    part = convert(GOAL | {"parent": "whole"}, GoalBody).draft()

    async def stop() -> None:
        async def body(tx: Tx, outbox: Outbox) -> None:
            command = StopGoal("shop", "whole", "", "key:y", 0)
            await handle(command, GoalBooks(tx, outbox, PARTITIONS, Guards()))

        await other.run(body)

    with pytest.raises(UserError) as caught:
        await carry(one, CreateGoal("shop", "part", part, "", "key:x", 0), stop)
    assert caught.value.code == "parent-stopped"


async def test_a_goal_made_while_its_policy_changes_has_the_changed_one(door: Any) -> None:
    await door.call("PUT", "/v1/policies/strict", {"low": "0.8", "reason": "r"})
    one, other = await writer(door, "one"), await writer(door, "other")
    draft = convert(GOAL | {"policy": "strict"}, GoalBody).draft()

    async def set_policy() -> None:
        async def body(tx: Tx, outbox: Outbox) -> None:
            command = SetPolicy("shop", "strict", Rules(red_after=7), "r", "key:y", 0)
            await handle(command, GoalBooks(tx, outbox, PARTITIONS, Guards()))

        await other.run(body)

    attempts = await carry(one, CreateGoal("shop", "late", draft, "", "key:x", 0), set_policy)
    assert attempts == 2
    made = await door.call("GET", "/v1/goals/late")
    assert (made["policy_version"], made["policy"]["red_after"]) == (2, 7)


async def test_a_share_that_is_made_while_its_parents_target_changes_is_one_of_the_new_target(
    door: Any,
) -> None:
    await door.call("POST", "/v1/goals", GOAL | {"id": "whole"}, status=201)
    one, other = await writer(door, "one"), await writer(door, "other")
    body = {name: value for name, value in GOAL.items() if name != "target"}
    part = convert(body | {"parent": "whole", "share": "0.5"}, GoalBody).draft()

    async def raise_target() -> None:
        async def body(tx: Tx, outbox: Outbox) -> None:
            command = change("whole", target=600)
            await handle(command, GoalBooks(tx, outbox, PARTITIONS, Guards()))

        await other.run(body)

    made = CreateGoal("shop", "part", part, "", "key:x", 0)
    assert await carry(one, made, raise_target) == 2
    assert (await door.call("GET", "/v1/goals/part"))["target"] == "300"
