"""Foreign topics: re-keyed before their position moves; watermarks wait for them."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from event_contracts.raw import RawEvent
from metrics_ingest.adapters.definitions import StoredSources
from metrics_ingest.adapters.foreign import ForeignTopics
from metrics_ingest.adapters.registry import Access, SchemaRegistry
from metrics_ingest.stream.rekeying import GROUP, Rekeyer, RekeyHandler
from metrics_ingest.stream.watermarks import Prober
from service_kit import offsets
from service_kit.batch import Bounds
from service_kit.errors import Infrastructure
from service_kit.readiness import Readiness
from service_kit.records import Partition, Record, Slice

TOPIC = "foreign:shop.orders"
NONE = SchemaRegistry(Access())
WAITS = Readiness(lambda _: asyncio.sleep(0, {}), lambda: 0.0)


class TopicBroker:
    """The organisation's topics, each with so many partitions and ends."""

    def __init__(self) -> None:
        self.topics: dict[str, int] = {}
        self.end = 0

    async def partition_count(self, topic: str) -> int:
        return self.topics[topic]

    async def bounds(self, partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
        return {partition: Bounds("t", 3, self.end) for partition in partitions}

    async def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(partitions, self.end)


class Foreign(ForeignTopics):
    """Knows that a topic is absent without asking Kafka."""

    async def partitions(self, topic: str) -> list[Partition]:
        if f"foreign:{topic}" not in self._broker.topics:  # type: ignore[attr-defined]
            return []
        return await super().partitions(topic)


def foreign_of(stage: Any, broker: TopicBroker) -> Foreign:
    return Foreign(stage.store, broker, GROUP)  # type: ignore[arg-type]


def logged(stage: Any) -> list[RawEvent]:
    records = [value for records in stage.log.records.values() for value in records]
    return [msgspec.json.decode(value, type=RawEvent) for value in records]


async def rekey(stage: Any, *records: tuple[bytes | None, dict[str, bytes]]) -> Any:
    partition = Partition(TOPIC, 0)
    handler = RekeyHandler(stage.clock, stage.raw, NONE, "acme", "shop", "shop.orders")
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


async def test_bare_records_and_cloudevents_become_raw_events_under_their_own_ids(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    bare = msgspec.json.encode(make.order("a", 1))
    applier = await rekey(stage, (bare, {}), (None, {}), (bare.replace(b'"a"', b'"b"'), {}))
    events = logged(stage)
    assert {(e.id, e.door, e.source, e.error) for e in events} == {
        ("a", "topic:shop.orders", "shop", None),
        ("b", "topic:shop.orders", "shop", None),
    }
    assert bare in {bytes(event.body) for event in events}
    assert applier.next[Partition(TOPIC, 0)] == 7


async def test_what_cannot_be_read_becomes_a_dead_letter_and_stops_nothing(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    good = msgspec.json.encode(make.order("a", 1))
    nameless = msgspec.json.encode({"type": "order.placed"})
    hostile = [b"\xff", b"", b"{", b'{"event_id":NaN}', b"[1]", b'{"event_id":"x","event_id":"x"}']
    large = b'{"event_id":"' + b"x" * 520_000 + b'"}'
    records = [*hostile, large, nameless, good]
    await rekey(stage, *[(each, {}) for each in records], (b"{}", {"ce_specversion": b"\xff"}))
    assert max(len(each) for part in stage.log.records.values() for each in part) < 512 * 1024
    await stage.pump()
    causes = [letter["cause"] for letter in await stage.letters()]
    assert sorted(causes) == ["missing-field"] + ["unreadable"] * 8
    assert await stage.stats() == {"accepted": 1, "dead_letters": 9}


async def test_a_record_of_several_events_becomes_several_and_its_secrets_go(
    stage: Any, make: Any
) -> None:
    source = make.shop()
    fields = source["doors"]["http"]["fields"]
    source["doors"]["topic:shop.orders"] = {
        "each": "orders[]",
        "drop": ["key", "orders[].card"],
        "id": ["item.id"],
        "type": ["=order.placed"],
        "time": ["root.at"],
        "fields": {name: field | {"paths": [f"item.{name}"]} for name, field in fields.items()},
        "skip": [{"field": "country", "op": "eq", "value": "test"}],
    }
    await stage.done("POST", "/v1/sources", source)
    for metric in make.shop_metrics():
        await stage.done("POST", "/v1/metrics", metric)
    body = (
        b'{"key":"secret","at":"2011-05-06T13:07:00","orders":[{"id":"a","gross":1.50,"net":1,'
        b'"card":"4111"},{"id":"b","gross":NaN},{"gross":2,"net":2},'
        b'{"gross":2,"country":"test"},{"id":"c","gross":2,"net":2}]}'
    )
    await rekey(stage, (body, {}), (b'{"orders":7}', {}))
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal("3.5"), 2)
    assert await stage.stats() == {"accepted": 2, "skipped": 1, "dead_letters": 3}
    causes = [letter["cause"] for letter in await stage.letters()]
    assert sorted(causes) == ["missing-field", "unreadable", "unreadable"]
    kept = [bytes(event.body) for event in logged(stage) if event.error is None]
    assert kept
    assert all(b"secret" not in each and b"4111" not in each for each in kept)


async def test_a_record_whose_append_failed_keeps_its_position(stage: Any, make: Any) -> None:
    await stage.declare()
    body = msgspec.json.encode(make.order("a", 1))
    stage.log.broken = True
    with pytest.raises(Infrastructure):
        await rekey(stage, (body, {}))
    stage.log.broken = False
    document = await offsets.read(stage.store, GROUP, Partition(TOPIC, 0))
    assert document["next"] == 0
    await rekey(stage, (body, {}))
    await rekey(stage, (body, {}))  # the organisation sent it twice
    await stage.pump()
    assert await stage.stats() == {"accepted": 1, "duplicates": 1}


async def test_records_of_a_door_that_was_closed_wait_as_dead_letters(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    source = make.shop()
    door = source["doors"].pop("topic:shop.orders")
    await stage.done("PUT", "/v1/sources/shop", source)
    await rekey(stage, (msgspec.json.encode(make.order("a", 1)), {}))
    await stage.pump()
    (letter,) = await stage.letters()
    assert letter["cause"] == "unknown-door"
    source["doors"]["topic:shop.orders"] = door
    await stage.done("PUT", "/v1/sources/shop", source)
    await stage.done("POST", "/v1/dead-letters/replay", {"source": "shop"})
    await stage.send(make.cloud(make.order("a", 1)))
    await stage.pump()
    assert await stage.stats() == {"accepted": 1, "dead_letters": 1, "duplicates": 1}


async def test_doors_are_begun_and_ended_while_running(stage: Any, make: Any) -> None:
    broker = TopicBroker()
    running: set[str] = set()

    class Still:
        def __init__(self, topic: str) -> None:
            self.topic = topic

        async def run(self) -> None:
            running.add(self.topic)
            try:
                await asyncio.sleep(3600)
            finally:
                running.discard(self.topic)

    async def make_loop(_: Any, topic: str) -> Still:
        return Still(topic)

    rekeyer = Rekeyer(
        stage.store, foreign_of(stage, broker), stage.clock, stage.raw, NONE, WAITS, make_loop, 0.01
    )
    task = asyncio.create_task(rekeyer.run())
    await stage.declare()
    await asyncio.sleep(0.05)
    assert running == set()  # the topic is not there yet
    broker.topics[TOPIC] = 2
    await asyncio.sleep(0.05)
    assert running == {TOPIC}
    for number in (0, 1):
        document = await offsets.read(stage.store, GROUP, Partition(TOPIC, number))
        assert document["next"] == 3  # the log's start
    source = make.shop()
    del source["doors"]["topic:shop.orders"]
    await stage.done("PUT", "/v1/sources/shop", source)
    await asyncio.sleep(0.05)
    assert running == set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_loop_that_ends_ends_the_rekeyer(stage: Any) -> None:
    broker = TopicBroker()
    broker.topics[TOPIC] = 1

    class Broken:
        async def run(self) -> None:
            raise Infrastructure("gone")

    async def make_loop(_: Any, topic: str) -> Broken:
        return Broken()

    await stage.declare()
    foreign = foreign_of(stage, broker)
    rekeyer = Rekeyer(stage.store, foreign, stage.clock, stage.raw, NONE, WAITS, make_loop, 0.01)
    with pytest.raises(Infrastructure):
        await asyncio.wait_for(rekeyer.run(), 5)


async def test_a_watermark_waits_until_foreign_records_stand_in_the_raw_log(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    broker = TopicBroker()
    broker.topics[TOPIC], broker.end = 1, 5
    prober = Prober(
        stage.clock,
        stage.handler.memory,
        stage.log.ends,
        foreign_of(stage, broker),
        StoredSources(stage.store),
    )
    probing = asyncio.create_task(prober.probe())
    await asyncio.sleep(0.05)
    assert not probing.done()  # never re-keyed: no position at all
    await offsets.seed(stage.store, GROUP, Partition(TOPIC, 0), 4, "t")
    await asyncio.sleep(0.05)
    assert not probing.done()
    await stage.send(make.cloud(make.order("late", 1)))  # what the re-keyer appends meanwhile
    query = {"_id": offsets.offset_id(GROUP, Partition(TOPIC, 0))}
    await stage.store.db["offsets"].update_one(query, {"$set": {"next": 5}})
    await asyncio.wait_for(probing, 5)

    await stage.applier.tick()
    told = [m for m in await stage.messages() if not hasattr(m, "cells")]
    assert len(told) == 2  # the partition with the event has not folded it yet
    await stage.pump()
    assert len(await stage.messages()) == 2 + 3 + 2
    assert {m.at_ms for m in await stage.messages() if not hasattr(m, "cells")} == {stage.clock.ms}


async def test_a_door_that_is_taken_away_holds_no_watermark_back(stage: Any, make: Any) -> None:
    await stage.declare()
    broker = TopicBroker()
    broker.topics[TOPIC], broker.end = 1, 5
    foreign = foreign_of(stage, broker)
    prober = Prober(
        stage.clock, stage.handler.memory, stage.log.ends, foreign, StoredSources(stage.store)
    )
    probing = asyncio.create_task(prober.probe())
    source = make.shop()
    del source["doors"]["topic:shop.orders"]
    await stage.done("PUT", "/v1/sources/shop", source)
    await asyncio.wait_for(probing, 5)
    await stage.applier.tick()
    assert len(await stage.messages()) == 4
    await prober.probe()
    await stage.applier.tick()
    assert len(await stage.messages()) == 4  # the clock has not moved
