"""Goals whose target is a share of their parent's, and follow it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from event_contracts.goals import GoalChanged
from goal_service.domain.cascade import adds_up
from goal_service.domain.commands import ChangeGoal
from goal_service.domain.drafts import Draft
from goal_service.domain.goals import GoalVersion, is_running
from goal_service.domain.links import reason_to_follow, targets_under, under_parent
from goal_service.handlers.leave import leave_for
from goal_service.handlers.publishing import publish
from goal_service.ports import GoalBooks
from service_kit.errors import UserError

MOST_AT_ONCE = 500


class Step(NamedTuple):
    """A goal that followed: what it was, and its new version."""

    before: GoalChanged
    version: GoalVersion


class Followed(NamedTuple):
    """Goals that got a version, and shares that their goal cannot have, with the reason."""

    changed: tuple[Step, ...] = ()
    kept: tuple[tuple[GoalVersion, UserError], ...] = ()


async def follow_target(before: GoalChanged, version: GoalVersion, books: GoalBooks) -> Followed:
    """Let the shares of a changed target follow it, and the shares of theirs, all in one.

    Stopped goals and those whose last day is over stay as they were judged. A goal that cannot
    have its share keeps its version; the audit trail says why. Raises UserError when more than
    MOST_AT_ONCE goals would follow.
    """
    changed: list[Step] = []
    kept: list[tuple[GoalVersion, UserError]] = []
    open_steps = [Step(before, version)]
    while open_steps:
        parent = open_steps.pop(0)
        if parent.before.target == parent.version.goal.target:
            continue
        due = await _due(parent.version, books)
        if len(changed) + len(due) > MOST_AT_ONCE:
            raise _too_many()
        for child, target in due:
            try:
                step = Step(child.goal, await _moved(child, target, parent.version, books))
            except UserError as error:
                await _note_kept(child, parent.version, error, books)
                kept.append((child, error))
            else:
                changed.append(step)
                open_steps.append(step)
    return Followed(tuple(changed), tuple(kept))


async def in_its_split(command: ChangeGoal, before: GoalVersion, books: GoalBooks) -> Draft:
    """Return the draft; of a part that keeps its share, with the amount that its split rounds."""
    draft, link, goal = command.draft, before.link, before.goal
    kept = (link.share, goal.parent, goal.metric, goal.form, goal.at_most)
    same = (draft.share, draft.parent, draft.metric, draft.form, draft.at_most) == kept
    if not link.split or not same or draft.target is not None:
        return draft
    parent = await books.goals.current(command.tenant, draft.parent)
    if parent is None or not adds_up(goal, parent.goal):
        return draft
    targets = _targets(parent.goal, await books.goals.children(command.tenant, draft.parent))
    return replace(draft, share=None, target=targets[command.goal], link=link)


async def _due(parent: GoalVersion, books: GoalBooks) -> list[tuple[GoalVersion, Decimal]]:
    """Return the running children that get another target, in the order of their splits."""
    goal = parent.goal
    by_id = {child.goal.goal: child for child in await books.goals.children(goal.tenant, goal.goal)}
    return [
        (by_id[identity], target)
        for identity, target in _targets(goal, list(by_id.values())).items()
        if is_running(by_id[identity].goal, goal.changed_ms)
        and by_id[identity].goal.target != target
    ]


def _targets(parent: GoalChanged, children: Sequence[GoalVersion]) -> Mapping[str, Decimal]:
    links = {child.goal.goal: child.link for child in children if adds_up(child.goal, parent)}
    return targets_under(parent.target, links)


async def _moved(
    before: GoalVersion, target: Decimal, parent: GoalVersion, books: GoalBooks
) -> GoalVersion:
    goal = before.goal
    definition = await books.definitions.get(goal.tenant, goal.metric)
    version = under_parent(
        before,
        target,
        await leave_for(goal.tenant, goal.level, goal.owner, books),
        definition.currency if definition else None,
        reason_to_follow(parent.goal, parent.reason),
        parent.actor,
        parent.goal.changed_ms,
    )
    await publish(version, before, "goal.changed", books)
    return version


async def _note_kept(
    goal: GoalVersion, parent: GoalVersion, error: UserError, books: GoalBooks
) -> None:
    above = parent.goal
    detail = {"parent": above.goal, "version": above.version, "why": error.code}
    await books.journal.note(
        above.tenant, parent.actor, "cascade.not-followed", goal.goal.goal, detail, above.changed_ms
    )


def _too_many() -> UserError:
    return UserError(
        "cascade-too-large",
        "target",
        f"more than {MOST_AT_ONCE} goals would follow this target at once; give some parts targets "
        "of their own first",
        f"将有超过 {MOST_AT_ONCE} 个目标随之变动；请先为部分子目标设置单独的目标值",
    )
