"""From folded cells to fact batches: within the limits on dimension sets and on a record's size."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import NamedTuple

import msgspec
import xxhash

from event_contracts.facts import Accepted, Cell, FactBatch
from metrics_ingest.domain.cells import CellKey, CellSum, Dims
from metrics_ingest.domain.definitions import OVER_KINDS, SKETCH_KINDS, MetricKind
from metrics_ingest.domain.folding import SourceFold
from metrics_ingest.domain.plans import MetricPlan
from metrics_ingest.domain.values import EXACT

SETS_A_DAY = 10_000
# A sketch has up to 5 KB, and those of one minute have to fit into one document of goal-service.
SKETCHED_SETS_A_DAY = 2_000
OTHER = "other"
# A record is at most 512 KB; the rest is for the envelope and the accepted quarters.
_BATCH_BYTES = 400_000
# At their longest: a sum has at most 60 digits, a point and a sign.
_SUM_BYTES = 66
_CELL_BYTES = 48 + _SUM_BYTES
_MINUTES_A_DAY = 1440

DaySets = Mapping[int, frozenset[bytes] | set[bytes]]


def set_key(dims: Dims) -> bytes:
    """Return eight bytes that stand for a set of dimension values."""
    return _key_of_texts(tuple([None if d is None else str(d) for d in dims]))


@lru_cache(200_000)
def _key_of_texts(texts: tuple[str | None, ...]) -> bytes:
    return xxhash.xxh3_64_digest(msgspec.json.encode(texts))


def day_of(minute: int) -> int:
    """Return the UTC day, counted from the epoch, of an epoch minute."""
    return minute // _MINUTES_A_DAY


@dataclass(slots=True)
class Limited:
    """A metric's cells with a bounded number of dimension sets a UTC day.

    ``new`` are the sets met for the first time, by day; ``others`` is how many events went into
    the set ``other`` because their day was full.
    """

    cells: dict[CellKey, CellSum] = field(default_factory=dict)
    new: dict[int, set[bytes]] = field(default_factory=dict)
    others: int = 0


def sets_met(cells: Iterable[CellKey]) -> dict[int, set[Dims]]:
    """Return the dimension sets of the cells by UTC day."""
    met: dict[int, set[Dims]] = {}
    for day, dims in {(minute // _MINUTES_A_DAY, dims) for minute, dims in cells}:
        met.setdefault(day, set()).add(dims)
    return met


def days_with_unknown_sets(met: Mapping[int, set[Dims]], known: DaySets) -> set[int]:
    """Return the days of which a dimension set is not among the known ones."""
    none: frozenset[bytes] = frozenset()
    return {
        day
        for day, sets in met.items()
        if any(dims and set_key(dims) not in known.get(day, none) for dims in sets)
    }


def sets_a_day(kind: MetricKind) -> int:
    """Return how many dimension sets a day a metric of this kind keeps."""
    return SKETCHED_SETS_A_DAY if kind in SKETCH_KINDS else SETS_A_DAY


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
    shape = Shape.of(metric.definition.kind)
    for part in _parts(metric.dims, cells, shape):
        yield FactBatch(
            tenant=fold.plan.tenant,
            metric=metric.definition.name,
            source=fold.plan.source.name,
            definition=metric.definition.version,
            as_of_ms=as_of_ms,
            dims=tuple([_named(metric.dims, dims)[0] for dims in part.table]),
            cells=tuple(part.cells),
            over=tuple(part.over),
            sketches=tuple(part.sketches),
            accepted=accepted,
            provisional=fold.plan.source.restates_days > 0,
        )
        accepted = ()


class Shape(NamedTuple):
    """Which columns stand beside the cells of a kind of metric."""

    over: bool
    sketches: bool

    @classmethod
    def of(cls, kind: MetricKind) -> "Shape":
        """Return the columns of a kind."""
        return cls(kind in OVER_KINDS, kind in SKETCH_KINDS)


@dataclass(slots=True)
class _Part:
    """Cells that go into one record, with the table that they point into."""

    table: dict[Dims, int] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    over: list[Decimal] = field(default_factory=list)
    sketches: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, names: tuple[str, ...], minute: int, dims: Dims, cell: CellSum) -> None:
        place = self.table.get(dims)
        if place is None:
            place = self.table[dims] = len(self.table)
            self.size += _named(names, dims)[1]
        self.size += _CELL_BYTES
        self.cells.append(Cell(minute, place, cell.sum, cell.count))

    def widen(self, shape: Shape, cell: CellSum) -> None:
        if shape.over:
            self.over.append(cell.over)
            self.size += _SUM_BYTES
        if shape.sketches and cell.sketch is not None:
            self.sketches.append(cell.sketch.to_bytes())
            self.size += len(self.sketches[-1]) * 4 // 3 + 8  # base64 in JSON


def _parts(
    names: tuple[str, ...], cells: Mapping[CellKey, CellSum], shape: Shape
) -> Iterator[_Part]:
    part, wide = _Part(), any(shape)
    for (minute, dims), cell in cells.items():
        if part.size > _BATCH_BYTES:
            yield part
            part = _Part()
        part.add(names, minute, dims, cell)
        if wide:
            part.widen(shape, cell)
    yield part


@lru_cache(200_000)
def _named(names: tuple[str, ...], dims: Dims) -> tuple[dict[str, str], int]:
    """Return the values under their names, and about how many bytes they take in a record."""
    texts = [(name, str(value)) for name, value in zip(names, dims, strict=True)]
    size = sum(len(text) * 4 + len(name) + 8 for name, text in texts)
    there = zip(texts, dims, strict=True)
    return {name: text for (name, text), value in there if value is not None}, size
