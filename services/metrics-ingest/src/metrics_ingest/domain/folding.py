"""The fold: from raw events to cells, records and dead letters, each event once.

Pure: what has been seen and what is defined comes in, what a batch adds comes out. Sums are exact:
see values.EXACT.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import localcontext

from event_contracts.raw import RawEvent
from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.bulk.cells import BulkCells, merged
from metrics_ingest.domain.causes import (
    SKIPPED,
    SOURCE_PAUSED,
    UNKNOWN_SOURCE,
    Unfit,
    unfit_of,
)
from metrics_ingest.domain.definitions import Source
from metrics_ingest.domain.facts.cells import CellKey, CellSum
from metrics_ingest.domain.mapping import Mapped, conflicts, content_stamp, decode
from metrics_ingest.domain.plans import MetricPlan, SourcePlan
from metrics_ingest.domain.subjects.subject import QUARTER_MS
from metrics_ingest.domain.values import EXACT

Seen = Callable[[bytes], int | None]
Plans = Mapping[tuple[str, str], SourcePlan]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A raw event as it was read: its offset and the key of its id in the window."""

    offset: int
    key: bytes
    event: RawEvent


@dataclass(frozen=True, slots=True)
class Letter:
    """An event that cannot count, and why; ``source`` is its own, if it is declared."""

    arrival: Arrival
    unfit: Unfit
    source: Source | None = None

    @property
    def cause(self) -> str:
        """Why."""
        return self.unfit.cause


@dataclass(frozen=True, slots=True)
class BusinessRecord:
    """An accepted event of a type that its source marks as a record."""

    arrival: Arrival
    event: Mapped


@dataclass(slots=True)
class SourceFold:
    """What a batch adds for one source; cells by the name of their metric, also as columns.

    ``diverted`` is what counts by its subject's history: it leaves for there.
    """

    plan: SourcePlan
    accepted: int = 0
    unmatched: int = 0
    quarters: dict[int, int] = field(default_factory=dict)
    cells: dict[str, dict[CellKey, CellSum]] = field(default_factory=dict)
    columns: dict[str, list[BulkCells]] = field(default_factory=dict)
    records: list[BusinessRecord] = field(default_factory=list)
    diverted: list[SubjectEvent] = field(default_factory=list)

    def add(self, arrival: Arrival, event: Mapped, diverted: Iterable[SubjectEvent] = ()) -> None:
        """Count an accepted event, once, whatever it is diverted to."""
        self.diverted += diverted
        self.accepted += 1
        state = self.plan.diverter.plan_for(event.type)
        quarter = event.at_ms // QUARTER_MS if state is None else state.quarter_of(event)
        self.quarters[quarter] = self.quarters.get(quarter, 0) + 1
        metrics = self.plan.metrics_for(event.type)
        record = self.plan.is_record(event.type)
        if record:
            self.records.append(BusinessRecord(arrival, event))
        elif not metrics and state is None:
            self.unmatched += 1
        for metric in self.plan.diverter.plain(event.type, metrics):
            self._add_to(metric, event)

    def merge_columns(self, metric: str) -> None:
        """Add the metric's columns to its other cells."""
        self.cells[metric] = merged(self.cells.get(metric), self.columns.pop(metric))

    def _add_to(self, metric: MetricPlan, event: Mapped) -> None:
        amount = metric.amount(event)
        if amount is None:
            return
        cells = self.cells.setdefault(metric.definition.name, {})
        key = (event.at_ms // 60_000, metric.dims_of(event.fields))
        cell = cells.get(key)
        if cell is None:
            cell = cells[key] = CellSum()
        cell.add(amount)


@dataclass(slots=True)
class Counts:
    """Outcomes of one source's records that add nothing to a metric.

    ``skipped`` are those that their mapping calls no events; ``bad`` are the dead ones that were
    tried: what a paused source sends says nothing about it.
    """

    duplicates: int = 0
    conflicts: int = 0
    skipped: int = 0
    dead: int = 0
    bad: int = 0


NO_COUNTS = Counts()


@dataclass(slots=True)
class Folded:
    """What a batch comes to. ``fresh`` holds the ids that now count as seen, in their order.

    ``packed`` are those of events that were folded in bulk, as window.Block has them.
    """

    sources: dict[tuple[str, str], SourceFold] = field(default_factory=dict)
    counts: dict[tuple[str, str], Counts] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    fresh: dict[bytes, int] = field(default_factory=dict)
    packed: bytes = b""

    def source_of(self, plan: SourcePlan) -> SourceFold:
        """Return what a source's events come to, to add to."""
        name = plan.tenant, plan.source.name
        source = self.sources.get(name)
        if source is None:
            source = self.sources[name] = SourceFold(plan)
        return source

    def counts_of(self, name: tuple[str, str]) -> Counts:
        """Return the counts of a source, (tenant, name), to add to."""
        counts = self.counts.get(name)
        if counts is None:
            counts = self.counts[name] = Counts()
        return counts


def fold(arrivals: Iterable[Arrival], plans: Plans, seen: Seen) -> Folded:
    """Fold events in their order; ``seen`` tells the stamp of an id seen before this batch.

    The id of a dead letter is not seen: mended and sent again, the event counts.
    """
    folded = Folded()
    with localcontext(EXACT):
        for arrival in arrivals:
            _fold_one(folded, arrival, plans, seen)
    return folded


def _fold_one(folded: Folded, arrival: Arrival, plans: Plans, seen: Seen) -> None:
    raw = arrival.event
    name = (raw.tenant, raw.source)
    plan = plans.get(name)
    first = folded.fresh.get(arrival.key)
    if first is None:
        first = seen(arrival.key)
    if first is not None and not _is_new_version(first, plan, raw):
        _count_duplicate(folded.counts_of(name), first, plan, raw)
        return
    try:
        plan, event = _read(plan, raw)
        diverted = plan.divert(raw, event)
    except Unfit as unfit:
        if unfit.cause == SKIPPED:
            folded.counts_of(name).skipped += 1
            return
        letter = Letter(arrival, unfit.without_frames(), plan.source if plan else None)
        folded.letters.append(letter)
        counts = folded.counts_of(name)
        counts.dead += 1
        counts.bad += unfit.cause != SOURCE_PAUSED
        return
    folded.fresh[arrival.key] = content_stamp(event, plan.head)
    folded.source_of(plan).add(arrival, event, diverted)


def _read(plan: SourcePlan | None, raw: RawEvent) -> tuple[SourcePlan, Mapped]:
    if raw.error is not None:
        raise unfit_of(raw.error)
    if plan is None:
        raise Unfit(UNKNOWN_SOURCE, raw.source, "not declared")
    if plan.source.paused is not None:
        raise Unfit(SOURCE_PAUSED, raw.source, plan.source.paused)
    return plan, plan.read(raw.door, bytes(raw.body), raw.received_ms)


def _is_new_version(first: int, plan: SourcePlan | None, raw: RawEvent) -> bool:
    """Whether a known id comes with another state of what it names.

    A row of a report often has no id but its cell's. Which state holds is told by its as-of, so
    only a true copy is left out here. A state that cannot be read may be a newer one: it becomes a
    dead letter, and does no harm if it was a copy.
    """
    if plan is None or not plan.diverter.plans:
        return False
    try:
        _, event = _read(plan, raw)
    except Unfit:
        return _is_state(plan, raw)
    if plan.diverter.plan_for(event.type) is None:
        return False
    return first != content_stamp(event, plan.head)


def _is_state(plan: SourcePlan, raw: RawEvent) -> bool:
    """Whether an event that cannot be read says what something is now; if nobody knows: yes."""
    try:
        kind = plan.reader(raw.door).type_of(decode(bytes(raw.body)))
    except Unfit:
        return True
    return plan.diverter.plan_for(kind) is not None


def _count_duplicate(counts: Counts, first: int, plan: SourcePlan | None, raw: RawEvent) -> None:
    """The first copy holds. Another content under its id is a conflict, and told."""
    counts.duplicates += 1
    if plan is None:
        return
    try:
        event = plan.read(raw.door, bytes(raw.body), raw.received_ms)
    except Unfit:
        counts.conflicts += 1
        return
    if conflicts(first, content_stamp(event, plan.head)):
        counts.conflicts += 1
