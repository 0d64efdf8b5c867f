"""The reference loop: plain aiokafka, all on the event loop. The simulator runs this one.

Of the consumer it uses only start, stop, subscribe, getmany, pause, resume, seek, position,
assignment and commit, so that a fake can stand in.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from service_kit.batch import Applier
from service_kit.errors import Infrastructure
from service_kit.guards import Guards
from service_kit.loops.base import (
    COMMIT_SECONDS,
    HEARTBEAT_SECONDS,
    NO_HEADERS,
    SESSION_SECONDS,
    Leave,
    LoopSettings,
    apply_guarded,
    leave,
    light_waves,
    slices_of,
)
from service_kit.records import Partition, Record, Slice

log = logging.getLogger(__name__)

Fetched = Mapping[TopicPartition, Sequence[Any]]


class _Consumer(Protocol):
    """What this loop needs of AIOKafkaConsumer."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def subscribe(self, topics: Sequence[str], *, listener: Any) -> None: ...
    async def getmany(self, *, timeout_ms: int, max_records: int) -> Fetched: ...
    def pause(self, *partitions: TopicPartition) -> None: ...
    def resume(self, *partitions: TopicPartition) -> None: ...
    def seek(self, partition: TopicPartition, offset: int) -> None: ...
    async def position(self, partition: TopicPartition) -> int: ...
    def assignment(self) -> Iterable[TopicPartition]: ...
    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None: ...


def kafka_consumer(settings: LoopSettings) -> _Consumer:
    """Return the real consumer, not yet started."""
    consumer: _Consumer = AIOKafkaConsumer(
        **settings.kafka.aiokafka(),
        group_id=settings.broker_group,
        group_instance_id=settings.instance,
        session_timeout_ms=SESSION_SECONDS * 1000,
        rebalance_timeout_ms=SESSION_SECONDS * 1000,
        heartbeat_interval_ms=HEARTBEAT_SECONDS * 1000,
        partition_assignment_strategy=[RoundRobinPartitionAssignor],
        enable_auto_commit=False,
        # It resets positions while the callback below still asks MongoDB; with "none" it dies
        # then. A wrong start shows as a gap.
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_poll_records=settings.batch,
    )
    return consumer


class AiokafkaLoop:
    """Reads with aiokafka; ``run`` raises, and a failed take leaves the process at once."""

    def __init__(
        self,
        settings: LoopSettings,
        applier: Applier,
        guards: Guards | None = None,
        *,
        consumer: Callable[[LoopSettings], _Consumer] = kafka_consumer,
        leave: Leave = leave,
    ) -> None:
        self._settings = settings
        self._applier = applier
        self._guards = guards or Guards()
        self._make = consumer
        self._leave = leave
        self._logical = settings.names
        self._names = {topic: name for name, topic in self._logical.items()}
        self._owned = asyncio.Event()
        self._committing: asyncio.Task[None] | None = None
        self._committed_at = 0.0
        self._consumer: _Consumer

    async def run(self) -> None:
        """Read and apply until cancelled; raises Infrastructure or what the handler raised."""
        self._consumer = self._make(self._settings)
        self._consumer.subscribe(list(self._logical), listener=self)
        await self._consumer.start()
        try:
            while True:
                await self._once()
        except KafkaError as error:
            raise Infrastructure(f"reading {self._settings.topics}: {error!r}") from error
        finally:
            self._owned.clear()
            await self._consumer.stop()

    async def _once(self) -> None:
        got = await self._consumer.getmany(
            timeout_ms=int(self._settings.within * 1000), max_records=self._settings.batch
        )
        # What was fetched before the seek stands at a wrong place.
        if not self._owned.is_set():
            return
        for wave in light_waves(await self._slices(got)):
            await apply_guarded(self._applier, wave, self._guards)
        self._commit()

    async def _slices(self, got: Fetched) -> list[list[Slice]]:
        found = {
            self._partition(p): [self._record(r) for r in records] for p, records in got.items()
        }
        slices = [
            slices_of(partition, records, gapless=True)
            for partition, records in found.items()
            if partition.topic in self._applier.gapless
        ]
        for raw in list(self._consumer.assignment()):
            partition = self._partition(raw)
            if partition.topic not in self._applier.gapless:
                position = await self._moved_to(raw, partition)
                slices.append(slices_of(partition, found.get(partition, ()), False, position))
        return slices

    async def _moved_to(self, raw: TopicPartition, partition: Partition) -> int:
        """Return the position if it is beyond what was applied, else 0.

        Transaction markers move it without a record.
        """
        try:
            position = await self._consumer.position(raw)
        except IllegalStateError:  # revoked meanwhile
            return 0
        return position if position > self._applier.next.get(partition, position) else 0

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Let the partitions go, after the running transaction."""
        self._owned.clear()
        try:
            await self._applier.drop(self._partition(p) for p in revoked)
        except Exception as error:
            self._leave(error)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin where MongoDB says. aiokafka only logs what is raised here: leave instead."""
        # First of all: the assignment is already active, and what it fetches has no owner yet.
        self._consumer.pause(*assigned)
        try:
            starts = await self._applier.take(self._partition(p) for p in assigned)
            for partition, start in starts.items():
                self._consumer.seek(self._raw(partition), start)
            self._consumer.resume(*assigned)
            self._owned.set()
        except Exception as error:
            self._leave(error)

    def _commit(self) -> None:
        """Once a second tell Kafka where we are, for lag displays; never wait for it."""
        now = asyncio.get_running_loop().time()
        busy = self._committing is not None and not self._committing.done()
        if not busy and now - self._committed_at >= COMMIT_SECONDS and self._applier.next:
            self._committed_at = now
            self._committing = asyncio.create_task(self._display())

    async def _display(self) -> None:
        held = set(self._consumer.assignment())
        positions = {self._raw(p): position for p, position in self._applier.next.items()}
        try:
            await self._consumer.commit({p: n for p, n in positions.items() if p in held})
        except KafkaError as error:
            log.debug("commit for display: %s", error)

    def _partition(self, raw: TopicPartition) -> Partition:
        return Partition(self._logical[raw.topic], raw.partition)

    def _raw(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._names[partition.topic], partition.number)

    def _record(self, raw: "ConsumerRecord[bytes, bytes]") -> Record:
        return Record(
            Partition(self._logical[raw.topic], raw.partition),
            raw.offset,
            raw.key,
            raw.value,
            raw.timestamp,
            dict(raw.headers) if raw.headers else NO_HEADERS,
        )


ConsumerRebalanceListener.register(AiokafkaLoop)
