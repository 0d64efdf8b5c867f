"""The driver of `paceline bench sustain`: what it writes, where to, and that it counts right."""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from event_contracts.raw import RawEvent
from event_contracts.wire import decoder_of, key_of, partition_of, partition_of_key
from paceline import running
from paceline.bench_load import Shape
from paceline.fold import pump
from paceline.fold.pump import MessageWriter, Pump, Writer, writer
from paceline.fold.rows import Cell, Events
from paceline.fold.whole import Whole
from paceline.trial.system import System, TrialFailed
from service_kit.errors import Infrastructure
from service_kit.librdkafka.producer import RowProducer, Rows
from service_kit.testing.servers import KafkaServer

SHAPE = Shape(rate=20_000, seconds=0.5, goals=1, types=3, campaigns=12, tenants=2, probes=0)
TENANTS = ["bench-0", "a-longer|name"]
NOW = datetime(2026, 11, 26, 14, 35, 24, 987_654, UTC)
PARTITIONS = 3
WRITERS = [RowProducer, MessageWriter]
read: Callable[[bytes], RawEvent] = decoder_of(RawEvent)


def texts(rows: Rows) -> list[tuple[bytes, bytes]]:
    """Keys and values, cut as librdkafka cuts them."""
    columns = rows.keys, rows.key_sizes, rows.values, rows.value_sizes
    return [
        (key.ljust(key_size, b"\0")[:key_size], value.ljust(size, b"\0")[:size])
        for key, key_size, value, size in zip(*columns, strict=True)
    ]


def cell_of(value: bytes) -> Cell:
    """Tenant, type and campaign, read from the event itself."""
    event = read(value)
    body: dict[str, Any] = msgspec.json.decode(event.body)
    kind, campaign = (each.rpartition("-")[2] for each in (body["type"], body["data"]["campaign"]))
    return TENANTS.index(event.tenant), int(kind), int(campaign)


def test_an_event_is_what_it_always_was() -> None:
    name = "e000012345678904"
    number = int(name[1:])  # 2 of 3 types, 3 of 12 campaigns, the second tenant
    ((key, value),) = texts(Events(SHAPE, TENANTS).rows(number, 1, NOW, 4))
    at_ms = int(NOW.timestamp()) * 1000
    assert key == b"a-longer%7Cname|bench|e000012345678904"
    assert (
        value
        == (
            f'{{"type":"raw.event.v1","tenant":"a-longer|name","source":"bench","id":"{name}",'
            f'"door":"http","received_ms":{at_ms},"body":{{"specversion":"1.0","id":"{name}",'
            f'"source":"/bench","type":"type-{number % 3:02}","time":"2026-11-26T14:35:24Z","data":'
            f'{{"campaign":"campaign-{number // 3 % 12:03}","amount":1.25}}}}}}'
        ).encode()
    )


def test_every_row_has_its_own_name_key_and_partition() -> None:
    first, count = 9_995, 200
    rows = Events(SHAPE, TENANTS).rows(first, count, NOW, 7)
    for number, (key, value), partition in zip(
        range(first, first + count), texts(rows), rows.partitions, strict=True
    ):
        event = read(value)
        assert event.id == f"e{number:015}" == msgspec.json.decode(event.body)["id"]
        parts = event.tenant, event.source, event.id
        assert (key, partition) == (key_of(*parts).encode(), partition_of(7, *parts))


@pytest.mark.parametrize("written", [0, 1, 71, 72, 73, 500])
def test_the_counts_by_cell_are_those_of_the_events(written: int) -> None:
    events = Events(SHAPE, TENANTS)
    made = [events.rows(number, 1, NOW, 4) for number in range(written)]
    seen = Counter(cell_of(value) for rows in made for _, value in texts(rows))
    assert {cell: count for cell, count in events.counts(written).items() if count} == dict(seen)


def test_the_second_of_an_event_is_that_in_which_it_was_made() -> None:
    events = Events(SHAPE, TENANTS)
    for second in (24, 25, 24):
        ((_, value),) = texts(events.rows(0, 1, NOW.replace(second=second), 4))
        assert msgspec.json.decode(read(value).body)["time"] == f"2026-11-26T14:35:{second}Z"


def test_where_librdkafka_is_hidden_events_are_written_one_by_one_and_it_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def hidden(*_: object) -> None:
        raise OSError("librdkafka shows no rd_kafka_produce_batch")

    monkeypatch.setattr(pump, "RowProducer", hidden)
    with caplog.at_level(logging.WARNING):
        assert isinstance(writer({"bootstrap.servers": "127.0.0.1:1"}, "raw"), MessageWriter)
    assert "one by one" in caplog.text
    assert "rd_kafka_produce_batch" in caplog.text


@pytest.mark.parametrize("kind", WRITERS)
def test_what_nobody_acknowledges_is_an_error(kind: Callable[..., Writer]) -> None:
    lost = {"bootstrap.servers": "127.0.0.1:1", "message.timeout.ms": 50, "linger.ms": 0}
    to = kind(lost, "raw")
    try:
        to.send(Events(SHAPE, TENANTS).rows(0, 10, NOW, 4))
        with pytest.raises(Infrastructure, match="timed out"):
            to.flush(20)
    finally:
        to.close()


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_still_waiting_when_patience_ends_is_an_error(kind: Callable[..., Writer]) -> None:
    to = kind({"bootstrap.servers": "127.0.0.1:1"}, "raw")
    try:
        to.send(Events(SHAPE, TENANTS).rows(0, 10, NOW, 4))
        with pytest.raises(Infrastructure, match=r"left|[Tt]imed out"):
            to.flush(0.1)
    finally:
        to.close()


@pytest.fixture
def whole(kafka: KafkaServer, tmp_path: Path) -> Whole:
    """As much of a running system as the driver looks at: a broker with a topic of raw events."""
    found = running.Running(
        kafka=kafka.bootstrap,
        mongodb="",
        api_key="",
        clock=None,
        services={},
        pids={},
        supervisor=0,
        prefix=f"{tmp_path.name}.",
        partitions=PARTITIONS,
    )
    system = System(tmp_path, 0)
    running.write(system.file, found)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    topic = NewTopic(topic_of(found), num_partitions=PARTITIONS)
    admin.create_topics([topic])[topic.topic].result(20)
    return Whole(system, SHAPE, NOW.date(), TENANTS, [])


def topic_of(found: running.Running) -> str:
    return f"{found.prefix}raw"


def arrived(whole: Whole) -> list[tuple[bytes, bytes, int]]:
    """Every record of the topic: key, value and partition."""
    found = running.read(whole.system.file)
    consumer = Consumer({"bootstrap.servers": found.kafka, "group.id": found.prefix})
    records = []
    for number in range(PARTITIONS):
        place = TopicPartition(topic_of(found), number, 0)
        _, end = consumer.get_watermark_offsets(place, timeout=20)
        consumer.assign([place])
        while place.offset < end:
            for message in consumer.consume(min(1000, end - place.offset), 20):
                assert message.error() is None
                records.append((message.key(), message.value(), number))
                place.offset = message.offset() + 1
    consumer.close()
    return records


def test_everything_that_is_written_arrives_once_and_is_counted(whole: Whole) -> None:
    seconds = 4 * SHAPE.seconds  # a crowded machine may keep the driver waiting for one of these
    driver = Pump(whole, SHAPE.rate, seconds)
    driver.thread.start()
    driver.thread.join(60)
    driver.raise_failure()
    records = arrived(whole)
    assert driver.written > SHAPE.rate * seconds / 2
    names = sorted(read(value).id for _, value, _ in records)
    assert names == [f"e{number:015}" for number in range(driver.written)]
    for key, value, partition in records:
        event = read(value)
        assert key == key_of(event.tenant, event.source, event.id).encode()
        assert partition == partition_of_key(PARTITIONS, key)
    counts = driver.events.counts(driver.written)
    assert Counter(cell_of(value) for _, value, _ in records) == counts


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_queue_is_waited_for(whole: Whole, kind: Callable[..., Writer]) -> None:
    found = running.read(whole.system.file)
    narrow = {"bootstrap.servers": found.kafka, "queue.buffering.max.messages": 100}
    to = kind(narrow, topic_of(found))
    events = Events(SHAPE, TENANTS)
    for first in (0, 2_000):
        to.send(events.rows(first, 2_000, NOW, PARTITIONS))
    to.flush(60)
    to.close()
    names = sorted(read(value).id for _, value, _ in arrived(whole))
    assert names == [f"e{number:015}" for number in range(4_000)]


def test_a_driver_that_cannot_write_says_so(whole: Whole) -> None:
    found = running.read(whole.system.file)
    elsewhere = msgspec.structs.replace(found, partitions=PARTITIONS + 20)
    running.write(whole.system.file, elsewhere)
    driver = Pump(whole, SHAPE.rate, SHAPE.seconds)
    driver.thread.start()
    driver.thread.join(60)
    with pytest.raises(TrialFailed, match="partition"):
        driver.raise_failure()
