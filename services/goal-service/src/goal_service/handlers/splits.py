"""A goal split into parts: as many goals, in one transaction."""

from dataclasses import dataclass
from decimal import Decimal

from event_contracts.goals import GoalChanged
from goal_service.domain.cascade import adds_up
from goal_service.domain.commands import CreateGoal, SplitGoal
from goal_service.domain.goals import GoalVersion
from goal_service.domain.splits import (
    allot,
    check_parts,
    check_splittable,
    part_draft,
    unit_in,
)
from goal_service.handlers.goals import create_goal, current_goal
from goal_service.ports import GoalBooks
from service_kit.errors import UserError


@dataclass(frozen=True, slots=True)
class Split:
    """The goals that were made, what is left of the target, and all that adds up to it now."""

    parts: tuple[GoalVersion, ...]
    rest: Decimal
    parent: GoalChanged
    adding: tuple[GoalVersion, ...]


async def split_goal(command: SplitGoal, books: GoalBooks) -> Split:
    """Make the parts; raises UserError when they do not add up or one of them cannot be made."""
    parent = await current_goal(command.tenant, command.goal, books)
    check_splittable(parent)
    check_parts(command.parts)
    sizes = [part.size for part in command.parts]
    allotment = allot(parent.goal.target, sizes, allow_rest=command.allow_rest)
    unit = unit_in(parent.goal.target, sizes)
    split = command.parts[0].goal  # an id that no other split begins with
    made: list[GoalVersion] = []
    for number, (part, amount) in enumerate(zip(command.parts, allotment.amounts, strict=True)):
        create = CreateGoal(
            tenant=command.tenant,
            goal=part.goal,
            draft=part_draft(parent, part, amount, split, number, unit),
            reason=command.reason,
            actor=command.actor,
            at_ms=command.at_ms,
        )
        try:
            made.append(await create_goal(create, books))
        except UserError as error:
            where = f"parts.{number}.{error.where}"
            raise UserError(error.code, where, error.en, error.zh, error.status) from None
    children = await books.goals.children(command.tenant, command.goal)
    adding = (c for c in children if not c.goal.stopped and adds_up(c.goal, parent.goal))
    return Split(tuple(made), allotment.rest, parent.goal, tuple(adding))
