"""What requests say, and how a goal is shown."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import uuid4

import msgspec
from fastapi import Request

from event_contracts.facts import Condition
from event_contracts.goals import Guardrail, Plan
from goal_service.domain.calendar import working_days
from goal_service.domain.calendars import CalendarWish
from goal_service.domain.drafts import Amount, Draft, Share
from goal_service.domain.goals import GoalVersion
from goal_service.domain.policies import Rules
from goal_service.domain.remarks import Remark
from goal_service.domain.targets import read_target
from goal_service.metrics import WARNINGS
from service_kit.errors import UserError
from service_kit.web.answers import language_of

MOST_REASON = 1_000
# Of a goal, which is a record: what follows its parent, a policy or leave is not much larger.
MOST_BYTES = 256 * 1024


class ShareBody(msgspec.Struct, frozen=True):
    """A part of the target: ``{"share": 0.8}`` is 80 % of it."""

    share: Decimal


class CalendarBody(msgspec.Struct, frozen=True, kw_only=True):
    """Which days are working days; ``{"kind": "working", "country": "CN"}`` has make-up days.

    ``own`` (default): ``weekdays``, Monday to Friday unless given; ``all``: every day. ``off`` and
    ``on`` stand over each kind.
    """

    kind: str = "own"
    country: str | None = None
    weekdays: tuple[int, ...] | None = None
    off: tuple[date, ...] = ()
    on: tuple[date, ...] = ()

    def wish(self) -> CalendarWish:
        """Return the calendar as the domain takes it."""
        return CalendarWish(self.kind, self.country, self.weekdays, self.off, self.on)


class GoalBody(msgspec.Struct, frozen=True, kw_only=True):
    """A goal as wanted; ``start`` and ``end`` are local days of ``zone``, both inclusive.

    ``plan`` left out or ``straight``: the target over the working days. ``target`` is a number or
    text like "800 to 1000" (floor 800, stretch 1,000, target the middle); left out: ``share`` of
    the parent's, else what the plan adds up to, else the middle between floor and stretch.
    ``policy`` is given here, or by the name of a document. ``id`` left out: one is made.
    """

    name: str
    metric: str
    start: date
    end: date
    zone: str
    id: str | None = None
    plan: Plan | Literal["straight"] = "straight"
    target: Any = None
    share: Decimal | None = None
    floor: Decimal | ShareBody | None = None
    stretch: Decimal | ShareBody | None = None
    where: tuple[Condition, ...] = ()
    calendar: CalendarBody = CalendarBody()
    policy: Rules | str = Rules()
    level: str = "company"
    owner_team: str = ""
    owner: str = ""
    parent: str = ""
    form: str = "sum"
    at_most: bool = False
    over_metric: str | None = None
    over_where: tuple[Condition, ...] = ()
    level_start: Decimal | None = None
    guardrails: tuple[Guardrail, ...] = ()
    deal_value: Decimal | None = None
    visibility: str = "organisation"
    reason: str = ""

    def draft(self) -> Draft:
        """Return the goal as the domain takes it; raises UserError for an unreadable target."""
        return Draft(
            name=self.name,
            metric=self.metric,
            start=self.start,
            end=self.end,
            zone=self.zone,
            plan=None if isinstance(self.plan, str) else self.plan,
            target=read_target(self.target),
            share=self.share,
            floor=amount(self.floor),
            stretch=amount(self.stretch),
            where=self.where,
            calendar=self.calendar.wish(),
            rules=Rules() if isinstance(self.policy, str) else self.policy,
            policy_name=self.policy if isinstance(self.policy, str) else "",
            level=self.level,
            owner_team=self.owner_team,
            owner=self.owner,
            parent=self.parent,
            form=self.form,
            at_most=self.at_most,
            over_metric=self.over_metric,
            over_where=self.over_where,
            level_start=self.level_start,
            guardrails=self.guardrails,
            deal_value=self.deal_value,
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
    """Return the version as answers show it: every field, defaults too, but for the tenant.

    ``plan`` and ``calendar`` are what holds; as wanted they stand without the owner's leave.
    ``share`` is that of the parent's target which this one follows; null: it is the goal's own.
    """
    goal = version.goal
    document = msgspec.structs.asdict(goal)
    del document["tenant"], document["changed_ms"], document["actor"]
    return (
        {"id": document.pop("goal")}
        | document
        | {
            "plan": {"daily": goal.plan.daily, "days": goal.plan.days},
            "calendar": msgspec.structs.asdict(goal.calendar),
            "calendar_wanted": msgspec.structs.asdict(version.wanted.calendar),
            "plan_wanted": _plan_wanted(version.wanted.plan),
            "share": version.link.share,
            "policy": msgspec.structs.asdict(goal.policy),
            "policy_wanted": msgspec.structs.asdict(version.rules),
            "policy_name": version.policy_name,
            "policy_version": version.policy_version,
            "where": _conditions(goal.where),
            "over_where": _conditions(goal.over_where),
            "guardrails": [_guardrail(rail) for rail in goal.guardrails],
            "working_days": len(working_days(goal.calendar, goal.start, goal.end)),
            "reason": version.reason,
            "changed_by": version.actor,
            "changed_at": instant(goal.changed_ms),
        }
    )


def told(remarks: Iterable[Remark], language: str) -> list[dict[str, str]]:
    """Return warnings as answers show them, in ``zh`` or ``en``; they are counted by code."""
    remarks = tuple(remarks)
    for remark in remarks:
        WARNINGS.labels(remark.code).inc()
    return [
        {
            "code": remark.code,
            "where": remark.where,
            "message": remark.zh if language == "zh" else remark.en,
        }
        for remark in remarks
    ]


def language(request: Request) -> str:
    """Return the language that the caller prefers, ``zh`` or ``en``."""
    return language_of(request.headers.get("accept-language", ""))


def reason_of(reason: str, *, needed: bool) -> str:
    """Return the reason; raises UserError for one that is too long, or missing where needed."""
    if len(reason) > MOST_REASON or (needed and not reason.strip()):
        raise UserError(
            "reason-missing",
            "reason",
            f"say in 1 to {MOST_REASON} characters why this changes",
            f"请用 1 到 {MOST_REASON} 个字符说明修改原因",
        )
    return reason


def instant(at_ms: int) -> str | None:
    """Return epoch milliseconds as ISO 8601 in UTC; None for -1, which stands for never."""
    if at_ms < 0:
        return None
    text = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def amount(given: Decimal | ShareBody | None) -> Amount | None:
    """Return an amount or a share of the target as the domain takes it."""
    return Share(given.share) if isinstance(given, ShareBody) else given


def _plan_wanted(plan: Plan | None) -> Any:
    return "straight" if plan is None else {"daily": plan.daily, "days": plan.days}


def _conditions(where: tuple[Condition, ...]) -> list[dict[str, Any]]:
    return [msgspec.structs.asdict(condition) for condition in where]


def _guardrail(rail: Guardrail) -> dict[str, Any]:
    wheres = {"where": _conditions(rail.where), "over_where": _conditions(rail.over_where)}
    return msgspec.structs.asdict(rail) | wheres
