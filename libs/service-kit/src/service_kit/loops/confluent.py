"""The loop for single events at a high rate: librdkafka fetches in the background.

The client blocks, so one worker thread owns it; whatever concerns the applier runs on the event
loop, also during a rebalance, while the worker thread waits for it.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any, TypeVar

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
from service_kit.records import Bulk, Partition, Record, Slice, Texts

log = logging.getLogger(__name__)

T = TypeVar("T")


FIRST_SIZE = 5000
# Messages taken at once: few enough to stay in the processor's cache. One costs half as much there,
# and what it was made of is used again for the next one.
_PIECE = 1000
_MOST_BYTES = 64 * 2**20  # of one transaction's records, whatever the size of each
_SHORT_SECONDS = 1.0
_LONG_SECONDS = 2.0


def next_size(size: int, most: int, took: float) -> int:
    """Return how many records to read at once after so many took so long to apply.

    What a record costs depends on what it is; a transaction may not take longer than the server
    lets it live.
    """
    if took > _LONG_SECONDS:
        return max(1, size // 2)
    return min(most, size * 2) if took < _SHORT_SECONDS else size


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
        self._most = min(FIRST_SIZE, settings.batch)
        self._event_loop: asyncio.AbstractEventLoop

    async def run(self) -> None:
        """Read and apply until cancelled; raises Infrastructure or what the handler raised."""
        self._event_loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"kafka-{self._settings.group}")
        consumer = Consumer(self._config())
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
                for wave in waves(got):
                    await apply_guarded(self._applier, wave, self._guards)
                self._most = next_size(self._most, self._settings.batch, time.monotonic() - began)
        finally:
            await asyncio.gather(reading, return_exceptions=True)
            await self._event_loop.run_in_executor(thread, consumer.close)
            thread.shutdown(wait=False)

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

    def _read(self, consumer: Consumer) -> list[list[Slice]]:
        """In the worker thread: wait for records, at most ``within``; return slices to apply."""
        self._commit(consumer)
        if self._applier.prepares:
            taken = self._take_columns(consumer)
            return [[self._applier.prepare(run.slice()) for run in runs] for runs in taken]
        found: dict[Partition, list[Message]] = {}
        budget = _Budget(self._most, self._settings.within)
        for piece in budget.pieces(consumer):
            for message in piece:
                found.setdefault(self._partition(message), []).append(message)
            budget.bytes += sum(map(len, filter(None, map(Message.value, piece))))
        return [self._slices(partition, some) for partition, some in found.items()]

    def _take_columns(self, consumer: Consumer) -> list[list["_Run"]]:
        """Take records as columns: each piece is taken apart while it is in the cache."""
        found: dict[Partition, list[_Run]] = {}
        budget = _Budget(self._most, self._settings.within)
        for piece in budget.pieces(consumer):
            for messages in self._by_partition(piece):
                partition = self._partition(messages[0])
                for run in _runs(partition, messages):
                    budget.bytes += run.bytes
                    _append(found.setdefault(partition, []), run)
        return list(found.values())

    def _by_partition(self, piece: list[Message]) -> Iterator[list[Message]]:
        if len(self._logical) > 1:
            for _, of_topic in groupby(piece, Message.topic):
                yield from _split(list(of_topic))
        else:
            yield from _split(piece)

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
                raise Infrastructure(f"reading {partition}: {error}")
        return slices_of(partition, records, gapless, position)

    def _assigned(self, consumer: Consumer, assigned: list[KafkaPartition]) -> None:
        """In the worker thread, inside ``consume``: begin where MongoDB says."""
        starts = self._on_event_loop(self._applier.take(self._logical_of(assigned)))
        names = {topic: name for name, topic in self._logical.items()}
        consumer.assign(
            [KafkaPartition(names[p.topic], p.number, start) for p, start in starts.items()]
        )

    def _revoked(self, _: Consumer, revoked: list[KafkaPartition]) -> None:
        """In the worker thread, inside ``consume`` or ``close``."""
        self._on_event_loop(self._applier.drop(self._logical_of(revoked)))

    def _on_event_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._event_loop).result()

    def _commit(self, consumer: Consumer) -> None:
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
            raise Infrastructure(f"reading: {message.error()}")
        return Partition(self._logical[topic], number)


class _Budget:
    """How much one transaction may take: records, ``bytes`` so far, seconds of waiting."""

    def __init__(self, records: int, seconds: float) -> None:
        self._left = records
        self._until = time.monotonic() + seconds
        self.bytes = 0

    def pieces(self, consumer: Consumer) -> Iterator[list[Message]]:
        """Yield records until something is used up, or none are left."""
        while self._left > 0 and self.bytes < _MOST_BYTES:
            wanted = min(_PIECE, self._left)
            piece = consumer.consume(wanted, max(0.0, self._until - time.monotonic()))
            self._left -= len(piece)
            yield piece
            if len(piece) < wanted:
                return


def _split(piece: list[Message]) -> Iterator[list[Message]]:
    """Yield the messages of each partition in a piece; nearly always all are of one."""
    if len(set(map(Message.partition, piece))) == 1:
        yield piece
        return
    for _, some in groupby(piece, Message.partition):
        yield list(some)


class _Run:
    """Records of one partition without a hole between them, taken apart at once."""

    def __init__(self, partition: Partition, start: int, messages: list[Message]) -> None:
        self._partition = partition
        self._start = start
        self.end = start + len(messages)
        self._keys = [Texts.of(_filled(map(Message.key, messages)))]
        self._values = [Texts.of(_filled(map(Message.value, messages)))]

    @property
    def bytes(self) -> int:
        """How many there are."""
        return sum(len(texts.bytes) for texts in (*self._keys, *self._values))

    def take(self, other: "_Run") -> bool:
        """Take the next ones, if they are the next ones."""
        if other._start != self.end:
            return False
        self.end = other.end
        self._keys += other._keys
        self._values += other._values
        return True

    def slice(self) -> Slice:
        """Return everything as one slice."""
        keys, values = Texts.joined(self._keys), Texts.joined(self._values)
        records = Bulk(self._partition, self._start, keys, values)
        return Slice(self._partition, self._start, self.end, records)


def _append(runs: list[_Run], run: _Run) -> None:
    if not (runs and runs[-1].take(run)):
        runs.append(run)


def _runs(partition: Partition, messages: list[Message]) -> Iterator[_Run]:
    """Cut messages at holes between their offsets; raises Infrastructure on an error among them."""
    for error in filter(None, map(Message.error, messages)):
        raise Infrastructure(f"reading {partition}: {error}")
    first: Any = messages[0].offset()
    last: Any = messages[-1].offset()
    if last - first + 1 == len(messages):
        yield _Run(partition, first, messages)
        return
    for message in messages:
        offset: Any = message.offset()
        yield _Run(partition, offset, [message])


def _filled(column: Iterable[bytes | None]) -> list[bytes]:
    return [text or b"" for text in column]


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
