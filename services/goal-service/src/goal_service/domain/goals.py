"""A goal with its versions, settled from a draft: what makes it one that can be tracked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple

import msgspec

from event_contracts.goals import Calendar, GoalChanged
from event_contracts.metrics import MetricDefined
from goal_service.domain.calendar import working_days
from goal_service.domain.calendars import HolidaysOf, resolve
from goal_service.domain.days import check_zone, local_day
from goal_service.domain.drafts import Draft, Link
from goal_service.domain.forms import check_form, check_guardrails, check_movement, settle_plan
from goal_service.domain.grains import settle_grain
from goal_service.domain.kinds import check_countable, day_remarks, with_own_over
from goal_service.domain.leave import Wanted, clash_remark, outside_leave
from goal_service.domain.people import Leave
from goal_service.domain.plans import check_plan, plan_total
from goal_service.domain.policies import PolicyVersion, Rules, check_policy
from goal_service.domain.remarks import Remark
from goal_service.domain.seen import check_visibility
from goal_service.domain.targets import settle_tiers
from service_kit.errors import UserError

INDIVIDUAL = "individual"
LEVELS = ("company", "team", "project", INDIVIDUAL)
LONGEST_DAYS = 3_660
LEAVE = "leave"
"""The reason of a version that follows its owner's changed leave."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}")


@dataclass(frozen=True, slots=True)
class GoalVersion:
    """One version of a goal: what holds, why, and who said so. When is ``goal.changed_ms``.

    ``rules`` are the policy as wanted, from version ``policy_version`` of the document
    ``policy_name`` where there is one. ``wanted`` is what holds without the owner's leave, ``link``
    says whether the target follows the parent's. ``remarks`` belong to the answer and are not kept.
    """

    goal: GoalChanged
    reason: str
    actor: str
    rules: Rules = field(default_factory=Rules)
    policy_name: str = ""
    policy_version: int = 0
    wanted: Wanted = field(default_factory=Wanted)
    link: Link = field(default_factory=Link)
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a draft is settled against: definitions by metric, the parent, holidays by country.

    ``leave`` is what makes days non-working for this goal: its owner's, if it is an individual one.
    """

    definitions: Mapping[str, MetricDefined]
    holidays: HolidaysOf
    parent: GoalChanged | None = None
    leave: Sequence[Leave] = ()


class Settled(NamedTuple):
    """The goal that a draft asks for, what a caller should know of it, what holds without leave."""

    goal: GoalChanged
    remarks: tuple[Remark, ...]
    wanted: Wanted


def settle(draft: Draft, around: Surroundings, goal: str, version: int, at_ms: int) -> Settled:
    """Return the goal that the draft asks for, with remarks; raises UserError with the remedy."""
    definition = around.definitions[draft.metric]
    _check_words(draft, goal)
    _check_period(draft)
    check_zone(draft.zone)
    check_policy(draft.rules)
    check_countable(draft, around.definitions)
    draft = with_own_over(draft, around.definitions)
    check_form(draft, around.definitions)
    check_guardrails(draft.guardrails, around.definitions)
    calendar, remarks = resolve(draft.calendar, draft.start, draft.end, around.holidays)
    remarks += day_remarks(draft, around.definitions)
    days = _days(draft, calendar)
    planned = None
    if draft.plan is not None and draft.form == "sum":
        check_plan(draft.plan, days)
        planned = plan_total(draft.plan, days)
    floor, target, stretch = settle_tiers(draft, planned, around.parent)
    check_movement(draft, target)
    settled = GoalChanged(
        tenant=definition.tenant,
        goal=goal,
        version=version,
        name=draft.name,
        metric=draft.metric,
        unit=definition.unit,
        zone=draft.zone,
        start=draft.start,
        end=draft.end,
        plan=settle_plan(draft.form, draft.plan, draft.level_start, target, days),
        target=target,
        floor=floor,
        stretch=stretch,
        where=draft.where,
        calendar=calendar,
        level=draft.level,
        owner_team=draft.owner_team,
        visibility=draft.visibility,
        changed_ms=at_ms,
        form=draft.form,
        at_most=draft.at_most,
        over_metric=draft.over_metric,
        over_where=draft.over_where,
        level_start=draft.level_start,
        guardrails=draft.guardrails,
        deal_value=draft.deal_value,
        owner=draft.owner,
        parent=draft.parent,
    )
    check_visibility(settled)
    wanted = Wanted(calendar, draft.plan)
    settled, clash = outside_leave(settled, wanted, around.leave)
    if clash is not None:
        remarks += (clash_remark(clash),)
    return Settled(judged_by(settled, draft.rules, definition.currency), remarks, wanted)


def judged_by(goal: GoalChanged, rules: Rules, currency: str | None) -> GoalChanged:
    """Return the goal with the rules settled for it; raises UserError when they do not fit it."""
    grain = settle_grain(rules, goal, currency)
    return msgspec.structs.replace(goal, policy=rules.settled(grain))


def under_policy(
    before: GoalVersion, policy: PolicyVersion, currency: str | None, at_ms: int
) -> GoalVersion:
    """Return the version that a goal gets when the policy that it names has changed."""
    goal = msgspec.structs.replace(before.goal, version=before.goal.version + 1, changed_ms=at_ms)
    return replace(
        before,
        goal=judged_by(goal, policy.rules, currency),
        reason=policy.reason,
        actor=policy.actor,
        rules=policy.rules,
        policy_version=policy.version,
    )


def under_leave(
    before: GoalVersion, leave: Sequence[Leave], currency: str | None, actor: str, at_ms: int
) -> tuple[GoalVersion | None, UserError | None]:
    """Return the version that a goal gets when its owner's leave has changed, None for no change.

    The second is why a leave is not followed: the goal is then as it was wanted. Days before that
    of ``at_ms`` keep their plan.
    """
    today = local_day(before.goal.zone, at_ms // 60_000)
    goal, clash = outside_leave(before.goal, before.wanted, leave, today)
    if goal == before.goal:
        return None, clash
    goal = msgspec.structs.replace(goal, version=goal.version + 1, changed_ms=at_ms)
    goal = judged_by(goal, before.rules, currency)
    return replace(before, goal=goal, reason=LEAVE, actor=actor), clash


def restating(goal: GoalChanged, before: GoalChanged | None) -> GoalChanged:
    """Return the goal with the days of its period that the version before it restates."""
    days = before.restates if before else ()
    inside = tuple(day for day in days if goal.start <= day <= goal.end)
    return msgspec.structs.replace(goal, restates=inside) if inside else goal


def is_running(goal: GoalChanged, at_ms: int) -> bool:
    """Whether the goal is not stopped and its last day is not over: others stay as judged."""
    return not goal.stopped and local_day(goal.zone, at_ms // 60_000) <= goal.end


def stopped(goal: GoalChanged, at_ms: int) -> GoalChanged:
    """Return the version that stops the goal: nothing counts for it from here on."""
    return msgspec.structs.replace(goal, version=goal.version + 1, stopped=True, changed_ms=at_ms)


def check_id(identity: str, where: str = "id") -> None:
    """Raise UserError unless it may stand in addresses and keys."""
    if not _ID.fullmatch(identity):
        raise UserError(
            "id-invalid",
            where,
            "an id has 1 to 100 letters, digits, and . _ - after the first one",
            "标识由 1 到 100 个字母、数字及 . _ - 组成，且以字母或数字开头",
        )


def _check_words(draft: Draft, goal: str) -> None:
    check_id(goal)
    if not draft.name.strip() or len(draft.name) > 200:
        raise UserError(
            "name-invalid",
            "name",
            "a name has 1 to 200 characters",
            "名称长度应为 1 到 200 个字符",
        )
    if draft.level not in LEVELS:
        raise UserError(
            "level-unknown",
            "level",
            f"{draft.level!r} is no level; use {', '.join(LEVELS)}",
            f"{draft.level!r} 不是有效层级；请使用 {'、'.join(LEVELS)}",
        )


def _check_period(draft: Draft) -> None:
    length = (draft.end - draft.start).days + 1
    if length < 1:
        raise UserError(
            "period-reversed",
            "end",
            f"the period ends on {draft.end}, before it starts on {draft.start}; swap them",
            f"期间结束日 {draft.end} 早于开始日 {draft.start}；请对调",
        )
    if length > LONGEST_DAYS or not 1971 <= draft.start.year <= draft.end.year <= 9000:
        raise UserError(
            "period-out-of-range",
            "end",
            f"the period has {length} days from {draft.start}; use at most {LONGEST_DAYS} days "
            "between 1971 and 9000",
            f"期间自 {draft.start} 起共 {length} 天；最多 {LONGEST_DAYS} 天，年份为 1971 至 9000",
        )


def _days(draft: Draft, calendar: Calendar) -> tuple[date, ...]:
    days = working_days(calendar, draft.start, draft.end)
    if not days:
        raise UserError(
            "no-working-day",
            "calendar",
            "the period has no working day; widen it or add weekdays to the calendar",
            "该期间没有工作日；请延长期间或在日历中增加工作日",
        )
    return days
