"""Spans: what is judged as one, and the days whose results it shows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from alerting.domain.calendar import DAY, days_between, is_working, working_days
from alerting.domain.goal import Goal, Grain

Frame = Callable[[date], tuple[date, date]]


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
    """Yield the goal's spans that end on ``since`` or later, in order."""
    return GRAINS[goal.policy.grain](goal, since)


def period(goal: Goal) -> Span:
    """Return the whole period."""
    return Span("period", goal.start, goal.end, goal.start)


def counted_days(goal: Goal, first: date, last: date) -> Iterator[date]:
    """Yield the days whose results run lights show: by grain day the policy may leave some out."""
    everything = goal.policy.add_to_next or goal.policy.grain is not Grain.DAY
    for day in days_between(first, last):
        if everything or is_working(goal.calendar, day):
            yield day


def first_counted(goal: Goal, day: date) -> date:
    """Return the first of the non-working days that lead up to the working day, if they count."""
    if not goal.policy.add_to_next:
        return day
    first = day
    while first > goal.start and not is_working(goal.calendar, first - DAY):
        first -= DAY
    return first


def _working_days(goal: Goal, since: date) -> Iterator[Span]:
    for day in days_between(max(goal.start, since), goal.end):
        if is_working(goal.calendar, day):
            yield Span("day", day, day, first_counted(goal, day))


def _weeks(goal: Goal, since: date) -> Iterator[Span]:
    return _blocks(goal, since, "week", _week_of)


def _months(goal: Goal, since: date) -> Iterator[Span]:
    return _blocks(goal, since, "month", _month_of)


def _blocks(goal: Goal, since: date, kind: str, frame: Frame) -> Iterator[Span]:
    """Yield the weeks or months of the period; a short one at an edge joins its neighbour."""
    starts = _starts(goal, frame)
    ends = [day - DAY for day in starts[1:]] + [goal.end]
    short_last = _is_short(goal, starts[-1], goal.end, frame)
    if len(starts) > 1 and _is_short(goal, starts[0], ends[0], frame):
        del starts[1], ends[0]
    if len(starts) > 1 and short_last:
        del starts[-1], ends[-2]
    for start, end in zip(starts, ends, strict=True):
        if end >= since:
            yield Span(kind, start, end, start)


def _starts(goal: Goal, frame: Frame) -> list[date]:
    starts = [goal.start]
    while (after := frame(starts[-1])[1] + DAY) <= goal.end:
        starts.append(after)
    return starts


def _is_short(goal: Goal, start: date, end: date, frame: Frame) -> bool:
    """Whether less than half of the whole week's or month's working days lie in what is left."""
    inside = working_days(goal.calendar, start, end)
    return inside == 0 or 2 * inside < working_days(goal.calendar, *frame(start))


def _week_of(day: date) -> tuple[date, date]:
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=6)


def _month_of(day: date) -> tuple[date, date]:
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - DAY


GRAINS: dict[Grain, Callable[[Goal, date], Iterator[Span]]] = {
    Grain.DAY: _working_days,
    Grain.WEEK: _weeks,
    Grain.MONTH: _months,
    Grain.RUNNING: _weeks,
}
