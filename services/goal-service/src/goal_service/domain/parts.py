"""The sums that a goal is made of, and what the logs of their metrics have to know of it."""

from typing import NamedTuple

from event_contracts.facts import Condition, GoalControl
from event_contracts.goals import GoalChanged, Guardrail

OWN = ""
OVER = "over"


class GoalPart(NamedTuple):
    """One sum of a goal: ``part`` and ``denominator`` as in GoalControl, its metric and filter."""

    part: str
    metric: str
    where: tuple[Condition, ...]
    denominator: bool = False


def named(part: str) -> tuple[str, ...]:
    """Return what a part adds to a key: its name; nothing for the goal's own sum."""
    return (part,) if part else ()


def parts_of(goal: GoalChanged) -> tuple[GoalPart, ...]:
    """Return the goal's own sum, its denominator, and those of its guardrails."""
    parts = [GoalPart(OWN, goal.metric, goal.where)]
    if goal.over_metric is not None:
        parts.append(_over(OVER, goal, goal.over_metric))
    for number, rail in enumerate(goal.guardrails):
        name = f"guardrail.{number}"
        parts.append(GoalPart(name, rail.metric, rail.where))
        if rail.over_metric is not None:
            parts.append(_over(f"{name}.{OVER}", rail, rail.over_metric))
    return tuple(parts)


def _over(name: str, of: GoalChanged | Guardrail, metric: str) -> GoalPart:
    """Return the denominator. A sum over itself is a metric over its own denominators."""
    own = (metric, of.over_where) == (of.metric, of.where)
    return GoalPart(name, metric, of.over_where, own)


def controls(goal: GoalChanged, before: GoalChanged | None) -> list[GoalControl]:
    """Return what the logs of its metrics have to know: a part that left a metric stops there."""
    parts = parts_of(goal)
    kept = {(part.part, part.metric) for part in parts}
    gone = [p for p in parts_of(before) if (p.part, p.metric) not in kept] if before else []
    return [
        *(_control(goal, part, goal.stopped) for part in parts),
        *(_control(goal, part, stopped=True) for part in gone),
    ]


def _control(goal: GoalChanged, part: GoalPart, stopped: bool) -> GoalControl:
    return GoalControl(
        tenant=goal.tenant,
        metric=part.metric,
        goal=goal.goal,
        goal_version=goal.version,
        zone=goal.zone,
        start=goal.start,
        end=goal.end,
        where=part.where,
        stopped=stopped,
        part=part.part,
        denominator=part.denominator,
    )
