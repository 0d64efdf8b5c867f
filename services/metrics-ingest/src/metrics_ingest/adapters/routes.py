"""Where messages go: topic, partition and key of everything that leaves with a transaction."""

from dataclasses import dataclass

from event_contracts.facts import FactBatch, Watermark
from event_contracts.metrics import MetricDefined
from event_contracts.raw import RawEvent
from event_contracts.topics import FACTS, METRIC_DEFINITIONS, RAW
from event_contracts.wire import Event, encode, key_of, partition_of
from service_kit.outbox import Message, Outbox
from service_kit.records import Partition


@dataclass(frozen=True, slots=True)
class Counts:
    """How many partitions the topics have."""

    raw: int
    facts: int
    metric_definitions: int


def _send(outbox: Outbox, topic: str, count: int, event: Event, *parts: str) -> None:
    to = Partition(topic, partition_of(count, *parts))
    outbox.send(Message(to, key_of(*parts).encode(), encode(event)))


class FactsRoute:
    """Facts by tenant and metric (ports.Facts)."""

    def __init__(self, outbox: Outbox, counts: Counts) -> None:
        self._outbox = outbox
        self._count = counts.facts

    def publish(self, batch: FactBatch) -> None:
        """Send a batch."""
        _send(self._outbox, FACTS.name, self._count, batch, batch.tenant, batch.metric)

    def complete(self, origin: str, at_ms: int) -> None:
        """Send the watermark to every partition, behind what was sent before."""
        value = encode(Watermark(origin=origin, at_ms=at_ms))
        for number in range(self._count):
            self._outbox.send(Message(Partition(FACTS.name, number), origin.encode(), value))


class AnnouncementsRoute:
    """Metric definitions by tenant and metric (ports.Announcements)."""

    def __init__(self, outbox: Outbox, counts: Counts) -> None:
        self._outbox = outbox
        self._count = counts.metric_definitions

    def publish(self, definition: MetricDefined) -> None:
        """Send a definition."""
        parts = (definition.tenant, definition.metric)
        _send(self._outbox, METRIC_DEFINITIONS.name, self._count, definition, *parts)


class ReplaysRoute:
    """Replayed events, where their first copy went (ports.Replays)."""

    def __init__(self, outbox: Outbox, counts: Counts) -> None:
        self._outbox = outbox
        self._count = counts.raw

    def publish(self, event: RawEvent) -> None:
        """Send an event."""
        parts = (event.tenant, event.source, event.id)
        _send(self._outbox, RAW.name, self._count, event, *parts)
