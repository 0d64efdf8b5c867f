"""Where messages go: topic, partition and key of everything that leaves with a transaction."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import msgspec

from event_contracts.facts import FactBatch, Watermark, joined
from event_contracts.metrics import MetricDefined
from event_contracts.raw import RawEvent
from event_contracts.subjects import SubjectBatch, SubjectEvent
from event_contracts.topics import FACTS, METRIC_DEFINITIONS, RAW, SUBJECTS
from event_contracts.wire import Event, encode, key_of, partition_of
from service_kit.marks import Mark
from service_kit.outbox import Message, Outbox
from service_kit.records import Partition

T = TypeVar("T")

_RECORD_BYTES = 400_000  # of 512 KB
encode_part = msgspec.json.Encoder(decimal_format="string").encode


@dataclass(frozen=True, slots=True)
class Counts:
    """How many partitions the topics have."""

    raw: int
    subjects: int
    facts: int
    metric_definitions: int


def _send(outbox: Outbox, topic: str, count: int, event: Event, *parts: str) -> None:
    to = Partition(topic, partition_of(count, *parts))
    outbox.send(Message(to, key_of(*parts).encode(), encode(event)))


class FactsRoute:
    """Facts to the log of their metric (ports.folds.Facts)."""

    def __init__(self, outbox: Outbox, counts: Counts) -> None:
        self._outbox = outbox
        self._count = counts.facts

    def publish(self, batches: Iterable[FactBatch]) -> None:
        """Send the batches, as few records as their tenants, their partitions and their size allow.

        One record each would cost every hop a record for each metric of a slice (decision 0033).
        """
        places: dict[tuple[str, int], list[bytes]] = {}
        for batch in batches:
            number = _facts_partition(self._count, batch.tenant, batch.metric)
            places.setdefault((batch.tenant, number), []).append(encode(batch))
        for (tenant, number), values in places.items():
            to, key = Partition(FACTS.name, number), key_of(tenant).encode()
            for portion in _portions(values, len):
                self._outbox.send(Message(to, key, joined(tenant, portion)))

    def complete(self, origin: str, mark: Mark) -> None:
        """Send the watermark to every partition, behind what was sent before."""
        _send_everywhere(self._outbox, FACTS.name, self._count, origin, mark)


@lru_cache(100_000)
def _facts_partition(count: int, tenant: str, metric: str) -> int:
    """Return partition_of, remembered: every slice asks for every metric."""
    return partition_of(count, tenant, metric)


class FoldRoute(FactsRoute):
    """Facts, and events on the way to their subjects (ports.folds.FoldPost)."""

    def __init__(self, outbox: Outbox, counts: Counts) -> None:
        super().__init__(outbox, counts)
        self._subjects = counts.subjects

    def complete(self, origin: str, mark: Mark) -> None:
        """Send the watermark to every partition of both topics: what waits holds it there."""
        super().complete(origin, mark)
        _send_everywhere(self._outbox, SUBJECTS.name, self._subjects, origin, mark)

    def divert(
        self,
        source: tuple[str, str],
        definitions: int,
        as_of_ms: int,
        events: Sequence[SubjectEvent],
    ) -> None:
        """Send the events, as few records as their partitions and their size allow.

        One record each would cost the document server a row each; the partition is the subject's.
        """
        tenant, name = source
        by_partition: dict[int, list[SubjectEvent]] = {}
        for event in events:
            number = subject_partition(self._subjects, tenant, name, event)
            by_partition.setdefault(number, []).append(event)
        key = key_of(tenant, name).encode()
        for number, all_of_it in sorted(by_partition.items()):
            for part in _portions(all_of_it, _weight):
                batch = SubjectBatch(
                    tenant=tenant,
                    source=name,
                    definitions=definitions,
                    as_of_ms=as_of_ms,
                    events=tuple(part),
                )
                to = Partition(SUBJECTS.name, number)
                self._outbox.send(Message(to, key, encode(batch)))


def subject_partition(count: int, tenant: str, source: str, event: SubjectEvent) -> int:
    """Return the partition in which an event's subject lives."""
    return partition_of(count, tenant, source, event.role, event.name, event.key)


def _weight(event: SubjectEvent) -> int:
    return len(encode_part(event))


def _portions(parts: Iterable[T], weigh: Callable[[T], int]) -> Iterator[list[T]]:
    """Cut the parts so that each portion fits into a record."""
    portion: list[T] = []
    size = 0
    for part in parts:
        weight = weigh(part)
        if portion and size + weight > _RECORD_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(part)
        size += weight + 1
    if portion:
        yield portion


def _send_everywhere(outbox: Outbox, topic: str, count: int, origin: str, mark: Mark) -> None:
    value = encode(Watermark(origin=origin, at_ms=mark.at_ms, held=dict(mark.held)))
    for number in range(count):
        outbox.send(Message(Partition(topic, number), origin.encode(), value))


class AnnouncementsRoute:
    """Metric definitions by tenant and metric (ports.definitions.Announcements)."""

    def __init__(self, outbox: Outbox, counts: Counts) -> None:
        self._outbox = outbox
        self._count = counts.metric_definitions

    def publish(self, definition: MetricDefined) -> None:
        """Send a definition."""
        parts = (definition.tenant, definition.metric)
        _send(self._outbox, METRIC_DEFINITIONS.name, self._count, definition, *parts)


class ReplaysRoute:
    """Replayed events, where their first copy went (ports.letters.Replays)."""

    def __init__(self, outbox: Outbox, counts: Counts, now_ms: int) -> None:
        self._outbox = outbox
        self._now_ms = now_ms
        self._counts = counts

    def publish(self, event: RawEvent) -> None:
        """Send an event."""
        parts = (event.tenant, event.source, event.id)
        _send(self._outbox, RAW.name, self._counts.raw, event, *parts)

    def touch(self, source: tuple[str, str], event: SubjectEvent) -> None:
        """Send to its subject what that knows already: it is booked anew."""
        route = FoldRoute(self._outbox, self._counts)
        route.divert(source, 0, self._now_ms, [event])
