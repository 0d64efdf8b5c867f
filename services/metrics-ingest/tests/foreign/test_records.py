"""What becomes of a record of the organisation's own topics."""

import base64
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from metrics_ingest.stream.rekeying import GROUP
from service_kit import offsets
from service_kit.errors import Infrastructure
from service_kit.records import Partition

TOPIC = "foreign:shop.orders"


async def test_bare_records_and_cloudevents_become_raw_events_under_their_own_ids(
    foreign: Any, stage: Any, make: Any
) -> None:
    await stage.declare()
    bare = msgspec.json.encode(make.order("a", 1))
    applier = await foreign.rekey(stage, (bare, {}), (None, {}), (bare.replace(b'"a"', b'"b"'), {}))
    events = foreign.logged(stage)
    assert {(e.id, e.door, e.source, e.error) for e in events} == {
        ("a", "topic:shop.orders", "shop", None),
        ("b", "topic:shop.orders", "shop", None),
    }
    assert bare in {bytes(event.body) for event in events}
    assert applier.next[Partition(TOPIC, 0)] == 7


async def test_what_cannot_be_read_becomes_a_dead_letter_and_stops_nothing(
    foreign: Any, stage: Any, make: Any
) -> None:
    await stage.declare()
    good = msgspec.json.encode(make.order("a", 1))
    nameless = msgspec.json.encode({"type": "order.placed"})
    hostile = [b"\xff", b"", b"{", b'{"event_id":NaN}', b"[1]", b'{"event_id":"x","event_id":"x"}']
    large = b'{"event_id":"' + b"x" * 520_000 + b'"}'
    records = [*hostile, large, nameless, good]
    await foreign.rekey(
        stage, *[(each, {}) for each in records], (b"{}", {"ce_specversion": b"\xff"})
    )
    assert max(len(each) for part in stage.log.records.values() for each in part) < 512 * 1024
    await stage.pump()
    causes = [letter["cause"] for letter in await stage.letters()]
    assert sorted(causes) == ["missing-field"] + ["unreadable"] * 8
    assert await stage.stats() == {"accepted": 1, "dead_letters": 9}


async def test_a_record_of_several_events_becomes_several_and_its_secrets_go(
    foreign: Any, stage: Any, make: Any
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
    await foreign.rekey(stage, (body, {}), (b'{"orders":7}', {}))
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal("3.5"), 2)
    assert await stage.stats() == {"accepted": 2, "skipped": 1, "dead_letters": 3}
    causes = [letter["cause"] for letter in await stage.letters()]
    assert sorted(causes) == ["missing-field", "unreadable", "unreadable"]
    kept = [bytes(event.body) for event in foreign.logged(stage)]
    kept += [base64.b64decode(body) for body in kept if body.startswith(b'"')]
    assert len(kept) == 8
    assert all(b"secret" not in each and b"4111" not in each for each in kept)


async def test_records_that_grow_when_they_are_taken_apart_are_sent_in_portions(
    foreign: Any, stage: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make.shop()
    door = source["doors"]["topic:shop.orders"]
    source["doors"] = {
        "topic:shop.orders": door | {"each": "orders[]", "id": ["item.id"], "time": ["root.at"]}
    }
    await stage.done("POST", "/v1/sources", source)
    sizes: list[int] = []
    send = stage.log.send

    async def measured(topic: str, records: Any) -> None:
        given = list(records)
        sizes.append(sum(len(value) for _, _, value in given))
        await send(topic, given)

    monkeypatch.setattr(stage.log, "send", measured)
    # 200 KB that come to 20 MB, for what stands around an item is kept with each.
    body = {"at": "2011-05-06T13:07:00", "around": "x" * 190_000}
    orders = [[{"id": f"{n}-{m}"} for m in range(100)] for n in range(4)]
    records = [msgspec.json.encode(body | {"orders": each}) for each in orders]
    await foreign.rekey(stage, *[(each, {}) for each in records])
    assert len(foreign.logged(stage)) == 400
    assert max(sizes) < 40_000_000 < sum(sizes)


async def test_a_record_whose_append_failed_keeps_its_position(
    foreign: Any, stage: Any, make: Any
) -> None:
    await stage.declare()
    body = msgspec.json.encode(make.order("a", 1))
    stage.log.broken = True
    with pytest.raises(Infrastructure):
        await foreign.rekey(stage, (body, {}))
    stage.log.broken = False
    document = await offsets.read(stage.store, GROUP, Partition(TOPIC, 0))
    assert document["next"] == 0
    await foreign.rekey(stage, (body, {}))
    await foreign.rekey(stage, (body, {}))  # the organisation sent it twice
    await stage.pump()
    assert await stage.stats() == {"accepted": 1, "duplicates": 1}


async def test_records_of_a_door_that_was_closed_wait_as_dead_letters(
    foreign: Any, stage: Any, make: Any
) -> None:
    await stage.declare()
    source = make.shop()
    door = source["doors"].pop("topic:shop.orders")
    await stage.done("PUT", "/v1/sources/shop", source)
    await foreign.rekey(stage, (msgspec.json.encode(make.order("a", 1)), {}))
    await stage.pump()
    (letter,) = await stage.letters()
    assert letter["cause"] == "unknown-door"
    source["doors"]["topic:shop.orders"] = door
    await stage.done("PUT", "/v1/sources/shop", source)
    await stage.done("POST", "/v1/dead-letters/replay", {"source": "shop"})
    await stage.send(make.cloud(make.order("a", 1)))
    await stage.pump()
    assert await stage.stats() == {"accepted": 1, "dead_letters": 1, "duplicates": 1}


async def test_versions_that_come_by_a_topic_have_to_say_which_is_newer(
    foreign: Any, stage: Any, make: Any
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
    await foreign.rekey(stage, *[(msgspec.json.encode(each), {}) for each in orders])
    await stage.pump()
    await stage.settle()
    assert await stage.total("gross_revenue") == (Decimal(7), 1)
