"""Columns are folded: what the general fold (domain.folding) comes to, for many events at once.

Sums are exact: where one has more digits behind the point than a value may have, the whole slice
goes the general way.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from metrics_ingest.domain.bulk_columns import Columns, Rows
from metrics_ingest.domain.bulk_plans import NotPlainError, Shape
from metrics_ingest.domain.bulk_reading import Prepared
from metrics_ingest.domain.cells import Amount, CellKey, CellSum, Dims
from metrics_ingest.domain.folding import Arrival, Folded, Plans, SourceFold, fold
from metrics_ingest.domain.generations import Mask, Words, first_of
from metrics_ingest.domain.scan.groups import Grouped, grouped, sums
from metrics_ingest.domain.stamps import VERSION_SHIFT
from metrics_ingest.domain.window import pack_words, words_of

Find = Callable[[Words], tuple[Mask, Words]]

_MINUTE_MS = 60_000
_QUARTER_MS = 900_000
_UNITS = [Decimal(1).scaleb(-places) for places in range(31)]


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
    groups = grouped(columns.codes, columns.at_ms // _MINUTE_MS)
    sums = {name: _sums(groups, values) for name, values in columns.amounts.items()}
    name = (plan.tenant, plan.source.name)
    source = folded.sources.get(name)
    if source is None:
        source = folded.sources[name] = SourceFold(plan)
    source.accepted += len(columns.rows)
    source.unmatched += int((~columns.shapes.used[columns.codes]).sum())
    source.last_event_ms = max(source.last_event_ms, int(columns.at_ms.max()))
    for quarter, number in _tally(columns.at_ms // _QUARTER_MS):
        source.quarters[quarter] = source.quarters.get(quarter, 0) + number
    _add_cells(source, columns, groups, sums)


def _add_cells(
    source: SourceFold, columns: Columns, groups: Grouped, sums: dict[str, "_Sums"]
) -> None:
    targets: dict[int, list[_Target]] = {}
    counts = groups.counts.tolist()
    ones = list(map(Decimal, counts)), counts
    for group, (code, minute) in enumerate(groups.pairs.tolist()):
        of_shape = targets.get(code)
        if of_shape is None:
            of_shape = targets[code] = _targets(source, columns.shapes.all[code], sums, ones)
        for cells, dims, totals, numbers in of_shape:
            number = numbers[group]
            if not number:
                continue
            key = (minute, dims)
            cell = cells.get(key)
            if cell is None:
                cells[key] = CellSum(totals[group], number)
            else:
                cell.add(Amount(totals[group]), number)


_Sums = tuple[list[Decimal], list[int]]
_Target = tuple[dict[CellKey, CellSum], Dims, list[Decimal], list[int]]


def _targets(
    source: SourceFold, shape: Shape, sums: dict[str, _Sums], ones: _Sums
) -> list[_Target]:
    """Return the cells that events of a shape add to, and what they add by group."""
    found = []
    for metric, dims, amount in shape.adds:
        totals, numbers = ones if amount is None else sums[amount]
        found.append((source.cells.setdefault(metric, {}), dims, totals, numbers))
    return found


def _sums(groups: Grouped, amounts: tuple[Rows, Rows]) -> _Sums:
    """Return sum and number of the values by group; raises NotPlainError."""
    found = sums(groups.of_row, len(groups.counts), *amounts)
    if found is None:
        raise NotPlainError
    units = map(_UNITS.__getitem__, found.places.tolist())
    return list(
        map(Decimal.__mul__, map(Decimal, found.mantissa.tolist()), units)
    ), found.counts.tolist()


def _tally(values: Rows) -> Iterable[tuple[int, int]]:
    found, counts = np.unique(values, return_counts=True)
    return zip(found.tolist(), counts.tolist(), strict=True)
