"""A tenant's definitions, compiled once per version: what the fold runs for each event."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from metrics_ingest.domain.causes import UNKNOWN_DOOR, Skipped, Unfit
from metrics_ingest.domain.cells import Amount
from metrics_ingest.domain.conditions import Fields, predicate_of
from metrics_ingest.domain.definitions import (
    ALL_TYPES,
    Definitions,
    Kind,
    Metric,
    Source,
)
from metrics_ingest.domain.mapping import Mapped, Reader, decode
from metrics_ingest.domain.values import Value

_ONE = Amount(Decimal(1))


class MetricPlan:
    """One metric, compiled."""

    __slots__ = ("_tests", "_value", "definition", "dims")

    def __init__(self, definition: Metric, kinds: Mapping[str, Kind]) -> None:
        self.definition = definition
        self.dims = definition.dims
        self._value = definition.value
        self._tests = tuple(predicate_of(c, kinds[c.field]) for c in definition.where)

    def amount(self, event: Mapped) -> Amount | None:
        """Return what an event adds, None when it does not match."""
        fields = event.fields
        for test in self._tests:
            if not test(fields):
                return None
        if self._value is None:
            return _ONE
        found = fields.get(self._value)
        return None if found is None else Amount(Decimal(found))

    def dims_of(self, fields: Fields) -> tuple[Value | None, ...]:
        """Return the values of the metric's dimensions, None for one that the event lacks."""
        return tuple([fields.get(name) for name in self.dims])


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
        self._untyped = tuple(plan for plan in self.metrics if not plan.definition.types)
        named = {kind for plan in self.metrics for kind in plan.definition.types}
        self._typed = {kind: self._for(kind) for kind in named}
        self._records = frozenset(source.records)

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

    def is_record(self, kind: str) -> bool:
        """Whether events of this type are business records."""
        return kind in self._records or ALL_TYPES in self._records

    def read(self, door: str, body: bytes, received_ms: int) -> Mapped:
        """Map an event; raises Unfit, Skipped when its mapping says that it is none.

        The fields of a type that nothing looks at are not read: what they hold is nobody's fault.
        """
        reader = self.reader(door)
        event = decode(body)
        if reader.careful:
            arrived = reader.arrived(event, received_ms)
            if reader.skips(arrived):
                raise Skipped(door)
            reader.check(event)
            event = arrived
        kind = reader.type_of(event)
        at_ms = reader.time_of(event)
        used = bool(self.metrics_for(kind)) or self.is_record(kind)
        fields = reader.fields_of(event) if used else {}
        return Mapped(kind, at_ms, reader.subject_of(event), fields)


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
