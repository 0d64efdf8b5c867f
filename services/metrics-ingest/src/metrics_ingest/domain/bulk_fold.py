"""Columns are folded: what the general fold (domain.folding) comes to, for many events at once.

Sums are exact: where one needs more than 64 bits, the whole slice goes the general way.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from metrics_ingest.domain.bulk_cells import BulkCells
from metrics_ingest.domain.bulk_columns import Columns, Rows
from metrics_ingest.domain.bulk_plans import NotPlainError
from metrics_ingest.domain.bulk_reading import Prepared
from metrics_ingest.domain.bulk_sketches import sketches_of
from metrics_ingest.domain.folding import Arrival, Folded, Plans, SourceFold, fold
from metrics_ingest.domain.generations import Mask, Words, first_of
from metrics_ingest.domain.scan.cells import expand, number_targets
from metrics_ingest.domain.scan.groups import Sums, grouped, ordered, sums
from metrics_ingest.domain.stamps import VERSION_SHIFT
from metrics_ingest.domain.window import pack_words, words_of
from service_kit.sketches import Sketch

Find = Callable[[Words], tuple[Mask, Words]]

_MINUTE_MS = 60_000
_QUARTER_MS = 900_000


def fold_prepared(
    prepared: Prepared,
    arrivals: Callable[[Sequence[int]], list[Arrival]],
    plans: Plans,
    find: Find,
) -> tuple[Folded, list[Arrival]]:
    """Fold a slice; return what it comes to, and the arrivals that went the general way.

    ``arrivals`` reads rows in the general way, ``find`` tells which ids were seen before.
    """
    ids, general = prepared.ids, arrivals(prepared.rest)
    if general:
        ids = ids.copy()
        ids[prepared.rest] = words_of([arrival.key for arrival in general])
    here, stamps = find(ids)
    first = first_of(ids)
    # A copy of what goes the general way goes there too: in what order they came is minded there.
    with_general = np.zeros(len(ids), np.bool_)
    with_general[first[prepared.rest]] = True
    with_general = with_general[first]
    if int(with_general.sum()) > len(general):
        general = arrivals(np.flatnonzero(with_general).tolist())
    known = _known(ids[here], stamps[here])
    try:
        folded = fold(general, plans, known.get)
        _fold_doors(folded, prepared.columns, _Seen(ids, here, stamps, first), ~with_general)
    except NotPlainError:
        general = arrivals(range(len(ids)))
        folded = fold(general, plans, known.get)
    return folded, general


def _known(ids: Words, stamps: Words) -> dict[bytes, int]:
    return {id_.tobytes(): stamp for id_, stamp in zip(ids, stamps.tolist(), strict=True)}


class _Seen(NamedTuple):
    """By row: the id, whether it was seen before the slice, with which stamp, its first row."""

    ids: Words
    here: Mask
    stamps: Words
    first: Rows


def _fold_doors(folded: Folded, doors: Sequence[Columns], seen: _Seen, bulk: Mask) -> None:
    stamps = seen.stamps.copy()
    for columns in doors:
        rows = columns.rows
        fresh = bulk[rows] & ~seen.here[rows] & (seen.first[rows] == rows)
        new = columns if fresh.all() else columns.only(fresh)
        if len(new.rows):
            fold_columns(folded, new)
            stamps[new.rows] = new.stamps
            folded.packed += pack_words(seen.ids[new.rows], new.stamps)
    for columns in doors:
        rows = columns.rows
        copies = bulk[rows] & (seen.here[rows] | (seen.first[rows] != rows))
        if copies.any():
            firsts = np.where(seen.here[rows], rows, seen.first[rows])[copies]
            _count_copies(folded, columns.only(copies), stamps[firsts])


def _count_copies(folded: Folded, columns: Columns, first: Words) -> None:
    """Count copies; ``first`` are the stamps of their first ones."""
    plan = columns.plan.plan
    counts = folded.counts_of((plan.tenant, plan.source.name))
    counts.duplicates += len(first)
    shift = np.uint64(VERSION_SHIFT)
    other = (first != columns.stamps) & (first >> shift == columns.stamps >> shift)
    counts.conflicts += int(other.sum())


def fold_columns(folded: Folded, columns: Columns) -> None:
    """Add events that count for the first time; raises NotPlainError before it changes sums."""
    plan = columns.plan.plan
    cells = _cells_of(columns)
    if cells is None:
        raise NotPlainError
    name = (plan.tenant, plan.source.name)
    source = folded.sources.get(name)
    if source is None:
        source = folded.sources[name] = SourceFold(plan)
    source.accepted += len(columns.rows)
    source.unmatched += int((~columns.shapes.used.all[columns.codes]).sum())
    source.last_event_ms = max(source.last_event_ms, int(columns.at_ms.max()))
    for quarter, number in _tally(columns.at_ms // _QUARTER_MS):
        source.quarters[quarter] = source.quarters.get(quarter, 0) + number
    for metric, of_metric in cells.items():
        source.columns.setdefault(metric, []).append(of_metric)


def _cells_of(columns: Columns) -> dict[str, BulkCells] | None:
    """Return by metric what the events come to, None if a sum needs more than 64 bits."""
    targets = columns.shapes.targets
    # The thread that reads ahead may learn more targets meanwhile, and their metrics.
    metrics = targets.metrics.copy()
    added = _added(columns)
    groups = grouped(added[0], added[1])
    noted = _noted(columns, added[0])
    found = sums(groups.of_row, len(groups.counts), added[2], added[3])
    below = found
    if columns.plan.ratios:
        # What is noted in sketches is no sum, as a value with negative places is none.
        places = np.where(noted, -1, added[5])
        below = sums(groups.of_row, len(groups.counts), added[4], places)
    if found is None or below is None:
        return None
    sketches = _sketches(columns, groups.of_row, added, noted)
    metric = targets.metric.all[groups.pairs[:, 0]]
    order, begins = ordered(metric, len(metrics))
    target, minutes, metric = groups.pairs[order, 0], groups.pairs[order, 1], metric[order]
    dims, table, ends = np.empty((3, len(order)), np.int64)
    number_targets(target, metric, np.full(len(targets.dims), -1, np.int64), dims, table, ends)
    cells = {}
    for name, (start, end) in zip(metrics, pairwise(begins.tolist()), strict=True):
        if start == end:
            continue
        rows = slice(start, end)
        of_metric = table[ends[start - 1] if start else 0 : ends[end - 1]]
        cut = [Sums(*(column[order[rows]] for column in side)) for side in (found, below)]
        over = cut[1] if name in columns.plan.ratios else None
        of_cells = (
            [sketches[name].get(group) for group in order[rows].tolist()]
            if name in sketches
            else ()
        )
        cells[name] = BulkCells(
            targets, of_metric, dims[rows], minutes[rows], cut[0], over, of_cells
        )
    return cells


def _added(columns: Columns) -> Rows:
    """Return what the events add as columns, see scan.cells.expand."""
    shapes = columns.shapes
    most = int(np.diff(shapes.first_add.all)[columns.codes].sum())
    added = np.empty((6, most), np.int64)
    adds = (
        shapes.first_add.all, shapes.add_target.all, shapes.add_above.all, shapes.add_below.all
    )  # fmt: skip
    count = expand(columns.codes, columns.at_ms // _MINUTE_MS, *adds, columns.amounts, added)
    return added[:, :count]


def _noted(columns: Columns, target: Rows) -> Mask:
    """Return which of the things that are added are noted in a sketch, too."""
    if not columns.plan.sketches:
        return np.zeros(len(target), np.bool_)
    targets = columns.shapes.targets
    sketched = [name in columns.plan.sketches for name in targets.metrics]
    noted: Mask = np.array(sketched, np.bool_)[targets.metric.all[target]]
    return noted


def _sketches(
    columns: Columns, of_row: Rows, added: Rows, noted: Mask
) -> dict[str, dict[int, Sketch]]:
    """Return by metric the sketches of its groups."""
    if not noted.any():
        return {}
    targets, text = columns.shapes.targets, columns.values.bytes.tobytes()
    found = {}
    for number, name in enumerate(targets.metrics.copy()):
        if name in columns.plan.sketches:
            rows = np.flatnonzero(targets.metric.all[added[0]] == number)
            kind = columns.plan.sketches[name]
            found[name] = sketches_of(kind, of_row[rows], added[4][rows], added[5][rows], text)
    return found


def _tally(values: Rows) -> Iterable[tuple[int, int]]:
    found = grouped(values, values)
    return zip(found.pairs[:, 0].tolist(), found.counts.tolist(), strict=True)
