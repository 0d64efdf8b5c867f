"""From folded cells to fact batches: within the limits on dimension sets and on a record's size."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import localcontext

import msgspec
import xxhash

from event_contracts.facts import Accepted, Cell, FactBatch
from metrics_ingest.domain.cells import CellKey, CellSum, Dims
from metrics_ingest.domain.folding import SourceFold
from metrics_ingest.domain.plans import MetricPlan
from metrics_ingest.domain.values import EXACT

SETS_A_DAY = 10_000
OTHER = "other"
# A record is at most 512 KB; the rest is for the envelope and the accepted quarters.
_BATCH_BYTES = 400_000
_CELL_BYTES = 48
_MINUTES_A_DAY = 1440

DaySets = Mapping[int, frozenset[bytes] | set[bytes]]


def set_key(dims: Dims) -> bytes:
    """Return eight bytes that stand for a set of dimension values."""
    return xxhash.xxh3_64_digest(msgspec.json.encode([None if d is None else str(d) for d in dims]))


def day_of(minute: int) -> int:
    """Return the UTC day, counted from the epoch, of an epoch minute."""
    return minute // _MINUTES_A_DAY


@dataclass(slots=True)
class Limited:
    """A metric's cells with at most SETS_A_DAY dimension sets a UTC day.

    ``new`` are the sets met for the first time, by day; ``others`` is how many events went into
    the set ``other`` because their day was full.
    """

    cells: dict[CellKey, CellSum] = field(default_factory=dict)
    new: dict[int, set[bytes]] = field(default_factory=dict)
    others: int = 0


def days_of(cells: Iterable[CellKey]) -> set[int]:
    """Return the UTC days that the cells lie in."""
    return {day_of(minute) for minute, _ in cells}


def days_with_unknown_sets(cells: Mapping[CellKey, CellSum], known: DaySets) -> set[int]:
    """Return the days of cells whose dimension set is not among the known ones."""
    none: frozenset[bytes] = frozenset()
    return {
        day_of(minute)
        for minute, dims in cells
        if dims and set_key(dims) not in known.get(day_of(minute), none)
    }


def limit(cells: Mapping[CellKey, CellSum], known: DaySets, most: int = SETS_A_DAY) -> Limited:
    """Keep the known sets and new ones while their day has room; add the rest up in ``other``."""
    limited = Limited()
    with localcontext(EXACT):
        for (minute, dims), added in cells.items():
            kept = dims
            if dims and not _room(limited, known, day_of(minute), set_key(dims), most):
                kept = (OTHER,) * len(dims)
                limited.others += added.count
            limited.cells.setdefault((minute, kept), CellSum()).merge(added)
    return limited


def _room(limited: Limited, known: DaySets, day: int, key: bytes, most: int) -> bool:
    there = known.get(day, frozenset())
    new = limited.new.get(day, set())
    if key in there or key in new:
        return True
    if len(there) + len(new) >= most:
        return False
    limited.new.setdefault(day, set()).add(key)
    return True


def fact_batches(
    fold: SourceFold,
    metric: MetricPlan,
    cells: Mapping[CellKey, CellSum],
    as_of_ms: int,
) -> Iterator[FactBatch]:
    """Yield the metric's batches: one, unless its cells are too many for one record.

    The first carries how many events of the source were accepted, per quarter hour, also when no
    cell is there: a source that delivered without a match is not silent.
    """
    accepted = tuple(Accepted(quarter, n) for quarter, n in sorted(fold.quarters.items()))
    for dims, part in _parts(metric.dims, cells):
        yield FactBatch(
            tenant=fold.plan.tenant,
            metric=metric.definition.name,
            source=fold.plan.source.name,
            definition=metric.definition.version,
            as_of_ms=as_of_ms,
            dims=dims,
            cells=part,
            accepted=accepted,
            provisional=fold.plan.source.restates_days > 0,
        )
        accepted = ()


def _parts(
    names: tuple[str, ...], cells: Mapping[CellKey, CellSum]
) -> Iterator[tuple[tuple[dict[str, str], ...], tuple[Cell, ...]]]:
    table: dict[Dims, int] = {}
    part: list[Cell] = []
    size = 0
    for (minute, dims), cell in cells.items():
        if size > _BATCH_BYTES:
            yield _named(names, table), tuple(part)
            table, part, size = {}, [], 0
        if dims not in table:
            table[dims] = len(table)
            size += sum(len(str(d)) * 4 + len(n) + 8 for n, d in zip(names, dims, strict=True))
        size += _CELL_BYTES + len(str(cell.sum))
        part.append(Cell(minute, table[dims], cell.sum, cell.count))
    yield _named(names, table), tuple(part)


def _named(names: tuple[str, ...], table: Mapping[Dims, int]) -> tuple[dict[str, str], ...]:
    return tuple(
        {name: str(value) for name, value in zip(names, dims, strict=True) if value is not None}
        for dims in table
    )
