"""An entity: the newest state of one record, told whole or by its changed fields."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import msgspec

from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.subjects.contributions import ContributionPlan
from metrics_ingest.domain.subjects.runs import History
from metrics_ingest.domain.subjects.snapshots import Held, Told, told_of
from metrics_ingest.domain.subjects.subject import (
    APPLIED,
    CONFLICT,
    REPEATED,
    STALE,
    Bookings,
    State,
    Step,
    is_touch,
    mapped_of,
)
from metrics_ingest.domain.subjects.versions import Record
from metrics_ingest.domain.values import Value

Place = tuple[int, int]
"""A version's as-of, and by which version of the source it was read."""


class EntityState(State, frozen=True):
    """What is known of a record. ``since`` has the version of every field of a partial one.

    A field in ``since`` without a value was emptied; ``read`` says by which version of the source
    a field was read. ``history`` has the versions that tell since when it counts; ``runs`` is how
    releases until 2026-11-27 kept them, by metric.
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
    history: History | None = None
    runs: dict[str, Record] = msgspec.field(default_factory=dict)

    @property
    def parts(self) -> int:
        """How many versions and runs it has."""
        kept = sum(len(record.versions) for record in self.runs.values())
        return 1 + kept + (self.history.parts if self.history is not None else 0)


def take(state: EntityState, events: Sequence[SubjectEvent], plan: ContributionPlan) -> Step:
    """Let the newest version hold; of a partial entity the newest value of every field.

    Where the record has no time of its own, it counts since it came to be what a metric counts. A
    touch (domain.subjects.subject) has what is known booked again where something was lacking.
    """
    told = [event for event in events if not is_touch(event)]
    history = None if plan.runs is None else plan.runs.history(state, told)
    step = (_merge if plan.contribution.partial else _newest)(state, events, plan, history)
    return replace(step, state=msgspec.structs.replace(step.state, history=history, runs={}))


def _newest(
    state: EntityState,
    events: Sequence[SubjectEvent],
    plan: ContributionPlan,
    history: History | None,
) -> Step:
    said = [event for event in events if not is_touch(event)]
    told = told_of(Held(state.as_of, state.stamp, state.mapping), said, plan)
    outcomes = [*told.outcomes, *[REPEATED] * (len(events) - len(said))]
    booked, lacking = state.booked.get("", ()), list[Unfit]()
    if plan.runs is not None and history is not None:
        newest = plan.runs.newest(history) if history.versions else None
        booked, lacking = _book_again(state, told, plan, plan.runs.begins(history), newest)
    elif told.event is not None:
        booked = plan.book(mapped_of(told.event), told.kept(booked))
    as_of, stamp, mapping = told.held
    after = EntityState(
        booked={"": booked} if booked or told.event else state.booked,
        lacking=_named(lacking),
        as_of=as_of,
        stamp=stamp,
        mapping=mapping,
    )
    return Step(after, outcomes, lacking)


def _book_again(
    state: EntityState,
    told: Told,
    plan: ContributionPlan,
    begins: Mapping[str, int],
    newest: Mapped | None,
) -> tuple[Bookings, list[Unfit]]:
    """Return what a record told whole gets where its runs began, and what it lacks.

    Without a newer version that is what moved, of ``newest``, and all of what lacked something.
    """
    held = state.booked.get("", ())
    moved = {each.metric for each in held if plan.is_elsewhere(each, begins)}
    if told.event is not None:
        stays = [] if state.lacking else [b for b in told.kept(held) if b.metric not in moved]
        return plan.book_again(mapped_of(told.event), held, begins, stays)
    if newest is None or not (state.lacking or moved):
        return held, []
    found, lacking = plan.book_again(newest, held, begins)
    again = {each.metric: each for each in found if state.lacking or each.metric in moved}
    return tuple(({each.metric: each for each in held} | again).values()), lacking


def _named(lacking: Sequence[Unfit]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((unfit.cause, unfit.where) for unfit in lacking))


def _merge(
    state: EntityState,
    events: Sequence[SubjectEvent],
    plan: ContributionPlan,
    history: History | None,
) -> Step:
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
    begins = plan.runs.begins(history) if plan.runs is not None and history is not None else {}
    booked, lacking = plan.book_again(merged, state.booked.get("", ()), begins)
    return Step(
        EntityState(
            booked={"": booked},
            lacking=_named(lacking),
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
