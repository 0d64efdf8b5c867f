"""The raw log on Kafka: an event's partition follows from its id, and stays the same for ever."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from event_contracts.raw import RawEvent
from event_contracts.wire import encode, key_of, partition_of_key
from metrics_ingest.ports.raw import RawRecord


class Producer(Protocol):
    """Sends records, all of a request at once (service_kit.kafka_producer.DirectProducer)."""

    async def send(self, topic: str, records: Iterable[tuple[int, bytes, bytes]]) -> None:
        """Return when all (partition, key, value) stand on all in-sync replicas.

        Raises Infrastructure: then any of them may stand there or not.
        """
        ...


class KafkaRawLog:
    """Appends to the raw log (ports.raw.RawLog). ``topic`` is its logical name."""

    def __init__(self, producer: Producer, topic: str, partitions: int) -> None:
        self._producer = producer
        self._topic = topic
        self._partitions = partitions

    def record_of(self, event: RawEvent) -> RawRecord:
        """Return the event's record."""
        key = key_of(event.tenant, event.source, event.id).encode()
        return RawRecord(partition_of_key(self._partitions, key), key, encode(event))

    async def append(self, records: Sequence[RawRecord]) -> None:
        """Return when all of them stand on all in-sync replicas; raises Infrastructure."""
        await self._producer.send(self._topic, records)
