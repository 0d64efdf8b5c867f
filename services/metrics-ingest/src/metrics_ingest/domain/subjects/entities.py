"""An entity: the newest state of one record, told whole or by its changed fields."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import msgspec

from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.subjects.contributions import ContributionPlan
from metrics_ingest.domain.subjects.snapshots import Held, told_of
from metrics_ingest.domain.subjects.subject import (
    APPLIED,
    CONFLICT,
    REPEATED,
    STALE,
    Booked,
    State,
    Step,
    mapped_of,
)
from metrics_ingest.domain.subjects.versions import Record, RunPlan, Version
from metrics_ingest.domain.values import Value

Place = tuple[int, int]
"""A version's as-of, and by which version of the source it was read."""


class EntityState(State, frozen=True):
    """What is known of a record. ``since`` has the version of every field of a partial one.

    A field in ``since`` without a value was emptied; ``read`` says by which version of the source
    a field was read. ``runs`` has by metric the versions that tell since when it counts.
    """

    as_of: int | None = None
    stamp: int = 0
    mapping: int = 0
    type: str = ""
    at_ms: int = 0
    decimals: dict[str, Decimal] = msgspec.field(default_factory=dict)
    texts: dict[str, str] = msgspec.field(default_factory=dict)
    integers: dict[str, int] = msgspec.field(default_factory=dict)
    since: dict[str, int] = msgspec.field(default_factory=dict)
    read: dict[str, int] = msgspec.field(default_factory=dict)
    runs: dict[str, Record] = msgspec.field(default_factory=dict)

    @property
    def parts(self) -> int:
        """How many versions it has."""
        return 1 + sum(len(record.versions) for record in self.runs.values())


def take(state: EntityState, events: Sequence[SubjectEvent], plan: ContributionPlan) -> Step:
    """Let the newest version hold; of a partial entity the newest value of every field.

    Where the record has no time of its own, it counts since it came to be what a metric counts.
    """
    step, told = (_merge if plan.contribution.partial else _newest)(state, events, plan)
    runs = {}
    for name, run in plan.runs.items():
        record = _record(state, name, run)
        for event in events:
            record, _ = run.add(record, event)
        runs[name] = record
    booked = {
        cell: tuple(_since_its_run(each, runs, told, plan) for each in bookings)
        for cell, bookings in step.state.booked.items()
    }
    return replace(step, state=msgspec.structs.replace(step.state, booked=booked, runs=runs))


def _record(state: EntityState, metric: str, run: RunPlan) -> Record:
    known = state.runs.get(metric)
    if known is not None or state.as_of is None:
        return known or Record()
    every = (each for bookings in state.booked.values() for each in bookings)
    booked = next((each for each in every if each.metric == metric), None)
    oldest = Version(
        as_of=state.as_of,
        mapping=state.mapping,
        at_ms=state.at_ms,
        type=state.type,
        decimals=state.decimals,
        texts=state.texts,
        integers=state.integers,
    )
    return run.begun(oldest, booked)


def _since_its_run(
    booked: Booked, runs: Mapping[str, Record], told: Mapped | None, plan: ContributionPlan
) -> Booked:
    record = runs.get(booked.metric)
    return booked if record is None else plan.runs[booked.metric].placed(booked, record, told)


def _newest(
    state: EntityState, events: Sequence[SubjectEvent], plan: ContributionPlan
) -> tuple[Step, Mapped | None]:
    told = told_of(Held(state.as_of, state.stamp, state.mapping), events, plan)
    if told.event is None:
        return Step(state, told.outcomes), None
    newest = mapped_of(told.event)
    booked = {"": plan.book(newest, told.kept(state.booked.get("", ())))}
    as_of, stamp, mapping = told.held
    after = EntityState(booked=booked, as_of=as_of, stamp=stamp, mapping=mapping)
    return Step(after, told.outcomes), newest


def _merge(
    state: EntityState, events: Sequence[SubjectEvent], plan: ContributionPlan
) -> tuple[Step, Mapped]:
    fields: dict[str, Value] = {**state.decimals, **state.texts, **state.integers}
    since = {name: (at, state.read.get(name, 0)) for name, at in state.since.items()}
    before = (state.as_of or 0, state.mapping, state.at_ms, state.type)
    versions = [] if state.as_of is None else [before]
    outcomes = []
    for event in events:
        outcome = _merge_one(fields, since, event, plan)
        outcomes.append(outcome)
        if outcome == APPLIED:  # told again at another time, a version stays where it landed
            versions.append((event.as_of, event.mapping, event.at_ms, event.type))
    as_of, mapping, at_ms, kind = max(versions)
    merged = Mapped(kind, at_ms, None, fields)
    booked, lacking = plan.book_again(merged, state.booked.get("", ()))
    step = Step(
        EntityState(
            booked={"": booked},
            lacking=tuple(sorted((unfit.cause, unfit.where) for unfit in lacking)),
            as_of=as_of,
            mapping=mapping,
            type=kind,
            at_ms=at_ms,
            decimals={n: v for n, v in fields.items() if isinstance(v, Decimal)},
            texts={n: v for n, v in fields.items() if isinstance(v, str)},
            integers={n: v for n, v in fields.items() if isinstance(v, int)},
            since={name: as_of for name, (as_of, _) in since.items()},
            read={name: mapping for name, (_, mapping) in since.items()},
        ),
        outcomes,
        lacking,
    )
    return step, merged


def _merge_one(
    fields: dict[str, Value], since: dict[str, Place], event: SubjectEvent, plan: ContributionPlan
) -> str:
    told: dict[str, Value | None] = dict(mapped_of(event).fields)
    told |= dict.fromkeys(plan.emptied(mapped_of(event).fields))
    told.pop(plan.contribution.nulled or "", None)
    outcomes = set()
    for name, value in told.items():
        place = event.as_of, event.mapping
        outcome = _judge_field(fields.get(name), since.get(name), value, place, plan)
        outcomes.add(outcome)
        if outcome != APPLIED:
            continue
        since[name] = place
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = value
    return next((o for o in (CONFLICT, APPLIED, STALE) if o in outcomes), REPEATED)


def _judge_field(
    held: Value | None,
    since: Place | None,
    value: Value | None,
    place: Place,
    plan: ContributionPlan,
) -> str:
    if since is None or place > since:
        return APPLIED
    if place < since:
        return STALE
    if held == value:
        return REPEATED
    return APPLIED if plan.by_arrival else CONFLICT
