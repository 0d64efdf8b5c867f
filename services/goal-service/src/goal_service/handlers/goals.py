"""Goals and the definitions of the metrics that they may use."""

from dataclasses import replace
from typing import NamedTuple

from event_contracts.goals import GoalChanged
from event_contracts.metrics import MetricDefined
from goal_service.domain.cascade import MOST_STEPS, check_link
from goal_service.domain.commands import ChangeGoal, CreateGoal, DefineMetric, StopGoal
from goal_service.domain.drafts import Draft
from goal_service.domain.goals import (
    GoalVersion,
    Surroundings,
    restating,
    settle,
    stopped,
)
from goal_service.domain.kinds import metrics_of
from goal_service.domain.links import link_of
from goal_service.handlers.calendars import holidays_for
from goal_service.handlers.leave import leave_for
from goal_service.handlers.links import Followed, follow_target, in_its_split
from goal_service.handlers.policies import policy_unknown
from goal_service.handlers.publishing import publish
from goal_service.ports import GoalBooks
from service_kit.errors import UserError

MOST_VERSIONS = 1_000
"""Of a goal, made by changing it: whoever judges it reads all of them."""


class Changed(NamedTuple):
    """A goal's new version, and the goals further down that it moved."""

    version: GoalVersion
    followed: Followed


async def define_metric(command: DefineMetric, books: GoalBooks) -> None:
    """Keep the definition with the highest version."""
    wanted = command.definition
    known = await books.definitions.get(wanted.tenant, wanted.metric)
    if known is None or known.version < wanted.version:
        await books.definitions.put(wanted)


async def create_goal(command: CreateGoal, books: GoalBooks) -> GoalVersion:
    """Make version 1; raises UserError when the goal exists or cannot be tracked as wanted."""
    if await books.goals.current(command.tenant, command.goal) is not None:
        raise UserError(
            "goal-exists",
            "id",
            f"goal {command.goal} exists; change it with PUT, or take another id",
            f"目标 {command.goal} 已存在；请用 PUT 修改，或换一个标识",
            status=409,
        )
    version = await _settled(command, None, books)
    await publish(version, None, "goal.created", books)
    return version


async def change_goal(command: ChangeGoal, books: GoalBooks) -> Changed:
    """Add a version, which the shares of its target follow.

    Raises UserError when the goal is unknown, no more at ``based_on``, or changed too often.
    """
    before = await current_goal(command.tenant, command.goal, books)
    if command.based_on is not None and command.based_on != before.goal.version:
        raise UserError(
            "goal-moved-on",
            "based_on",
            f"the goal is at version {before.goal.version}, the change was made from "
            f"{command.based_on}; read it again and repeat the change",
            f"目标当前为第 {before.goal.version} 版，而修改基于第 {command.based_on} 版；"
            "请重新读取后再修改",
            status=409,
        )
    if before.goal.version >= MOST_VERSIONS:
        raise _changed_too_often(command.goal)
    placed = replace(command, draft=await in_its_split(command, before, books))
    version = await _settled(placed, before.goal, books)
    await publish(version, before, "goal.changed", books)
    return Changed(version, await follow_target(before.goal, version, books))


async def stop_goal(command: StopGoal, books: GoalBooks) -> GoalVersion:
    """Add the version that stops the goal; one that is stopped already stays as it is."""
    before = await current_goal(command.tenant, command.goal, books)
    if before.goal.stopped:
        return before
    goal = stopped(before.goal, command.at_ms)
    version = replace(before, goal=goal, reason=command.reason, actor=command.actor)
    await publish(version, before, "goal.stopped", books)
    return version


async def current_goal(tenant: str, goal: str, books: GoalBooks) -> GoalVersion:
    """Return the goal's last version; raises UserError when there is none."""
    found = await books.goals.current(tenant, goal)
    if found is None:
        raise goal_unknown(goal)
    return found


def goal_unknown(goal: str) -> UserError:
    """Return the refusal of a goal that the tenant does not have."""
    return UserError(
        "goal-unknown",
        "path.goal",
        f"there is no goal {goal}; GET /v1/goals lists them",
        f"目标 {goal} 不存在；可用 GET /v1/goals 查看列表",
        status=404,
    )


def _changed_too_often(goal: str) -> UserError:
    return UserError(
        "too-many-versions",
        "path.goal",
        f"goal {goal} has {MOST_VERSIONS:,} versions, the most that one is changed to; stop it and "
        "make a goal that goes on from it, and if a program writes it, let it write what changed "
        "alone",
        f"目标 {goal} 已有 {MOST_VERSIONS:,} 个版本，达到上限；请停止该目标并新建接续的目标；"
        "若由程序写入，请仅在内容变化时写入",
        status=409,
    )


def parent_unknown(parent: str) -> UserError:
    """Return the refusal of a parent that the tenant does not have."""
    return UserError(
        "parent-unknown",
        "parent",
        f"there is no goal {parent}; GET /v1/goals lists them",
        f"目标 {parent} 不存在；可用 GET /v1/goals 查看列表",
    )


async def _settled(
    command: CreateGoal | ChangeGoal, before: GoalChanged | None, books: GoalBooks
) -> GoalVersion:
    """Return the version that the draft asks for, in its place in the cascade."""
    tenant, version = command.tenant, before.version + 1 if before else 1
    draft, policy_version = await _with_policy(tenant, command.draft, books)
    above = await _above(tenant, command.goal, draft.parent, books)
    around = Surroundings(
        definitions=await _definitions(tenant, draft, books),
        holidays=await holidays_for(tenant, draft.calendar.country, books),
        parent=above[0] if above else None,
        leave=await leave_for(tenant, draft.level, draft.owner, books),
    )
    goal, remarks, wanted = settle(draft, around, command.goal, version, command.at_ms)
    goal = restating(goal, before)
    below = [child.goal for child in await books.goals.children(tenant, command.goal)]
    # Two links made at once cannot close a ring: the journal lets one of them see the other.
    check_link(goal, above, below)
    return GoalVersion(
        goal=goal,
        reason=command.reason,
        actor=command.actor,
        rules=draft.rules,
        policy_name=draft.policy_name,
        policy_version=policy_version,
        wanted=wanted,
        link=link_of(draft),
        remarks=remarks,
    )


async def _with_policy(tenant: str, draft: Draft, books: GoalBooks) -> tuple[Draft, int]:
    """Return the draft with the rules of the policy that it names, and their version."""
    if not draft.policy_name:
        return draft, 0
    policy = await books.policies.current(tenant, draft.policy_name)
    if policy is None:
        raise policy_unknown(draft.policy_name, "policy", status=422)
    return replace(draft, rules=policy.rules), policy.version


async def _above(tenant: str, goal: str, parent: str, books: GoalBooks) -> list[GoalChanged]:
    """Return the goals from the parent up; a ring ends where it comes back to ``goal``."""
    above: list[GoalChanged] = []
    while parent and len(above) < MOST_STEPS:
        found = await books.goals.current(tenant, parent)
        if found is None:
            raise parent_unknown(parent)
        above.append(found.goal)
        parent = "" if parent == goal else found.goal.parent
    return above


async def _definitions(tenant: str, draft: Draft, books: GoalBooks) -> dict[str, MetricDefined]:
    """Return the definitions of all metrics that the draft names; raises UserError without one."""
    found: dict[str, MetricDefined] = {}
    for metric, where in metrics_of(draft):
        definition = found.get(metric) or await books.definitions.get(tenant, metric)
        if definition is None:
            raise UserError(
                "metric-unknown",
                where,
                f"there is no metric {metric}; define it at metrics-ingest (/v1/metrics) first",
                f"指标 {metric} 不存在；请先在 metrics-ingest（/v1/metrics）中定义",
            )
        found[metric] = definition
    return found
