"""The subjects log is applied: states move on, and the difference leaves as facts."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import localcontext
from typing import Any, NamedTuple, TypeVar

import msgspec

from event_contracts.subjects import Role, SubjectBatch, SubjectEvent
from metrics_ingest.domain.causes import OUT_OF_RANGE, Unfit
from metrics_ingest.domain.facts.batches import days_with_unknown_sets, limit, sets_met
from metrics_ingest.domain.facts.cells import CellKey, CellSum
from metrics_ingest.domain.letters import lacking_id
from metrics_ingest.domain.memory import MOST_SETS
from metrics_ingest.domain.plans import MetricPlan, SourcePlan, TenantPlan
from metrics_ingest.domain.subjects import conversions, entities, slices, snapshots, units
from metrics_ingest.domain.subjects.booking import Differences, batches, in_other
from metrics_ingest.domain.subjects.subject import (
    BEYOND,
    CONFLICT,
    UNMATCHED,
    Booked,
    State,
    Subject,
    Take,
)
from metrics_ingest.domain.tallies import Stripe, Tallies, Tally
from metrics_ingest.domain.values import EXACT
from metrics_ingest.ports import DaySet, Facts, SourceName, SubjectStore

KINDS: Mapping[Role, tuple[type[State], Take]] = {
    Role.SNAPSHOT: (snapshots.CellState, snapshots.take),
    Role.SLICE: (slices.SliceState, slices.take),
    Role.ENTITY: (entities.EntityState, entities.take),
    Role.UNITS: (units.UnitState, units.take),
    Role.CONVERSION: (conversions.ConversionState, conversions.take),
}
K = TypeVar("K")
V = TypeVar("V")

MOST_STATES = 20_000
MOST_PARTS = 100  # of a state that is remembered
MOST_PARTS_OF_ALL = 100_000  # about 90 MB: a version of a record takes nearly 1 kB


@dataclass(frozen=True, slots=True)
class ApplySubjects:
    """Apply what arrived in one partition of the subjects log."""

    batches: Sequence[SubjectBatch]


@dataclass(slots=True)
class SubjectMemory:
    """What is remembered of one partition: it alone writes the states of its subjects."""

    plans: dict[str, TenantPlan] = field(default_factory=dict)
    states: dict[Subject, State] = field(default_factory=dict)
    parts: int = 0  # of all states together
    day_sets: dict[DaySet, set[bytes]] = field(default_factory=dict)
    tallies: Tallies = field(default_factory=Tallies)


class Refused(NamedTuple):
    """An event that was accepted, and cannot count by the definitions as they are by now."""

    subject: Subject
    event: SubjectEvent
    unfit: Unfit


@dataclass(slots=True)
class SubjectsEffect:
    """What memory takes over once the transaction is committed."""

    plans: dict[str, TenantPlan] = field(default_factory=dict)
    states: dict[Subject, State] = field(default_factory=dict)
    day_sets: dict[DaySet, set[bytes]] = field(default_factory=dict)
    sets_found: dict[DaySet, set[bytes]] = field(default_factory=dict)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    conflicts: Counter[SourceName] = field(default_factory=Counter)
    tallies: dict[int, Stripe] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    lacking: dict[Subject, list[Refused]] = field(default_factory=dict)
    mended: list[str] = field(default_factory=list)

    @property
    def short(self) -> list[Refused]:
        """What cannot count of records as they are now."""
        return [each for told in self.lacking.values() for each in told]

    @property
    def letters(self) -> list[Refused]:
        """All that there is a letter of."""
        return self.refused + self.short

    others: int = 0


async def apply_subjects(
    command: ApplySubjects,
    store: SubjectStore,
    facts: Facts,
    memory: SubjectMemory,
    now_ms: int,
) -> SubjectsEffect:
    """Write the new states, send what changed; memory itself is not changed."""
    effect = SubjectsEffect()
    if not command.batches:
        return effect
    effect.plans = await _moved_plans(store, memory, {b.tenant for b in command.batches})
    plans = memory.plans | effect.plans
    told = _by_subject(command.batches)
    before = await _states(store, memory, told)
    with localcontext(EXACT):
        after = {s: _step(s, before[s], told[s], plans, effect) for s in told}
        moved = {s: state for s, state in after.items() if state != before[s]}
        effect.mended = list(_mended(before, moved))
        moved = await _land(store, memory, plans, before, moved, effect)
        found = Differences()
        for subject, state in moved.items():
            found.add(subject, before[subject], state)
        as_of_ms = max(batch.as_of_ms for batch in command.batches)
        facts.publish(batches(found, as_of_ms, _restating(plans)))
    effect.states = {s: moved.get(s, before[s]) for s in told}
    await store.write_states(moved)
    conflicts = {name: Tally(conflicts=n, last_ms=now_ms) for name, n in effect.conflicts.items()}
    effect.tallies = memory.tallies.plus(conflicts, conflicts)
    await store.write_tallies(effect.tallies)
    return effect


async def _moved_plans(
    store: SubjectStore, memory: SubjectMemory, tenants: Collection[str]
) -> dict[str, TenantPlan]:
    heads = await store.heads(tenants)
    known = {tenant: plan.version for tenant, plan in memory.plans.items()}
    moved = [tenant for tenant, head in sorted(heads.items()) if known.get(tenant) != head]
    return {each.tenant: TenantPlan.of(each) for each in await store.definitions(moved)}


def _by_subject(batches: Sequence[SubjectBatch]) -> dict[Subject, list[SubjectEvent]]:
    found: dict[Subject, list[SubjectEvent]] = {}
    for batch in batches:
        for event in batch.events:
            subject = Subject(batch.tenant, batch.source, event.role, event.name, event.key)
            found.setdefault(subject, []).append(event)
    return found


async def _states(
    store: SubjectStore, memory: SubjectMemory, wanted: Collection[Subject]
) -> dict[Subject, State]:
    """Return every subject's state: remembered, stored, or empty."""
    states = {s: memory.states[s] for s in wanted if s in memory.states}
    missing = [subject for subject in wanted if subject not in states]
    stored = await store.states(missing) if missing else {}
    for subject in missing:
        kind = KINDS[subject.role][0]
        text = stored.get(subject)
        states[subject] = kind() if text is None else msgspec.json.decode(text, type=kind)
    return states


def _step(
    subject: Subject,
    state: State,
    events: Sequence[SubjectEvent],
    plans: Mapping[str, TenantPlan],
    effect: SubjectsEffect,
) -> State:
    plan = _plan(subject, plans)
    if plan is None:  # taken out of the definitions since the events were diverted
        effect.outcomes[subject.role, UNMATCHED] += len(events)
        return state
    try:
        step = KINDS[subject.role][1](state, events, plan)
    except Unfit as unfit:  # booked on trial when it was accepted, by other definitions
        if len(events) > 1:
            for event in events:
                state = _step(subject, state, [event], plans, effect)
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


def _mended(before: Mapping[Subject, State], moved: Mapping[Subject, State]) -> Iterator[str]:
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
    source = _source(subject, plans)
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


def _source(subject: Subject, plans: Mapping[str, TenantPlan]) -> SourcePlan | None:
    tenant = plans.get(subject.tenant)
    return None if tenant is None else tenant.sources.get(subject.source)


def _plan(subject: Subject, plans: Mapping[str, TenantPlan]) -> Any:
    source = _source(subject, plans)
    if source is None:
        return None
    return source.diverter.plan_of(subject.role, subject.name)


def _restating(plans: Mapping[str, TenantPlan]) -> dict[tuple[str, str], bool]:
    return {
        (tenant, name): source.source.restates_days > 0
        for tenant, plan in plans.items()
        for name, source in plan.sources.items()
    }


async def _land(
    store: SubjectStore,
    memory: SubjectMemory,
    plans: Mapping[str, TenantPlan],
    before: Mapping[Subject, State],
    moved: Mapping[Subject, State],
    effect: SubjectsEffect,
) -> dict[Subject, State]:
    """Put what is new where it lands: within its day's limit of dimension sets, or in ``other``.

    What was booked before stays where it landed; the state remembers that place.
    """
    news: dict[tuple[str, str], dict[CellKey, CellSum]] = {}
    metrics: dict[tuple[str, str], MetricPlan] = {}
    for subject, state in moved.items():
        source = _source(subject, plans)
        by_name = {m.definition.name: m for m in source.metrics} if source is not None else {}
        for cell, bookings in state.booked.items():
            if bookings == before[subject].booked.get(cell):
                continue
            for booked in bookings:
                metric = by_name.get(booked.metric)
                if metric is not None and metric.dims:
                    name = (subject.tenant, booked.metric)
                    metrics[name] = metric
                    key = (booked.minute, _values(metric, booked))
                    news.setdefault(name, {}).setdefault(key, CellSum()).count += 1
    beyond = await _beyond(store, memory, news, effect)
    if not beyond:
        return dict(moved)
    return {s: _landed(s, state, metrics, beyond) for s, state in moved.items()}


def _values(metric: MetricPlan, booked: Booked) -> tuple[str | None, ...]:
    return tuple(booked.dims.get(name) for name in metric.dims)


async def _beyond(
    store: SubjectStore,
    memory: SubjectMemory,
    news: Mapping[tuple[str, str], Mapping[CellKey, CellSum]],
    effect: SubjectsEffect,
) -> set[tuple[str, str, CellKey]]:
    """Return the cells for which there is no room; the sets learnt are written."""
    known: dict[DaySet, set[bytes]] = {}
    doubtful: list[DaySet] = []
    for (tenant, metric), cells in news.items():
        met = sets_met(cells)
        days = {day: memory.day_sets.get((tenant, metric, day), set()) for day in met}
        known |= {(tenant, metric, day): sets for day, sets in days.items()}
        doubtful += [(tenant, metric, day) for day in days_with_unknown_sets(met, days)]
    effect.sets_found = await store.day_sets(doubtful)
    known |= effect.sets_found
    beyond = set()
    for (tenant, metric), cells in news.items():
        sets = {day: known[tenant, metric, day] for day in sets_met(cells)}
        limited = limit(cells, sets)
        effect.others += limited.others
        for day, new in limited.new.items():
            effect.day_sets[tenant, metric, day] = new | sets[day]
        beyond |= {(tenant, metric, key) for key in cells if key not in limited.cells}
    if effect.day_sets:
        await store.write_day_sets(effect.day_sets)
    return beyond


def _landed(
    subject: Subject,
    state: State,
    metrics: Mapping[tuple[str, str], MetricPlan],
    beyond: Collection[tuple[str, str, CellKey]],
) -> State:
    booked = {}
    for cell, bookings in state.booked.items():
        placed = []
        for each in bookings:
            metric = metrics.get((subject.tenant, each.metric))
            if metric is not None:
                key = (each.minute, _values(metric, each))
                if (subject.tenant, each.metric, key) in beyond:
                    each = in_other(each, metric.dims)
            placed.append(each)
        booked[cell] = tuple(placed)
    return msgspec.structs.replace(state, booked=booked)


def remember(effect: SubjectsEffect, memory: SubjectMemory) -> None:
    """Take the effect of a committed slice into memory; what is forgotten is read again."""
    memory.plans.update(effect.plans)
    memory.tallies.take(effect.tallies)
    _learn_states(memory, effect.states)
    _learn(memory.day_sets, effect.sets_found | effect.day_sets)
    if sum(map(len, memory.day_sets.values())) > MOST_SETS:
        memory.day_sets.clear()


def _learn_states(memory: SubjectMemory, learnt: Mapping[Subject, State]) -> None:
    if len(memory.states) > MOST_STATES or memory.parts > MOST_PARTS_OF_ALL:
        memory.states.clear()
        memory.parts = 0
    for subject, state in learnt.items():
        before = memory.states.pop(subject, None)
        memory.parts -= before.parts if before is not None else 0
        if (parts := state.parts) <= MOST_PARTS:
            memory.states[subject] = state
            memory.parts += parts


def _learn(kept: dict[K, V], learnt: Mapping[K, V]) -> None:
    if len(kept) > MOST_STATES:
        kept.clear()
    kept.update(learnt)
