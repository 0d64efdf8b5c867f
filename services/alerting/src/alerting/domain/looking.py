"""Looking at a span: from what is known of its days now to its two lights and its guardrails.

Pure: a light is a function of policy, calendar, plan and the actuals as known then, and of the run
of low spans before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from alerting.domain.calendar import close_ms, days_between, open_ms
from alerting.domain.figures import ZERO
from alerting.domain.goal import MAIN, Goal, Grain, Source
from alerting.domain.guardrails import Gauge, gauges
from alerting.domain.judged import State, Verdict
from alerting.domain.lights import Circumstances, Colour, Knowledge, Light, judge_run, judge_to_date
from alerting.domain.plans import Curve
from alerting.domain.readings import Known, Reading, run_reading, to_date_reading
from alerting.domain.relief import LEAVE, is_relieved, relieve, relieved_days
from alerting.domain.schedule import Appointment, Position
from alerting.domain.silence import delivered
from alerting.domain.spans import Span, counted_days, first_counted
from alerting.domain.sums import Days, Sums


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of a goal when it is judged.

    ``versions`` ascending. ``before`` is the span judged before the first of ``work``; ``stored``
    holds the judged ones among ``work`` by their start, ``standing`` the alarms over red spans
    before them. ``closing``: with this work the period is final. ``parts``: the days of each part
    of the newest version. ``quarters``: by metric, see :mod:`silence`. ``watermark_ms``:
    everything accepted before it is in ``parts``.
    """

    versions: Sequence[Goal]
    work: Sequence[Appointment]
    position: Position
    state: State
    watermark_ms: int
    now_ms: int
    closing: bool = False
    before: Verdict | None = None
    stored: Mapping[date, Verdict] = field(default_factory=dict)
    standing: frozenset[str] = frozenset()
    parts: Mapping[str, Days] = field(default_factory=dict)
    quarters: Mapping[str, Mapping[date, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sight:
    """A span as it looks now.

    ``gauges`` is empty where it is not known how they stand. ``silent``: by metric, whether its
    source was silent in the span; empty where that is not known.
    """

    run: Light
    to_date: Light
    breached: tuple[str, ...] = ()
    incomplete: bool = False
    gauges: Mapping[str, Gauge] = field(default_factory=dict)
    silent: Mapping[str, bool] = field(default_factory=dict)

    @property
    def is_red(self) -> bool:
        """Whether one of the lights is red."""
        return Colour.RED in (self.run.colour, self.to_date.colour)


class Watcher:
    """Looks at the spans of one case, in order."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._sums = Sums(case.parts)
        self._known: dict[int, Known] = {}
        self._low_run = case.before.run.light.low_run if case.before else 0
        self._breached = case.before.breached if case.before else ()

    def look(self, appointment: Appointment, stored: Verdict | None) -> Sight:
        """Return the span as it looks now; the next one is the one behind it."""
        sight = self._look(appointment, stored)
        self._low_run, self._breached = sight.run.low_run, sight.breached
        return sight

    def known(self, goal: Goal) -> Known:
        """Return the version's plan and days, without the leave that became known after it."""
        if goal.version not in self._known:
            relief = relieve(goal, relieved_days(goal, self._case.versions[-1]))
            self._known[goal.version] = Known(Curve(relief), self._sums)
        return self._known[goal.version]

    def _look(self, appointment: Appointment, stored: Verdict | None) -> Sight:
        if stored is not None and not measured(self._case, appointment):
            # What is known now is not what that version measured.
            return Sight(stored.run.light, stored.to_date.light, stored.breached, stored.incomplete)
        goal, span = appointment.goal, appointment.span
        if is_relieved(goal, span, relieved_days(goal, self._case.versions[-1])):
            return self._on_leave(goal, span)
        silent = self._silent(appointment, stored)
        known, knowledge = self.known(goal), _knowledge(silent)
        if known.goal is not goal and goal.policy.grain is Grain.DAY:
            span = replace(span, first=first_counted(known.goal, span.start))
        goal = known.goal
        seen = self._gauges(goal, span, knowledge)
        breached = self._names(goal, seen, stored)
        around = Circumstances(knowledge, bool(breached))
        run = judge_run(goal, span, run_reading(known, span), self._low_run, around)
        to_date = judge_to_date(goal, span, to_date_reading(known, span), around)
        return Sight(run, to_date, breached, knowledge is Knowledge.INCOMPLETE, seen, silent)

    def _on_leave(self, goal: Goal, span: Span) -> Sight:
        """Return the span without lights: nothing was to be done in it."""
        actual = self._sums[MAIN].of(days_between(span.first, span.end))
        nothing, around = Reading(actual, ZERO, why=LEAVE), Circumstances()
        run = judge_run(goal, span, nothing, self._low_run, around)
        return Sight(run, judge_to_date(goal, span, nothing, around), self._breached)

    def _gauges(self, goal: Goal, span: Span, knowledge: Knowledge) -> dict[str, Gauge]:
        if knowledge is Knowledge.INCOMPLETE:
            return {}
        return gauges(goal, self._case.versions[-1], self._sums, span.end)

    def _names(
        self, goal: Goal, seen: Mapping[str, Gauge], stored: Verdict | None
    ) -> tuple[str, ...]:
        """Return what is breached; of what is not known now, what was known last."""
        last = stored.breached if stored else self._breached
        return tuple(
            one.name
            for one in goal.guardrails
            if (seen[one.name].breached if one.name in seen else one.name in last)
        )

    def _silent(self, appointment: Appointment, stored: Verdict | None) -> dict[str, bool]:
        if not complete(self._case, appointment, stored):
            return {}
        goal = appointment.goal
        found = {one.metric: False for one in goal.measured}
        if not goal.policy.source_always_alive:
            for one in goal.measured:
                found[one.metric] |= not self._heard(goal, appointment.span, one)
        return found

    def _heard(self, goal: Goal, span: Span, source: Source) -> bool:
        if self._sums[source.part].heard(counted_days(goal, span.first, span.end)):
            return True
        quarters = self._case.quarters.get(source.metric, {})
        return delivered(quarters, open_ms(goal.zone, span.start), close_ms(goal.zone, span.end))


def _knowledge(silent: Mapping[str, bool]) -> Knowledge:
    if not silent:
        return Knowledge.INCOMPLETE
    return Knowledge.SILENT if any(silent.values()) else Knowledge.COMPLETE


def complete(case: Case, appointment: Appointment, stored: Verdict | None) -> bool:
    """Whether all that the span needs was known, now or when it was judged."""
    if case.watermark_ms >= appointment.at_ms:
        return True
    return stored is not None and not stored.incomplete


def measured(case: Case, appointment: Appointment) -> bool:
    """Whether what is known now is what the appointment's version measures."""
    return appointment.goal.measure == case.versions[-1].measure
