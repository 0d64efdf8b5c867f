"""The broker's floor: how long a record takes from a producer (acks=all) to a consumer, no more.

A process of its own, so that it shares no interpreter with what it is compared with:
``python -m paceline.bench_floor KAFKA TOPIC SECONDS EVERY`` prints latencies in ms as a JSON list.
"""

import contextlib
import sys
import threading
import time

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from paceline.access import access_to

SIZE = 300  # bytes, about that of an event
PATIENCE_SECONDS = 15.0


def measure(kafka: str, topic: str, seconds: float, every: float) -> list[float]:
    """Return the latencies in ms of one record each ``every`` seconds, on a topic made for it."""
    admin = AdminClient(access_to(kafka).librdkafka())
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    try:
        return _measure(kafka, topic, round(seconds / every), every)
    finally:
        with contextlib.suppress(Exception):
            admin.delete_topics([topic])[topic].result(10)


def _measure(kafka: str, topic: str, count: int, every: float) -> list[float]:
    consumer = Consumer(
        {
            **access_to(kafka).librdkafka(),
            "group.id": topic,
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 5,
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    sending = threading.Thread(target=_send, args=(kafka, topic, count, every), daemon=True)
    sending.start()
    found: list[float] = []
    deadline = time.monotonic() + count * every + PATIENCE_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        value = message.value() if message is not None and message.error() is None else None
        if value is not None:
            found.append((time.monotonic_ns() - int(value[:20])) / 1e6)
    consumer.close()
    sending.join(PATIENCE_SECONDS)
    return found


def _send(kafka: str, topic: str, count: int, every: float) -> None:
    producer = Producer({**access_to(kafka).librdkafka(), "acks": "all", "linger.ms": 0})
    begin = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begin + number * every - time.monotonic()))
        producer.produce(topic, f"{time.monotonic_ns():020}".encode().ljust(SIZE, b"."))
        producer.poll(0)
    producer.flush(PATIENCE_SECONDS)


if __name__ == "__main__":
    kafka, topic, seconds, every = sys.argv[1:]
    print(msgspec.json.encode(measure(kafka, topic, float(seconds), float(every))).decode())
