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
    Bookings,
    State,
    Step,
    mapped_of,
)
from metrics_ingest.domain.subjects.versions import Record
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
    step = (_merge if plan.contribution.partial else _newest)(state, events, plan)
    runs = {}
    for name, run in plan.runs.items():
        record = state.runs.get(name, Record())
        for event in events:
            record, _ = run.add(record, event)
        runs[name] = record
    booked = {cell: _since_its_run(each, runs, plan) for cell, each in step.state.booked.items()}
    return replace(step, state=msgspec.structs.replace(step.state, booked=booked, runs=runs))


def _since_its_run(
    booked: Bookings, runs: Mapping[str, Record], plan: ContributionPlan
) -> Bookings:
    return tuple(
        plan.runs[each.metric].placed(each, runs[each.metric]) if each.metric in runs else each
        for each in booked
    )


def _newest(state: EntityState, events: Sequence[SubjectEvent], plan: ContributionPlan) -> Step:
    told = told_of(Held(state.as_of, state.stamp, state.mapping), events, plan)
    if told.event is None:
        return Step(state, told.outcomes)
    booked = {"": plan.book(mapped_of(told.event), told.kept(state.booked.get("", ())))}
    as_of, stamp, mapping = told.held
    return Step(
        EntityState(booked=booked, as_of=as_of, stamp=stamp, mapping=mapping), told.outcomes
    )


def _merge(state: EntityState, events: Sequence[SubjectEvent], plan: ContributionPlan) -> Step:
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
    return Step(
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
