"""An entity: the newest state of one record, told whole or by its changed fields."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.contributions import ContributionPlan
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.snapshots import newest_of
from metrics_ingest.domain.subjects import (
    APPLIED,
    CONFLICT,
    REPEATED,
    STALE,
    State,
    Step,
    mapped_of,
    stamp_of,
)
from metrics_ingest.domain.values import Value


class EntityState(State, frozen=True):
    """What is known of a record. ``since`` has the version of every field of a partial one.

    A field in ``since`` without a value was emptied.
    """

    as_of: int | None = None
    stamp: int = 0
    type: str = ""
    at_ms: int = 0
    decimals: dict[str, Decimal] = msgspec.field(default_factory=dict)
    texts: dict[str, str] = msgspec.field(default_factory=dict)
    integers: dict[str, int] = msgspec.field(default_factory=dict)
    since: dict[str, int] = msgspec.field(default_factory=dict)


def take(state: EntityState, events: Sequence[SubjectEvent], plan: ContributionPlan) -> Step:
    """Let the newest version hold; of a partial entity the newest value of every field."""
    if plan.contribution.partial:
        return _merge(state, events, plan)
    outcomes, newest = newest_of(state.as_of, state.stamp, events, plan)
    if newest is None:
        return Step(state, outcomes)
    booked = {"": plan.book(mapped_of(newest))}
    return Step(EntityState(booked=booked, as_of=newest.as_of, stamp=stamp_of(newest)), outcomes)


def _merge(state: EntityState, events: Sequence[SubjectEvent], plan: ContributionPlan) -> Step:
    fields: dict[str, Value] = {**state.decimals, **state.texts, **state.integers}
    since = dict(state.since)
    versions = [] if state.as_of is None else [(state.as_of, state.at_ms, state.type)]
    outcomes = []
    for event in events:
        outcome = _merge_one(fields, since, event, plan)
        outcomes.append(outcome)
        if outcome == APPLIED:  # told again at another time, a version stays where it landed
            versions.append((event.as_of, event.at_ms, event.type))
    as_of, at_ms, kind = max(versions)
    booked = plan.book_again(Mapped(kind, at_ms, None, fields), state.booked.get("", ()))
    return Step(
        EntityState(
            booked={"": booked},
            as_of=as_of,
            type=kind,
            at_ms=at_ms,
            decimals={n: v for n, v in fields.items() if isinstance(v, Decimal)},
            texts={n: v for n, v in fields.items() if isinstance(v, str)},
            integers={n: v for n, v in fields.items() if isinstance(v, int)},
            since=since,
        ),
        outcomes,
    )


def _merge_one(
    fields: dict[str, Value], since: dict[str, int], event: SubjectEvent, plan: ContributionPlan
) -> str:
    told: dict[str, Value | None] = dict(mapped_of(event).fields)
    told |= dict.fromkeys(plan.emptied(mapped_of(event).fields))
    told.pop(plan.contribution.nulled or "", None)
    outcomes = set()
    for name, value in told.items():
        outcome = _judge_field(fields.get(name), since.get(name), value, event.as_of, plan)
        outcomes.add(outcome)
        if outcome != APPLIED:
            continue
        since[name] = event.as_of
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = value
    return next((o for o in (CONFLICT, APPLIED, STALE) if o in outcomes), REPEATED)


def _judge_field(
    held: Value | None, since: int | None, value: Value | None, as_of: int, plan: ContributionPlan
) -> str:
    if since is None or as_of > since:
        return APPLIED
    if as_of < since:
        return STALE
    if held == value:
        return REPEATED
    return APPLIED if plan.by_arrival else CONFLICT
