"""A snapshot: this cell is now X, as of t.

Of two readings of one version that of the newer mapping holds: it was mended since.
"""

from collections.abc import Sequence
from typing import NamedTuple

from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.subjects.contributions import ContributionPlan
from metrics_ingest.domain.subjects.subject import (
    APPLIED,
    CONFLICT,
    REPEATED,
    STALE,
    Bookings,
    State,
    Step,
    mapped_of,
    stamp_of,
)


class CellState(State, frozen=True):
    """The newest version of a cell, as ``mapping`` read it; ``as_of`` None: there is none yet."""

    as_of: int | None = None
    stamp: int = 0
    mapping: int = 0


class Held(NamedTuple):
    """Which version holds, its content, and by which version of the source it was read."""

    as_of: int | None
    stamp: int
    mapping: int


def take(state: CellState, events: Sequence[SubjectEvent], plan: ContributionPlan) -> Step:
    """Let the newest version hold. Of one version the first content holds; by arrival the last."""
    held = Held(state.as_of, state.stamp, state.mapping)
    told = told_of(held, events, plan)
    if told.event is None:
        return Step(state, told.outcomes)
    booked = {"": plan.book(mapped_of(told.event), told.kept(state.booked.get("", ())))}
    as_of, stamp, mapping = told.held
    return Step(CellState(booked=booked, as_of=as_of, stamp=stamp, mapping=mapping), told.outcomes)


class Told(NamedTuple):
    """What becomes of events, what holds then, and the event that says it; None: none of them."""

    outcomes: list[str]
    held: Held
    event: SubjectEvent | None

    def kept(self, booked: Bookings) -> Bookings:
        """Return what stays booked: of the same told again, whatever its metric still says."""
        return () if APPLIED in self.outcomes else booked


def told_of(held: Held, events: Sequence[SubjectEvent], plan: ContributionPlan) -> Told:
    """Judge events in the order of their arrival."""
    telling: SubjectEvent | None = None
    outcomes = []
    for event in events:
        outcome = judge(held, event, plan)
        outcomes.append(outcome)
        if outcome == APPLIED:
            held = Held(event.as_of, stamp_of(event), event.mapping)
        if outcome in (APPLIED, REPEATED):
            telling = event
    return Told(outcomes, held, telling)


def judge(held: Held, event: SubjectEvent, plan: ContributionPlan) -> str:
    """Return what becomes of a version beside the one that holds."""
    if held.as_of is None:
        return APPLIED
    place, other = (event.as_of, event.mapping), (held.as_of, held.mapping)
    if place != other:
        return APPLIED if place > other else STALE
    if stamp_of(event) == held.stamp:
        return REPEATED
    return APPLIED if plan.by_arrival else CONFLICT
