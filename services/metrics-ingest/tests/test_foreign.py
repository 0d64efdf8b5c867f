"""Foreign topics: re-keyed before their position moves; watermarks wait for them."""

import asyncio
import json
from collections.abc import Mapping, Sequence, Set
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from event_contracts.raw import RawEvent
from metrics_ingest.adapters.definitions import StoredSources
from metrics_ingest.adapters.foreign import ForeignTopics
from metrics_ingest.adapters.registry import Access, SchemaRegistry
from metrics_ingest.api import make_api
from metrics_ingest.domain.avro import AvroSchema
from metrics_ingest.domain.causes import SCHEMA_UNKNOWN, Unfit
from metrics_ingest.ports import RegistryDown, Schemas
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


def avro_schema(*fields: tuple[str, Any]) -> AvroSchema:
    named = [{"name": name, "type": kind} for name, kind in fields]
    return AvroSchema(json.dumps({"type": "record", "name": "Order", "fields": named}))


MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
MINUTES = {"type": "long", "logicalType": "timestamp-millis"}
# The second version has another order, a new field, and the amount's name has changed.
ORDERS = {
    1: avro_schema(("event_id", "string"), ("at", MINUTES), ("gross", MONEY)),
    2: avro_schema(
        ("country", ["null", "string"]), ("at", MINUTES), ("total", MONEY), ("event_id", "string")
    ),
}


class Shelf:
    """The registry's schemas, in memory; nothing while it is ``down``."""

    def __init__(self) -> None:
        self.schemas = dict(ORDERS)
        self.down = False

    async def find(self, ids: Set[int]) -> Mapping[int, AvroSchema | Unfit]:
        if self.down:
            raise RegistryDown(min(ids), "it is down")
        unknown = Unfit(SCHEMA_UNKNOWN, "schema", "no schema has this number")
        return {each: self.schemas.get(each, unknown) for each in ids}


def varint(number: int) -> bytes:
    """Return a number of 0 or more as Avro writes it."""
    left, out = number * 2, b""
    while left > 0x7F:
        out += bytes([left & 0x7F | 0x80])
        left >>= 7
    return out + bytes([left])


def framed(schema_id: int, *parts: bytes) -> bytes:
    return b"\x00" + schema_id.to_bytes(4, "big") + b"".join(parts)


def text(value: str) -> bytes:
    return varint(len(value.encode())) + value.encode()


def money(cents: int) -> bytes:
    return varint(4) + cents.to_bytes(4, "big", signed=True)


AT = varint(1_304_683_200_000)


def first(name: str, cents: int) -> bytes:
    """Write an order by the first schema."""
    return framed(1, text(name), AT, money(cents))


def second(name: str, cents: int, country: str | None = None) -> bytes:
    """Write an order by the second schema."""
    land = b"\x00" if country is None else b"\x02" + text(country)
    return framed(2, land, AT, money(cents), text(name))


class Foreign(ForeignTopics):
    """Knows that a topic is absent without asking Kafka."""

    _broker: Any

    async def partitions(self, topic: str) -> list[Partition]:
        if f"foreign:{topic}" not in self._broker.topics:
            return []
        return await super().partitions(topic)


def foreign_of(stage: Any, broker: Any) -> Foreign:
    return Foreign(stage.store, broker, GROUP)


def logged(stage: Any) -> list[RawEvent]:
    records = [value for records in stage.log.records.values() for value in records]
    return [msgspec.json.decode(value, type=RawEvent) for value in records]


async def rekey(
    stage: Any, *records: tuple[bytes | None, dict[str, bytes]], schemas: Schemas = NONE
) -> Any:
    partition = Partition(TOPIC, 0)
    handler = RekeyHandler(stage.clock, stage.raw, schemas, "acme", "shop", "shop.orders")
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


async def declare_avro(stage: Any, make: Any) -> None:
    source = make.shop()
    paths = {"gross": ["gross", "total"]}
    fields = {
        name: field | {"paths": paths.get(name, [name]), "required": False}
        for name, field in source["doors"]["http"]["fields"].items()
    }
    source["doors"]["topic:shop.orders"] = {
        "wire": "avro",
        "id": ["event_id"],
        "type": ["=order.placed"],
        "time": ["at"],
        "fields": {
            n: f | {"paths": paths.get(n, [n]), "required": False} for n, f in fields.items()
        },
    }
    await stage.done("POST", "/v1/sources", source)
    for metric in make.shop_metrics():
        await stage.done("POST", "/v1/metrics", metric)


async def test_avro_records_of_two_schemas_count_to_the_cent(stage: Any, make: Any) -> None:
    await declare_avro(stage, make)
    records = [first("a", 1999), second("b", -500, "DE"), second("c", 1), first("a", 1999)]
    await rekey(stage, *[(each, {}) for each in records], (None, {}), schemas=Shelf())
    assert {bytes(event.body) for event in logged(stage)} == {
        b'{"event_id":"a","at":"2011-05-06T12:00:00.000Z","gross":"19.99"}',
        b'{"country":"DE","at":"2011-05-06T12:00:00.000Z","total":"-5.00","event_id":"b"}',
        b'{"country":null,"at":"2011-05-06T12:00:00.000Z","total":"0.01","event_id":"c"}',
    }
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal("15.00"), 3)
    assert await stage.stats() == {"accepted": 3, "duplicates": 1}


async def test_avro_that_cannot_be_read_becomes_typed_dead_letters(stage: Any, make: Any) -> None:
    await declare_avro(stage, make)
    bad = [
        b"",
        b"{}",
        b"\x00\x00\x00",
        framed(9, b"\x00"),  # no such schema
        first("a", 1)[:-1],
        first("a", 1) + b"\x00",
        framed(1, b"\x01"),
        framed(1, text("\0"), AT, money(1)),  # NUL is no text of ours
        framed(1, text("x" * 600_000), AT, money(1)),
    ]
    await rekey(stage, *[(each, {}) for each in bad], (first("b", 2), {}), schemas=Shelf())
    await stage.pump()
    causes = sorted(letter["cause"] for letter in await stage.letters())
    assert causes == ["avro-misfit"] * 3 + ["schema-unknown"] + ["unreadable"] * 5
    assert await stage.total("gross_revenue") == (Decimal("0.02"), 1)


async def test_a_letter_is_replayed_once_its_schema_is_registered(stage: Any, make: Any) -> None:
    shelf = Shelf()
    stage.schemas = shelf
    stage.open()
    await declare_avro(stage, make)
    del shelf.schemas[2]
    await rekey(stage, (second("a", 100), {}), (second("b", 23), {}), schemas=shelf)
    await stage.pump()
    again = {"source": "shop", "cause": "schema-unknown"}
    assert (await stage.done("POST", "/v1/dead-letters/replay", again))["unmendable"] == 2
    shelf.down = True
    refused = await stage.call("POST", "/v1/dead-letters/replay", again)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "registry-down")
    shelf.down = False
    shelf.schemas[2] = ORDERS[2]
    await stage.send(make.cloud(make.order("b", 0.23)))  # came by another way meanwhile
    assert (await stage.done("POST", "/v1/dead-letters/replay", again))["replayed"] == 2
    assert (await stage.done("POST", "/v1/dead-letters/replay", again))["replayed"] == 0
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal("1.23"), 2)
    assert await stage.stats() == {
        "accepted": 2,
        "duplicates": 1,
        "conflicts": 1,  # the other way it had other fields beside
        "dead_letters": 2,
    }


async def test_of_a_replayed_record_of_several_events_each_can_die_alone(
    stage: Any, make: Any
) -> None:
    shelf = Shelf()
    fields = {"event_id": "string", "at": MINUTES, "gross": MONEY}
    listed = [{"name": name, "type": kind} for name, kind in fields.items()]
    item = {"type": "record", "name": "Item", "fields": listed}
    stage.schemas = shelf
    stage.open()
    source = make.shop()
    fields = source["doors"]["http"]["fields"]
    source["doors"]["topic:shop.orders"] = {
        "wire": "avro",
        "each": "orders[]",
        "id": ["item.event_id"],
        "type": ["=order.placed"],
        "time": ["item.at"],
        "fields": {
            n: f | {"paths": [f"item.{n}"], "required": n == "gross"} for n, f in fields.items()
        },
    }
    await stage.done("POST", "/v1/sources", source)
    for metric in make.shop_metrics():
        await stage.done("POST", "/v1/metrics", metric)
    huge = varint(20) + b"\x00\x7f" + b"\xff" * 18  # more digits than a sum can hold
    rows = [text("a") + AT + money(100), text("b") + AT + huge, text("c") + AT + money(23)]
    await rekey(stage, (framed(3, varint(3), *rows, b"\x00"), {}), schemas=shelf)
    await stage.pump()
    assert [each["cause"] for each in await stage.letters()] == ["schema-unknown"]
    shelf.schemas[3] = avro_schema(("orders", {"type": "array", "items": item}))
    await stage.done("POST", "/v1/dead-letters/replay", {"source": "shop"})
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal("1.23"), 2)
    (dead,) = await stage.letters()
    assert (dead["cause"], dead["event_id"]) == ("wrong-kind", "b")
    again = {"source": "shop"}
    assert (await stage.done("POST", "/v1/dead-letters/replay", again))["replayed"] == 1
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal("1.23"), 2)
    assert await stage.stats() == {"accepted": 2, "dead_letters": 3}


async def test_a_binary_cloudevent_may_have_its_data_in_avro(stage: Any, make: Any) -> None:
    await declare_avro(stage, make)
    headers = {
        "ce_specversion": b"1.0",
        "ce_id": b"e-1",
        "ce_type": b"t",
        "content-type": b"application/avro",
    }
    await rekey(stage, (first("a", 100), headers), schemas=Shelf())
    (event,) = logged(stage)
    assert json.loads(bytes(event.body))["data"]["gross"] == "1.00"


async def test_without_the_registry_a_record_keeps_its_position(stage: Any, make: Any) -> None:
    await declare_avro(stage, make)
    shelf = Shelf()
    shelf.down = True
    with pytest.raises(RegistryDown):
        await rekey(stage, (first("a", 1), {}), (second("b", 2), {}), schemas=shelf)
    assert (await offsets.read(stage.store, GROUP, Partition(TOPIC, 0)))["next"] == 0
    assert logged(stage) == []
    shelf.down = False
    await rekey(stage, (first("a", 1), {}), (second("b", 2), {}), schemas=shelf)
    await stage.pump()
    assert await stage.stats() == {"accepted": 2}


async def test_avro_cannot_be_declared_without_a_registry(stage: Any, make: Any) -> None:
    stage.app = make_api(stage.runtime, stage.raw, stage.counts)
    stage.http = httpx.AsyncClient(
        transport=httpx.ASGITransport(stage.app), base_url="http://ingest"
    )
    source = make.shop()
    source["doors"]["topic:shop.orders"]["wire"] = "avro"
    refused = await stage.call("POST", "/v1/sources", source)
    assert refused.status_code == 422
    assert refused.json()["error"]["where"] == '$.doors["topic:shop.orders"].wire'
    assert "PACELINE_SCHEMA_REGISTRY" in refused.json()["error"]["message"]


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


async def test_a_topic_waits_for_the_registry_and_readiness_says_so(stage: Any, make: Any) -> None:
    broker = TopicBroker()
    broker.topics[TOPIC] = 1
    shelf = Shelf()
    shelf.down = True
    begun: list[str] = []

    class Reading:
        async def run(self) -> None:
            begun.append(TOPIC)
            await shelf.find({1})
            await asyncio.sleep(3600)

    async def make_loop(_: Any, topic: str) -> Reading:
        return Reading()

    await declare_avro(stage, make)
    ready = stage.runtime.readiness
    seconds = 0.0
    ready._now = lambda: seconds
    foreign = foreign_of(stage, broker)
    rekeyer = Rekeyer(stage.store, foreign, stage.clock, stage.raw, shelf, ready, make_loop, 0.01)
    task = asyncio.create_task(rekeyer.run())
    await asyncio.sleep(0.1)
    answer = await stage.http.get("/readyz")
    (waits,) = answer.json()["waiting"]
    assert (waits["what"], waits["seconds"]) == ("topic shop.orders", 0)
    assert "schema registry" in waits["why"]
    assert answer.status_code == 200
    seconds = 60.0
    assert (await stage.http.get("/readyz")).status_code == 503
    shelf.down = False
    await asyncio.sleep(0.1)
    answer = await stage.http.get("/readyz")
    assert answer.status_code == 200
    assert "waiting" not in answer.json()
    assert begun == [TOPIC, TOPIC]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


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


async def test_versions_that_come_by_a_topic_have_to_say_which_is_newer(
    stage: Any, make: Any
) -> None:
    source = make.shop()
    cells = {"kind": "snapshot", "key": ["country"]}
    answer = await stage.call("POST", "/v1/sources", source | {"contributions": [cells]})
    assert (answer.status_code, answer.json()["error"]["where"]) == (
        422,
        "$.contributions[0].as_of",
    )
    for door in source["doors"].values():
        door["fields"]["seq"] = {"paths": ["seq"], "kind": "integer"}
    cells["as_of"] = "seq"
    await stage.done("POST", "/v1/sources", source | {"contributions": [cells]})
    for metric in make.shop_metrics():
        await stage.done("POST", "/v1/metrics", metric)
    # The last one's place in the raw log is read before those of the others.
    names = [*(f"m{n}" for n in range(7)), "x1"]
    orders = [make.order(name, n) | {"seq": n} for n, name in enumerate(names)]
    await rekey(stage, *[(msgspec.json.encode(each), {}) for each in orders])
    await stage.pump()
    await stage.settle()
    assert await stage.total("gross_revenue") == (Decimal(7), 1)
