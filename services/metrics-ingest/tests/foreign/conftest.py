"""Topics of the organisation, and what reads them."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from event_contracts.raw import RawEvent
from metrics_ingest.adapters.definitions import StoredSources
from metrics_ingest.adapters.foreign import ForeignTopics
from metrics_ingest.adapters.registry import Access, SchemaRegistry
from metrics_ingest.domain.holding import Holding
from metrics_ingest.ports.raw import Schemas
from metrics_ingest.stream.rekeying import GROUP, RekeyHandler
from metrics_ingest.stream.waiting import ForeignWaits
from metrics_ingest.stream.watermarks import Prober
from service_kit import offsets
from service_kit.batch import Bounds
from service_kit.records import Partition, Record, Slice

TOPIC = "foreign:shop.orders"
NONE = SchemaRegistry(Access())


class TopicBroker:
    """The organisation's topics, each with so many partitions and ends."""

    def __init__(self) -> None:
        self.topics: dict[str, int] = {}
        self.end = 0
        self.id = "t"

    async def partition_count(self, topic: str) -> int:
        return self.topics[topic]

    async def shape(self, topic: str) -> tuple[str, int]:
        return self.id, await self.partition_count(topic)

    async def bounds(self, partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
        return {partition: Bounds("t", 3, self.end) for partition in partitions}

    async def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(partitions, self.end)


class KnownTopics(ForeignTopics):
    """Knows that a topic is absent without asking Kafka."""

    _broker: Any

    async def partitions(self, topic: str) -> list[Partition]:
        if f"foreign:{topic}" not in self._broker.topics:
            return []
        return await super().partitions(topic)


class Foreign:
    """What reads topics of the organisation, and what came of them."""

    Broker = TopicBroker

    @staticmethod
    def topics_of(stage: Any, broker: Any) -> KnownTopics:
        return KnownTopics(stage.store, broker, GROUP)

    @classmethod
    def prober(cls, stage: Any, broker: Any, patience: float = 60.0, most: int = 100) -> Prober:
        """Return a prober; its ``holding`` says who is held."""
        topics, holding = cls.topics_of(stage, broker), Holding()
        waits = ForeignWaits(topics, StoredSources(stage.store), holding, patience, most)
        prober = Prober(stage.clock, stage.handler.memory, stage.log.ends, waits)
        prober.holding = holding  # type: ignore[attr-defined]
        return prober

    @staticmethod
    def logged(stage: Any) -> list[RawEvent]:
        records = [value for records in stage.log.records.values() for value in records]
        return [msgspec.json.decode(value, type=RawEvent) for value in records]

    @staticmethod
    async def rekey(
        stage: Any, *records: tuple[bytes | None, dict[str, bytes]], schemas: Schemas = NONE
    ) -> Any:
        partition = Partition(TOPIC, 0)
        handler = RekeyHandler(stage.clock, stage.raw, schemas, "acme", "shop", "shop.orders")
        applier = await stage.runtime.applier(handler, group=GROUP)
        await offsets.seed(stage.store, GROUP, partition, 0, "t")

        async def bounds(partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
            return {p: Bounds("t", 0, 100) for p in partitions}

        applier._bounds = bounds
        await applier.take([partition])
        start = applier.next[partition]
        read = tuple(
            Record(partition, start + 2 * n, None, value, 0, headers)
            for n, (value, headers) in enumerate(records)
        )
        # Holes between the records and behind the last one, as transactions leave them.
        await applier.apply([Slice(partition, start, start + 2 * len(read) + 1, read)])
        return applier


@pytest.fixture
def foreign() -> Foreign:
    return Foreign()
