"""Subjects that convert: a lead that becomes a customer within so many days.

A subject counts once, by its first event of the metric's own measure; it has converted when an
event of the second measure lies in the window that begins there. Both are told by event times, so
whatever order they arrive in, the result is the same.

Either may be what a record is (domain.subjects.versions): a deal that is won. It is then an event
for as long as the record is that, at the time at which it came to be; once it is no more, it is as
if it had never been, and whatever else there is counts.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from event_contracts.subjects import SubjectEvent
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
from metrics_ingest.domain.subjects.versions import Record, RecordPlan

if TYPE_CHECKING:
    from metrics_ingest.domain.plans import MetricPlan
    from metrics_ingest.domain.subjects.contributions import ContributionPlan

PERIOD = "period"
MOST_SECONDS = 1000
MOST_RECORDS = 100
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
    """What may still matter of a subject.

    ``base`` and ``seconds`` (times, ascending) are of events that happened, for good; ``records``
    are those of which its events say what they are, by their names.
    """

    base: Base | None = None
    seconds: tuple[int, ...] = ()
    records: dict[str, Record] = msgspec.field(default_factory=dict)

    @property
    def parts(self) -> int:
        """How many times and versions it has."""
        return len(self.seconds) + sum(len(record.versions) for record in self.records.values())


class ConversionPlan:
    """A conversion metric, with the contributions whose records it looks at."""

    def __init__(self, metric: "MetricPlan", contributions: Iterable["ContributionPlan"]) -> None:
        self.metric = metric
        self._records = {
            each.records: RecordPlan(each, metric)
            for each in contributions
            if metric.definition.name in each.conversions
        }

    def record(self, name: str) -> RecordPlan | None:
        """Return how the record of this name is read; None: the metric looks at it no more."""
        return self._records.get(name.partition("|")[0])


def take(state: ConversionState, events: Sequence[SubjectEvent], plan: ConversionPlan) -> Step:
    """Note the events, and count the subject where it counts now."""
    counting = _Counting(state, plan)
    outcomes = [counting.take(event) for event in events]
    return Step(counting.result(), outcomes)


class _Counting:
    """A state that is being changed."""

    def __init__(self, state: ConversionState, plan: ConversionPlan) -> None:
        self._plan = plan
        self._base = state.base
        self._seconds = set(state.seconds)
        self._records = dict(state.records)

    def take(self, event: SubjectEvent) -> str:
        """Note an event; return what became of it."""
        if event.cell is None:
            return self._happened(event)
        plan = self._plan.record(event.cell)
        if plan is None:
            return UNMATCHED
        record = self._records.get(event.cell, Record())
        self._records[event.cell], outcome = plan.add(record, event)
        return outcome

    def result(self) -> ConversionState:
        """Return the next state."""
        self._settle_oldest()
        seconds = _kept(self._base, sorted(self._seconds))
        base, all_seconds = self._base, set(seconds)
        for name, record in self._records.items():
            first, second = self._standing(name, record)
            base = _earlier(base, first)
            all_seconds |= second
        booked = _book(self._plan.metric, base, sorted(all_seconds))
        return ConversionState(
            booked={"": booked}, base=self._base, seconds=seconds, records=self._records
        )

    def _happened(self, event: SubjectEvent) -> str:
        metric, mapped = self._plan.metric, mapped_of(event)
        amount = metric.amount(mapped)
        first = amount is not None and amount.sum > 0
        second = amount is not None and amount.over > 0
        if first:
            self._base = _earlier(self._base, Base(event.at_ms, dims_of(metric, mapped)))
        if second:
            self._seconds.add(event.at_ms)
        return APPLIED if first or second else UNMATCHED

    def _standing(self, name: str, record: Record) -> tuple[Base | None, set[int]]:
        """Return the first event that a record is, and the second."""
        plan = self._plan.record(name)
        if plan is None:
            return None, set()
        standing, dims = plan.standing(record)
        first = None if standing.first_ms is None else Base(standing.first_ms, dims)
        return first, set() if standing.second_ms is None else {standing.second_ms}

    def _settle_oldest(self) -> None:
        """Of too many records let what the oldest are be what happened: it stays for good."""
        by_age = sorted(self._records, key=lambda name: self._records[name].newest_ms)
        for name in by_age[:-MOST_RECORDS]:
            first, second = self._standing(name, self._records.pop(name))
            self._base = _earlier(self._base, first)
            self._seconds |= second


def _earlier(one: Base | None, other: Base | None) -> Base | None:
    """Return which comes first of two; None comes last."""
    found = [base for base in (one, other) if base is not None]
    return min(found, key=lambda base: base.place) if found else None


def _kept(base: Base | None, seconds: Sequence[int]) -> tuple[int, ...]:
    """Leave out what can never matter: the base moves to earlier times only.

    So behind it the first second event is all there is to know; before it the newest are kept.
    """
    if base is None:
        return tuple(seconds[-MOST_SECONDS:])
    before = [at for at in seconds if at < base.at_ms]
    return (*before[-MOST_SECONDS:], *[at for at in seconds if at >= base.at_ms][:1])


def _book(metric: "MetricPlan", base: Base | None, seconds: Sequence[int]) -> Bookings:
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
