"""Sending to Kafka: idempotent, acknowledged by all in-sync replicas, or Infrastructure.

librdkafka collects and sends in threads of its own. What it has to tell, the event loop asks for
while something is under way: a thread that waited for it would take the interpreter from the loop
at every single message (measured: 31 us a message so, 7 us now).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from service_kit.broker import physical_name
from service_kit.errors import Infrastructure
from service_kit.relay import stamp_of
from service_kit.security import KafkaAccess
from service_kit.store import Document

# After this a send counts as failed; the sender then does not know whether it happened.
GIVE_UP_SECONDS = 30
# What is enqueued in one go leaves in one request for each partition. With 0 the first of a hundred
# leaves alone, and the sending thread is woken for each: three times the work, the broker's too.
LINGER_MS = 1
LOOK_SECONDS = 0.001

Headers = list[tuple[str, str | bytes | None]]


class Sent(NamedTuple):
    """One record on its way. ``topic`` is its name on the broker."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


class _Sending:
    """What is sent together: done when the last acknowledgement has come, or at the first error."""

    def __init__(self, what: str, records: int) -> None:
        self._what = what
        self._waiting = records
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def acknowledged(self, error: KafkaError | None, _: Message) -> None:
        """Note one; the callback of librdkafka for each record."""
        self._waiting -= 1
        if self.done.done():
            return
        if error is not None:
            self.done.set_exception(Infrastructure(f"{self._what}: {error}"))
        elif not self._waiting:
            self.done.set_result(None)


class _Client:
    """A librdkafka producer of one event loop. Its callbacks run on that loop."""

    def __init__(self, kafka: KafkaAccess, extra: Mapping[str, Any] | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._looking: asyncio.TimerHandle | None = None
        self._looked = asyncio.Event()
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

    async def send(self, records: Sequence[Sent], what: str) -> None:
        """Return when every record is acknowledged; those of a partition arrive in this order.

        Waits while the queue is full. Raises Infrastructure, in which ``what`` says what was done.
        """
        if not records:
            return
        sending = _Sending(what, len(records))
        try:
            for record in records:
                while not self._enqueued(record, sending):
                    await self._next_look()
            await sending.done
        except BaseException:
            sending.done.cancel()  # nobody waits for it any more
            raise

    async def close(self) -> None:
        """Return when all that is under way has been acknowledged or given up."""
        while len(self._producer):
            await self._next_look()

    def _enqueued(self, record: Sent, sending: _Sending) -> bool:
        """Whether there was room for the record. Raises Infrastructure."""
        topic, partition, key, value, headers = record
        self._look_soon()
        try:
            self._producer.produce(
                topic, value, key, partition, on_delivery=sending.acknowledged, headers=headers
            )
        except BufferError:
            return False
        except KafkaException as error:
            raise Infrastructure(f"sending to {topic}/{partition}: {error}") from error
        return True

    async def _next_look(self) -> None:
        """Return after the next look.

        It may have to be begun: what librdkafka says of itself, that no broker answers, say, counts
        as under way, too, and comes when it likes.
        """
        self._looked.clear()
        self._look_soon()
        await self._looked.wait()

    def _look_soon(self) -> None:
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """Hear what has been acknowledged; go on looking while something is under way."""
        try:
            self._producer.poll(0)
        finally:  # whatever a callback raised, the others want to be heard
            self._looked.set()
            self._looking = None
            if len(self._producer):
                self._look_soon()


class RelayProducer:
    """Sends outbox rows with their lane headers (relay.Producer)."""

    def __init__(
        self, kafka: KafkaAccess, prefix: str, extra: Mapping[str, Any] | None = None
    ) -> None:
        """Needs the running event loop that will call :meth:`send`."""
        self._prefix = prefix
        self._client = _Client(kafka, extra)

    async def send(self, rows: Sequence[Document]) -> None:
        """Return when every row is acknowledged; rows of a partition arrive in this order."""
        await self._client.send([self._record_of(row) for row in rows], "relaying")

    async def close(self) -> None:
        """Return when all that is under way has been acknowledged or given up."""
        await self._client.close()

    def _record_of(self, row: Document) -> Sent:
        topic = physical_name(self._prefix, row["topic"])
        headers: Headers = [*stamp_of(row).headers()]
        return Sent(topic, row["partition"], row["key"], row["value"], headers)


class DirectProducer:
    """Sends records for a door, all of a request at once."""

    def __init__(
        self, kafka: KafkaAccess, prefix: str, extra: Mapping[str, Any] | None = None
    ) -> None:
        """Needs the running event loop that will call :meth:`send`."""
        self._prefix = prefix
        self._client = _Client(kafka, extra)

    async def send(self, topic: str, records: Iterable[tuple[int, bytes, bytes]]) -> None:
        """Return when all stand on all in-sync replicas; a record is its partition, key, value.

        ``topic`` is a logical name. After Infrastructure any of them may stand there or not.
        """
        name = physical_name(self._prefix, topic)
        await self._client.send([Sent(name, *record) for record in records], f"sending to {topic}")

    async def close(self) -> None:
        """Return when all that is under way has been acknowledged or given up."""
        await self._client.close()
