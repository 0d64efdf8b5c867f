"""Compacted facts: a UTC day's cells summed per minute and dimensions, in blocks of bounded size.

The blocks of a day cover it without a gap. A day begins as one block; a block that outgrows
BLOCK_CELLS is cut at a minute, so that merging a few cells never rewrites a whole busy day.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from event_contracts.facts import Cell
from goal_service.domain.amounts import Sum
from goal_service.domain.sheets import Sheet

BLOCK_CELLS = 20_000
DAY_MINUTES = 1_440

Dims = frozenset[tuple[str, str]]
Sums = dict[tuple[int, Dims], Sum]


class Range(NamedTuple):
    """UTC epoch minutes from ``begin`` up to, not including, ``end``."""

    begin: int
    end: int


class Block(NamedTuple):
    """The compacted cells of a range."""

    range: Range
    sheet: Sheet


def sums_of(sheets: Iterable[Sheet]) -> Sums:
    """Return the cells' sums per minute and dimensions."""
    sums: Sums = {}
    for sheet in sheets:
        tables = [frozenset(dims.items()) for dims in sheet.dims]
        for cell in sheet.cells:
            place = (cell.minute, tables[cell.dims])
            sums[place] = sums.get(place, Sum()).plus(cell.sum, cell.count)
    return sums


def days_of(sums: Iterable[tuple[int, Dims]]) -> set[int]:
    """Return the UTC day numbers (epoch minutes // 1440) that the sums touch."""
    return {minute // DAY_MINUTES for minute, _ in sums}


def touched(sums: Sums, existing: Iterable[Range]) -> dict[Range, Sums]:
    """Deal the sums out to the ranges that hold them; a day without blocks is one new range."""
    ranges = _by_day(existing)
    dealt: dict[Range, Sums] = {}
    for place, part in sums.items():
        day = place[0] // DAY_MINUTES
        known = ranges.get(day) or [Range(day * DAY_MINUTES, (day + 1) * DAY_MINUTES)]
        holder = next(each for each in known if each.begin <= place[0] < each.end)
        dealt.setdefault(holder, {})[place] = part
    return dealt


def merged(within: Range, sums: Sums, block: Sheet | None, limit: int = BLOCK_CELLS) -> list[Block]:
    """Return the range's block with the sums added, cut where it has more than ``limit`` cells.

    Cells that came to nothing (a contribution and its reversal) are left out.
    """
    whole = dict(sums)
    for place, part in sums_of([block] if block else []).items():
        whole[place] = whole.get(place, Sum()).plus(part.value, part.events)
    return _cut(within, {place: part for place, part in whole.items() if any(part)}, limit)


def sheet_of(sums: Mapping[tuple[int, Dims], Sum]) -> Sheet:
    """Write sums as a sheet, in the order of minutes."""
    table: dict[Dims, int] = {}
    cells = [
        Cell(minute, table.setdefault(dims, len(table)), part.value, part.events)
        for (minute, dims), part in sorted(sums.items(), key=lambda item: item[0][0])
    ]
    return Sheet(tuple(dict(dims) for dims in table), tuple(cells))


def _cut(within: Range, sums: Sums, limit: int) -> list[Block]:
    minutes = sorted(minute for minute, _ in sums)
    if len(minutes) <= limit or minutes[0] == minutes[-1]:
        return [Block(within, sheet_of(sums))]
    middle = minutes[len(minutes) // 2]
    if middle == minutes[0]:  # most cells share the first minute
        middle = next(minute for minute in minutes if minute > middle)
    left = {place: part for place, part in sums.items() if place[0] < middle}
    right = {place: part for place, part in sums.items() if place[0] >= middle}
    return [
        *_cut(Range(within.begin, middle), left, limit),
        *_cut(Range(middle, within.end), right, limit),
    ]


def _by_day(ranges: Iterable[Range]) -> dict[int, Sequence[Range]]:
    days: dict[int, list[Range]] = {}
    for each in ranges:
        days.setdefault(each.begin // DAY_MINUTES, []).append(each)
    return dict(days)
