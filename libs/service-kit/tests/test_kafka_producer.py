"""The producer on the cluster that librdkafka keeps in its own process for tests."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from service_kit.errors import Infrastructure
from service_kit.kafka_producer import DirectProducer, RelayProducer
from service_kit.security import KafkaAccess
from service_kit.testing.waiting import PATIENCE, until

CLUSTER: dict[str, Any] = {"test.mock.num.brokers": 1}
NOWHERE = "127.0.0.1:1"


def producer(**extra: Any) -> DirectProducer:
    return DirectProducer(KafkaAccess(NOWHERE), "p.", CLUSTER | extra)


def records(count: int) -> list[tuple[int, bytes, bytes]]:
    return [(number % 4, b"k%d" % number, b"v" * 100) for number in range(count)]


def row(seq: int, partition: int) -> Mapping[str, Any]:
    lane = f"goal-service:facts/0>{partition}"
    place = {"topic": "progress", "partition": partition, "lane": lane, "seq": seq}
    return place | {"range": (seq, seq + 1), "key": b"k", "value": b"v"}


async def test_a_sending_returns_when_all_of_it_is_acknowledged() -> None:
    direct = producer()
    await asyncio.gather(*(direct.send("raw", records(500)) for _ in range(5)))
    assert not len(direct._client._producer)
    await direct.send("raw", [])
    await direct.close()


async def test_rows_are_sent_with_their_stamps() -> None:
    relay = RelayProducer(KafkaAccess(NOWHERE), "p.", CLUSTER)
    await relay.send([dict(row(number, number % 4)) for number in range(100)])
    await relay.send([])
    await relay.close()


async def test_one_record_that_is_not_taken_fails_the_sending_and_no_other() -> None:
    direct = producer()
    await direct.send("raw", records(4))
    with pytest.raises(Infrastructure, match="raw"):
        await direct.send("raw", [*records(4), (77, b"k", b"v")])
    await direct.send("raw", records(4))
    await direct.close()


async def test_a_full_queue_makes_the_sender_wait() -> None:
    direct = producer(**{"queue.buffering.max.messages": 10})
    await direct.send("raw", records(200))
    await direct.close()


async def test_who_gives_up_hears_nothing_of_what_comes_later() -> None:
    direct = DirectProducer(KafkaAccess(NOWHERE), "p.", {"delivery.timeout.ms": 1000})
    sending = asyncio.create_task(direct.send("raw", records(10)))
    await until(lambda: len(direct._client._producer) > 0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    with pytest.raises(Infrastructure, match="sending to raw"):
        await direct.send("raw", records(10))
    await asyncio.wait_for(direct.close(), PATIENCE)


async def test_closing_while_the_broker_is_away_ends() -> None:
    direct = DirectProducer(KafkaAccess(NOWHERE), "p.")
    # That no broker answers stands in the same queue as acknowledgements, and nothing was sent.
    await until(lambda: len(direct._client._producer) > 0)
    await asyncio.wait_for(direct.close(), PATIENCE)
