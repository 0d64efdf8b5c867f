"""A tenant's definitions, compiled once per version: what the fold runs for each event."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn
from zoneinfo import ZoneInfo

from metrics_ingest.domain.causes import TIME_FUTURE, TOO_LATE, UNKNOWN_DOOR, Unfit
from metrics_ingest.domain.cells import Amount
from metrics_ingest.domain.definitions import (
    ALL_TYPES,
    Condition,
    Definitions,
    Kind,
    Metric,
    Op,
    Source,
)
from metrics_ingest.domain.drift import QUARANTINE, Known
from metrics_ingest.domain.mapping import Mapped, Reader, decode
from metrics_ingest.domain.money import EFFECT, Conversion, conversion_of, is_quiet
from metrics_ingest.domain.rates import RateTable
from metrics_ingest.domain.values import CONVERT, Value

Fields = Mapping[str, Value]
Test = Callable[[Fields], bool]

_HOUR_MS = 3_600_000
NO_RATES = RateTable(())
_ONE = Amount(Decimal(1))
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


class MetricPlan:
    """One metric, compiled."""

    __slots__ = ("_tests", "_value", "convert", "definition", "dims")

    def __init__(
        self, definition: Metric, kinds: Mapping[str, Kind], convert: Conversion | None = None
    ) -> None:
        """``convert`` takes money into the metric's currency; None: amounts are as they stand."""
        self.definition = definition
        self.dims = definition.dims
        self.convert = convert
        self._value = definition.value
        self._tests = tuple(predicate_of(c, kinds[c.field]) for c in definition.where)

    def amount(self, event: Mapped) -> Amount | None:
        """Return what an event adds, None when it does not match.

        Raises Unfit where money cannot be taken into the metric's currency; ``SourcePlan.read``
        has found that out before of events that are deltas.
        """
        fields = event.fields
        for test in self._tests:
            if not test(fields):
                return None
        if self._value is None:
            return _ONE
        found = fields.get(self._value)
        if found is None:
            return None
        amount = Decimal(found)
        if self.convert is not None:
            amount = self.convert(event, self._value, amount)
        return Amount(amount)

    def check_money(self, event: Mapped, partial: bool) -> None:
        """Raise Unfit where the event's money cannot be taken into the metric's currency.

        A ``partial`` event may leave out its currency: that stands in the state it changes.
        """
        if self.convert is None or (
            partial
            and self._value is not None
            and not self.convert.names_its_currency(event, self._value)
        ):
            return
        self.amount(event)

    def dims_of(self, fields: Fields) -> tuple[Value | None, ...]:
        """Return the values of the metric's dimensions, None for one that the event lacks."""
        return tuple([fields.get(name) for name in self.dims])


class SourcePlan:
    """One source with its metrics, compiled."""

    def __init__(
        self,
        tenant: str,
        head: int,
        source: Source,
        metrics: list[Metric],
        rates: RateTable = NO_RATES,
    ) -> None:
        self.tenant = tenant
        self.head = head
        self.source = source
        zone = ZoneInfo(source.zone)
        self._readers = {door: Reader(m, zone) for door, m in source.doors.items()}
        kinds = kinds_of(source)
        self.metrics = tuple(_metric_plans(metrics, source, kinds, rates))
        self._has_money = any(plan.convert is not None for plan in self.metrics)
        self._untyped = tuple(plan for plan in self.metrics if not plan.definition.types)
        named = {kind for plan in self.metrics for kind in plan.definition.types}
        self._typed = {kind: self._for(kind) for kind in named}
        self._records = frozenset(source.records)
        self._ahead_ms = source.ahead_hours * _HOUR_MS
        self._late_ms = -(10**15) if source.late_days is None else -source.late_days * 24 * _HOUR_MS
        self._known = {door: Known.of(m) for door, m in source.doors.items()}
        self._strict = source.drift == QUARANTINE

    def _for(self, kind: str) -> tuple[MetricPlan, ...]:
        plans = self.metrics
        return tuple(p for p in plans if not p.definition.types or kind in p.definition.types)

    def reader(self, door: str) -> Reader:
        """Return the mapping of a door; raises Unfit when the source has none for it."""
        reader = self._readers.get(door)
        if reader is None:
            raise Unfit(UNKNOWN_DOOR, door, "no mapping")
        return reader

    def metrics_for(self, kind: str) -> tuple[MetricPlan, ...]:
        """Return the metrics that look at events of this type."""
        return self._typed.get(kind, self._untyped)

    def known(self, door: str) -> Known | None:
        """Return what the door's mapping knows of events, None when the source has no such door."""
        return self._known.get(door)

    def is_record(self, kind: str) -> bool:
        """Whether events of this type are business records."""
        return kind in self._records or ALL_TYPES in self._records

    def read(self, door: str, body: bytes, received_ms: int) -> Mapped:
        """Map an event that was accepted at ``received_ms``; raises Unfit.

        The fields of a type that nothing looks at are not read: what they hold is nobody's fault.
        """
        reader = self.reader(door)
        event = decode(body)
        if self._strict:
            self._known[door].check(event)
        kind = reader.type_of(event)
        used = bool(self.metrics_for(kind)) or self.is_record(kind)
        fields = reader.fields_of(event) if used else {}
        mapped = Mapped(kind, reader.time_of(event), reader.subject_of(event), fields)
        if not self._late_ms <= mapped.at_ms - received_ms <= self._ahead_ms:
            self._refuse_time(door, mapped.at_ms > received_ms)
        if self._has_money:
            self._check_money(mapped)
        return mapped

    def _refuse_time(self, door: str, ahead: bool) -> NoReturn:
        """The clock is that of acceptance: a replay is judged as its event was."""
        where = " | ".join(self.source.doors[door].time)
        if ahead:
            hours = self.source.ahead_hours
            raise Unfit(TIME_FUTURE, where, f"at most {hours} hours after its acceptance")
        days = self.source.late_days
        raise Unfit(TOO_LATE, where, f"at most {days} days before its acceptance")

    def _check_money(self, event: Mapped) -> None:
        """Raise Unfit before anything of the event has been added anywhere."""
        partial = any(
            each.partial
            for each in self.source.contributions
            if not each.types or event.type in each.types
        )
        for plan in self.metrics_for(event.type):
            plan.check_money(event, partial)


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """Everything that a tenant declared, compiled, as of one version of its head."""

    version: int
    sources: Mapping[str, SourcePlan]

    @classmethod
    def of(cls, definitions: Definitions) -> "TenantPlan":
        """Compile the definitions, which have been checked when they were written."""
        rates = RateTable(definitions.rates)
        by_source: dict[str, list[Metric]] = {}
        for metric in definitions.metrics:
            by_source.setdefault(metric.source, []).append(metric)
        plans = {
            source.name: SourcePlan(
                definitions.tenant,
                definitions.version,
                source,
                by_source.get(source.name, []),
                rates,
            )
            for source in definitions.sources
        }
        return cls(definitions.version, plans)


def _metric_plans(
    metrics: list[Metric], source: Source, kinds: Mapping[str, Kind], rates: RateTable
) -> Iterator[MetricPlan]:
    for metric in metrics:
        convert = conversion_of(metric, source, rates)
        # An effect that nothing comes of any more is kept for what it has come to.
        if not is_quiet(metric) and not (metric.rates == EFFECT and convert is None):
            yield MetricPlan(metric, kinds, convert)


def kinds_of(source: Source) -> dict[str, Kind]:
    """Return the kind of every field of a source: all doors agree on it."""
    return {
        name: field.kind
        for mapping in source.doors.values()
        for name, field in mapping.fields.items()
    }
