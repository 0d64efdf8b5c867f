"""A slice: the whole of an account's day. What a newer one does not name is 0.

Of two readings of one row that of the newer mapping holds: it was mended since.
"""

from collections.abc import Sequence

import msgspec

from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.subjects.contributions import ContributionPlan
from metrics_ingest.domain.subjects.subject import (
    APPLIED,
    BEYOND,
    CONFLICT,
    REPEATED,
    STALE,
    WAITING,
    Bookings,
    State,
    Step,
    mapped_of,
    stamp_of,
)

MOST_WAITING = 4
MOST_ROWS = 100_000
"""Of a slice, and of those that wait together: a state of some 25 MB, read and written whole."""


class Collected(msgspec.Struct, kw_only=True):
    """The parts of a slice that is not whole yet; ``rows`` are its cells so far."""

    total: int = 1
    parts: set[str] = set()
    rows: dict[str, SubjectEvent] = msgspec.field(default_factory=dict)

    def add(self, event: SubjectEvent, most: int) -> str:
        """Take a part, with its row while there are no more than ``most``; return what became."""
        known = event.part in self.parts
        self.parts.add(event.part)
        self.total = max(self.total, event.parts)
        if event.cell is None:
            return REPEATED if known else WAITING
        first = self.rows.get(event.cell)
        if first is None and len(self.rows) >= most:
            return BEYOND
        if first is None or event.mapping > first.mapping:
            self.rows[event.cell] = event
            return WAITING
        if event.mapping < first.mapping:
            return STALE
        return REPEATED if stamp_of(first) == stamp_of(event) else CONFLICT

    @property
    def whole(self) -> bool:
        """Whether all parts are there."""
        return len(self.parts) >= self.total


class SliceState(State, frozen=True):
    """The newest whole slice, and the newer ones of which parts are there, by as-of.

    ``mapping`` is the version of the source that read its rows, but for those in ``read``.
    """

    as_of: int | None = None
    stamps: dict[str, int] = msgspec.field(default_factory=dict)
    mapping: int = 0
    read: dict[str, int] = msgspec.field(default_factory=dict)
    waiting: dict[int, Collected] = msgspec.field(default_factory=dict)


def take(
    state: SliceState,
    events: Sequence[SubjectEvent],
    plan: ContributionPlan,
    most: int = MOST_ROWS,
) -> Step:
    """Collect parts; the newest slice of which all are there holds, whatever order they came in.

    A slice has at most ``most`` rows; what comes beyond them is refused.
    """
    taking = _Taking(state, most)
    outcomes = [taking.take(event) for event in events]
    return Step(taking.result(plan), outcomes)


class _Taking:
    """A state that is being changed."""

    def __init__(self, state: SliceState, most: int) -> None:
        self._before = state
        self._most = most
        self._as_of = state.as_of
        self._stamps = dict(state.stamps)
        self._read = {cell: state.read.get(cell, state.mapping) for cell in state.stamps}
        self._waiting = {
            at: Collected(total=c.total, parts=set(c.parts), rows=dict(c.rows))
            for at, c in state.waiting.items()
        }
        self._rows: dict[str, SubjectEvent] = {}
        self._again: dict[str, SubjectEvent] = {}
        self._switched = False

    def take(self, event: SubjectEvent) -> str:
        if self._as_of is not None and event.as_of < self._as_of:
            return STALE
        if event.as_of == self._as_of:
            return self._late(event)
        collected = self._waiting.setdefault(event.as_of, Collected(parts=set(), rows={}))
        outcome = collected.add(event, self._most)
        if collected.whole:
            self._switch(event.as_of, collected)
            return APPLIED if outcome == WAITING else outcome
        while len(self._waiting) > 1 and self._is_too_much():
            del self._waiting[min(self._waiting)]
        return outcome

    def _is_too_much(self) -> bool:
        rows = sum(len(each.rows) for each in self._waiting.values())
        return len(self._waiting) > MOST_WAITING or rows > self._most

    def _late(self, event: SubjectEvent) -> str:
        """Take a row of the slice that holds: nothing said how many rows a part has."""
        if event.cell is None:
            return REPEATED
        stamp = stamp_of(event)
        known = self._stamps.get(event.cell)
        read = self._read.get(event.cell, event.mapping)
        if known is not None and event.mapping == read:
            if known != stamp:
                return CONFLICT
            self._again[event.cell] = event
            return REPEATED
        if event.mapping < read:
            return STALE
        if known is None and len(self._stamps) >= self._most:
            return BEYOND
        self._stamps[event.cell], self._read[event.cell] = stamp, event.mapping
        self._rows[event.cell] = event
        return APPLIED

    def _switch(self, as_of: int, collected: Collected) -> None:
        self._as_of = as_of
        self._rows = collected.rows
        self._again = {}
        self._stamps = {cell: stamp_of(row) for cell, row in collected.rows.items()}
        self._read = {cell: row.mapping for cell, row in collected.rows.items()}
        self._waiting = {at: c for at, c in self._waiting.items() if at > as_of}
        self._switched = True

    def result(self, plan: ContributionPlan) -> SliceState:
        booked: dict[str, Bookings] = {} if self._switched else dict(self._before.booked)
        for cell, row in self._again.items():  # a metric that was changed since gets it now
            booked[cell] = plan.book(mapped_of(row), booked.get(cell, ()))
        for cell, row in self._rows.items():
            booked[cell] = plan.book(mapped_of(row))
        mapping = max(self._read.values(), default=0)
        return SliceState(
            booked=booked,
            as_of=self._as_of,
            stamps=self._stamps,
            mapping=mapping,
            read={cell: read for cell, read in self._read.items() if read != mapping},
            waiting=self._waiting,
        )
