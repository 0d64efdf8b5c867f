"""A goal's plan along its days."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import accumulate

from alerting.domain.calendar import days_between, is_working
from alerting.domain.figures import ZERO, minus, share, total
from alerting.domain.goal import Goal
from alerting.domain.spans import Span, counted_days


class Curve:
    """The plan of one version of a goal, added up day by day once."""

    def __init__(self, goal: Goal) -> None:
        self.goal = goal
        days = list(days_between(goal.start, goal.end))
        planned = (plan_of_day(goal, day) for day in days)
        self._sums = list(accumulate(planned, lambda one, other: total((one, other))))
        self._working = [day for day in days if is_working(goal.calendar, day)]
        self._worked = list(accumulate(int(is_working(goal.calendar, day)) for day in days))

    @property
    def whole(self) -> Decimal:
        """The plan of the whole period."""
        return self._sums[-1] if self._sums else ZERO

    @property
    def working(self) -> int:
        """The working days of the whole period."""
        return len(self._working)

    def to(self, end: date) -> Decimal:
        """Return the plan from the period's start to the day, all days included."""
        number = self._number(end)
        return self._sums[number] if number >= 0 else ZERO

    def worked(self, end: date) -> int:
        """Return how many working days there are from the period's start to the day."""
        number = self._number(end)
        return self._worked[number] if number >= 0 else 0

    def last_working(self, end: date, count: int) -> date:
        """Return the first of the last ``count`` working days up to the day; else the start."""
        worked = self.worked(end)
        return self._working[max(worked - count, 0)] if worked else self.goal.start

    def moved(self, end: date) -> tuple[Decimal, Decimal]:
        """Return how far a level shall have moved by the day's close: a fraction, exact."""
        way = minus(self.goal.target, self.goal.level_start)
        if not self.goal.days:
            return share(way, Decimal(self.worked(end))), Decimal(max(self.working, 1))
        planned = [day for day in self.goal.days if day <= end]
        level = self.goal.days[max(planned)] if planned else self.goal.level_start
        return minus(level, self.goal.level_start), Decimal(1)

    def _number(self, day: date) -> int:
        return min((day - self.goal.start).days, len(self._sums) - 1)


def plan_of(goal: Goal, span: Span) -> Decimal:
    """Return what the plan expects of the days that the span shows."""
    return total(_plans(goal, span))


def plan_of_day(goal: Goal, day: date) -> Decimal:
    """Return what the plan expects of the day."""
    if day in goal.days:
        return goal.days[day]
    worked = goal.daily is not None and is_working(goal.calendar, day)
    return goal.daily if worked and goal.daily is not None else ZERO


def _plans(goal: Goal, span: Span) -> Iterator[Decimal]:
    return (plan_of_day(goal, day) for day in counted_days(goal, span.first, span.end))
