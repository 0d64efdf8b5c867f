"""Cells with the table of dimensions that they point into, and what they add to goals' days."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from event_contracts.facts import Cell, FactBatch
from goal_service.domain.amounts import Sum
from goal_service.domain.days import FIRST_MINUTE, LAST_MINUTE, local_day
from goal_service.domain.matching import Dims, Index, Use
from service_kit.errors import BadRecord


class Sheet(msgspec.Struct, frozen=True, array_like=True):
    """Some cells of one metric; ``Cell.dims`` points into ``dims``."""

    dims: tuple[dict[str, str], ...]
    cells: tuple[Cell, ...]


class GoalDay(NamedTuple):
    """One local day of one part of one goal."""

    goal: str
    day: date
    part: str = ""


class Group(NamedTuple):
    """Cells of one set of dimensions: whom they count for, and their sums by (zone, local day)."""

    uses: Sequence[Use]
    zones: tuple[str, ...]
    sums: dict[tuple[str, date], Sum]


def check_batch(batch: FactBatch) -> None:
    """Raise BadRecord for cells and counts that nothing could add up."""
    for cell in batch.cells:
        if not 0 <= cell.dims < len(batch.dims):
            raise BadRecord("bad-cell", f"a cell points at dims {cell.dims} of {len(batch.dims)}")
        if not FIRST_MINUTE <= cell.minute <= LAST_MINUTE:
            raise BadRecord("bad-cell", f"minute {cell.minute} has no date")
        if not cell.sum.is_finite():
            raise BadRecord("bad-cell", f"{cell.sum} is no amount")
    for each in batch.accepted:
        if not FIRST_MINUTE <= each.quarter * 15 <= LAST_MINUTE:
            raise BadRecord("bad-cell", f"quarter hour {each.quarter} has no date")


def day_sums(sheets: Iterable[Sheet], index: Index) -> dict[GoalDay, Sum]:
    """Return what the cells add to each day of each goal of the index.

    Cells are first summed per set of dimensions, zone and day, so that the number of goals does
    not multiply the number of cells.
    """
    groups: dict[frozenset[tuple[str, str]], Group] = {}
    for sheet in sheets:
        rows = [_group(groups, dims, index) for dims in sheet.dims]
        for cell in sheet.cells:
            _, zones, sums = rows[cell.dims]
            for zone in zones:
                place = (zone, local_day(zone, cell.minute))
                sums[place] = sums.get(place, Sum()).plus(cell.sum, cell.count)
    return _per_goal(groups.values())


def _group(groups: dict[frozenset[tuple[str, str]], Group], dims: Dims, index: Index) -> Group:
    key = frozenset(dims.items())
    group = groups.get(key)
    if group is None:
        uses = index.matching(dims)
        group = groups[key] = Group(uses, tuple({use.zone for use in uses}), {})
    return group


def _per_goal(groups: Iterable[Group]) -> dict[GoalDay, Sum]:
    result: dict[GoalDay, Sum] = {}
    for uses, _, sums in groups:
        for (zone, day), part in sums.items():
            for use in uses:
                if use.zone == zone and use.start <= day <= use.end:
                    place = GoalDay(use.goal, day, use.part)
                    result[place] = result.get(place, Sum()).plus(part.value, part.events)
    return result
