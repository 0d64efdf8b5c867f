"""Judging a goal: from what is known of it now to its lights, its deeds and its next appointment.

Pure: the same case gives the same outcome. What is redone (a correction came) and what is due are
walked in one go, so that a run is followed through both.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import accumulate

from alerting.domain.alarms import Alarms
from alerting.domain.calendar import close_ms, open_ms
from alerting.domain.deeds import Scribe, tell_again, tell_new, tell_total
from alerting.domain.figures import ZERO, total
from alerting.domain.goal import Goal
from alerting.domain.judged import Deed, Judged, State
from alerting.domain.lights import Knowledge, Light, judge
from alerting.domain.schedule import Appointment, Position
from alerting.domain.silence import delivered
from alerting.domain.spans import Span, counted_days, plan_of

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class DayValue:
    """What is known of a goal's day: its sum and how many events stand behind it."""

    value: Decimal
    count: int = 1


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of a goal when it is judged.

    ``versions`` ascending. ``before`` is the span judged before the first of ``work``; ``stored``
    holds the judged ones among ``work`` by their start, ``standing`` the alarms over red spans
    before them. ``quarters``: see :mod:`silence`.
    ``watermark_ms``: everything accepted before it is in ``days``.
    """

    versions: Sequence[Goal]
    work: Sequence[Appointment]
    position: Position
    state: State
    watermark_ms: int
    now_ms: int
    before: Judged | None = None
    stored: Mapping[date, Judged] = field(default_factory=dict)
    standing: frozenset[str] = frozenset()
    days: Mapping[date, DayValue] = field(default_factory=dict)
    quarters: Mapping[date, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a judgement changes. ``judged`` holds the spans to be written, new or changed."""

    judged: tuple[Judged, ...]
    deeds: tuple[Deed, ...]
    state: State
    position: Position
    incomplete: Appointment | None


class Totals:
    """The running total of a goal's days."""

    def __init__(self, days: Mapping[date, DayValue]) -> None:
        self._days = sorted(days)
        values = (days[day].value for day in self._days)
        self._sums = list(accumulate(values, lambda one, other: total((one, other))))

    def through(self, start: date, end: date) -> Decimal:
        """Return the sum of the days from start to end, both inclusive."""
        upper = bisect_right(self._days, end)
        lower = bisect_left(self._days, start)
        high = self._sums[upper - 1] if upper else ZERO
        low = self._sums[lower - 1] if lower else ZERO
        return total((high, -low)) if upper > lower else ZERO


def judge_goal(case: Case) -> Outcome:
    """Return what follows from the case."""
    walk = list(_walk(case))
    steps = [(stored, light) for _, stored, light in walk]
    alarms = Alarms(case.before, steps, case.standing)
    final = case.now_ms >= _final_ms(case.versions[-1])
    scribe = Scribe(case.versions[-1], case.state, final)
    totals = Totals(case.days)
    before, position, changed = case.before, case.position, []
    for number, (appointment, stored, light) in enumerate(walk):
        scribe.goal = appointment.goal
        if light is not None:
            shown = before.shown if before else None
            told = _tell(scribe, light, stored, before)
            before = alarms.settle(scribe, number, told, shown)
            changed += [before] if before != stored else []
        if _complete(case, appointment, stored) and _measured(case, appointment):
            start = appointment.goal.start
            tell_total(scribe, appointment, totals.through(start, appointment.span.end))
        position = position.after(appointment)
    return Outcome(tuple(changed), tuple(scribe.deeds), scribe.state, position, _incomplete(walk))


def preview(case: Case) -> list[Light]:
    """Return the provisional lights of the case's work: never stored, never told."""
    return [light for _, _, light in _walk(case) if light is not None]


Step = tuple[Appointment, Judged | None, Light | None]


def _walk(case: Case) -> Iterator[Step]:
    """Yield each appointment with what was judged before and its light now; periods have none."""
    low_run = case.before.light.low_run if case.before else 0
    for appointment in case.work:
        stored = None if appointment.is_period else case.stored.get(appointment.span.start)
        light = None
        if not appointment.is_period:
            light = _light(case, appointment, stored, low_run)
            low_run = light.low_run
        yield appointment, stored, light


def _light(case: Case, appointment: Appointment, stored: Judged | None, low_run: int) -> Light:
    if stored is not None and not _measured(case, appointment):
        return stored.light  # what is known now is not what that version measured
    goal, span = appointment.goal, appointment.span
    figures = (_actual(case.days, goal, span), plan_of(goal, span))
    knowledge = _knowledge(case, appointment, stored)
    return judge(goal.policy, span, goal.version, figures, low_run, knowledge)


def _actual(days: Mapping[date, DayValue], goal: Goal, span: Span) -> Decimal:
    return total(days[day].value for day in counted_days(goal, span) if day in days)


def _knowledge(case: Case, appointment: Appointment, stored: Judged | None) -> Knowledge:
    if not _complete(case, appointment, stored):
        return Knowledge.INCOMPLETE
    goal, span = appointment.goal, appointment.span
    if goal.policy.source_always_alive:
        return Knowledge.COMPLETE
    heard = any(case.days[day].count for day in counted_days(goal, span) if day in case.days)
    heard = heard or delivered(
        case.quarters, open_ms(goal.zone, span.start), close_ms(goal.zone, span.end)
    )
    return Knowledge.COMPLETE if heard else Knowledge.SILENT


def _complete(case: Case, appointment: Appointment, stored: Judged | None) -> bool:
    if case.watermark_ms >= appointment.at_ms:
        return True
    return stored is not None and stored.light.why != Knowledge.INCOMPLETE.value


def _measured(case: Case, appointment: Appointment) -> bool:
    return appointment.goal.measure == case.versions[-1].measure


def _tell(scribe: Scribe, light: Light, stored: Judged | None, before: Judged | None) -> Judged:
    if stored is None:
        return tell_new(scribe, light, before)
    return tell_again(scribe, light, stored, before)


def _incomplete(walk: Sequence[Step]) -> Appointment | None:
    for appointment, _, light in walk:
        if light is not None and light.why == Knowledge.INCOMPLETE.value:
            return appointment
    return None


def _final_ms(goal: Goal) -> int:
    return close_ms(goal.zone, goal.end) + goal.policy.settle_days * _DAY_MS
