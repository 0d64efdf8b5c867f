"""The plan of a goal whose working days change while it runs: what is over stays as it was."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

from event_contracts.goals import GoalChanged, Plan
from goal_service.domain.amounts import DECIMAL128, ZERO, subtract, total
from goal_service.domain.calendar import working_days
from goal_service.domain.forms import planned_on, settle_plan
from goal_service.domain.plans import plan_of, straight


def plan_from(goal: GoalChanged, wanted: Plan | None, days: Sequence[date], today: date) -> Plan:
    """Return the goal's plan over the working ``days``, of which those before today keep theirs.

    A plan by hand (``wanted``) and that of a ratio stand as they are; a straight one is spread over
    what is left. Raises UserError for a plan by hand that the days cannot have.
    """
    if wanted is not None or goal.form == "ratio" or not days or days[0] >= today:
        return settle_plan(goal.form, wanted, goal.level_start, goal.target, days)
    past = [day for day in days if day < today]
    rest = [day for day in days if day >= today]
    held = working_days(goal.calendar, goal.start, goal.end)
    if goal.form == "level":
        return Plan(
            days={day: planned_on(goal, day, held) for day in past} | _way(goal, past, rest)
        )
    amounts = {day: plan_of(goal.plan, day, frozenset(held)) for day in past}
    return Plan(days=amounts | _spread(left_over(goal, past), rest))


def left_over(goal: GoalChanged, past: Sequence[date]) -> Decimal:
    """Return what of a straight plan is to come when these days keep theirs; of a level its way."""
    held = working_days(goal.calendar, goal.start, goal.end)
    if goal.form == "level":
        return subtract(goal.target, planned_on(goal, past[-1], held))
    return subtract(goal.target, total(plan_of(goal.plan, day, frozenset(held)) for day in past))


def _spread(amount: Decimal, days: Sequence[date]) -> dict[date, Decimal]:
    if not days:
        return {}
    plan = straight(amount, days)
    return plan.days or dict.fromkeys(days, plan.daily or ZERO)


def _way(goal: GoalChanged, past: Sequence[date], days: Sequence[date]) -> dict[date, Decimal]:
    """Return the levels on the straight way to the target, from the plan of the last past day."""
    left = Fraction(left_over(goal, past))
    levels = (
        Fraction(goal.target) - left * (len(days) - number) / len(days)
        for number in range(1, len(days) + 1)
    )
    return {
        day: DECIMAL128.divide(Decimal(level.numerator), Decimal(level.denominator))
        for day, level in zip(days, levels, strict=True)
    }
