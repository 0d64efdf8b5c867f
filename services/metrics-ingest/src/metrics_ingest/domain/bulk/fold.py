"""Columns are folded: what the general fold (domain.folding) comes to, for many events at once.

Sums are exact: where one needs more than 64 bits, the whole slice goes the general way.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from metrics_ingest.domain.bulk.cells import by_metric
from metrics_ingest.domain.bulk.columns import Columns, Rows
from metrics_ingest.domain.bulk.plans import NotPlainError
from metrics_ingest.domain.bulk.reading import Prepared
from metrics_ingest.domain.bulk.sketches import sketches_of
from metrics_ingest.domain.definitions import SKETCH_KINDS, MetricKind
from metrics_ingest.domain.folding import Arrival, Folded, Plans, fold
from metrics_ingest.domain.scan.cells import expand
from metrics_ingest.domain.scan.groups import Grouped, Sums, grouped, sums
from metrics_ingest.domain.seen.generations import Mask, Words, first_of
from metrics_ingest.domain.seen.stamps import VERSION_SHIFT
from metrics_ingest.domain.seen.window import pack_words, words_of
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
    shift = np.uint64(VERSION_SHIFT)
    other = (first != columns.stamps) & (first >> shift == columns.stamps >> shift)
    copies = _by_owner(columns.owners)
    conflicts = dict(_by_owner(columns.owners[other]))
    for owner, number in copies:
        counts = folded.counts_of(columns.plan.names[owner])
        counts.duplicates += number
        counts.conflicts += conflicts.get(owner, 0)


def _by_owner(owners: Rows) -> list[tuple[int, int]]:
    """Return how many rows each owner has that has any."""
    counts = np.bincount(owners)
    there = np.flatnonzero(counts)
    return list(zip(there.tolist(), counts[there].tolist(), strict=True))


def fold_columns(folded: Folded, columns: Columns) -> None:
    """Add events that count for the first time; raises NotPlainError before it changes sums."""
    plan, targets = columns.plan, columns.shapes.targets
    # The thread that reads ahead may learn more targets meanwhile, and their metrics.
    metrics = targets.metrics.copy()
    added = _added(columns)
    groups = grouped(added[0], added[1])
    above = sums(groups.of_row, len(groups.counts), added[2], added[3])
    below = _below(columns, groups, added)
    if above is None or below is None:
        raise NotPlainError
    unmatched = dict(_by_owner(columns.owners[~columns.shapes.used.all[columns.codes]]))
    sources = {}
    for owner, number in _by_owner(columns.owners):
        source = sources[owner] = folded.source_of(plan.plans[owner])
        source.accepted += number
        source.unmatched += unmatched.get(owner, 0)
    quarters = grouped(columns.owners, columns.at_ms // _QUARTER_MS)
    for (owner, quarter), number in zip(
        quarters.pairs.tolist(), quarters.counts.tolist(), strict=True
    ):
        of_source = sources[owner].quarters
        of_source[quarter] = of_source.get(quarter, 0) + number
    sketches = _sketches(columns, groups, added)
    target, minutes = groups.pairs.T
    cells = by_metric(targets, len(metrics), target, minutes, above, below, sketches)
    for metric, of_metric in cells:
        owner, name = metrics[metric]
        sources[owner].columns.setdefault(name, []).append(of_metric)


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


def _below(columns: Columns, groups: Grouped, added: Rows) -> Sums | None:
    """Return the denominators of ratios; others have nothing, or what is noted in a sketch."""
    targets = columns.shapes.targets
    ratio = targets.of_kind(MetricKind.RATIO)
    if not ratio.any():
        return Sums(*np.zeros((3, len(groups.counts)), np.int64))
    # A value with negative places is none.
    places = np.where(ratio[targets.metric.all[added[0]]], added[5], -1)
    return sums(groups.of_row, len(groups.counts), added[4], places)


def _sketches(columns: Columns, groups: Grouped, added: Rows) -> dict[int, Sketch]:
    """Return the sketches of the groups whose metrics have some."""
    targets = columns.shapes.targets
    found: dict[int, Sketch] = {}
    for kind in SKETCH_KINDS:
        if (of_kind := targets.of_kind(kind)).any():
            rows = np.flatnonzero(of_kind[targets.metric.all[added[0]]])
            items = added[4][rows], added[5][rows]
            found |= sketches_of(kind, groups.of_row[rows], *items, columns.values.bytes)
    return found
