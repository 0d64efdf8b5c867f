"""Compacted facts: a UTC day's cells summed per minute and dimensions, in blocks of bounded size.

The blocks of a day cover it without a gap. A day begins as one block; a block that outgrows
BLOCK_CELLS is cut at a minute, so that merging a few cells never rewrites a whole busy day.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from event_contracts.facts import Cell
from goal_service.domain.sheets import Sheet
from goal_service.domain.tallies import Tally, columns_of, tallies_of

BLOCK_CELLS = 20_000
DAY_MINUTES = 1_440

Dims = frozenset[tuple[str, str]]


class Spot(NamedTuple):
    """A UTC epoch minute, dimensions, and the zone whose local day a day-grain cell stands for."""

    minute: int
    dims: Dims
    day_zone: str | None = None


Sums = dict[Spot, Tally]


class Range(NamedTuple):
    """UTC epoch minutes from ``begin`` up to, not including, ``end``."""

    begin: int
    end: int


class Block(NamedTuple):
    """The compacted cells of a range."""

    range: Range
    sheets: tuple[Sheet, ...]


def sums_of(sheets: Iterable[Sheet]) -> Sums:
    """Return the cells' sums per minute and dimensions."""
    sums: Sums = {}
    for sheet in sheets:
        tables = [frozenset(dims.items()) for dims in sheet.dims]
        for cell, tally in tallies_of(sheet):
            spot = Spot(cell.minute, tables[cell.dims], sheet.day_zone)
            sums.setdefault(spot, Tally()).add(tally)
    return sums


def days_of(sums: Iterable[Spot]) -> set[int]:
    """Return the UTC day numbers (epoch minutes // 1440) that the sums touch."""
    return {spot.minute // DAY_MINUTES for spot in sums}


def touched(sums: Sums, existing: Iterable[Range]) -> dict[Range, Sums]:
    """Deal the sums out to the ranges that hold them; a day without blocks is one new range."""
    ranges = _by_day(existing)
    dealt: dict[Range, Sums] = {}
    for spot, part in sums.items():
        day = spot.minute // DAY_MINUTES
        known = ranges.get(day) or [Range(day * DAY_MINUTES, (day + 1) * DAY_MINUTES)]
        holder = next(each for each in known if each.begin <= spot.minute < each.end)
        dealt.setdefault(holder, {})[spot] = part
    return dealt


def merged(
    within: Range, sums: Sums, block: Iterable[Sheet], limit: int = BLOCK_CELLS
) -> list[Block]:
    """Return the range's block with the sums added, cut where it weighs more than ``limit`` cells.

    Cells that came to nothing (a contribution and its reversal) are left out.
    """
    whole = sums_of(block)
    for spot, part in sums.items():
        whole.setdefault(spot, Tally()).add(part)
    kept = {spot: part.packed() for spot, part in whole.items() if not part.nothing}
    return _cut(within, kept, limit)


def sheets_of(sums: Mapping[Spot, Tally]) -> tuple[Sheet, ...]:
    """Write sums as sheets, one for each zone of day grain, in the order of minutes."""
    zones = sorted({spot.day_zone for spot in sums}, key=lambda zone: zone or "")
    return tuple(
        _sheet(zone, {s: part for s, part in sums.items() if s.day_zone == zone}) for zone in zones
    )


def _sheet(zone: str | None, sums: Mapping[Spot, Tally]) -> Sheet:
    table: dict[Dims, int] = {}
    ordered = sorted(sums.items(), key=lambda item: item[0].minute)
    cells = [
        Cell(spot.minute, table.setdefault(spot.dims, len(table)), part.value, part.events)
        for spot, part in ordered
    ]
    over, sketches = columns_of(part for _, part in ordered)
    return Sheet(tuple(dict(dims) for dims in table), tuple(cells), over, sketches, zone)


def _cut(within: Range, sums: Sums, limit: int) -> list[Block]:
    weights = sorted((spot.minute, part.weight) for spot, part in sums.items())
    whole = sum(weight for _, weight in weights)
    if whole <= limit or weights[0][0] == weights[-1][0]:
        return [Block(within, sheets_of(sums))]
    middle = _middle(weights, whole)
    left = {spot: part for spot, part in sums.items() if spot.minute < middle}
    right = {spot: part for spot, part in sums.items() if spot.minute >= middle}
    return [
        *_cut(Range(within.begin, middle), left, limit),
        *_cut(Range(middle, within.end), right, limit),
    ]


def _middle(weights: Sequence[tuple[int, int]], whole: int) -> int:
    """Return the minute at which half of the weight is passed, never the first one."""
    passed = 0
    for minute, weight in weights:
        passed += weight
        if passed * 2 > whole and minute > weights[0][0]:
            return minute
    return weights[-1][0]


def _by_day(ranges: Iterable[Range]) -> dict[int, Sequence[Range]]:
    days: dict[int, list[Range]] = {}
    for each in ranges:
        days.setdefault(each.begin // DAY_MINUTES, []).append(each)
    return dict(days)
