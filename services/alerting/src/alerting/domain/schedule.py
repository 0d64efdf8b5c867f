"""When each span is judged, by which version of its goal, and what is to be judged now.

A new version judges the spans that close after it was made; the spans before keep the version that
they had. A span whose first version came only later (a goal made in mid-period) is judged by the
earliest version there is. A version's period is closed by one more appointment behind its spans.
Where a new version judges by weeks or months, its first span begins behind what is judged already.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from itertools import takewhile

from alerting.domain.calendar import DAY, close_ms
from alerting.domain.goal import Goal
from alerting.domain.spans import Span, period, spans

NEVER = date.min
_LONGEST_DAYS = 62
_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


@dataclass(frozen=True, slots=True)
class Appointment:
    """A span to be judged by ``goal`` at ``at_ms``: its close plus the freshness of its source."""

    span: Span
    goal: Goal
    close_ms: int
    at_ms: int

    @property
    def is_period(self) -> bool:
        """Whether this closes the period instead of lighting a span."""
        return self.span.kind == "period"

    def gives_up_ms(self) -> int:
        """Return the instant from which the span is judged incomplete."""
        return self.at_ms + self.goal.policy.incomplete_after_hours * _HOUR_MS


@dataclass(frozen=True, slots=True)
class Position:
    """How far a goal is judged: the end of its last lit span, and of its last closed period."""

    judged_through: date = NEVER
    closed: date = NEVER

    def covers(self, appointment: Appointment) -> bool:
        """Whether the appointment has been kept."""
        if appointment.is_period:
            return appointment.span.end <= self.closed
        return appointment.span.start <= self.judged_through

    def after(self, appointment: Appointment) -> "Position":
        """Return the position once the appointment is kept."""
        end = appointment.span.end
        if appointment.is_period:
            return Position(max(self.judged_through, end), max(self.closed, end))
        return replace(self, judged_through=max(self.judged_through, end))

    def past(self, work: Iterable[Appointment]) -> "Position":
        """Return the position once all of the work is done."""
        return reduce(Position.after, work, self)


def appointments(versions: Sequence[Goal], since: date) -> Iterator[Appointment]:
    """Yield the appointments of spans that end on ``since`` or later, and of every period.

    They come in the order of judging. ``versions`` are all known versions of one goal, ascending.
    """
    last, closed = NEVER, NEVER
    for number, goal in enumerate(versions):
        newest = number + 1 == len(versions)
        until = None if newest else versions[number + 1].changed_ms
        for one in _of_version(goal, _early(since), first=number == 0, until=until):
            if one.span.end > last:
                if one.span.end >= since:
                    yield _behind(last, one)
                last = one.span.end
        ending = _ending(goal, first=number == 0, until=until)
        if ending is not None and ending.span.end > closed:
            closed, last = ending.span.end, max(last, ending.span.end)
            yield ending


def open_appointments(versions: Sequence[Goal], position: Position) -> Iterator[Appointment]:
    """Yield the appointments not kept yet, in order."""
    since = _first_day(versions) if position == Position() else position.judged_through
    return (one for one in appointments(versions, since) if not position.covers(one))


def next_appointment(versions: Sequence[Goal], position: Position) -> Appointment | None:
    """Return the first appointment not kept yet; None: the goal is done or stopped."""
    return next(open_appointments(versions, position), None)


def due(
    versions: Sequence[Goal],
    position: Position,
    watermark_ms: int,
    now_ms: int,
    *,
    patient: bool = True,
) -> list[Appointment]:
    """Return the open appointments that clock and watermark have passed.

    Not ``patient``: also the spans whose watermark is missing beyond the policy's limit; a period
    is never closed before all is known.
    """
    until = min(now_ms, watermark_ms)

    def ready(one: Appointment) -> bool:
        late = not patient and not one.is_period and one.gives_up_ms() <= now_ms
        return one.at_ms <= until or late

    return list(takewhile(ready, open_appointments(versions, position)))


def kept(versions: Sequence[Goal], position: Position, dirty_from: date) -> list[Appointment]:
    """Return the kept appointments that results of ``dirty_from`` and later days may change."""
    found = []
    for one in appointments(versions, dirty_from):
        if not one.is_period and one.span.start > position.judged_through:
            break
        if position.covers(one) and one.span.end >= dirty_from:
            found.append(one)
    return found


def redone_by(versions: Sequence[Goal], position: Position, version: Goal) -> set[date]:
    """Return judged days that the version has judged again.

    They are spans that were judged and are its own to judge, and the days that it restates.
    """
    later = version.version > versions[0].version
    own = {
        one.span.start
        for one in kept(versions, position, NEVER)
        if one.goal.version == version.version
    }
    known = {day for goal in versions if goal.version < version.version for day in goal.restates}
    restated = {day for day in version.restates - known if day <= position.judged_through}
    return (own | restated) if later else set()


def final_ms(goal: Goal) -> int:
    """Return when the period's number changes no more: ``settle_days`` after it has closed."""
    ending = _appointment(goal, period(goal))
    return max(ending.close_ms + goal.policy.settle_days * _DAY_MS, ending.at_ms)


def final_after(versions: Sequence[Goal], position: Position, closed: date) -> int | None:
    """Return when the period is to be told final; None: not yet known, told already, or stopped.

    ``closed`` is the end of the period that was told final last.
    """
    newest = versions[-1]
    if newest.stopped or newest.end <= closed or next_appointment(versions, position):
        return None
    return final_ms(newest)


def _first_day(versions: Sequence[Goal]) -> date:
    return min(goal.start for goal in versions)


def _early(since: date) -> date:
    """Return a day so early that no span of before it can reach into one that ends on ``since``.

    The longest span is a month that a short one has joined.
    """
    return date.fromordinal(max(since.toordinal() - _LONGEST_DAYS, NEVER.toordinal()))


def _behind(last: date, one: Appointment) -> Appointment:
    """Return the appointment without the days that are judged already."""
    if one.span.start > last:
        return one
    first = last + DAY
    return replace(one, span=replace(one.span, start=first, first=first))


def _of_version(
    goal: Goal, since: date, *, first: bool, until: int | None
) -> Iterator[Appointment]:
    for span in spans(goal, since):
        one = _appointment(goal, span)
        if until is not None and one.close_ms > until:
            return
        if goal.stopped and one.close_ms > goal.changed_ms:
            return
        if first or one.close_ms > goal.changed_ms:
            yield _once_made(one)


def _ending(goal: Goal, *, first: bool, until: int | None) -> Appointment | None:
    """Return the close of the version's period, unless a later version took it over."""
    ending = _appointment(goal, period(goal))
    if until is not None and ending.close_ms > until:
        return None
    if goal.stopped and (first or ending.close_ms > goal.changed_ms):
        return None
    if first or ending.close_ms > goal.changed_ms:
        return _once_made(ending)
    late = goal.changed_ms - ending.close_ms  # the new end lies in the past: close it now
    return replace(ending, close_ms=goal.changed_ms, at_ms=ending.at_ms + late)


def _once_made(one: Appointment) -> Appointment:
    """Return the appointment, not before all is in that was accepted before the goal was made.

    Who sends events and then makes a goal for the days behind them wants these events in it.
    """
    return replace(one, at_ms=max(one.at_ms, one.goal.changed_ms))


def _appointment(goal: Goal, span: Span) -> Appointment:
    close = close_ms(goal.zone, span.end)
    return Appointment(span, goal, close, close + goal.policy.freshness_minutes * _MINUTE_MS)
