"""Records in Avro, by the schemas of a registry that may be away."""

import asyncio
import json
from collections.abc import Mapping, Set
from decimal import Decimal
from typing import Any

import httpx
import pytest

from metrics_ingest.api import make_api
from metrics_ingest.domain.avro import AvroSchema
from metrics_ingest.domain.causes import SCHEMA_UNKNOWN, Unfit
from metrics_ingest.ports.raw import RegistryDown
from metrics_ingest.stream.rekeying import GROUP, Rekeyer
from service_kit import offsets
from service_kit.records import Partition
from service_kit.testing.waiting import until

TOPIC = "foreign:shop.orders"


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


async def test_avro_records_of_two_schemas_count_to_the_cent(
    foreign: Any, stage: Any, make: Any
) -> None:
    await declare_avro(stage, make)
    records = [first("a", 1999), second("b", -500, "DE"), second("c", 1), first("a", 1999)]
    await foreign.rekey(stage, *[(each, {}) for each in records], (None, {}), schemas=Shelf())
    assert {bytes(event.body) for event in foreign.logged(stage)} == {
        b'{"event_id":"a","at":"2011-05-06T12:00:00.000Z","gross":"19.99"}',
        b'{"country":"DE","at":"2011-05-06T12:00:00.000Z","total":"-5.00","event_id":"b"}',
        b'{"country":null,"at":"2011-05-06T12:00:00.000Z","total":"0.01","event_id":"c"}',
    }
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal("15.00"), 3)
    assert await stage.stats() == {"accepted": 3, "duplicates": 1}


async def test_avro_that_cannot_be_read_becomes_typed_dead_letters(
    foreign: Any, stage: Any, make: Any
) -> None:
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
    await foreign.rekey(stage, *[(each, {}) for each in bad], (first("b", 2), {}), schemas=Shelf())
    await stage.pump()
    causes = sorted(letter["cause"] for letter in await stage.letters())
    assert causes == ["avro-misfit"] * 3 + ["schema-unknown"] + ["unreadable"] * 5
    assert await stage.total("gross_revenue") == (Decimal("0.02"), 1)


async def test_a_letter_is_replayed_once_its_schema_is_registered(
    foreign: Any, stage: Any, make: Any
) -> None:
    shelf = Shelf()
    stage.schemas = shelf
    stage.open()
    await declare_avro(stage, make)
    del shelf.schemas[2]
    await foreign.rekey(stage, (second("a", 100), {}), (second("b", 23), {}), schemas=shelf)
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
    foreign: Any, stage: Any, make: Any
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
    await foreign.rekey(stage, (framed(3, varint(3), *rows, b"\x00"), {}), schemas=shelf)
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


async def test_a_binary_cloudevent_may_have_its_data_in_avro(
    foreign: Any, stage: Any, make: Any
) -> None:
    await declare_avro(stage, make)
    headers = {
        "ce_specversion": b"1.0",
        "ce_id": b"e-1",
        "ce_type": b"t",
        "content-type": b"application/avro",
    }
    await foreign.rekey(stage, (first("a", 100), headers), schemas=Shelf())
    (event,) = foreign.logged(stage)
    assert json.loads(bytes(event.body))["data"]["gross"] == "1.00"


async def test_without_the_registry_a_record_keeps_its_position(
    foreign: Any, stage: Any, make: Any
) -> None:
    await declare_avro(stage, make)
    shelf = Shelf()
    shelf.down = True
    with pytest.raises(RegistryDown):
        await foreign.rekey(stage, (first("a", 1), {}), (second("b", 2), {}), schemas=shelf)
    assert (await offsets.read(stage.store, GROUP, Partition(TOPIC, 0)))["next"] == 0
    assert foreign.logged(stage) == []
    shelf.down = False
    await foreign.rekey(stage, (first("a", 1), {}), (second("b", 2), {}), schemas=shelf)
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


async def test_a_topic_waits_for_the_registry_and_readiness_says_so(
    foreign: Any, stage: Any, make: Any
) -> None:
    broker = foreign.Broker()
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
    foreign = foreign.topics_of(stage, broker)
    rekeyer = Rekeyer(stage.store, foreign, stage.clock, stage.raw, shelf, ready, make_loop, 0.01)
    task = asyncio.create_task(rekeyer.run())
    await until(lambda: bool(ready.waiting()))
    answer = await stage.http.get("/readyz")
    (waits,) = answer.json()["waiting"]
    assert (waits["what"], waits["seconds"]) == ("topic shop.orders", 0)
    assert "schema registry" in waits["why"]
    assert answer.status_code == 200
    seconds = 60.0
    assert (await stage.http.get("/readyz")).status_code == 503
    shelf.down = False
    await until(lambda: begun == [TOPIC, TOPIC])
    answer = await stage.http.get("/readyz")
    assert answer.status_code == 200
    assert "waiting" not in answer.json()
    assert begun == [TOPIC, TOPIC]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
