"""A payload through a connector: in by its door, read by its mapping, measured by its metrics."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from event_contracts.raw import RawEvent
from metrics_ingest.adapters.connectors import connectors
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.conditions import predicate_of
from metrics_ingest.domain.connectors import Connector
from metrics_ingest.domain.definitions import (
    HTTP_DOOR,
    TOPIC_DOOR,
    Contribution,
    ContributionKind,
    Definitions,
    Source,
)
from metrics_ingest.domain.doors import cloudevents
from metrics_ingest.domain.mapping import Mapped, decode, items_of
from metrics_ingest.domain.money.currencies import named_by
from metrics_ingest.domain.plans import SourcePlan, TenantPlan, kinds_of
from metrics_ingest.handlers.rekeying import ForeignDoor, rekeyed
from service_kit.errors import UserError
from service_kit.records import Partition, Record

RECEIVED_MS = 1_795_219_200_000  # 2026-11-21T00:00:00Z, after all samples


Landed = dict[str, Any]
"""What became of one event: ``id``, ``type``, ``at`` (ISO 8601 in the source's zone), ``gives``
(by metric the amount, with its currency if it is money), and where they are not those of a plain
delta ``kind``, ``key``, ``dims``, ``gone``, ``counts_at``.
"""


class Run:
    """One source, its doors open."""

    def __init__(self, connector: Connector) -> None:
        self.source = connector.source
        definitions = Definitions("qinghe", 1, connector.sources, connector.metrics)
        self.plan = TenantPlan.of(definitions).sources[self.source.name]

    def hook(self, body: bytes, query: Mapping[str, str] | None = None, door: str = "hook") -> Any:
        """Post a body to a webhook; return what became of each event."""
        return [self._taken(door, item) for item in items_of(self.source.doors[door], body, query)]

    def http(self, *items: bytes) -> Any:
        """Post CloudEvents."""
        for item in items:
            cloudevents.check(decode(item))
        return [self._taken(HTTP_DOOR, item) for item in items]

    def topic(self, value: bytes | None, headers: Mapping[str, bytes] | None = None) -> Any:
        """Write a record to the topic."""
        return [self._landed(raw) for raw in self.raw(value, headers)]

    def raw(self, value: bytes | None, headers: Mapping[str, bytes] | None = None) -> Any:
        """Return the raw events of a record of the topic."""
        (topic,) = self.source.topics
        reader = self.plan.reader(TOPIC_DOOR + topic)
        door = ForeignDoor("qinghe", self.source.name, topic, reader)
        record = Record(Partition(topic, 0), 7, None, value, RECEIVED_MS, headers or {})
        return rekeyed(record, door, RECEIVED_MS)

    def kept(self, body: bytes) -> list[str]:
        """Return what would be kept of a body by the source's only hook, or its only topic."""
        if "hook" not in self.source.doors or b"field_data" in body:
            return [bytes(raw.body).decode() for raw in self.raw(body)]
        return [str(item) for item in items_of(self.source.doors["hook"], body)]

    def _taken(self, door: str, item: bytes | UserError) -> Landed | str:
        if isinstance(item, UserError):
            return item.code
        identity = self.plan.reader(door).id_of(decode(item), RECEIVED_MS)
        return self._read(door, identity, item)

    def _landed(self, raw: RawEvent) -> Landed | str:
        return raw.error or self._read(raw.door, raw.id, bytes(raw.body))

    def _read(self, door: str, identity: str, body: bytes) -> Landed | str:
        try:
            event = self.plan.read(door, body, RECEIVED_MS)
        except Unfit as unfit:
            return str(unfit.cause)
        return landed(self.plan, self.source, identity, event)


def landed(plan: SourcePlan, source: Source, identity: str, event: Mapped) -> Landed:
    """Return what the event comes to."""
    gives: dict[str, str] = {}
    dims: dict[str, str] = {}
    for metric in plan.metrics_for(event.type):
        amount = metric.amount(event)
        if amount is not None:
            currency = _currency(source, metric.definition.value, event)
            gives[metric.definition.name] = f"{amount.sum.normalize():f} {currency or ''}".strip()
            values = zip(metric.dims, metric.dims_of(event.fields), strict=True)
            dims |= {name: str(value) for name, value in values if value is not None}
    says = _contribution(source, event.type)
    counts_at = event.fields.get(says.at) if says.at is not None else None
    found = {
        "id": identity,
        "type": event.type,
        "at": _local(event.at_ms, source),
        "gives": gives,
        "kind": None if says.kind is ContributionKind.DELTA else str(says.kind),
        "key": [str(event.fields[name]) for name in says.key if name in event.fields],
        "dims": dims,
        "gone": any(predicate_of(c, kinds_of(source)[c.field])(event.fields) for c in says.gone),
        "counts_at": None if counts_at is None else _local(int(counts_at), source),
    }
    return {name: value for name, value in found.items() if value or name == "gives"}


def _currency(source: Source, value: str | None, event: Mapped) -> str | None:
    fields = next(iter(source.doors.values())).fields
    said = fields[value].currency if value is not None else None
    if said is None:
        return None
    code, named = named_by(said)
    return str(event.fields.get(named or "", code))


def _contribution(source: Source, kind: str) -> Contribution:
    named = [each for each in source.contributions if kind in each.types]
    rest = [each for each in source.contributions if not each.types]
    return (named + rest + [Contribution()])[0]


def _local(ms: int, source: Source) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return moment.astimezone(ZoneInfo(source.zone)).isoformat()


@pytest.fixture
def run() -> Callable[[Connector | str], Run]:
    """Return the run of a connector: one that is shipped, or one of one's own."""

    def start(connector: Connector | str) -> Run:
        return Run(connectors()[connector] if isinstance(connector, str) else connector)

    return start
