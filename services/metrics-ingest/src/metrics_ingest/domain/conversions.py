"""Subjects that convert: a lead that becomes a customer within so many days.

A subject counts once, by its first event of the metric's own measure; it has converted when an
event of the second measure lies in the window that begins there. Both are told by event times, so
whatever order they arrive in, the result is the same.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.plans import MetricPlan
from metrics_ingest.domain.subjects import (
    APPLIED,
    MINUTE_MS,
    UNMATCHED,
    Booked,
    Bookings,
    State,
    Step,
    dims_of,
    mapped_of,
)

PERIOD = "period"
MOST_SECONDS = 1000
_DAY_MS = 86_400_000
_ZERO, _ONE = Decimal(0), Decimal(1)


class Base(msgspec.Struct, frozen=True, array_like=True):
    """The event by which a subject counts."""

    at_ms: int
    dims: dict[str, str]

    @property
    def place(self) -> tuple[int, list[tuple[str, str]]]:
        """Where it stands among others."""
        return self.at_ms, sorted(self.dims.items())


class ConversionState(State, frozen=True):
    """A subject's first event, and the times of second ones that may still matter, ascending."""

    base: Base | None = None
    seconds: tuple[int, ...] = ()


def take(state: ConversionState, events: Sequence[SubjectEvent], metric: MetricPlan) -> Step:
    """Note the events, and count the subject where it counts now."""
    base, seconds = state.base, set(state.seconds)
    outcomes = []
    for event in events:
        mapped = mapped_of(event)
        amount = metric.amount(mapped)
        first = amount is not None and amount.sum > 0
        second = amount is not None and amount.over > 0
        outcomes.append(APPLIED if first or second else UNMATCHED)
        if first:
            found = Base(event.at_ms, dims_of(metric, mapped))
            base = found if base is None or found.place < base.place else base
        if second:
            seconds.add(event.at_ms)
    kept = _kept(base, sorted(seconds))
    return Step(
        ConversionState(booked={"": _book(metric, base, kept)}, base=base, seconds=kept), outcomes
    )


def _kept(base: Base | None, seconds: Sequence[int]) -> tuple[int, ...]:
    """Leave out what can never matter: the base moves to earlier times only.

    So behind it the first second event is all there is to know; before it the newest are kept.
    """
    if base is None:
        return tuple(seconds[-MOST_SECONDS:])
    before = [at for at in seconds if at < base.at_ms]
    return (*before[-MOST_SECONDS:], *[at for at in seconds if at >= base.at_ms][:1])


def _book(metric: MetricPlan, base: Base | None, seconds: Sequence[int]) -> Bookings:
    if base is None:
        return ()
    definition = metric.definition
    last = base.at_ms + (definition.window_days or 0) * _DAY_MS
    won = next((at for at in seconds if base.at_ms <= at <= last), None)
    by_period = definition.by == PERIOD
    done = _ONE if won is not None and not by_period else _ZERO
    name, version = definition.name, definition.version
    booked = Booked(name, version, base.at_ms // MINUTE_MS, base.dims, done, _ONE, 1)
    if won is None or not by_period:
        return (booked,)
    return (booked, Booked(name, version, won // MINUTE_MS, base.dims, _ONE, _ZERO, 1))
