"""What cells come to together: sum, events, denominator and sketch."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from event_contracts.facts import Cell
from goal_service.domain.amounts import ZERO, Sum, add
from goal_service.domain.sheets import CELL_BYTES, Sheet
from service_kit.sketches import Sketch, merged


@dataclass(slots=True)
class Tally:
    """Cells added up. ``over`` None: the metric has no denominator. ``sketches`` wait for a reader.

    A correction may make everything negative but the sketches.
    """

    value: Decimal = ZERO
    events: int = 0
    over: Decimal | None = None
    sketches: list[bytes] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Add another."""
        self.value = add(self.value, other.value)
        self.events += other.events
        if other.over is not None:
            self.over = add(self.over or ZERO, other.over)
        self.sketches += other.sketches

    @property
    def sum(self) -> Sum:
        """The value and the events behind it."""
        return Sum(self.value, self.events)

    @property
    def nothing(self) -> bool:
        """Whether it has come to nothing: a contribution and its reversal."""
        return not (self.value or self.events or self.over)

    def sketch(self) -> Sketch | None:
        """Return the sketches as one."""
        return merged(self.sketches)

    def packed(self) -> "Tally":
        """Return the same with one sketch for many."""
        sketch = self.sketch() if len(self.sketches) > 1 else None
        blobs = [sketch.to_bytes()] if sketch is not None else list(self.sketches)
        return Tally(self.value, self.events, self.over, blobs)

    @property
    def weight(self) -> int:
        """How many plain cells it takes the place of."""
        return 1 + sum(map(len, self.sketches)) // CELL_BYTES


def tallies_of(sheet: Sheet) -> Iterator[tuple[Cell, Tally]]:
    """Yield each cell with what it comes to."""
    for number, cell in enumerate(sheet.cells):
        over = sheet.over[number] if sheet.over else None
        blob = sheet.sketches[number] if sheet.sketches else b""
        yield cell, Tally(cell.sum, cell.count, over, [blob] if blob else [])


def columns_of(tallies: Iterable[Tally]) -> tuple[tuple[Decimal, ...], tuple[bytes, ...]]:
    """Return denominators and sketches of packed tallies as a sheet has them: one each, or none."""
    listed = list(tallies)
    over = tuple(each.over or ZERO for each in listed)
    sketches = tuple(each.sketches[0] if each.sketches else b"" for each in listed)
    has_over = any(each.over is not None for each in listed)
    return over if has_over else (), sketches if any(sketches) else ()
