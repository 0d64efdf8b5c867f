"""A snapshot: this cell is now X, as of t."""

from collections.abc import Sequence

from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.contributions import ContributionPlan
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


class CellState(State, frozen=True):
    """The newest version of a cell; ``as_of`` None: there is none yet."""

    as_of: int | None = None
    stamp: int = 0


def take(state: CellState, events: Sequence[SubjectEvent], plan: ContributionPlan) -> Step:
    """Let the newest version hold. Of one version the first content holds; by arrival the last."""
    outcomes, newest = newest_of(state.as_of, state.stamp, events, plan)
    if newest is None:
        return Step(state, outcomes)
    booked = {"": plan.book(mapped_of(newest))}
    return Step(CellState(booked=booked, as_of=newest.as_of, stamp=stamp_of(newest)), outcomes)


def newest_of(
    as_of: int | None, stamp: int, events: Sequence[SubjectEvent], plan: ContributionPlan
) -> tuple[list[str], SubjectEvent | None]:
    """Return what becomes of each event, and the one that holds now; None: none of them."""
    newest: SubjectEvent | None = None
    outcomes = []
    for event in events:
        outcome = judge(as_of, stamp, event, plan)
        if outcome == APPLIED:
            as_of, stamp, newest = event.as_of, stamp_of(event), event
        outcomes.append(outcome)
    return outcomes, newest


def judge(as_of: int | None, stamp: int, event: SubjectEvent, plan: ContributionPlan) -> str:
    """Return what becomes of a version beside the one that holds."""
    if as_of is None or event.as_of > as_of:
        return APPLIED
    if event.as_of < as_of:
        return STALE
    if stamp_of(event) == stamp:
        return REPEATED
    return APPLIED if plan.by_arrival else CONFLICT
