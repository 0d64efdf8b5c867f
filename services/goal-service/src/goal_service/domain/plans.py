"""The plan of a goal per working day: constant, straight towards a target, or by hand."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from event_contracts.goals import Plan
from event_contracts.wire import plain
from goal_service.domain.amounts import DECIMAL128, ZERO, check_amount, divide, multiply, total
from service_kit.errors import UserError

CENT = Decimal("0.01")


def straight(target: Decimal, days: Sequence[date]) -> Plan:
    """Spread the target over the days so that the parts add up to it exactly.

    The parts are whole when the target is whole, else counted in its own decimals (two at least).
    Largest remainder: all remainders are equal, so the units left over go to the days where the
    straight line passes the next unit; no day's running total is a unit off the line.
    """
    unit = unit_of(target)
    units = int(divide(target, unit))
    parts = [(i + 1) * units // len(days) - i * units // len(days) for i in range(len(days))]
    amounts = [multiply(unit, Decimal(part)) for part in parts]
    if len(set(parts)) == 1:
        return Plan(daily=amounts[0])
    return Plan(days=dict(zip(days, amounts, strict=True)))


def plan_total(plan: Plan, days: Sequence[date]) -> Decimal:
    """Return what the plan adds up to over the working days."""
    if plan.daily is not None:
        return multiply(plan.daily, Decimal(len(days)))
    return total(plan.days.values())


def plan_of(plan: Plan, day: date, working: frozenset[date]) -> Decimal:
    """Return the plan of one local day; 0 on a day that is no working day."""
    if plan.daily is not None:
        return plan.daily if day in working else ZERO
    return plan.days.get(day, ZERO)


def check_plan(plan: Plan, days: Sequence[date]) -> None:
    """Raise UserError unless it is one kind of plan, not negative, and only for working days."""
    if plan.daily is not None and plan.days:
        raise UserError(
            "plan-unclear",
            "plan",
            "the plan has a daily amount and amounts for days; keep one of the two",
            "计划同时包含每日数额与逐日数额；请只保留其中之一",
        )
    for part in [plan.daily] if plan.daily is not None else plan.days.values():
        check_amount(part, "plan")
        if part < 0:
            raise UserError(
                "plan-negative",
                "plan",
                f"{part} is planned for a day; a plan is 0 or more",
                f"某日计划为 {part}；计划必须大于或等于 0",
            )
    stray = sorted(set(plan.days) - set(days))
    if stray:
        raise UserError(
            "plan-day-not-working",
            f"plan.days.{stray[0]}",
            f"{stray[0]} is no working day of the period; add it to calendar.on or leave it out",
            f"{stray[0]} 不是目标期间内的工作日；请将其加入 calendar.on 或删除",
        )


def check_adds_up(plan: Plan, target: Decimal, days: Sequence[date]) -> None:
    """Raise UserError unless the plan adds up to the target; the remedy names both ways out."""
    planned = plan_total(plan, days)
    if planned == target:
        return
    each = plain(divide(target, Decimal(len(days))))
    raise UserError(
        "plan-does-not-add-up",
        "plan",
        f"the plan adds up to {plain(planned)} over {len(days)} working days, but the target is "
        f"{plain(target)}; set the target to {plain(planned)}, or leave the plan out for a "
        f"straight one of {each} a day",
        f"计划在 {len(days)} 个工作日内合计为 {plain(planned)}，而目标为 {plain(target)}；"
        f"请将目标设为 {plain(planned)}，或省略计划以采用每日 {each} 的直线计划",
    )


def unit_of(target: Decimal) -> Decimal:
    """Return what an amount is counted in: 1 when it is whole, else its decimals, two at least."""
    if target == target.to_integral_value():
        return Decimal(1)
    exponent = target.normalize(DECIMAL128).as_tuple().exponent
    return min(CENT, Decimal(1).scaleb(int(exponent)))
