"""Measures, compiled: which events count for a sum, and what each adds to it."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from metrics_ingest.domain.definitions import Condition, Kind, Measure, Op
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.values import CONVERT, Value

Fields = Mapping[str, Value]
Test = Callable[[Fields], bool]

_ONE = Decimal(1)
_COMPARE: dict[Op, Callable[[Value, Value], bool]] = {
    Op.EQ: lambda a, b: a == b,
    Op.NE: lambda a, b: a != b,
    Op.GT: lambda a, b: a > b,  # type: ignore[operator]
    Op.GE: lambda a, b: a >= b,  # type: ignore[operator]
    Op.LT: lambda a, b: a < b,  # type: ignore[operator]
    Op.LE: lambda a, b: a <= b,  # type: ignore[operator]
}


def predicate_of(condition: Condition, kind: Kind) -> Test:
    """Compile a condition on a field of this kind.

    A field that is not there meets ``ne`` and ``exists: false``, and no other condition.
    """
    name = condition.field
    if condition.op is Op.EXISTS:
        wanted = condition.value is not False
        return lambda fields: (name in fields) is wanted
    if condition.op is Op.IN:
        among = frozenset(CONVERT[kind](item, name) for item in condition.value)
        return lambda fields: fields.get(name) in among
    value = CONVERT[kind](condition.value, name)
    compare = _COMPARE[condition.op]
    absent = condition.op is Op.NE
    return lambda fields: compare(fields[name], value) if name in fields else absent


class MeasurePlan:
    """One measure, compiled."""

    __slots__ = ("definition", "tests", "types")

    def __init__(self, definition: Measure, kinds: Mapping[str, Kind]) -> None:
        self.definition = definition
        self.types = frozenset(definition.types)
        self.tests = tuple(predicate_of(c, kinds[c.field]) for c in definition.where)

    def matches(self, event: Mapped) -> bool:
        """Whether the event's type is looked at and it meets every condition."""
        if self.types and event.type not in self.types:
            return False
        fields = event.fields
        return all(test(fields) for test in self.tests)

    def amount(self, event: Mapped) -> Decimal | None:
        """Return what an event adds: its value, or 1; None when it does not count."""
        if not self.matches(event):
            return None
        if self.definition.value is None:
            return _ONE
        found = event.fields.get(self.definition.value)
        return None if found is None else Decimal(found)
