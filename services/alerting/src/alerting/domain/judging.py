"""Judging a goal: from what is known of it now to its lights, its deeds and its next appointment.

Pure: the same case gives the same outcome. What is redone (a correction came) and what is due are
walked in one go, so that a run is followed through both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from alerting.domain.alarms import Alarms
from alerting.domain.deeds import (
    tell_closed,
    tell_escalated,
    tell_guardrail,
    tell_light,
    tell_source,
    tell_total,
)
from alerting.domain.judged import Deed, State, Verdict
from alerting.domain.looking import Case, Sight, Watcher, complete, measured
from alerting.domain.readings import standing
from alerting.domain.schedule import Appointment, Position, final_ms
from alerting.domain.scribe import Scribe


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a judgement changes. ``judged`` holds the spans to be written, new or changed."""

    judged: tuple[Verdict, ...]
    deeds: tuple[Deed, ...]
    state: State
    position: Position
    incomplete: Appointment | None


@dataclass(frozen=True, slots=True)
class Step:
    """An appointment, what was judged before, and how the span looks now; periods have neither."""

    appointment: Appointment
    stored: Verdict | None = None
    sight: Sight | None = None


def judge_goal(case: Case) -> Outcome:
    """Return what follows from the case."""
    watcher = Watcher(case)
    walk = list(_walk(case, watcher))
    scribe = Scribe(case.versions[-1], case.state, case.now_ms >= final_ms(case.versions[-1]))
    _tell_versions(scribe, case, watcher)
    alarms = _alarms(case, walk)
    before, position, changed = case.before, case.position, []
    newest = max((n for n, step in enumerate(walk) if step.sight is not None), default=-1)
    for number, step in enumerate(walk):
        scribe.goal = step.appointment.goal
        if step.sight is not None:
            fresh = step.stored is None or number == newest
            before = _tell(scribe, alarms, number, step, step.sight, before, fresh=fresh)
            changed += [before] if before != step.stored else []
            if fresh:
                _tell_newest(scribe, step.sight)
        _tell_total(scribe, case, watcher, step)
        position = position.after(step.appointment)
    if case.closing:
        _tell_closed(scribe, case, watcher)
    return Outcome(tuple(changed), tuple(scribe.deeds), scribe.state, position, _incomplete(walk))


def preview(case: Case) -> list[Sight]:
    """Return how the case's work looks now, provisionally: never stored, never told."""
    return [step.sight for step in _walk(case, Watcher(case)) if step.sight is not None]


def _walk(case: Case, watcher: Watcher) -> Iterator[Step]:
    for appointment in case.work:
        if appointment.is_period:
            yield Step(appointment)
        else:
            stored = case.stored.get(appointment.span.start)
            yield Step(appointment, stored, watcher.look(appointment, stored))


def _alarms(case: Case, walk: Sequence[Step]) -> Alarms:
    runs = [
        (step.stored.run if step.stored else None, step.sight.run if step.sight else None)
        for step in walk
    ]
    return Alarms(case.before.run if case.before else None, runs, case.standing)


def _tell(
    scribe: Scribe,
    alarms: Alarms,
    number: int,
    step: Step,
    sight: Sight,
    before: Verdict | None,
    *,
    fresh: bool,
) -> Verdict:
    """Write the deeds of a span's lights; return it as it is to be remembered.

    Of a ``fresh`` one, judged first or the newest, it is seen whether its run goes up.
    """
    stored = step.stored
    earlier = before.run if before else None
    run = tell_light(scribe, sight.run, stored.run if stored else None, earlier)
    shown = earlier.shown if earlier else None
    run = alarms.settle(scribe, number, run, shown, sight.to_date.colour)
    to_date = tell_light(
        scribe,
        sight.to_date,
        stored.to_date if stored else None,
        before.to_date if before else None,
    )
    if fresh:
        to_date = tell_escalated(scribe, run, to_date, before.to_date.shown if before else None)
    return Verdict(run, to_date, sight.breached, sight.incomplete)


def _tell_newest(scribe: Scribe, sight: Sight) -> None:
    for metric, silent in sorted(sight.silent.items()):
        tell_source(scribe, metric, silent, sight.run)
    for gauge in sight.gauges.values():
        tell_guardrail(scribe, gauge, sight.run.span)


def _tell_versions(scribe: Scribe, case: Case, watcher: Watcher) -> None:
    """Write the versions that are new, with the newest one's figure: no other is known now."""
    newest = case.versions[-1]
    for goal in case.versions:
        if goal.version > scribe.state.version:
            scribe.goal = goal
            figure = standing(watcher.known(newest), newest.end)
            scribe.changed(figure.shown if figure else Decimal(0))


def _tell_closed(scribe: Scribe, case: Case, watcher: Watcher) -> None:
    scribe.goal = goal = case.versions[-1]
    tell_closed(scribe, standing(watcher.known(goal), goal.end))


def _tell_total(scribe: Scribe, case: Case, watcher: Watcher, step: Step) -> None:
    appointment = step.appointment
    if not complete(case, appointment, step.stored) or not measured(case, appointment):
        return
    figure = standing(watcher.known(appointment.goal), appointment.span.end)
    if figure is not None:
        tell_total(scribe, appointment, figure)


def _incomplete(walk: Sequence[Step]) -> Appointment | None:
    for step in walk:
        if step.sight is not None and step.sight.incomplete:
            return step.appointment
    return None
