"""Goals and the definitions of the metrics that they may use."""

from event_contracts.metrics import MetricDefined
from goal_service.domain.commands import ChangeGoal, CreateGoal, DefineMetric, StopGoal
from goal_service.domain.goals import GoalVersion, controls, settle, stopped
from goal_service.domain.seen import check_visibility
from goal_service.ports import GoalBooks
from service_kit.errors import UserError


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
    definition = await _definition(command.tenant, command.draft.metric, books)
    goal = settle(command.draft, definition, command.goal, 1, command.at_ms)
    check_visibility(goal)
    version = GoalVersion(goal, command.reason, command.actor)
    await _publish(version, None, "goal.created", books)
    return version


async def change_goal(command: ChangeGoal, books: GoalBooks) -> GoalVersion:
    """Add a version; raises UserError when the goal is unknown or no more at ``based_on``."""
    before = await _current(command.tenant, command.goal, books)
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
    definition = await _definition(command.tenant, command.draft.metric, books)
    goal = settle(command.draft, definition, command.goal, before.goal.version + 1, command.at_ms)
    check_visibility(goal)
    version = GoalVersion(goal, command.reason, command.actor)
    await _publish(version, before, "goal.changed", books)
    return version


async def stop_goal(command: StopGoal, books: GoalBooks) -> GoalVersion:
    """Add the version that stops the goal; one that is stopped already stays as it is."""
    before = await _current(command.tenant, command.goal, books)
    if before.goal.stopped:
        return before
    version = GoalVersion(stopped(before.goal, command.at_ms), command.reason, command.actor)
    await _publish(version, before, "goal.stopped", books)
    return version


async def _current(tenant: str, goal: str, books: GoalBooks) -> GoalVersion:
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


async def _definition(tenant: str, metric: str, books: GoalBooks) -> MetricDefined:
    found = await books.definitions.get(tenant, metric)
    if found is None:
        raise UserError(
            "metric-unknown",
            "metric",
            f"there is no metric {metric}; define it at metrics-ingest (/v1/metrics) first",
            f"指标 {metric} 不存在；请先在 metrics-ingest（/v1/metrics）中定义",
        )
    return found


async def _publish(
    version: GoalVersion, before: GoalVersion | None, action: str, books: GoalBooks
) -> None:
    """Write the version, its audit entry, and what alerting and the metrics' logs have to know."""
    goal = version.goal
    await books.goals.add(version)
    detail = {"version": goal.version, "reason": version.reason}
    await books.journal.note(goal.tenant, version.actor, action, goal.goal, detail, goal.changed_ms)
    books.post.send(goal)
    for control in controls(goal, before.goal if before else None):
        books.post.send(control)
