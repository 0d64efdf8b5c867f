"""Spans: what is judged as one, its plan and the days whose results it shows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from alerting.domain.calendar import DAY, is_working
from alerting.domain.figures import ZERO, total
from alerting.domain.goal import Goal


@dataclass(frozen=True, slots=True)
class Span:
    """The local days ``start`` to ``end``, both inclusive; ``kind`` is day, week, month, period.

    ``first`` is the first day whose results count in the span: before ``start`` where the policy
    adds the results of non-working days to the next working day.
    """

    kind: str
    start: date
    end: date
    first: date


def spans(goal: Goal, since: date) -> Iterator[Span]:
    """Yield the goal's spans that end on ``since`` or later, in order.

    Raises ValueError when the goal's grain is not known.
    """
    if goal.policy.grain not in GRAINS:
        raise ValueError(f"grain {goal.policy.grain!r} is not one of {sorted(GRAINS)}")
    return GRAINS[goal.policy.grain](goal, since)


def period(goal: Goal) -> Span:
    """Return the whole period."""
    return Span("period", goal.start, goal.end, goal.start)


def plan_of(goal: Goal, span: Span) -> Decimal:
    """Return what the plan expects of the span."""
    return total(_plan_of_day(goal, day) for day in counted_days(goal, span))


def counted_days(goal: Goal, span: Span) -> Iterator[date]:
    """Yield the days whose results the span's light shows."""
    for day in _range(span.first, span.end):
        if goal.policy.add_to_next or is_working(goal.calendar, day):
            yield day


def _plan_of_day(goal: Goal, day: date) -> Decimal:
    if day in goal.days:
        return goal.days[day]
    worked = goal.daily is not None and is_working(goal.calendar, day)
    return goal.daily if worked and goal.daily is not None else ZERO


def _working_days(goal: Goal, since: date) -> Iterator[Span]:
    for day in _range(max(goal.start, since), goal.end):
        if is_working(goal.calendar, day):
            yield Span("day", day, day, _first(goal, day))


def _first(goal: Goal, day: date) -> date:
    """Return the first of the non-working days that lead up to the working day."""
    if not goal.policy.add_to_next:
        return day
    first = day
    while first > goal.start and not is_working(goal.calendar, first - DAY):
        first -= DAY
    return first


def _range(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += DAY


GRAINS: dict[str, Callable[[Goal, date], Iterator[Span]]] = {"day": _working_days}
