"""A tenant's definitions, compiled once per version: what the fold runs for each event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from metrics_ingest.domain.causes import UNKNOWN_DOOR, Unfit
from metrics_ingest.domain.cells import Amount
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
from metrics_ingest.domain.mapping import Mapped, Reader, decode
from metrics_ingest.domain.measures import MeasurePlan
from metrics_ingest.domain.values import Value

_ZERO = Decimal(0)
_ANY: frozenset[str] = frozenset()


class MetricPlan:
    """One metric, compiled."""

    __slots__ = ("_amount", "definition", "dims", "of", "over", "own", "types")

    def __init__(self, definition: Metric, kinds: Mapping[str, Kind]) -> None:
        self.definition = definition
        self.dims = definition.dims
        self.of = definition.of
        self.own = MeasurePlan(own_measure(definition), kinds)
        self.over = None if definition.over is None else MeasurePlan(definition.over, kinds)
        self.types = self._types()
        self._amount = _AMOUNTS[definition.kind]

    def amount(self, event: Mapped) -> Amount | None:
        """Return what an event adds, None when it does not match.

        Of a ratio and of a conversion it may add to the sum, to the denominator or to both.
        """
        return self._amount(self, event)

    def dims_of(self, fields: Fields) -> tuple[Value | None, ...]:
        """Return the values of the metric's dimensions, None for one that the event lacks."""
        return tuple([fields.get(name) for name in self.dims])

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

    def __init__(self, tenant: str, head: int, source: Source, metrics: list[Metric]) -> None:
        self.tenant = tenant
        self.head = head
        self.source = source
        zone = ZoneInfo(source.zone)
        self._readers = {door: Reader(m, zone) for door, m in source.doors.items()}
        kinds = kinds_of(source)
        self.metrics = tuple(MetricPlan(metric, kinds) for metric in metrics)
        self._untyped = tuple(plan for plan in self.metrics if not plan.types)
        named = {kind for plan in self.metrics for kind in plan.types}
        self._typed = {kind: self._for(kind) for kind in named}
        self._records = frozenset(source.records)

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

    def is_record(self, kind: str) -> bool:
        """Whether events of this type are business records."""
        return kind in self._records or ALL_TYPES in self._records

    def read(self, door: str, body: bytes) -> Mapped:
        """Map an event; raises Unfit.

        The fields of a type that nothing looks at are not read: what they hold is nobody's fault.
        """
        reader = self.reader(door)
        event = decode(body)
        kind = reader.type_of(event)
        used = bool(self.metrics_for(kind)) or self.is_record(kind)
        fields = reader.fields_of(event) if used else {}
        return Mapped(kind, reader.time_of(event), reader.subject_of(event), fields)


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """Everything that a tenant declared, compiled, as of one version of its head."""

    version: int
    sources: Mapping[str, SourcePlan]

    @classmethod
    def of(cls, definitions: Definitions) -> "TenantPlan":
        """Compile the definitions, which have been checked when they were written."""
        by_source: dict[str, list[Metric]] = {}
        for metric in definitions.metrics:
            by_source.setdefault(metric.source, []).append(metric)
        plans = {
            source.name: SourcePlan(
                definitions.tenant, definitions.version, source, by_source.get(source.name, [])
            )
            for source in definitions.sources
        }
        return cls(definitions.version, plans)


def kinds_of(source: Source) -> dict[str, Kind]:
    """Return the kind of every field of a source: all doors agree on it."""
    return {
        name: field.kind
        for mapping in source.doors.values()
        for name, field in mapping.fields.items()
    }
