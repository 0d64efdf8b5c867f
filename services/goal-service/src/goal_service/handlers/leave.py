"""Individual goals that follow their owner's leave."""

from typing import NamedTuple

from goal_service.domain.commands import FollowLeave
from goal_service.domain.goals import INDIVIDUAL, GoalVersion, is_running, under_leave
from goal_service.domain.leave import leave_of
from goal_service.domain.people import Kept, Leave, Person, Ref
from goal_service.handlers.publishing import publish
from goal_service.ports import GoalBooks
from service_kit.errors import UserError


class LeaveFollowed(NamedTuple):
    """Goals that got a version, and whether all of the person's are done."""

    changed: tuple[GoalVersion, ...]
    done: bool


async def leave_for(tenant: str, level: str, owner: str, books: GoalBooks) -> tuple[Leave, ...]:
    """Return the leave that a goal does without: its owner's, if it is an individual one."""
    if level != INDIVIDUAL or not owner:
        return ()
    person = Ref(Person, owner)
    return leave_of((await books.directory.find(tenant, [person])).get(person))


async def follow_leave(command: FollowLeave, books: GoalBooks) -> LeaveFollowed:
    """Give the next of the person's own goals a version with the leave that is known.

    Stopped goals and those whose period is over stay as they were judged. A goal that cannot do
    without a day of leave is as it was wanted; the audit trail says why.
    """
    after = await books.directory.leave_followed(command.tenant, command.person)
    if after is None:
        return LeaveFollowed((), done=True)
    ref = Ref(Person, command.person)
    person = (await books.directory.find(command.tenant, [ref]))[ref]
    found = await books.goals.owned(command.tenant, command.person, after, command.most)
    due = [goal for goal in found if is_running(goal.goal, command.at_ms)]
    moved = [await _moved(goal, person, command.at_ms, books) for goal in due]
    done = len(found) < command.most
    to = None if done else found[-1].goal.goal
    await books.directory.follow_leave(command.tenant, command.person, to)
    return LeaveFollowed(tuple(version for version in moved if version is not None), done)


async def _moved(
    before: GoalVersion, person: Kept, at_ms: int, books: GoalBooks
) -> GoalVersion | None:
    goal, leave = before.goal, leave_of(person)
    definition = await books.definitions.get(goal.tenant, goal.metric)
    currency = definition.currency if definition else None
    try:
        version, clash = under_leave(before, leave, currency, person.actor, at_ms)
    except UserError as error:
        version, clash = None, error
    if version is not None:
        await publish(version, before, "goal.changed", books)
    if clash is not None:
        # The code alone: the trail is never mended, and the text names a day of leave.
        detail = {"person": goal.owner, "why": clash.code}
        await books.journal.note(
            goal.tenant, person.actor, "leave.not-followed", goal.goal, detail, at_ms
        )
    return version
