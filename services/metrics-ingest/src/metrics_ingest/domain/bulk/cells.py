"""Cells of metrics in columns, on their way from the bulk fold into fact batches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from itertools import pairwise, repeat
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from metrics_ingest.domain.bulk.shapes import Targets
from metrics_ingest.domain.definitions import MetricKind
from metrics_ingest.domain.facts.cells import CellKey, CellSum, DaySets, day_of
from metrics_ingest.domain.facts.parts import BATCH_BYTES, CELL_BYTES, SUM_BYTES, WrittenPart
from metrics_ingest.domain.scan.cells import number_targets
from metrics_ingest.domain.scan.groups import Sums, ordered
from metrics_ingest.domain.scan.written import written, written_sums
from metrics_ingest.domain.values import EXACT
from service_kit.sketches import Sketch

Rows = NDArray[np.int64]

_NO_SETS: frozenset[bytes] = frozenset()
_UNITS = [Decimal(1).scaleb(-places) for places in range(31)]


class BulkCells(NamedTuple):
    """A metric's cells by row. ``table`` numbers the targets that they belong to.

    ``dims`` are places in the table; a cell's sum is mantissa / 10 ** places, and so is its
    denominator in ``over``, which ratios have. ``first_day`` and ``last_day`` are those of the
    minutes, ``text`` is all of the cells as JSON, ``over_text`` all denominators. ``sketches`` are
    those of a metric that has some: it is written cell by cell.
    """

    targets: Targets
    table: Rows
    dims: Rows
    minutes: Rows
    sums: Sums
    first_day: int
    last_day: int
    text: bytes
    over: Sums | None = None
    over_text: bytes = b""
    sketches: Sequence[Sketch] = ()

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
        if len(self.minutes) <= most:
            yield self._lines(table, self.text, self.over_text)
            return
        for start in range(0, len(self.minutes), most):
            yield self._part(table, slice(start, start + most))

    def _part(self, table: list[int], rows: slice) -> WrittenPart:
        dims = self.dims[rows]
        if len(dims) < len(self.dims):
            used, dims = np.unique(dims, return_inverse=True)
            table = [table[place] for place in used.tolist()]
        ends = np.array([len(dims)])
        (text,) = written(self.minutes[rows], dims, _cut(self.sums, rows), ends)
        over_text = b""
        if self.over is not None:
            (over_text,) = written_sums(_cut(self.over, rows), ends - len(dims), ends)
        return self._lines(table, text, over_text)

    def _lines(self, table: list[int], text: bytes, over_text: bytes) -> WrittenPart:
        lines = list(map(self.targets.written.__getitem__, table))
        return WrittenPart(lines, msgspec.Raw(text), msgspec.Raw(over_text) if over_text else ())


def _cut(sums: Sums, rows: slice | Rows) -> Sums:
    return Sums(sums.mantissa[rows], sums.places[rows], sums.counts[rows])


def _totals(sums: Sums) -> Iterable[Decimal]:
    units = map(_UNITS.__getitem__, sums.places.tolist())
    return map(Decimal.__mul__, map(Decimal, sums.mantissa.tolist()), units)


def by_metric(
    targets: Targets,
    metrics: int,
    target: Rows,
    minutes: Rows,
    sums: Sums,
    below: Sums,
    sketches: Mapping[int, Sketch],
) -> Iterator[tuple[int, BulkCells]]:
    """Yield the cells of each metric that has some; ``metrics`` is how many there are.

    ``below`` are the denominators of ratios; what it holds for others is not looked at.
    ``sketches`` are those of rows. What can be done for all metrics at once, is: one may have no
    more than a cell or two.
    """
    if not len(target):
        return
    metric = targets.metric.all[target]
    order, begins = ordered(metric, metrics)
    target, minutes, metric = target[order], minutes[order], metric[order]
    sums, below = _cut(sums, order), _cut(below, order)
    dims, table, table_ends = np.empty((3, len(order)), np.int64)
    number_targets(target, metric, np.full(len(targets), -1, np.int64), dims, table, table_ends)
    there = np.flatnonzero(np.diff(begins))
    starts, ends = begins[there], begins[there + 1]
    ratio = targets.of_kind(MetricKind.RATIO)[there]
    over_texts = written_sums(below, starts[ratio], ends[ratio])
    over_text = dict(zip(there[ratio].tolist(), over_texts, strict=True))
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
    for number, start, end, (first, last), first_day, last_day, text in columns:
        rows = slice(start, end)
        yield (
            number,
            BulkCells(
                targets,
                table[first:last],
                dims[rows],
                minutes[rows],
                _cut(sums, rows),
                first_day,
                last_day,
                text,
                _cut(below, rows) if number in over_text else None,
                over_text.get(number, b""),
                _sketches_of(order[rows], sketches) if sketches else (),
            ),
        )


def _sketches_of(rows: Rows, sketches: Mapping[int, Sketch]) -> list[Sketch]:
    """Return the sketches of a metric's rows: all have one, or none has."""
    return [sketches[row] for row in rows.tolist() if row in sketches]


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
