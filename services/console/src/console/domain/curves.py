"""A goal over its period as numbers for a chart and for the table beside it."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from console.domain.answers import Day, Goal, Light

MOST_DAYS = 1_500
ZERO = Decimal(0)


class Point(NamedTuple):
    """One day: the plan to date, and the actual to date, None for days that have not begun."""

    day: date
    plan: Decimal
    actual: Decimal | None
    provisional: bool


def curve(goal: Goal, days: Sequence[Day], lights: Sequence[Light], today: date) -> list[Point]:
    """Return every day of the goal's period, sums to date; a day is provisional until judged.

    Empty for a goal that is no sum, and for periods beyond MOST_DAYS.
    """
    length = (goal.end - goal.start).days + 1
    if goal.form != "sum" or length > MOST_DAYS:
        return []
    values: Mapping[date, Decimal] = {each.day: each.value for each in days}
    judged = max((each.span.end for each in lights if not each.provisional), default=date.min)
    plan, actual, points = ZERO, ZERO, []
    for number in range(length):
        day = goal.start + timedelta(days=number)
        plan += planned(goal, day)
        actual += values.get(day, ZERO)
        begun = day <= today
        points.append(Point(day, plan, actual if begun else None, begun and day > judged))
    return points


def planned(goal: Goal, day: date) -> Decimal:
    """Return the plan of one day of a sum."""
    if goal.plan.daily is not None:
        return goal.plan.daily if goal.calendar.works(day) else ZERO
    return goal.plan.days.get(day, ZERO)


def to_date_chart(goal: Goal, points: Sequence[Point]) -> dict[str, Any] | None:
    """Return the chart of sums to date for the page's script; None when there is nothing."""
    if not points:
        return None
    tiers = {"floor": goal.floor, "target": goal.target, "stretch": goal.stretch}
    return {
        "labels": [str(point.day) for point in points],
        "plan": [float(point.plan) for point in points],
        "actual": [None if p.actual is None else float(p.actual) for p in points],
        "provisional": [point.provisional for point in points],
        "tiers": {name: float(value) for name, value in tiers.items() if value is not None},
    }


def spans_chart(lights: Sequence[Light], times: int = 1) -> dict[str, Any] | None:
    """Return the chart of spans, each with its plan and its light; None when there are none.

    ``times`` is 100 for shares that are shown in percent.
    """
    if not lights:
        return None
    return {
        "labels": [str(light.span.start) for light in lights],
        "plan": [float(light.plan * times) for light in lights],
        "actual": [float(light.actual * times) for light in lights],
        "lights": [light.light for light in lights],
        "provisional": [light.provisional for light in lights],
    }
