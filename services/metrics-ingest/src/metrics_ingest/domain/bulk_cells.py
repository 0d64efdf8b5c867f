"""Cells of one metric in columns, on their way from the bulk fold into fact batches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import repeat

import msgspec
import numpy as np
from numpy.typing import NDArray

from metrics_ingest.domain.bulk_shapes import Targets
from metrics_ingest.domain.cells import CellKey, CellSum, DaySets, day_of
from metrics_ingest.domain.parts import BATCH_BYTES, CELL_BYTES, SUM_BYTES, WrittenPart
from metrics_ingest.domain.scan.groups import Sums
from metrics_ingest.domain.scan.written import written, written_sums
from metrics_ingest.domain.values import EXACT
from service_kit.sketches import Sketch

Rows = NDArray[np.int64]

_UNITS = [Decimal(1).scaleb(-places) for places in range(31)]


@dataclass(frozen=True, slots=True)
class BulkCells:
    """A metric's cells by row. ``table`` numbers the targets that they belong to.

    ``dims`` are places in the table; a cell's sum is mantissa / 10 ** places, and so is its
    denominator in ``over``, which ratios have. ``sketches`` are those of a metric that has some:
    it is written cell by cell.
    """

    targets: Targets
    table: Rows
    dims: Rows
    minutes: Rows
    sums: Sums
    over: Sums | None = None
    sketches: Sequence[Sketch | None] = ()

    def known(self, sets: DaySets) -> bool:
        """Whether all dimension sets are known on their days."""
        keys = set(map(self.targets.set_keys.__getitem__, self.table.tolist()))
        first, last = day_of(int(self.minutes.min())), day_of(int(self.minutes.max()))
        return all(sets.get(day, frozenset()) >= keys for day in range(first, last + 1))

    def met(self) -> dict[int, set[bytes]]:
        """Return the dimension sets, as cells.set_key, by UTC day."""
        keys = list(map(self.targets.set_keys.__getitem__, self.table.tolist()))
        days = day_of(self.minutes)
        return {
            day: {keys[place] for place in np.unique(self.dims[days == day]).tolist()}
            for day in np.unique(days).tolist()
        }

    def as_cells(self) -> dict[CellKey, CellSum]:
        """Return them one by one."""
        dims = [self.targets.dims[target] for target in self.table.tolist()]
        over = repeat(Decimal(0)) if self.over is None else _totals(self.over)
        rows = zip(
            self.minutes.tolist(),
            self.dims.tolist(),
            _totals(self.sums),
            self.sums.counts.tolist(),
            over,
            self.sketches or repeat(None),
            strict=False,
        )
        return {(minute, dims[at]): CellSum(*found) for minute, at, *found in rows}

    def parts(self) -> Iterator[WrittenPart]:
        """Yield them as parts that fit into records."""
        table = self.table.tolist()
        beside = 0 if self.over is None else SUM_BYTES
        sizes = map(self.targets.sizes.__getitem__, table)
        most = BATCH_BYTES // (CELL_BYTES + beside + max(sizes))
        for start in range(0, len(self.minutes), most):
            yield self._part(table, slice(start, start + most))

    def _part(self, table: list[int], rows: slice) -> WrittenPart:
        dims = self.dims[rows]
        if len(dims) < len(self.dims):
            used, dims = np.unique(dims, return_inverse=True)
            table = [table[place] for place in used.tolist()]
        cells = msgspec.Raw(written(self.minutes[rows], dims, _cut(self.sums, rows)))
        lines = list(map(self.targets.written.__getitem__, table))
        if self.over is None:
            return WrittenPart(lines, cells)
        return WrittenPart(lines, cells, msgspec.Raw(written_sums(_cut(self.over, rows))))


def _cut(sums: Sums, rows: slice) -> Sums:
    return Sums(*(column[rows] for column in sums))


def _totals(sums: Sums) -> Iterable[Decimal]:
    units = map(_UNITS.__getitem__, sums.places.tolist())
    return map(Decimal.__mul__, map(Decimal, sums.mantissa.tolist()), units)


def merged(
    there: Mapping[CellKey, CellSum] | None, more: list[BulkCells]
) -> dict[CellKey, CellSum]:
    """Return cells one by one with those in columns added."""
    cells = dict(there or {})
    with localcontext(EXACT):
        for columns in more:
            for key, cell in columns.as_cells().items():
                if key in cells:
                    cells[key].merge(cell)
                else:
                    cells[key] = cell
    return cells
