"""Parts: as many cells of a metric as go into one record."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from msgspec import Raw

from event_contracts.facts import Cell
from metrics_ingest.domain.definitions import OVER_KINDS, SKETCH_KINDS, MetricKind
from metrics_ingest.domain.facts.cells import CellKey, CellSum, Dims
from metrics_ingest.domain.plans import MetricPlan

# A record is at most 512 KB; the rest is for the envelope and the accepted quarters.
BATCH_BYTES = 400_000
# At their longest: a sum has at most 60 digits, a point and a sign.
SUM_BYTES = 66
CELL_BYTES = 48 + SUM_BYTES


class Shape(NamedTuple):
    """Which columns stand beside the cells of a kind of metric."""

    over: bool
    sketches: bool

    @classmethod
    def of(cls, kind: MetricKind) -> "Shape":
        """Return the columns of a kind."""
        return cls(kind in OVER_KINDS, kind in SKETCH_KINDS)


@dataclass(slots=True)
class Part:
    """Cells that go into one record, with the table that they point into."""

    dims: list[dict[str, str]] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    over: list[Decimal] = field(default_factory=list)
    sketches: list[bytes] = field(default_factory=list)
    size: int = 0
    _places: dict[Dims, int] = field(default_factory=dict)

    def add(self, names: tuple[str, ...], minute: int, dims: Dims, cell: CellSum) -> None:
        """Add a cell."""
        place = self._places.get(dims)
        if place is None:
            place = self._places[dims] = len(self.dims)
            values, size = named(names, dims)
            self.dims.append(values)
            self.size += size
        self.size += CELL_BYTES
        self.cells.append(Cell(minute, place, cell.sum, cell.count))

    def widen(self, shape: Shape, cell: CellSum) -> None:
        """Add what stands beside the cell."""
        if shape.over:
            self.over.append(cell.over)
            self.size += SUM_BYTES
        if shape.sketches and cell.sketch is not None:
            self.sketches.append(cell.sketch.to_bytes())
            self.size += len(self.sketches[-1]) * 4 // 3 + 8  # base64 in JSON


class WrittenPart(NamedTuple):
    """The same as JSON: each line of the table, the list of cells, that of denominators."""

    dims: list[Raw]
    cells: Raw
    over: Raw | tuple[()] = ()


def parts_of(metric: MetricPlan, cells: Mapping[CellKey, CellSum]) -> Iterator[Part]:
    """Yield the cells as parts: one, also if there is none, unless one record cannot hold them."""
    names, shape = metric.dims, Shape.of(metric.definition.kind)
    part, wide = Part(), any(shape)
    for (minute, dims), cell in cells.items():
        if part.size > BATCH_BYTES:
            yield part
            part = Part()
        part.add(names, minute, dims, cell)
        if wide:
            part.widen(shape, cell)
    yield part


@lru_cache(200_000)
def named(names: tuple[str, ...], dims: Dims) -> tuple[dict[str, str], int]:
    """Return the values under their names, and about how many bytes they take in a record."""
    texts = [(name, str(value)) for name, value in zip(names, dims, strict=True)]
    size = sum(len(text) * 4 + len(name) + 8 for name, text in texts)
    there = zip(texts, dims, strict=True)
    return {name: text for (name, text), value in there if value is not None}, size
