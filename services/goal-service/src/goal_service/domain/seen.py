"""What a goal may say of who sees it."""

from event_contracts.goals import GoalChanged
from service_kit.errors import UserError
from service_kit.visibility import ORGANISATION, VISIBILITIES


def check_visibility(goal: GoalChanged) -> None:
    """Raise UserError unless the visibility is known and leaves somebody who sees it."""
    if goal.visibility not in VISIBILITIES:
        named = ", ".join(VISIBILITIES)
        raise UserError(
            "visibility-unknown",
            "visibility",
            f"{goal.visibility!r} is no visibility; use one of {named}",
            f"{goal.visibility!r} 不是有效的可见范围；请使用 {named} 之一",
        )
    if goal.visibility != ORGANISATION and not (goal.owner or goal.owner_team):
        raise UserError(
            "owner-missing",
            "visibility",
            "a goal that not everybody sees needs an owner or an owner_team, who then see it",
            "非全员可见的目标须有负责人或负责团队",
        )
