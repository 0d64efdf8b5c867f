"""From what subjects had and have to the facts between: signed, and in the minutes it landed in."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import msgspec

from event_contracts.facts import Cell, FactBatch
from event_contracts.subjects import Role
from event_contracts.wire import hash16
from metrics_ingest.domain.facts.batches import OTHER
from metrics_ingest.domain.facts.cells import Amount, CellSum
from metrics_ingest.domain.facts.parts import BATCH_BYTES, CELL_BYTES, SUM_BYTES
from metrics_ingest.domain.subjects.subject import Booked, Bookings, State, Subject

_NAMES = 20
_ZERO = Decimal(0)

Dims = tuple[tuple[str, str], ...]
Moved = tuple[tuple[int, Dims], CellSum]


class Sheet(NamedTuple):
    """One record's worth of differences, apart by what a record says of all of its cells."""

    tenant: str
    source: str
    metric: str
    zone: str | None
    correcting: bool


@dataclass(slots=True)
class Differences:
    """What a batch changes. ``corrected`` are the names of what a sheet takes back."""

    cells: dict[Sheet, dict[tuple[int, Dims], CellSum]] = field(default_factory=dict)
    corrected: dict[Sheet, list[str]] = field(default_factory=dict)
    versions: dict[Sheet, int] = field(default_factory=dict)

    def add(self, subject: Subject, before: State, after: State) -> None:
        """Add what leads from one state of a subject to the next."""
        for cell in before.booked.keys() | after.booked.keys():
            old, new = before.booked.get(cell, ()), after.booked.get(cell, ())
            if old != new:
                self._add_cell(subject, cell, old, new)

    def _add_cell(self, subject: Subject, cell: str, old: Bookings, new: Bookings) -> None:
        corrected = _corrected(subject, old, new)
        sheets = set()
        for sign, bookings in ((-1, old), (1, new)):
            for booked in bookings:
                correcting = booked.metric in corrected
                sheet = Sheet(*subject[:2], booked.metric, booked.zone, correcting)
                self._add(sheet, booked, sign)
                if correcting:
                    sheets.add(sheet)
        for sheet in sheets:
            self.corrected.setdefault(sheet, []).append(label_of(subject, cell))

    def _add(self, sheet: Sheet, booked: Booked, sign: int) -> None:
        place = booked.minute, tuple(sorted(booked.dims.items()))
        found = self.cells.setdefault(sheet, {}).setdefault(place, CellSum())
        found.add(Amount(booked.sum * sign, booked.over * sign), sign)
        self.versions[sheet] = max(booked.version, self.versions.get(sheet, 0))


def _corrected(subject: Subject, old: Bookings, new: Bookings) -> set[str]:
    """Return the metrics that are corrected: a state that was told before is another one now.

    A unit that comes to its threshold and a subject that converts correct nothing; what takes
    something back does.
    """
    known = {booked.metric for booked in old}
    if subject.role not in (Role.UNITS, Role.CONVERSION):
        return known
    moved: dict[tuple[str, int, Dims], Amount] = {}
    for sign, bookings in ((-1, old), (1, new)):
        for booked in bookings:
            place = booked.metric, booked.minute, tuple(sorted(booked.dims.items()))
            so_far = moved.get(place, Amount(_ZERO))
            moved[place] = Amount(so_far.sum + booked.sum * sign, so_far.over + booked.over * sign)
    return known & {m for (m, _, _), amount in moved.items() if amount.sum < 0 or amount.over < 0}


def label_of(subject: Subject, cell: str) -> str:
    """Return what a correction says that it corrects.

    Who converts may be a person, and a unit anything: of these the key is hashed.
    """
    if subject.role in (Role.UNITS, Role.CONVERSION):
        return f"{subject.role}:{hash16(subject.key).hex()}"
    key = f"{subject.key}|{cell}" if cell else subject.key
    return f"{subject.role}:{subject.name}:{key}"[:200]


def batches(
    found: Differences, as_of_ms: int, provisional: Mapping[tuple[str, str], bool]
) -> Iterator[FactBatch]:
    """Yield the facts; ``provisional`` says it of each (tenant, source)."""
    for sheet, cells in sorted(found.cells.items(), key=lambda item: str(item[0])):
        moved = [
            (place, cell) for place, cell in cells.items() if cell.sum or cell.over or cell.count
        ]
        for part in _parts(moved):
            table = {dims: index for index, dims in enumerate({dims: 0 for (_, dims), _ in part})}
            over = tuple(cell.over for _, cell in part)
            yield FactBatch(
                tenant=sheet.tenant,
                metric=sheet.metric,
                source=sheet.source,
                definition=found.versions[sheet],
                as_of_ms=as_of_ms,
                dims=tuple(dict(dims) for dims in table),
                cells=tuple(Cell(m, table[dims], c.sum, c.count) for (m, dims), c in part),
                provisional=provisional.get((sheet.tenant, sheet.source), False),
                corrects=_joined(found.corrected.get(sheet, [])),
                day_zone=sheet.zone,
                over=over if any(over) else (),
            )


def _parts(moved: Iterable[Moved]) -> Iterator[list[Moved]]:
    """Cut the cells so that each part fits into a record: of a report each may have its own ad."""
    part: list[Moved] = []
    named: set[Dims] = set()
    size = 0
    for (minute, dims), cell in moved:
        if size > BATCH_BYTES:
            yield part
            part, named, size = [], set(), 0
        if dims not in named:
            named.add(dims)
            size += sum(len(value) * 4 + len(name) + 8 for name, value in dims)
        size += CELL_BYTES + SUM_BYTES
        part.append(((minute, dims), cell))
    if part:
        yield part


def _joined(names: Iterable[str]) -> str | None:
    ordered = sorted(set(names))
    if not ordered:
        return None
    more = len(ordered) - _NAMES
    return ", ".join(ordered[:_NAMES]) + (f" and {more} more" if more > 0 else "")


def in_other(booked: Booked, names: Iterable[str]) -> Booked:
    """Return the booking as it lands when its day has no room for its set of dimensions."""
    return msgspec.structs.replace(booked, dims=dict.fromkeys(names, OTHER))
