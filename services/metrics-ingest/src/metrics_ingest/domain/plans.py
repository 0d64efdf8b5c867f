"""A tenant's definitions, compiled once per version: what the fold runs for each event."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn
from zoneinfo import ZoneInfo

from event_contracts.raw import RawEvent
from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.causes import (
    TIME_FUTURE,
    TOO_LATE,
    UNKNOWN_DOOR,
    Skipped,
    Unfit,
)
from metrics_ingest.domain.conditions import Fields
from metrics_ingest.domain.definitions import (
    ALL_TYPES,
    Definitions,
    Kind,
    Measure,
    Metric,
    MetricKind,
    Source,
)
from metrics_ingest.domain.drift import QUARANTINE, Known
from metrics_ingest.domain.facts.cells import Amount
from metrics_ingest.domain.mapping import Mapped, Reader, decode
from metrics_ingest.domain.measures import MeasurePlan
from metrics_ingest.domain.money.exchange import EFFECT, Conversion, conversion_of, is_quiet
from metrics_ingest.domain.money.rates import RateTable
from metrics_ingest.domain.subjects.diverting import Diverter
from metrics_ingest.domain.values import Value

_HOUR_MS = 3_600_000
NO_RATES = RateTable(())
_ZERO = Decimal(0)
_ANY: frozenset[str] = frozenset()


class MetricPlan:
    """One metric, compiled."""

    __slots__ = ("_amount", "convert", "definition", "dims", "of", "over", "own", "types")

    def __init__(
        self, definition: Metric, kinds: Mapping[str, Kind], convert: Conversion | None = None
    ) -> None:
        """``convert`` takes money into the metric's currency; None: amounts are as they stand."""
        self.definition = definition
        self.dims = definition.dims
        self.convert = convert
        self.of = definition.of
        self.own = MeasurePlan(own_measure(definition), kinds, convert)
        self.over = (
            None if definition.over is None else MeasurePlan(definition.over, kinds, convert)
        )
        self.types = self._types()
        self._amount = _AMOUNTS[definition.kind]

    def amount(self, event: Mapped) -> Amount | None:
        """Return what an event adds, None when it does not match.

        Of a ratio and of a conversion it may add to the sum, to the denominator or to both. Raises
        Unfit where money cannot be taken into the metric's currency; ``SourcePlan.read`` has found
        that out before of events that are deltas.
        """
        return self._amount(self, event)

    def check_money(self, event: Mapped, partial: bool) -> None:
        """Raise Unfit where the event's money cannot be taken into the metric's currency.

        A ``partial`` event may leave out its currency: that stands in the state it changes.
        """
        for measure in (self.own, self.over):
            if measure is not None:
                measure.check_money(event, partial)

    def dims_of(self, fields: Fields) -> tuple[Value | None, ...]:
        """Return the values of the metric's dimensions, None for one that the event lacks."""
        return tuple([fields.get(name) for name in self.dims])

    def fields(self) -> frozenset[str]:
        """Return the fields that tell what an event adds, and where."""
        return self.counted_by() | frozenset(self.dims)

    def counted_by(self) -> frozenset[str]:
        """Return the fields that tell what an event adds."""
        over = self.over.fields() if self.over is not None else _ANY
        return self.own.fields() | over

    def _types(self) -> frozenset[str]:
        """Return the types that the metric looks at; empty: every type."""
        if self.over is None:
            return self.own.types
        return self.own.types | self.over.types if self.own.types and self.over.types else _ANY


def own_measure(metric: Metric) -> Measure:
    """Return what the metric itself sums."""
    return Measure(
        types=metric.types, value=metric.value, where=metric.where, elapsed=metric.elapsed
    )


def _sum(plan: MetricPlan, event: Mapped) -> Amount | None:
    found = plan.own.amount(event)
    return None if found is None else Amount(found)


def _two_sums(plan: MetricPlan, event: Mapped) -> Amount | None:
    above = plan.own.amount(event)
    below = plan.over.amount(event) if plan.over is not None else None
    if above is None and below is None:
        return None
    return Amount(above or _ZERO, below or _ZERO)


def _one_of_many(plan: MetricPlan, event: Mapped) -> Amount | None:
    found = event.fields.get(plan.of or "")
    if found is None or not plan.own.matches(event):
        return None
    return Amount(_ZERO, item=str(found))


def _ranked(plan: MetricPlan, event: Mapped) -> Amount | None:
    found = plan.own.amount(event)
    return None if found is None else Amount(found, item=found)


_AMOUNTS: dict[MetricKind, Callable[[MetricPlan, Mapped], Amount | None]] = {
    MetricKind.ADDITIVE: _sum,
    MetricKind.CUMULATIVE: _sum,
    MetricKind.UNITS: _sum,
    MetricKind.RATIO: _two_sums,
    MetricKind.CONVERSION: _two_sums,
    MetricKind.UNIQUE: _one_of_many,
    MetricKind.QUANTILE: _ranked,
}


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
        self._untyped = tuple(plan for plan in self.metrics if not plan.types)
        named = {kind for plan in self.metrics for kind in plan.types}
        self._typed = {kind: self._for(kind) for kind in named}
        self._records = frozenset(source.records)
        self.diverter = Diverter(source, self.metrics, kinds)
        self.ahead_ms = source.ahead_hours * _HOUR_MS
        self.late_ms = -(10**15) if source.late_days is None else -source.late_days * 24 * _HOUR_MS
        self._known = {door: Known.of(m) for door, m in source.doors.items()}
        self._strict = source.drift == QUARANTINE

    def _for(self, kind: str) -> tuple[MetricPlan, ...]:
        plans = self.metrics
        return tuple(p for p in plans if not p.types or kind in p.types)

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
        """Map an event that was accepted at ``received_ms``.

        Raises Unfit, Skipped when its mapping says that it is none.

        The fields of a type that nothing looks at are not read: what they hold is nobody's fault.
        """
        reader = self.reader(door)
        event = sent = decode(body)
        if reader.careful:
            event = reader.arrived(sent, received_ms)
            if reader.skips(event):
                raise Skipped(door)
            reader.check(sent)
        if self._strict:
            self._known[door].check(sent)
        kind = reader.type_of(event)
        at_ms = reader.time_of(event)
        used = bool(self.metrics_for(kind)) or self.is_record(kind)
        used = used or self.diverter.plan_for(kind) is not None
        fields = reader.fields_of(event) if used else {}
        mapped = Mapped(kind, at_ms, reader.subject_of(event), fields)
        if not self.late_ms <= at_ms - received_ms <= self.ahead_ms:
            self._refuse_time(door, at_ms > received_ms)
        if self._has_money:
            self._check_money(mapped)
        return mapped

    def divert(self, raw: RawEvent, event: Mapped) -> list[SubjectEvent]:
        """Return what an accepted event sends to its subjects; raises Unfit."""
        return self.diverter.divert(raw, event, self.metrics_for(event.type))

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
        state = self.diverter.plan_for(event.type)
        partial = state is not None and state.contribution.partial
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
