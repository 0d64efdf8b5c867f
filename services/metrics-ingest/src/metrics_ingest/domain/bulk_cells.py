"""Cells of metrics in columns, on their way from the bulk fold into fact batches."""

from collections.abc import Iterator, Mapping
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from metrics_ingest.domain.bulk_shapes import Targets
from metrics_ingest.domain.cells import CellKey, CellSum, DaySets, day_of
from metrics_ingest.domain.parts import BATCH_BYTES, CELL_BYTES, WrittenPart
from metrics_ingest.domain.scan.cells import number_targets
from metrics_ingest.domain.scan.groups import Sums, ordered
from metrics_ingest.domain.scan.written import written
from metrics_ingest.domain.values import EXACT

Rows = NDArray[np.int64]

_NO_SETS: frozenset[bytes] = frozenset()
_UNITS = [Decimal(1).scaleb(-places) for places in range(31)]


class BulkCells(NamedTuple):
    """A metric's cells by row. ``table`` numbers the targets that they belong to.

    ``dims`` are places in the table; a cell's sum is mantissa / 10 ** places. ``first_day`` and
    ``last_day`` are those of the minutes, ``text`` is all of the cells as JSON.
    """

    targets: Targets
    table: Rows
    dims: Rows
    minutes: Rows
    sums: Sums
    first_day: int
    last_day: int
    text: bytes

    def known(self, sets: DaySets) -> bool:
        """Whether all dimension sets are known on their days."""
        keys = map(self.targets.set_keys.__getitem__, self.table.tolist())
        if self.first_day == self.last_day:
            return sets.get(self.first_day, _NO_SETS).issuperset(keys)
        all_keys, days = set(keys), range(self.first_day, self.last_day + 1)
        return all(sets.get(day, _NO_SETS) >= all_keys for day in days)

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
        rows = zip(
            self.minutes.tolist(), self.dims.tolist(), self._totals(), self.sums.counts, strict=True
        )
        return {(minute, dims[at]): CellSum(sum_, int(n)) for minute, at, sum_, n in rows}

    def parts(self) -> Iterator[WrittenPart]:
        """Yield them as parts that fit into records."""
        table = self.table.tolist()
        most = BATCH_BYTES // (CELL_BYTES + max(map(self.targets.sizes.__getitem__, table)))
        if len(self.minutes) <= most:
            yield self._lines(table, self.text)
            return
        for start in range(0, len(self.minutes), most):
            yield self._part(table, slice(start, start + most))

    def _part(self, table: list[int], rows: slice) -> WrittenPart:
        dims = self.dims[rows]
        if len(dims) < len(self.dims):
            used, dims = np.unique(dims, return_inverse=True)
            table = [table[place] for place in used.tolist()]
        sums = Sums(*(column[rows] for column in self.sums))
        (text,) = written(self.minutes[rows], dims, sums, np.array([len(dims)]))
        return self._lines(table, text)

    def _lines(self, table: list[int], text: bytes) -> WrittenPart:
        return WrittenPart(list(map(self.targets.written.__getitem__, table)), msgspec.Raw(text))

    def _totals(self) -> list[Decimal]:
        units = map(_UNITS.__getitem__, self.sums.places.tolist())
        return list(map(Decimal.__mul__, map(Decimal, self.sums.mantissa.tolist()), units))


def by_metric(
    targets: Targets, metrics: int, target: Rows, minutes: Rows, sums: Sums
) -> Iterator[tuple[int, BulkCells]]:
    """Yield the cells of each metric that has some; ``metrics`` is how many there are.

    What can be done for all of them at once, is: a metric may have no more than a cell or two.
    """
    if not len(target):
        return
    metric = targets.metric.all[target]
    order, begins = ordered(metric, metrics)
    target, minutes, metric = target[order], minutes[order], metric[order]
    sums = Sums(*(column[order] for column in sums))
    dims, table, table_ends = np.empty((3, len(order)), np.int64)
    number_targets(target, metric, np.full(len(targets), -1, np.int64), dims, table, table_ends)
    there = np.flatnonzero(np.diff(begins))
    starts, ends = begins[there], begins[there + 1]
    columns = zip(
        there.tolist(),
        starts.tolist(),
        ends.tolist(),
        pairwise([0, *table_ends[ends - 1].tolist()]),
        day_of(np.minimum.reduceat(minutes, starts)).tolist(),
        day_of(np.maximum.reduceat(minutes, starts)).tolist(),
        written(minutes, dims, sums, ends),
        strict=True,
    )
    mantissa, places, counts = sums
    for number, start, end, (first, last), first_day, last_day, text in columns:
        yield (
            number,
            BulkCells(
                targets,
                table[first:last],
                dims[start:end],
                minutes[start:end],
                Sums(mantissa[start:end], places[start:end], counts[start:end]),
                first_day,
                last_day,
                text,
            ),
        )


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
