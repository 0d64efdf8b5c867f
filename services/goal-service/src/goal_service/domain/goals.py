"""A goal as somebody wants it, and what makes it one that can be tracked."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeAlias

import msgspec

from event_contracts.facts import Condition, GoalControl
from event_contracts.goals import Calendar, GoalChanged, Plan, Policy
from event_contracts.metrics import MetricDefined
from event_contracts.wire import plain
from goal_service.domain.amounts import add, check_amount, divide, multiply
from goal_service.domain.calendar import check_calendar, working_days
from goal_service.domain.days import check_zone
from goal_service.domain.plans import check_adds_up, check_plan, plan_total, straight
from goal_service.domain.policies import check_policy
from service_kit.errors import UserError
from service_kit.visibility import ORGANISATION

LEVELS = ("company", "team", "project", "individual")
LONGEST_DAYS = 3_660
WEEKDAYS = Calendar()
DEFAULTS = Policy()
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}")


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the target as a ratio: 0.8 is 80 %."""

    of_target: Decimal


Amount: TypeAlias = Decimal | Share


@dataclass(frozen=True, slots=True)
class Draft:
    """A goal as wanted. ``plan`` None: straight over the working days.

    ``target`` None: what the plan adds up to, else the middle of floor and stretch.
    """

    name: str
    metric: str
    start: date
    end: date
    zone: str
    plan: Plan | None = None
    target: Decimal | None = None
    floor: Amount | None = None
    stretch: Amount | None = None
    where: tuple[Condition, ...] = ()
    calendar: Calendar = WEEKDAYS
    policy: Policy = DEFAULTS
    level: str = "company"
    owner_team: str = ""
    visibility: str = ORGANISATION


@dataclass(frozen=True, slots=True)
class GoalVersion:
    """One version of a goal: what holds, why, and who said so. When is ``goal.changed_ms``."""

    goal: GoalChanged
    reason: str
    actor: str


def settle(
    draft: Draft, definition: MetricDefined, goal: str, version: int, at_ms: int
) -> GoalChanged:
    """Return the goal that the draft asks for; raises UserError with the remedy."""
    _check_words(draft, goal)
    _check_period(draft)
    check_zone(draft.zone)
    check_calendar(draft.calendar)
    check_policy(draft.policy)
    _check_where(draft.where, definition)
    days = _days(draft)
    _check_amounts(draft)
    if draft.plan is not None:
        check_plan(draft.plan, days)
    target = _target(draft, days)
    plan = draft.plan or straight(target, days)
    check_adds_up(plan, target, days)
    floor, stretch = _share(draft.floor, target), _share(draft.stretch, target)
    _check_tiers(floor, target, stretch)
    return GoalChanged(
        tenant=definition.tenant,
        goal=goal,
        version=version,
        name=draft.name,
        metric=draft.metric,
        unit=definition.unit,
        zone=draft.zone,
        start=draft.start,
        end=draft.end,
        plan=plan,
        target=target,
        floor=floor,
        stretch=stretch,
        where=draft.where,
        calendar=draft.calendar,
        policy=draft.policy,
        level=draft.level,
        owner_team=draft.owner_team,
        visibility=draft.visibility,
        changed_ms=at_ms,
    )


def stopped(goal: GoalChanged, at_ms: int) -> GoalChanged:
    """Return the version that stops the goal: nothing counts for it from here on."""
    return msgspec.structs.replace(goal, version=goal.version + 1, stopped=True, changed_ms=at_ms)


def controls(goal: GoalChanged, before: GoalChanged | None) -> list[GoalControl]:
    """Return what the logs of its metrics have to know: a goal that left a metric stops there."""
    records = [_control(goal, goal.metric, goal.stopped)]
    if before is not None and before.metric != goal.metric:
        records.append(_control(goal, before.metric, stopped=True))
    return records


def _control(goal: GoalChanged, metric: str, stopped: bool) -> GoalControl:
    return GoalControl(
        tenant=goal.tenant,
        metric=metric,
        goal=goal.goal,
        goal_version=goal.version,
        zone=goal.zone,
        start=goal.start,
        end=goal.end,
        where=goal.where,
        stopped=stopped,
    )


def _check_words(draft: Draft, goal: str) -> None:
    if not _ID.fullmatch(goal):
        raise UserError(
            "id-invalid",
            "id",
            "an id has 1 to 100 letters, digits, and . _ - after the first one",
            "标识由 1 到 100 个字母、数字及 . _ - 组成，且以字母或数字开头",
        )
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


def _days(draft: Draft) -> tuple[date, ...]:
    days = working_days(draft.calendar, draft.start, draft.end)
    if not days:
        raise UserError(
            "no-working-day",
            "calendar",
            "the period has no working day; widen it or add weekdays to the calendar",
            "该期间没有工作日；请延长期间或在日历中增加工作日",
        )
    return days


def _check_where(where: tuple[Condition, ...], definition: MetricDefined) -> None:
    known = ", ".join(definition.dims) or "none"
    for number, condition in enumerate(where):
        if condition.dim not in definition.dims:
            raise UserError(
                "dimension-unknown",
                f"where.{number}.dim",
                f"metric {definition.metric} has no dimension {condition.dim!r}; it has: {known}",
                f"指标 {definition.metric} 没有维度 {condition.dim!r}；现有维度：{known}",
            )
        if bool(condition.any_of) == bool(condition.none_of):
            raise UserError(
                "condition-unclear",
                f"where.{number}",
                "a condition names values in any_of or in none_of: one of the two",
                "条件须在 any_of 与 none_of 中二选一，并列出取值",
            )


def _check_amounts(draft: Draft) -> None:
    check_amount(draft.target, "target")
    for where, amount in (("floor", draft.floor), ("stretch", draft.stretch)):
        if isinstance(amount, Share):
            _check_share(amount, f"{where}.share")
        else:
            check_amount(amount, where)


def _check_share(share: Share, where: str) -> None:
    check_amount(share.of_target, where)
    if not 0 <= share.of_target <= 100 or share.of_target != round(share.of_target, 4):
        raise UserError(
            "share-invalid",
            where,
            f"{share.of_target} is no share of the target; 80 % is 0.8, with at most 4 decimals",
            f"{share.of_target} 不是目标的比例；80 % 写作 0.8，小数不超过 4 位",
        )


def _target(draft: Draft, days: tuple[date, ...]) -> Decimal:
    if draft.target is not None:
        target = draft.target
    elif draft.plan is not None:
        target = plan_total(draft.plan, days)
    elif isinstance(draft.floor, Decimal) and isinstance(draft.stretch, Decimal):
        # "a to b" means floor a, stretch b, target the middle.
        target = divide(add(draft.floor, draft.stretch), Decimal(2))
    else:
        raise UserError(
            "target-missing",
            "target",
            "give a target, a plan that adds up to one, or floor and stretch as amounts",
            "请给出目标值、可合计为目标的计划，或以数额给出的保底值与冲刺值",
        )
    check_amount(target, "target")
    if target <= 0:
        raise UserError(
            "target-not-positive",
            "target",
            f"the target is {target}; it has to be above 0",
            f"目标为 {target}；必须大于 0",
        )
    return target


def _share(amount: Amount | None, target: Decimal) -> Decimal | None:
    if isinstance(amount, Share):
        return Decimal(plain(multiply(target, amount.of_target)))
    return amount


def _check_tiers(floor: Decimal | None, target: Decimal, stretch: Decimal | None) -> None:
    if floor is not None and not 0 <= floor <= target:
        raise UserError(
            "tiers-out-of-order",
            "floor",
            f"the floor {plain(floor)} is not between 0 and the target {plain(target)}",
            f"保底值 {plain(floor)} 不在 0 与目标 {plain(target)} 之间；请调整",
        )
    if stretch is not None and not stretch >= target:
        raise UserError(
            "tiers-out-of-order",
            "stretch",
            f"the stretch {plain(stretch)} is below the target {plain(target)}; raise it",
            f"冲刺值 {plain(stretch)} 低于目标 {plain(target)}；请提高",
        )
