"""The relay process on a real broker and a real document server."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import Any

from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as KafkaPartition

from service_kit.broker import Broker, TopicSpec
from service_kit.outbox import Message, Origin
from service_kit.records import Partition
from service_kit.security import KafkaAccess
from service_kit.store import Store
from service_kit.testing.servers import DocumentServer, KafkaServer
from service_kit.testing.waiting import PATIENCE

OUT = Partition("out", 1)


async def write(store: Store, session: Any, values: list[bytes]) -> None:
    async def body(tx: Any) -> None:
        origin = Origin("o")
        outbox = await origin.open(tx)
        outbox.send_all(Message(OUT, b"k", value) for value in values)
        await origin.close(tx, outbox)

    await session.run(body)


def read(consumer: Consumer, last: bytes) -> list[Any]:
    """Return the records up to and including the one with this value."""
    deadline, got = time.monotonic() + PATIENCE, []
    while time.monotonic() < deadline and not (got and got[-1].value() == last):
        got += [m for m in consumer.consume(1, 0.05) if m.error() is None]
    return got


async def test_relays_what_is_committed_and_goes_on_after_kill_9(
    kafka: KafkaServer, documents: DocumentServer
) -> None:
    name = f"relay{os.getpid()}"
    store = Store.connect(documents.uri, f"{name}_a")
    await store.db["offsets"].insert_one({"_id": "g|t|0", "next": 0, "lanes": {}, "halted": None})
    await Broker(KafkaAccess(kafka.bootstrap), f"{name}.").create([TopicSpec("out", 2, -1, False)])
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": name})
    consumer.assign([KafkaPartition(f"{name}.out", 1, 0)])
    session = await store.session()
    environment = {
        "PACELINE_KAFKA": kafka.bootstrap,
        "PACELINE_MONGODB": documents.uri,
        "PACELINE_PREFIX": f"{name}.",
        "PACELINE_DATABASE_PREFIX": f"{name}_",
        "PACELINE_INSTANCE": "relay-0",
    }

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "service_kit.relay_process"]
        return subprocess.Popen(command, env={**os.environ, **environment})

    process = start()
    try:
        await write(store, session, [b"1", b"2"])
        first = await asyncio.to_thread(read, consumer, b"2")
        process.send_signal(signal.SIGKILL)
        process.wait()
        await write(store, session, [b"3"])
        process = start()
        second = await asyncio.to_thread(read, consumer, b"3")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        await asyncio.to_thread(consumer.close)
        await store.close()
    assert [m.value() for m in first] == [b"1", b"2"]
    # What was sent before the cursor had moved comes again, in its order.
    assert [m.value() for m in second] in ([b"3"], [b"1", b"2", b"3"])
    assert first[1].headers() == [("lane", b"o"), ("seq", b"2"), ("range", b"0-0")]
