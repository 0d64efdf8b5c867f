"""What the answer to a changed target says of the goals further down."""

from typing import Any

from goal_service.adapters.goals import GoalReader
from goal_service.api.cascade import parts_remarks
from goal_service.api.seeing import Sight
from goal_service.domain.remarks import Remark
from goal_service.handlers.links import Followed

MISFITS = ("over-assigned", "under-assigned")


def shown_followed(followed: Followed, sight: Sight) -> list[dict[str, Any]]:
    """Return the goals that followed and that the caller sees, from the top down."""
    return [
        {
            "id": step.version.goal.goal,
            "name": step.version.goal.name,
            "parent": step.version.goal.parent,
            "version": step.version.goal.version,
            "target_before": step.before.target,
            "target": step.version.goal.target,
        }
        for step in followed.changed
        if sight.sees(step.version)
    ]


async def followed_remarks(followed: Followed, reader: GoalReader, sight: Sight) -> list[Remark]:
    """Return why goals kept their target, and where parts of those that followed do not fit."""
    found = [
        Remark(error.code, version.goal.goal, error.en, error.zh)
        for version, error in followed.kept
        if sight.sees(version)
    ]
    for step in followed.changed:
        goal = step.version.goal
        if sight.sees(step.version):
            children = await reader.children(goal.tenant, [goal.goal])
            remarks = parts_remarks(step.before, goal, children, sight)
            found += [remark for remark in remarks if remark.code in MISFITS]
    return found
