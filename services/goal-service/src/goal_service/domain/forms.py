"""Sum, ratio and level: what each needs, and how its plan stands."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

from event_contracts.goals import GoalChanged, Guardrail, Plan
from goal_service.domain.amounts import DECIMAL128, ZERO, check_amount
from goal_service.domain.drafts import Draft
from goal_service.domain.filters import check_where
from goal_service.domain.kinds import OVER_KINDS, Definitions
from goal_service.domain.plans import check_adds_up, check_plan, plan_of, straight
from service_kit.errors import UserError

FORMS = ("sum", "ratio", "level")
MOST_GUARDRAILS = 20


def check_form(draft: Draft, definitions: Definitions) -> None:
    """Raise UserError unless the draft says what its form needs, and nothing that it cannot use."""
    if draft.form not in FORMS:
        raise UserError(
            "form-unknown",
            "form",
            f"{draft.form!r} is no form of a goal; use {', '.join(FORMS)}",
            f"{draft.form!r} 不是目标形式；请使用 {'、'.join(FORMS)}",
        )
    _check_over(draft, definitions)
    _check_level(draft)
    check_where(draft.where, definitions[draft.metric])
    if draft.over_metric is not None:
        check_where(draft.over_where, definitions[draft.over_metric], "over_where")


def check_guardrails(guardrails: Sequence[Guardrail], definitions: Definitions) -> None:
    """Raise UserError unless each has its own name, a limit, and filters that its metrics know."""
    names = [rail.name.strip() for rail in guardrails]
    if len(names) > MOST_GUARDRAILS or not all(names) or len(set(names)) < len(names):
        raise UserError(
            "guardrail-name",
            "guardrails",
            f"at most {MOST_GUARDRAILS} guardrails, each with a name of its own",
            f"护栏最多 {MOST_GUARDRAILS} 条，且每条须有不同的名称",
        )
    for number, rail in enumerate(guardrails):
        at = f"guardrails.{number}"
        check_amount(rail.limit, f"{at}.limit")
        check_where(rail.where, definitions[rail.metric], f"{at}.where")
        if rail.over_metric is not None:
            check_where(rail.over_where, definitions[rail.over_metric], f"{at}.over_where")
        elif rail.over_where:
            raise _over_where_alone(f"{at}.over_where")


def settle_plan(
    form: str,
    given: Plan | None,
    start: Decimal | None,
    target: Decimal,
    days: Sequence[date],
) -> Plan:
    """Return the plan in the form's way; raises UserError for one that the form cannot have.

    Sum: amounts per working day that add up to the target. Ratio: the ratio wanted on each day.
    Level: empty for a straight one from ``start`` to the target,
    else the level at the end of each working day, given ones holding until the next.
    """
    if form == "ratio":
        return _ratio_plan(given, target)
    if form == "level":
        return _level_plan(given, start or ZERO, target, days)
    plan = given or straight(target, days)
    check_adds_up(plan, target, days)
    return plan


def planned_on(goal: GoalChanged, day: date, working: Sequence[date]) -> Decimal:
    """Return the plan of a local day in the form's way: an amount, a ratio, or a level."""
    if goal.form != "level":
        return plan_of(goal.plan, day, frozenset(working))
    if goal.plan.days:
        reached = max((each for each in goal.plan.days if each <= day), default=None)
        return _start(goal) if reached is None else goal.plan.days[reached]
    passed = Fraction(sum(1 for each in working if each <= day), len(working))
    level = Fraction(_start(goal)) + (Fraction(goal.target) - Fraction(_start(goal))) * passed
    return DECIMAL128.divide(Decimal(level.numerator), Decimal(level.denominator))


def _start(goal: GoalChanged) -> Decimal:
    return ZERO if goal.level_start is None else goal.level_start


def _check_over(draft: Draft, definitions: Definitions) -> None:
    if draft.form == "sum" and draft.over_metric is not None:
        raise UserError(
            "over-metric-of-a-sum",
            "over_metric",
            'a sum has no denominator; leave it out, or use form "ratio"',
            '合计类目标没有分母；请省略，或将 form 设为 "ratio"',
        )
    if draft.form == "ratio" and draft.over_metric is None:
        raise UserError(
            "over-metric-missing",
            "over_metric",
            "a ratio needs the metric that it is over, like spend over leads",
            "比率类目标需要分母指标，例如花费除以线索数",
        )
    if draft.over_metric is None and draft.over_where:
        raise _over_where_alone("over_where")
    own = definitions[draft.metric].kind in OVER_KINDS
    if not own and (draft.over_metric, draft.over_where) == (draft.metric, draft.where):
        raise UserError(
            "ratio-of-itself",
            "over_metric",
            "numerator and denominator are the same sum, so the ratio is always 1; filter one of "
            "them or name another metric",
            "分子与分母为同一合计，比率恒为 1；请为其中之一设置筛选，或更换指标",
        )


def _over_where_alone(where: str) -> UserError:
    return UserError(
        "over-metric-missing",
        where,
        "a filter of the denominator needs its metric; give over_metric or leave the filter out",
        "分母筛选需要分母指标；请给出 over_metric 或省略筛选",
    )


def _check_level(draft: Draft) -> None:
    if (draft.form == "level") != (draft.level_start is not None):
        raise UserError(
            "level-start",
            "level_start",
            'a level needs the level that it starts from, and no other form has one ("level" is '
            "said by form)",
            '水平类目标需要起始水平 level_start，其他形式则不需要（由 form 设为 "level" 表明）',
        )
    check_amount(draft.level_start, "level_start")
    if draft.form == "level" and draft.at_most:
        raise UserError(
            "level-at-most",
            "at_most",
            "a level falls when its target is below its start; leave at_most out",
            "水平类目标的目标低于起点即表示下降；请省略 at_most",
        )


def check_movement(draft: Draft, target: Decimal) -> None:
    """Raise UserError for a level that would not move."""
    if draft.form == "level" and target == draft.level_start:
        raise UserError(
            "level-does-not-move",
            "level_start",
            f"the level starts at its target {target}; give the level of today",
            f"起始水平等于目标 {target}；请给出当前水平",
        )


def _ratio_plan(given: Plan | None, target: Decimal) -> Plan:
    if given is not None:
        raise UserError(
            "plan-of-a-ratio",
            "plan",
            "a ratio has no plan: what is wanted is the target on every day; leave the plan out",
            "比率类目标没有计划：每天都以目标值为准；请省略计划",
        )
    return Plan(daily=target)


def _level_plan(given: Plan | None, start: Decimal, target: Decimal, days: Sequence[date]) -> Plan:
    if given is None:
        return Plan()
    check_plan(given, days)
    if given.daily is not None or not given.days:
        raise UserError(
            "plan-of-a-level",
            "plan",
            "a level is planned as levels in days, not as a daily amount; or leave the plan out "
            "for a straight one",
            "水平类目标的计划是各日水平，而非每日数额；也可省略以采用直线计划",
        )
    level, levels = start, {}
    for day in days:
        level = levels[day] = given.days.get(day, level)
    if level != target:
        raise UserError(
            "plan-does-not-add-up",
            "plan",
            f"the plan ends at the level {level}, the target is {target}; let them agree",
            f"计划最终水平为 {level}，而目标为 {target}；请使两者一致",
        )
    if not all(min(start, target) <= each <= max(start, target) for each in levels.values()):
        raise UserError(
            "plan-of-a-level",
            "plan.days",
            f"a planned level lies outside {start} to {target}; keep them between the two",
            f"有计划水平超出 {start} 到 {target} 的范围；请保持在两者之间",
        )
    return Plan(days=levels)
