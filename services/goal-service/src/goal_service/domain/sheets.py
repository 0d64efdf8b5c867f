"""Cells with the table of dimensions that they point into, and what they add to goals' days."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import msgspec

from event_contracts.facts import Cell, FactBatch
from goal_service.domain.amounts import Sum
from goal_service.domain.days import FIRST_MINUTE, LAST_MINUTE, is_zone, local_day
from goal_service.domain.matching import Dims, Index, Use
from service_kit.errors import BadRecord
from service_kit.sketches import BadSketch, merged

# What a plain cell takes in a document, roughly; a sketch takes the place of several.
CELL_BYTES = 100
# Beyond these nothing could keep what they add up to: 34 digits, 64 bits.
MOST_DIGITS = 30
MOST_COUNTED = 2**53


class Sheet(msgspec.Struct, frozen=True, array_like=True):
    """Some cells of one metric; ``Cell.dims`` points into ``dims``.

    ``over``, ``sketches`` and ``day_zone`` as in FactBatch.
    """

    dims: tuple[dict[str, str], ...]
    cells: tuple[Cell, ...]
    over: tuple[Decimal, ...] = ()
    sketches: tuple[bytes, ...] = ()
    day_zone: str | None = None

    @property
    def weight(self) -> int:
        """How many plain cells it takes the place of."""
        return len(self.cells) + sum(map(len, self.sketches)) // CELL_BYTES


def sheet_of_batch(batch: FactBatch) -> Sheet:
    """Return the batch's cells."""
    return Sheet(batch.dims, batch.cells, batch.over, batch.sketches, batch.day_zone)


class GoalDay(NamedTuple):
    """One local day of one part of one goal."""

    goal: str
    day: date
    part: str = ""


class Group(NamedTuple):
    """Cells of one set of dimensions: whom they count for, and their sums by (zone, local day).

    ``overs`` are those of the metric's own denominators.
    """

    uses: Sequence[Use]
    zones: tuple[str, ...]
    sums: dict[tuple[str, date], Sum]
    overs: dict[tuple[str, date], Sum]

    def counted_for(self, use: Use) -> dict[tuple[str, date], Sum]:
        """Return what counts for a use."""
        return self.overs if use.denominator else self.sums


def check_batch(batch: FactBatch) -> None:
    """Raise BadRecord for cells and counts that nothing could add up."""
    for cell in batch.cells:
        if not 0 <= cell.dims < len(batch.dims):
            raise BadRecord("bad-cell", f"a cell points at dims {cell.dims} of {len(batch.dims)}")
        if not FIRST_MINUTE <= cell.minute <= LAST_MINUTE:
            raise BadRecord("bad-cell", f"minute {cell.minute} has no date")
        _check_amount(cell.sum)
        if abs(cell.count) > MOST_COUNTED:
            raise BadRecord("bad-cell", f"{cell.count} events stand behind no cell")
    if not 0 <= batch.as_of_ms <= MOST_COUNTED:
        raise BadRecord("bad-cell", f"{batch.as_of_ms} is no instant")
    _check_columns(batch)
    for each in batch.accepted:
        if not FIRST_MINUTE <= each.quarter * 15 <= LAST_MINUTE:
            raise BadRecord("bad-cell", f"quarter hour {each.quarter} has no date")


def _check_columns(batch: FactBatch) -> None:
    for name, column in (("over", batch.over), ("sketches", batch.sketches)):
        if column and len(column) != len(batch.cells):
            raise BadRecord("bad-cell", f"{len(column)} {name} of {len(batch.cells)} cells")
    for amount in batch.over:
        _check_amount(amount)
    try:
        merged(filter(None, batch.sketches))
    except BadSketch as error:
        raise BadRecord("bad-cell", f"no sketch: {error}") from error
    if batch.day_zone is not None and not is_zone(batch.day_zone):
        raise BadRecord("bad-cell", f"{batch.day_zone!r} is no time zone")


def _check_amount(amount: Decimal) -> None:
    if not amount.is_finite() or amount.adjusted() > MOST_DIGITS:
        raise BadRecord("bad-cell", f"{amount} is no amount")


def day_sums(sheets: Iterable[Sheet], index: Index) -> dict[GoalDay, Sum]:
    """Return what the cells add to each day of each goal of the index.

    Cells are first summed per set of dimensions, zone and day, so that the number of goals does
    not multiply the number of cells.
    """
    groups: dict[frozenset[tuple[str, str]], Group] = {}
    for sheet in sheets:
        rows = [_group(groups, dims, index) for dims in sheet.dims]
        for number, cell in enumerate(sheet.cells):
            group = rows[cell.dims]
            for zone in group.zones:
                # A day of a day-grain report is that day wherever the goal is.
                place = (zone, local_day(sheet.day_zone or zone, cell.minute))
                sums = group.sums
                sums[place] = sums.get(place, Sum()).plus(cell.sum, cell.count)
                if sheet.over:
                    overs = group.overs
                    overs[place] = overs.get(place, Sum()).plus(sheet.over[number], cell.count)
    return _per_goal(groups.values())


def _group(groups: dict[frozenset[tuple[str, str]], Group], dims: Dims, index: Index) -> Group:
    key = frozenset(dims.items())
    group = groups.get(key)
    if group is None:
        uses = index.matching(dims)
        group = groups[key] = Group(uses, tuple({use.zone for use in uses}), {}, {})
    return group


def _per_goal(groups: Iterable[Group]) -> dict[GoalDay, Sum]:
    result: dict[GoalDay, Sum] = {}
    for group in groups:
        for use in group.uses:
            for (zone, day), part in group.counted_for(use).items():
                if use.zone == zone and use.start <= day <= use.end:
                    place = GoalDay(use.goal, day, use.part)
                    result[place] = result.get(place, Sum()).plus(part.value, part.events)
    return result
