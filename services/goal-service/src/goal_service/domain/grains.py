"""The smallest span in which a goal's plan expects enough to be judged by.

A span's mean plan is target x d / D: D are the working days of the period, d those of the span:

    day    1
    week   the calendar's weekdays (7 for a calendar of single days), at most D
    month  the mean working days of the calendar months that the period touches, at most D

Units are the target's; of a money goal its deals, target / deal_value. The grain is the smallest
span whose mean plan is LEAST or more. Below LEAST even in a month: running, judged weekly on the
total.
Examples over 61 working days: 20 articles are 6.6 a month, running; 300 leads are 4.9 a day and
24.6 a week, week; 122 are exactly 10 a week, week; 610 are exactly 10 a day, day.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction

from event_contracts.goals import Calendar, GoalChanged
from goal_service.domain.amounts import check_amount
from goal_service.domain.calendar import working_days
from goal_service.domain.policies import AUTO, Rules
from service_kit.errors import UserError

LEAST = 10
RUNNING = "running"


def settle_grain(rules: Rules, goal: GoalChanged, currency: str | None) -> str:
    """Return the grain of the rules, or the one that fits the goal where they say auto.

    ``currency`` is that of the goal's metric. Ratios and levels are judged by day: they look back
    over several days, or at where things stand. Raises UserError for a money goal that names
    neither grain nor average deal.
    """
    _check_deal_value(goal.deal_value, currency)
    if rules.grain != AUTO:
        return rules.grain
    if goal.form != "sum":
        return "day"
    if currency is not None and goal.deal_value is None:
        raise _deal_value_missing()
    units = Fraction(goal.target) / Fraction(goal.deal_value or 1)
    return fitting(units, goal.calendar, goal.start, goal.end)


def fitting(units: Fraction, calendar: Calendar, start: date, end: date) -> str:
    """Return the smallest grain in which the plan of so many units expects LEAST or more."""
    worked = len(working_days(calendar, start, end))
    for grain, days in _spans(calendar, start, end):
        if units * min(days, Fraction(worked)) >= LEAST * worked:
            return grain
    return RUNNING


def _spans(calendar: Calendar, start: date, end: date) -> Iterator[tuple[str, Fraction]]:
    yield "day", Fraction(1)
    yield "week", Fraction(len(set(calendar.weekdays)) or 7)
    months = (end.year - start.year) * 12 + end.month - start.month + 1
    last = end.replace(day=monthrange(end.year, end.month)[1])
    yield "month", Fraction(len(working_days(calendar, start.replace(day=1), last)), months)


def _check_deal_value(deal_value: Decimal | None, currency: str | None) -> None:
    if deal_value is None:
        return
    check_amount(deal_value, "deal_value")
    if deal_value <= 0:
        raise UserError(
            "deal-value-not-positive",
            "deal_value",
            f"the average deal is {deal_value}; it has to be above 0",
            f"平均成交额为 {deal_value}；必须大于 0",
        )
    if currency is None:
        raise UserError(
            "deal-value-not-money",
            "deal_value",
            "the metric has no currency, so its units are counted as they are; leave it out",
            "该指标没有币种，按其单位计数即可；请省略 deal_value",
        )


def _deal_value_missing() -> UserError:
    return UserError(
        "deal-value-missing",
        "deal_value",
        "a goal in money is judged by its deals: give deal_value, the average deal, or fix "
        "policy.grain to day, week, month or running",
        "金额目标按成交笔数判断：请给出平均成交额 deal_value，或将 policy.grain 设为 "
        "day、week、month 或 running",
    )
