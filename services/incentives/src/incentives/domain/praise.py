"""From facts to deeds: what a batch adds to each window, and which window it carries over.

Reaching the threshold passes it (sum >= threshold). A window praises once for ever: a correction
that takes the sum below the threshold and up again makes no second deed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from event_contracts.facts import OTHER
from event_contracts.wire import deed_id
from incentives.domain.addresses import UNADDRESSED, Address
from incentives.domain.amounts import ZERO, add
from incentives.domain.days import local_day
from incentives.domain.rules import Rule
from service_kit.errors import BadRecord

# Beyond these nothing could keep what they add up to: 34 digits, 64 bits.
MOST_DIGITS = 30
MOST_COUNTED = 2**53


class Cell(NamedTuple):
    """One UTC epoch minute of one set of dimensions, an index into the table of the facts."""

    minute: int
    dims: int
    amount: Decimal
    events: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What one flush adds to a metric. ``history`` marks loaded history, which pays nothing.

    Without ``adds_up`` the cells are those of a ratio or of sketches: their sums say nothing alone.
    ``day_zone``: each cell is a whole day of that zone, which is that day wherever the rule is.
    """

    tenant: str
    metric: str
    as_of_ms: int
    dims: Sequence[Mapping[str, str]]
    cells: Sequence[Cell]
    history: bool = False
    adds_up: bool = True
    day_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """What can be praised once: one value of the rule's dimension on one local day."""

    tenant: str
    rule: str
    value: str
    day: date

    @property
    def deed(self) -> str:
        """The deed's id: the same window has the same id for ever."""
        return deed_id(self.tenant, self.rule, self.value, self.day.isoformat(), "praise")


@dataclass(frozen=True, slots=True)
class Total:
    """What has come together in a window, and whether it has been praised."""

    amount: Decimal = ZERO
    count: int = 0
    praised: bool = False

    def plus(self, amount: Decimal, count: int) -> "Total":
        """Return the total with a further part."""
        return replace(self, amount=add(self.amount, amount), count=self.count + count)


@dataclass(frozen=True, slots=True)
class Award:
    """A praise: the rule as it stood, the window, the sum that first reached the threshold.

    ``address`` says where it is posted, or that it is kept and not posted.
    """

    rule: Rule
    window: Window
    actual: Decimal
    at_ms: int
    address: Address = UNADDRESSED


def additions(rules: Sequence[Rule], facts: Facts) -> dict[Window, Total]:
    """Return what the facts add to each window of the rules.

    A cell without the rule's dimension, or in the overflow set, belongs to nobody. Raises BadRecord
    on an amount that is no number or a minute that has no day.
    """
    found: dict[Window, Total] = {}
    for rule in rules:
        for cell in facts.cells:
            value = _value(facts.dims[cell.dims], rule.dim)
            if not value:
                continue
            day = _day(facts.day_zone or rule.zone, cell)
            if day >= rule.start:
                window = Window(rule.tenant, rule.id, value, day)
                found[window] = found.get(window, Total()).plus(cell.amount, cell.events)
    return found


def settle(
    rules: Sequence[Rule],
    before: Mapping[Window, Total],
    added: Mapping[Window, Total],
    as_of_ms: int,
) -> tuple[dict[Window, Total], list[Award]]:
    """Return the totals after the addition, and the awards of the windows that it carries over."""
    of = {rule.id: rule for rule in rules}
    after: dict[Window, Total] = {}
    awards: list[Award] = []
    for window, part in added.items():
        total = before.get(window, Total()).plus(part.amount, part.count)
        rule = of[window.rule]
        if not total.praised and total.amount >= rule.threshold:
            awards.append(Award(rule, window, total.amount, as_of_ms))
            total = replace(total, praised=True)
        after[window] = total
    return after, awards


def _value(dims: Mapping[str, str], dim: str) -> str:
    """Return whose deed it would be; empty: nobody's."""
    overflow = all(value == OTHER for value in dims.values())
    return "" if overflow else dims.get(dim, "")


def _day(zone: str, cell: Cell) -> date:
    if not cell.amount.is_finite() or cell.amount.adjusted() > MOST_DIGITS:
        raise BadRecord("amount", f"the sum {cell.amount} is no number that adds up")
    if abs(cell.events) > MOST_COUNTED:
        raise BadRecord("amount", f"{cell.events} events stand behind no cell")
    try:
        return local_day(zone, cell.minute)
    except OverflowError:
        raise BadRecord("minute", f"the minute {cell.minute} lies in no year") from None
