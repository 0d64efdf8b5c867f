"""Measures, compiled: which events count for a sum, and what each adds to it."""

from collections.abc import Mapping
from decimal import Decimal

from metrics_ingest.domain.conditions import predicate_of
from metrics_ingest.domain.definitions import Kind, Measure
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.money.exchange import Conversion
from metrics_ingest.domain.working_time import ElapsedPlan

_ONE = Decimal(1)


class MeasurePlan:
    """One measure, compiled."""

    __slots__ = ("convert", "definition", "elapsed", "tests", "types")

    def __init__(
        self, definition: Measure, kinds: Mapping[str, Kind], convert: Conversion | None = None
    ) -> None:
        """``convert`` takes money into the metric's currency; None: amounts are as they stand."""
        self.definition = definition
        self.convert = convert
        self.types = frozenset(definition.types)
        elapsed = definition.elapsed
        self.elapsed = None if elapsed is None else ElapsedPlan(elapsed)
        self.tests = tuple(predicate_of(c, kinds[c.field]) for c in definition.where)

    def fields(self) -> frozenset[str]:
        """Return the fields that tell whether an event counts, and what it adds."""
        named = {condition.field for condition in self.definition.where}
        elapsed, value = self.definition.elapsed, self.definition.value
        if elapsed is not None:
            named |= {elapsed.since, elapsed.until or elapsed.since}
        if value is not None:
            named |= {value, (self.convert and self.convert.currency_field(value)) or value}
        return frozenset(named)

    def matches(self, event: Mapped) -> bool:
        """Whether the event's type is looked at and it meets every condition."""
        if self.types and event.type not in self.types:
            return False
        fields = event.fields
        return all(test(fields) for test in self.tests)

    def amount(self, event: Mapped) -> Decimal | None:
        """Return what an event adds: its value, its minutes, or 1; None when it does not count."""
        if not self.matches(event):
            return None
        if self.elapsed is not None:
            return self.elapsed.minutes(event.fields, event.at_ms)
        value = self.definition.value
        if value is None:
            return _ONE
        found = event.fields.get(value)
        if found is None:
            return None
        amount = Decimal(found)
        return amount if self.convert is None else self.convert(event, value, amount)

    def check_money(self, event: Mapped, partial: bool) -> None:
        """Raise Unfit where what the event adds cannot be taken into the metric's currency.

        A ``partial`` event may leave out its currency: that stands in the state it changes.
        """
        value = self.definition.value
        if self.convert is None or value is None:
            return
        if not partial or self.convert.names_its_currency(event, value):
            self.amount(event)
