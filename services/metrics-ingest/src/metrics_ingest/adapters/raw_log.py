"""The raw log on Kafka: an event's partition follows from its id, and stays the same for ever."""

from typing import Protocol

from event_contracts.raw import RawEvent
from event_contracts.wire import encode, key_of, partition_of
from metrics_ingest.ports import RawRecord


class Producer(Protocol):
    """Sends single records (service_kit.kafka_producer.DirectProducer)."""

    async def send(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None
    ) -> None:
        """Return when the record stands on all in-sync replicas; raises Infrastructure."""
        ...


class KafkaRawLog:
    """Appends to the raw log (ports.RawLog). ``topic`` is its logical name."""

    def __init__(self, producer: Producer, topic: str, partitions: int) -> None:
        self._producer = producer
        self._topic = topic
        self._partitions = partitions

    def record_of(self, event: RawEvent) -> RawRecord:
        """Return the event's record."""
        parts = (event.tenant, event.source, event.id)
        return RawRecord(
            partition_of(self._partitions, *parts), key_of(*parts).encode(), encode(event)
        )

    async def append(self, record: RawRecord) -> None:
        """Return when the record stands on all in-sync replicas; raises Infrastructure."""
        await self._producer.send(self._topic, record.partition, record.key, record.value)
