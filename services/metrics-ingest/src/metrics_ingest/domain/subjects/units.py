"""Units that come to a threshold: an article with 50 leads, a customer with three orders.

A unit counts once, as long as it stands there: in the minute of the event with which it came to the
threshold, or, if it has a window of days for that, in the minute of its first event, where its
window begins (an article of June that comes to 50 leads in July is one of June's). Events are taken
in the order of their times, so that late ones change nothing but what is true.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.plans import MetricPlan
from metrics_ingest.domain.subjects.subject import (
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

MINUTES_A_DAY = 1440
_ZERO = Decimal(0)


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """What a unit got in a minute, from events of the same dimensions."""

    minute: int
    dims: dict[str, str]
    sum: Decimal

    @property
    def place(self) -> tuple[int, list[tuple[str, str]]]:
        """Where it stands among others."""
        return self.minute, sorted(self.dims.items())


class UnitState(State, frozen=True):
    """All that a unit got. ``first`` is its first event's minute, also when that adds nothing."""

    first: int | None = None
    entries: tuple[Entry, ...] = ()


def take(state: UnitState, events: Sequence[SubjectEvent], metric: MetricPlan) -> Step:
    """Add what the events bring the unit, and count it where it came to the threshold."""
    sums = {_key(entry.minute, entry.dims): entry for entry in state.entries}
    first = state.first
    outcomes = []
    for event in events:
        mapped = mapped_of(event)
        amount = metric.amount(mapped)
        minute = event.at_ms // MINUTE_MS
        first = minute if first is None else min(first, minute)
        outcomes.append(UNMATCHED if amount is None else APPLIED)
        if amount is not None:
            dims = dims_of(metric, mapped)
            key = _key(minute, dims)
            before = sums[key].sum if key in sums else _ZERO
            sums[key] = Entry(minute, dims, before + amount.sum)
    entries = tuple(sorted(sums.values(), key=lambda entry: entry.place))
    return Step(
        UnitState(booked={"": _book(metric, first, entries)}, first=first, entries=entries),
        outcomes,
    )


def _key(minute: int, dims: dict[str, str]) -> tuple[int, frozenset[tuple[str, str]]]:
    return minute, frozenset(dims.items())


def _book(metric: MetricPlan, first: int | None, entries: Sequence[Entry]) -> Bookings:
    definition = metric.definition
    days = definition.window_days
    last = None if days is None or first is None else first + days * MINUTES_A_DAY
    found = crossing(entries, definition.threshold or _ZERO, last)
    if found is None:
        return ()
    minute = found.minute if days is None or first is None else first
    name, version = definition.name, definition.version
    return (Booked(name, version, minute, found.dims, Decimal(1), _ZERO, 1),)


def crossing(entries: Sequence[Entry], threshold: Decimal, last: int | None) -> Entry | None:
    """Return with which entry, in their order, the sum came to the threshold and stayed there.

    Entries after the minute ``last`` do not count. None: in the end it is below.
    """
    total = _ZERO
    found = None
    for entry in entries:
        if last is not None and entry.minute > last:
            break
        before, total = total, total + entry.sum
        if total < threshold:
            found = None
        elif before < threshold:
            found = entry
    return found
