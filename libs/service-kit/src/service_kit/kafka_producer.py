"""Sending to Kafka: idempotent, acknowledged by all in-sync replicas, or Infrastructure.

librdkafka collects and sends in its own thread; acknowledgements come back to the event loop in
bundles, because waking the loop costs more than a message.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from service_kit.broker import physical_name
from service_kit.errors import Infrastructure
from service_kit.records import Partition
from service_kit.relay import stamp_of
from service_kit.security import KafkaAccess
from service_kit.store import Document

# After this a send counts as failed; the sender then does not know whether it happened.
GIVE_UP_SECONDS = 30
# Rows gather while a request is under way: 2,000 of 1 KB take 20-40 ms, a lone one 0.5 ms.
LINGER_MS = 0
FULL_PAUSE_SECONDS = 0.005

Acknowledged = Callable[[KafkaError | None], None]


class _Client:
    """A librdkafka producer of one event loop. Its callbacks run on that loop."""

    def __init__(self, kafka: KafkaAccess, prefix: str, extra: Mapping[str, Any] | None) -> None:
        self._prefix = prefix
        self._loop = asyncio.get_running_loop()
        self._done: deque[tuple[Acknowledged, KafkaError | None]] = deque()
        self._open = True
        self._producer = Producer(
            {
                **kafka.librdkafka(),
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": LINGER_MS,
                "delivery.timeout.ms": GIVE_UP_SECONDS * 1000,
                **(extra or {}),
            }
        )
        self._thread = threading.Thread(target=self._poll, name="kafka-producer", daemon=True)
        self._thread.start()

    async def produce(
        self,
        to: Partition,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]],
        acknowledged: Acknowledged,
    ) -> None:
        """Enqueue a record; waits while the queue is full. Raises Infrastructure."""
        topic = physical_name(self._prefix, to.topic)

        def delivered(error: KafkaError | None, _: Message) -> None:
            self._deliver(acknowledged, error)

        while True:
            try:
                self._producer.produce(
                    topic, value, key, to.number, headers=list(headers), on_delivery=delivered
                )
                return
            except BufferError:
                await asyncio.sleep(FULL_PAUSE_SECONDS)
            except KafkaException as error:
                raise Infrastructure(f"sending to {to}: {error}") from error

    async def close(self) -> None:
        """Send what is enqueued and end the thread."""
        self._open = False
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._producer.flush, GIVE_UP_SECONDS)

    def _poll(self) -> None:
        while self._open:
            self._producer.poll(0.1)

    def _deliver(self, acknowledged: Acknowledged, error: KafkaError | None) -> None:
        """Note it, in the one thread that polls; wake the loop only for the first note."""
        self._done.append((acknowledged, error))
        if len(self._done) == 1:
            self._loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        # A note leaves the queue after its call, so that an empty queue means: wake the loop.
        while self._done:
            acknowledged, error = self._done[0]
            acknowledged(error)
            self._done.popleft()


class RelayProducer:
    """Sends outbox rows with their lane headers (relay.Producer)."""

    def __init__(
        self, kafka: KafkaAccess, prefix: str, extra: Mapping[str, Any] | None = None
    ) -> None:
        """Needs the running event loop that will call :meth:`send`."""
        self._client = _Client(kafka, prefix, extra)

    async def send(self, rows: Sequence[Document]) -> None:
        """Return when every row is acknowledged; rows of a partition arrive in this order."""
        if not rows:
            return
        done = asyncio.get_running_loop().create_future()
        waiting = len(rows)

        def acknowledged(error: KafkaError | None) -> None:
            nonlocal waiting
            waiting -= 1
            if not done.done() and error is not None:
                done.set_exception(Infrastructure(f"relaying: {error}"))
            elif not done.done() and not waiting:
                done.set_result(None)

        for row in rows:
            to = Partition(row["topic"], row["partition"])
            headers = stamp_of(row).headers()
            await self._client.produce(to, row["key"], row["value"], headers, acknowledged)
        await done

    async def close(self) -> None:
        """Send what is enqueued and let go."""
        await self._client.close()


class DirectProducer:
    """Sends single records for a door, many at a time in one request to the broker."""

    def __init__(
        self, kafka: KafkaAccess, prefix: str, extra: Mapping[str, Any] | None = None
    ) -> None:
        """Needs the running event loop that will call :meth:`send`."""
        self._client = _Client(kafka, prefix, extra)

    async def send(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None
    ) -> None:
        """Return when the record stands on all in-sync replicas.

        ``topic`` is a logical name. After Infrastructure the record may stand there or not.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def acknowledged(error: KafkaError | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(Infrastructure(f"sending to {topic}/{partition}: {error}"))

        await self._client.produce(Partition(topic, partition), key, value, [], acknowledged)
        await done

    async def close(self) -> None:
        """Send what is enqueued and let go."""
        await self._client.close()
