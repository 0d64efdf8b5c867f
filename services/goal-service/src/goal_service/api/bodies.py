"""What requests say, and how a goal is shown."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import uuid4

import msgspec

from event_contracts.facts import Condition
from event_contracts.goals import Calendar, Plan, Policy
from goal_service.domain.calendar import working_days
from goal_service.domain.goals import Amount, Draft, GoalVersion, Share


class ShareBody(msgspec.Struct, frozen=True):
    """A part of the target: ``{"share": 0.8}`` is 80 % of it."""

    share: Decimal


class GoalBody(msgspec.Struct, frozen=True, kw_only=True):
    """A goal as wanted; ``start`` and ``end`` are local days of ``zone``, both inclusive.

    ``plan`` left out or ``straight``: the target over the working days. ``target`` left out: what
    the plan adds up to, else the middle between floor and stretch. ``id`` left out: one is made.
    """

    name: str
    metric: str
    start: date
    end: date
    zone: str
    id: str | None = None
    plan: Plan | Literal["straight"] = "straight"
    target: Decimal | None = None
    floor: Decimal | ShareBody | None = None
    stretch: Decimal | ShareBody | None = None
    where: tuple[Condition, ...] = ()
    calendar: Calendar = Calendar()
    policy: Policy = Policy()
    level: str = "company"
    owner_team: str = ""
    visibility: str = "organisation"
    reason: str = ""

    def draft(self) -> Draft:
        """Return the goal as the domain takes it."""
        return Draft(
            name=self.name,
            metric=self.metric,
            start=self.start,
            end=self.end,
            zone=self.zone,
            plan=None if isinstance(self.plan, str) else self.plan,
            target=self.target,
            floor=_amount(self.floor),
            stretch=_amount(self.stretch),
            where=self.where,
            calendar=self.calendar,
            policy=self.policy,
            level=self.level,
            owner_team=self.owner_team,
            visibility=self.visibility,
        )

    def identity(self) -> str:
        """Return the wanted id, or a new one that nobody has."""
        return uuid4().hex if self.id is None else self.id


class GoalChangeBody(GoalBody, frozen=True, kw_only=True):
    """The whole goal anew. ``based_on``: refuse unless this is the version that it changes."""

    reason: str
    based_on: int | None = None


def shown(version: GoalVersion) -> dict[str, Any]:
    """Return the version as answers show it: every field, defaults too, but for the tenant."""
    goal = version.goal
    document = msgspec.structs.asdict(goal)
    del document["tenant"], document["changed_ms"]
    return (
        {"id": document.pop("goal")}
        | document
        | {
            "plan": {"daily": goal.plan.daily, "days": goal.plan.days},
            "calendar": msgspec.structs.asdict(goal.calendar),
            "policy": msgspec.structs.asdict(goal.policy),
            "where": [msgspec.structs.asdict(condition) for condition in goal.where],
            "working_days": len(working_days(goal.calendar, goal.start, goal.end)),
            "reason": version.reason,
            "changed_by": version.actor,
            "changed_at": instant(goal.changed_ms),
        }
    )


def instant(at_ms: int) -> str | None:
    """Return epoch milliseconds as ISO 8601 in UTC; None for -1, which stands for never."""
    if at_ms < 0:
        return None
    text = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _amount(amount: Decimal | ShareBody | None) -> Amount | None:
    return Share(amount.share) if isinstance(amount, ShareBody) else amount
