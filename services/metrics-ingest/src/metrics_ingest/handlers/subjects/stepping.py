"""A subject moves on: its state by its kind and the definitions as they are now."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from event_contracts.subjects import Role, SubjectEvent
from metrics_ingest.domain.causes import OUT_OF_RANGE, Unfit
from metrics_ingest.domain.letters import lacking_id
from metrics_ingest.domain.plans import SourcePlan, TenantPlan
from metrics_ingest.domain.subjects import conversions, entities, slices, snapshots, units
from metrics_ingest.domain.subjects.subject import BEYOND, CONFLICT, UNMATCHED, State, Subject, Take
from metrics_ingest.handlers.subjects.memory import Refused, SubjectsEffect

KINDS: Mapping[Role, tuple[type[State], Take]] = {
    Role.SNAPSHOT: (snapshots.CellState, snapshots.take),
    Role.SLICE: (slices.SliceState, slices.take),
    Role.ENTITY: (entities.EntityState, entities.take),
    Role.UNITS: (units.UnitState, units.take),
    Role.CONVERSION: (conversions.ConversionState, conversions.take),
}


def step_of(
    subject: Subject,
    state: State,
    events: Sequence[SubjectEvent],
    plans: Mapping[str, TenantPlan],
    effect: SubjectsEffect,
) -> State:
    """Return the subject's state after the events; what became of them stands in the effect."""
    plan = _plan(subject, plans)
    if plan is None:  # taken out of the definitions since the events were diverted
        effect.outcomes[subject.role, UNMATCHED] += len(events)
        return state
    try:
        step = KINDS[subject.role][1](state, events, plan)
    except Unfit as unfit:  # booked on trial when it was accepted, by other definitions
        if len(events) > 1:
            for event in events:
                state = step_of(subject, state, [event], plans, effect)
            return state
        effect.outcomes[subject.role, UNMATCHED] += 1
        effect.refused.append(Refused(subject, events[0], unfit))
        return state
    effect.outcomes.update((subject.role, outcome) for outcome in step.outcomes)
    effect.lacking[subject] = [Refused(subject, events[-1], unfit) for unfit in step.lacking]
    if conflicts := step.outcomes.count(CONFLICT):
        effect.conflicts[subject.tenant, subject.source] += conflicts
    if BEYOND in step.outcomes:  # told once of many
        full = Unfit(OUT_OF_RANGE, subject.name, f"at most {slices.MOST_ROWS} rows in a slice")
        effect.refused.append(Refused(subject, events[step.outcomes.index(BEYOND)], full))
    return _with_moved(subject, state, step.state, plans)


def mended_by(before: Mapping[Subject, State], moved: Mapping[Subject, State]) -> Iterator[str]:
    """Yield the ids of the letters of what is lacking no more."""
    for subject, state in moved.items():
        for cause, where in set(before[subject].lacking) - set(state.lacking):
            yield lacking_id(subject, cause, where)


def _with_moved(
    subject: Subject, before: State, after: State, plans: Mapping[str, TenantPlan]
) -> State:
    """Return the state with what it gave to metrics that have another source by now.

    What they got of this one stays, as deltas stay: it says nothing of them any more.
    """
    source = source_of(subject, plans)
    own = {metric.definition.name for metric in source.metrics} if source is not None else set()
    lost = {b.metric for bookings in before.booked.values() for b in bookings} - own
    moved = lost & {
        metric.definition.name
        for other in (plans[subject.tenant].sources.values() if lost else ())
        for metric in other.metrics
    }
    if not moved:
        return after
    booked = {
        cell: tuple(b for b in bookings if b.metric not in moved)
        for cell, bookings in after.booked.items()
    }
    for cell, bookings in before.booked.items():
        stay = tuple(b for b in bookings if b.metric in moved)
        booked[cell] = booked.get(cell, ()) + stay
    return msgspec.structs.replace(after, booked={c: b for c, b in booked.items() if b})


def source_of(subject: Subject, plans: Mapping[str, TenantPlan]) -> SourcePlan | None:
    """Return the subject's source; None when there is none any more."""
    tenant = plans.get(subject.tenant)
    return None if tenant is None else tenant.sources.get(subject.source)


def _plan(subject: Subject, plans: Mapping[str, TenantPlan]) -> Any:
    source = source_of(subject, plans)
    if source is None:
        return None
    return source.diverter.plan_of(subject.role, subject.name)
