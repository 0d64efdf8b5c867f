"""Topics are begun and ended while the service runs; watermarks wait for what they hold."""

import asyncio
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from metrics_ingest.adapters.foreign import ForeignTopics
from metrics_ingest.adapters.registry import Access, SchemaRegistry
from metrics_ingest.stream.rekeying import GROUP, Rekeyer
from service_kit import offsets
from service_kit.errors import Infrastructure
from service_kit.readiness import Readiness
from service_kit.records import Partition
from service_kit.testing.waiting import PATIENCE, until

TOPIC = "foreign:shop.orders"


NONE = SchemaRegistry(Access())


WAITS = Readiness(lambda _: asyncio.sleep(0, {}), lambda: 0.0)


async def test_doors_are_begun_and_ended_while_running(foreign: Any, stage: Any, make: Any) -> None:
    broker = foreign.Broker()
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
        stage.store,
        foreign.topics_of(stage, broker),
        stage.clock,
        stage.raw,
        NONE,
        WAITS,
        make_loop,
        0.01,
    )
    task = asyncio.create_task(rekeyer.run())
    await stage.declare()
    await asyncio.sleep(0.05)
    assert running == set()  # the topic is not there yet
    broker.topics[TOPIC] = 2
    await until(lambda: running == {TOPIC})
    for number in (0, 1):
        document = await offsets.read(stage.store, GROUP, Partition(TOPIC, number))
        assert document["next"] == 3  # the log's start
    source = make.shop()
    del source["doors"]["topic:shop.orders"]
    await stage.done("PUT", "/v1/sources/shop", source)
    await until(lambda: running == set())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_loop_that_ends_ends_the_rekeyer(foreign: Any, stage: Any) -> None:
    broker = foreign.Broker()
    broker.topics[TOPIC] = 1

    class Broken:
        async def run(self) -> None:
            raise Infrastructure("gone")

    async def make_loop(_: Any, topic: str) -> Broken:
        return Broken()

    await stage.declare()
    foreign = foreign.topics_of(stage, broker)
    rekeyer = Rekeyer(stage.store, foreign, stage.clock, stage.raw, NONE, WAITS, make_loop, 0.01)
    with pytest.raises(Infrastructure):
        await asyncio.wait_for(rekeyer.run(), PATIENCE)


async def test_a_watermark_waits_until_foreign_records_stand_in_the_raw_log(
    foreign: Any, stage: Any, make: Any
) -> None:
    await stage.declare()
    broker = foreign.Broker()
    broker.topics[TOPIC], broker.end = 1, 5
    prober = foreign.prober(stage, broker)
    probing = asyncio.create_task(prober.probe())
    await asyncio.sleep(0.05)
    assert not probing.done()  # never re-keyed: no position at all
    await offsets.seed(stage.store, GROUP, Partition(TOPIC, 0), 4, "t")
    await asyncio.sleep(0.05)
    assert not probing.done()
    await stage.send(make.cloud(make.order("late", 1)))  # what the re-keyer appends meanwhile
    query = {"_id": offsets.offset_id(GROUP, Partition(TOPIC, 0))}
    await stage.store.db["offsets"].update_one(query, {"$set": {"next": 5}})
    await asyncio.wait_for(probing, PATIENCE)

    await stage.applier.tick()
    told = [m for m in await stage.messages() if not hasattr(m, "cells")]
    assert len(told) == 2  # the partition with the event has not folded it yet
    await stage.pump()
    assert len(await stage.messages()) == 2 + 3 + 2
    assert {m.at_ms for m in await stage.messages() if not hasattr(m, "cells")} == {stage.clock.ms}


async def test_a_door_that_is_taken_away_holds_no_watermark_back(
    foreign: Any, stage: Any, make: Any
) -> None:
    await stage.declare()
    broker = foreign.Broker()
    broker.topics[TOPIC], broker.end = 1, 5
    prober = foreign.prober(stage, broker)
    probing = asyncio.create_task(prober.probe())
    source = make.shop()
    del source["doors"]["topic:shop.orders"]
    await stage.done("PUT", "/v1/sources/shop", source)
    await asyncio.wait_for(probing, PATIENCE)
    await stage.applier.tick()
    assert len(await stage.messages()) == 4
    await prober.probe()
    await stage.applier.tick()
    assert len(await stage.messages()) == 4  # the clock has not moved


def failed(code: int) -> Infrastructure:
    """Return what a broker's word becomes."""
    error = Infrastructure("Kafka: no")
    error.__cause__ = KafkaException(KafkaError(code))
    return error


def denied() -> Infrastructure:
    """Return what a broker's refusal becomes."""
    return failed(KafkaError.TOPIC_AUTHORIZATION_FAILED)


async def test_a_topic_without_a_leader_is_begun_with_later_and_stops_no_other(
    foreign: Any, stage: Any
) -> None:
    broker = foreign.Broker()
    broker.topics[TOPIC], bounds = 1, broker.bounds

    async def away(_: Any) -> Any:
        raise failed(KafkaError.LEADER_NOT_AVAILABLE)

    class Still:
        async def run(self) -> None:
            await asyncio.sleep(3600)

    async def make_loop(_: Any, topic: str) -> Still:
        return Still()

    broker.bounds = away
    await stage.declare()
    topics = foreign.topics_of(stage, broker)
    rekeyer = Rekeyer(stage.store, topics, stage.clock, stage.raw, NONE, WAITS, make_loop, 0.01)
    await rekeyer.look()
    assert not await topics.was_read("shop.orders")
    broker.bounds = bounds
    await rekeyer.look()
    assert await topics.was_read("shop.orders")
    for task in rekeyer._running.values():
        task.cancel()


async def test_a_topic_that_may_not_be_seen_stops_no_other(foreign: Any, stage: Any) -> None:
    async def refuse(topic: str) -> tuple[str, int]:
        raise denied()

    broker = foreign.Broker()
    broker.shape = refuse
    topics = ForeignTopics(stage.store, broker, GROUP)
    assert await topics.partitions("somebody.elses") == []


async def test_a_topic_that_may_not_be_read_is_tried_again_and_stops_no_other(
    foreign: Any, stage: Any
) -> None:
    broker = foreign.Broker()
    broker.topics[TOPIC] = 1
    tried: list[int] = []

    class Refused:
        async def run(self) -> None:
            tried.append(len(tried))
            if len(tried) < 2:
                raise denied()
            if len(tried) < 3:
                raise failed(KafkaError.UNKNOWN_TOPIC_OR_PART)
            await asyncio.sleep(3600)

    async def make_loop(_: Any, topic: str) -> Refused:
        return Refused()

    await stage.declare()
    topics = foreign.topics_of(stage, broker)
    rekeyer = Rekeyer(stage.store, topics, stage.clock, stage.raw, NONE, WAITS, make_loop, 0.01)
    task = asyncio.create_task(rekeyer.run())
    await until(lambda: len(tried) == 3)
    await asyncio.sleep(0.05)
    assert (len(tried), task.done()) == (3, False)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
