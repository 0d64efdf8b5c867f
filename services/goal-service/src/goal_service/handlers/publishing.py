"""What every change of a goal leaves behind, in one transaction."""

import msgspec

from goal_service.domain.goals import GoalVersion
from goal_service.domain.parts import controls
from goal_service.ports import GoalBooks


async def publish(
    version: GoalVersion, before: GoalVersion | None, action: str, books: GoalBooks
) -> None:
    """Write the version, its audit entry, and what alerting and the metrics' logs have to know."""
    goal = version.goal
    await books.goals.add(version)
    detail = {"version": goal.version, "reason": version.reason}
    await books.journal.note(goal.tenant, version.actor, action, goal.goal, detail, goal.changed_ms)
    told = msgspec.structs.replace(goal, actor=version.actor, reason=version.reason)
    books.post.send(told)
    for control in controls(goal, before.goal if before else None):
        books.post.send(control)
