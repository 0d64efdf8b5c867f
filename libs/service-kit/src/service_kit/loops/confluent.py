"""The loop for single events at a high rate: librdkafka fetches in the background.

The client blocks, so one worker thread owns it; whatever concerns the applier runs on the event
loop, also during a rebalance, while the worker thread waits for it.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaPartition

from service_kit.batch import Applier
from service_kit.errors import Infrastructure
from service_kit.guards import Guards
from service_kit.loops.base import (
    COMMIT_SECONDS,
    HEARTBEAT_SECONDS,
    NO_HEADERS,
    SESSION_SECONDS,
    LoopSettings,
    apply_guarded,
    slices_of,
    waves,
)
from service_kit.loops.pieces import Budget, Run, gather_seconds, next_size
from service_kit.records import Partition, Record, Slice

if TYPE_CHECKING:  # Numba is a second, and not for all
    from service_kit.librdkafka.consumer import ColumnConsumer

log = logging.getLogger(__name__)

T = TypeVar("T")


class ConfluentLoop:
    """Reads with confluent-kafka; ``run`` raises on every error."""

    def __init__(
        self, settings: LoopSettings, applier: Applier, guards: Guards | None = None
    ) -> None:
        self._settings = settings
        self._applier = applier
        self._guards = guards or Guards()
        self._logical = settings.names
        self._committed_at = 0.0
        self._busy = False  # applying: what arrives meanwhile may join the next slice
        self._most = min(settings.first, settings.batch)
        self._within = settings.within
        self._event_loop: asyncio.AbstractEventLoop

    async def run(self) -> None:
        """Read and apply until cancelled; raises Infrastructure or what the handler raised."""
        self._event_loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"kafka-{self._settings.group}")
        consumer = self._consumer()
        try:
            consumer.subscribe(
                list(self._logical), on_assign=self._assigned, on_revoke=self._revoked
            )
            reading = self._event_loop.run_in_executor(thread, self._read, consumer)
            while True:
                got = await reading
                # The next records are read and prepared while these are applied.
                reading = self._event_loop.run_in_executor(thread, self._read, consumer)
                began = time.monotonic()
                await self._apply(got)
                took = time.monotonic() - began
                records = sum(len(each.records) for some in got for each in some)
                self._most = next_size(self._most, self._settings.batch, records, took)
                self._within = gather_seconds(self._settings.within, records, self._applier.rows)
        finally:
            await asyncio.gather(reading, return_exceptions=True)
            await self._event_loop.run_in_executor(thread, consumer.close)
            thread.shutdown(wait=False)

    async def _apply(self, got: list[list[Slice]]) -> None:
        self._busy = True
        try:
            for wave in waves(got):
                await apply_guarded(self._applier, wave, self._guards)
        finally:  # whoever waits for the reader to end must not wait for ever
            self._busy = False

    def _config(self) -> dict[str, Any]:
        settings = self._settings
        holes = not self._applier.gapless.issuperset(settings.topics)
        return {
            **settings.kafka.librdkafka(),
            "group.id": settings.broker_group,
            "group.instance.id": settings.instance,
            "session.timeout.ms": SESSION_SECONDS * 1000,
            "heartbeat.interval.ms": HEARTBEAT_SECONDS * 1000,
            "partition.assignment.strategy": "roundrobin",
            "enable.auto.commit": False,
            # Every start is given; a lost place is an error, and the next start finds out why.
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 5,
            # The end of a log with transaction markers behind its last record shows only so, and
            # only when a fetch came back empty.
            "enable.partition.eof": holes,
            "fetch.wait.max.ms": 100 if holes else 500,
        }

    def _consumer(self) -> "Consumer | ColumnConsumer":
        """Return a consumer: of columns, where the handler takes them and no hole is allowed."""
        config = self._config()
        if self._applier.prepares and self._applier.gapless.issuperset(self._settings.topics):
            try:
                from service_kit.librdkafka.consumer import ColumnConsumer

                return ColumnConsumer(config)
            except (ImportError, OSError) as error:
                log.warning("records are read one by one: %s", error)
        return Consumer(config)

    def _read(self, consumer: "Consumer | ColumnConsumer") -> list[list[Slice]]:
        """In the worker thread: wait for records; return slices to apply.

        It waits at most ``within`` (pieces.gather_seconds), or as long as earlier ones are applied.
        """
        self._commit(consumer)
        budget = Budget(self._most, self._within, lambda: self._busy)
        if isinstance(consumer, Consumer):
            slices = self._slices_of_messages(consumer, budget)
        else:
            slices = self._slices_of_columns(consumer, budget)
        return [list(map(self._prepared, some)) for some in slices]

    def _prepared(self, batch: Slice) -> Slice:
        return self._applier.prepare(batch) if batch.records else batch

    def _slices_of_messages(self, consumer: Consumer, budget: Budget) -> list[list[Slice]]:
        found: dict[Partition, list[Message]] = {}
        for piece in budget.pieces(lambda *wanted: _taken(consumer.consume(*wanted))):
            for message in piece:
                found.setdefault(self._partition(message), []).append(message)
            budget.bytes += sum(map(len, filter(None, map(Message.value, piece))))
        return [self._slices(partition, some) for partition, some in found.items()]

    def _slices_of_columns(self, consumer: "ColumnConsumer", budget: Budget) -> list[list[Slice]]:
        found: dict[Partition, list[Run]] = {}
        for piece in budget.pieces(consumer.take):
            for columns in piece:
                budget.bytes += len(columns.keys.bytes) + len(columns.values.bytes)
                partition = Partition(self._logical[columns.topic], columns.partition)
                runs = found.setdefault(partition, [])
                if not (runs and runs[-1].take(columns)):
                    runs.append(Run(columns))
        return [[run.slice(partition) for run in runs] for partition, runs in found.items()]

    def _slices(self, partition: Partition, messages: list[Message]) -> list[Slice]:
        gapless = partition.topic in self._applier.gapless
        position, records = 0, []
        for message in messages:
            error = message.error()
            if error is None:
                records.append(_record(partition, message))
            elif error.code() == KafkaError._PARTITION_EOF:
                position = message.offset() or 0
            else:
                raise Infrastructure(f"reading {partition}: {error}") from KafkaException(error)
        return slices_of(partition, records, gapless, position)

    def _assigned(
        self, consumer: "Consumer | ColumnConsumer", assigned: list[KafkaPartition]
    ) -> None:
        """In the worker thread, inside ``consume``: begin where MongoDB says."""
        starts = self._on_event_loop(self._applier.take(self._logical_of(assigned)))
        names = {topic: name for name, topic in self._logical.items()}
        consumer.assign(
            [KafkaPartition(names[p.topic], p.number, start) for p, start in starts.items()]
        )

    def _revoked(self, _: object, revoked: list[KafkaPartition]) -> None:
        """In the worker thread, inside ``consume`` or ``close``."""
        self._on_event_loop(self._applier.drop(self._logical_of(revoked)))

    def _on_event_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._event_loop).result()

    def _commit(self, consumer: "Consumer | ColumnConsumer") -> None:
        """Once a second tell Kafka where we are, for lag displays; a failure is no matter."""
        now = time.monotonic()
        if now - self._committed_at < COMMIT_SECONDS:
            return
        self._committed_at = now
        names = {topic: name for name, topic in self._logical.items()}
        positions = [
            KafkaPartition(names[p.topic], p.number, n) for p, n in list(self._applier.next.items())
        ]
        try:
            if positions:
                consumer.commit(offsets=positions, asynchronous=True)
        except KafkaException as error:
            log.debug("commit for display: %s", error)

    def _logical_of(self, partitions: Iterable[KafkaPartition]) -> list[Partition]:
        return [Partition(self._logical[p.topic], p.partition) for p in partitions]

    def _partition(self, message: Message) -> Partition:
        topic, number = message.topic(), message.partition()
        if topic is None or number is None:
            error = message.error()
            raise Infrastructure(f"reading: {error}") from KafkaException(error)
        return Partition(self._logical[topic], number)


def _taken(piece: list[Message]) -> tuple[int, list[Message]]:
    return len(piece), piece


def _record(partition: Partition, message: Message) -> Record:
    headers: Any = message.headers()
    offset: Any = message.offset()  # None only beside an error
    return Record(
        partition,
        offset,
        message.key(),
        message.value(),
        message.timestamp()[1],
        dict(headers) if headers else NO_HEADERS,
    )
