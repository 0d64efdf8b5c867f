"""The fold on the kit's own session and applier: every event once, whatever happens."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from event_contracts.facts import Accepted, FactBatches, FactsMessage, Watermark
from event_contracts.wire import decoder_of
from metrics_ingest.domain.memory import Memory
from metrics_ingest.domain.seen.window import BYTES_PER_ID
from service_kit.marks import Mark
from service_kit.records import Partition
from service_kit.testing.fake_mongo import Fault

MINUTE = 21_744_727  # 2011-05-06 12:07 UTC, 13:07 in London


async def shop(stage: Any, _: Any) -> None:
    """Declare the shop as it is: it keeps records, so its events are folded one by one."""
    await stage.declare()


async def plain_shop(stage: Any, make: Any) -> None:
    """Declare it without records: its events are folded in bulk."""
    plain = {name: value for name, value in make.shop().items() if name != "records"}
    await stage.done("POST", "/v1/sources", plain)
    for metric in make.shop_metrics():
        await stage.done("POST", "/v1/metrics", metric)


async def test_an_order_adds_to_its_metrics_in_its_minute(stage: Any, make: Any) -> None:
    await stage.declare()
    await stage.send(
        make.cloud(make.order("a", 139.12)),
        make.cloud(make.order("b", Decimal("0.105"))),
        make.cloud(make.order("c", 0, -50.4, "France")),
    )
    await stage.pump()

    assert await stage.total("gross_revenue") == (Decimal("139.225"), 3)
    assert await stage.total("net_revenue") == (Decimal("88.825"), 3)
    assert await stage.total("net_revenue", country="France") == (Decimal("-50.4"), 1)
    assert await stage.total("orders") == (2, 2)
    facts = await stage.facts()
    assert {cell.minute for batch in facts for cell in batch.cells} == {MINUTE}
    assert {(b.tenant, b.source, b.definition) for b in facts} == {("acme", "shop", 1)}
    assert await stage.stats() == {"accepted": 3}


async def test_a_batch_says_how_many_events_fell_into_each_quarter_also_without_a_match(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    await stage.send(make.cloud(make.order("c", 0, -1)))
    await stage.pump()
    (batch,) = [b for b in await stage.facts() if b.metric == "orders"]
    assert batch.cells == ()
    assert batch.accepted == (Accepted(MINUTE // 15, 1),)


async def test_facts_are_as_of_acceptance_and_a_replay_as_of_its_folding(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    accepted_ms = stage.clock.now_ms()
    await stage.send(make.cloud(make.order("a", 1)))
    stage.clock.ms += 3_600_000
    await stage.pump()
    assert {batch.as_of_ms for batch in await stage.facts()} == {accepted_ms}

    event = make.cloud(make.order("b", 1))
    await stage.append(make.raw_event(event, id="b", received_ms=accepted_ms, replay_of="letter"))
    await stage.pump()
    assert {batch.as_of_ms for batch in await stage.facts()} == {
        accepted_ms,
        accepted_ms + 3_600_000,
    }


async def test_copies_in_a_batch_in_later_batches_and_after_a_restart_count_once(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    event = make.cloud(make.order("a", "10.50"))
    await stage.send(event, event)
    await stage.pump()
    await stage.send(event)
    await stage.pump()
    await stage.start()
    await stage.send(event)
    await stage.pump()

    assert await stage.total("gross_revenue") == (Decimal("10.50"), 1)
    assert await stage.stats() == {"accepted": 1, "duplicates": 3}
    assert len(await stage.store.db["records"].find({}).to_list(None)) == 1


async def test_the_same_order_by_both_doors_counts_once_and_is_no_conflict(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    await stage.send(make.cloud(make.order("a", 10.5)))
    bare = make.raw_event(make.order("a", "10.50"), id="a", door="topic:shop.orders")
    await stage.append(bare)
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal("10.5"), 1)
    assert await stage.stats() == {"accepted": 1, "duplicates": 1}


async def test_another_payload_under_a_seen_id_is_a_conflict_and_the_first_holds(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    await stage.send(make.cloud(make.order("a", 10)), make.cloud(make.order("a", 11)))
    await stage.pump()
    await stage.send(make.cloud(make.order("a", 12)))
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal(10), 1)
    assert await stage.stats() == {"accepted": 1, "duplicates": 2, "conflicts": 2}


async def test_one_id_in_two_tenants_or_two_sources_is_two_events(stage: Any, make: Any) -> None:
    await stage.declare()
    await stage.declare(tenant="other")
    await stage.done(
        "POST",
        "/v1/sources",
        make.shop() | {"name": "second", "doors": {"http": make.shop_mapping("data.", "id")}},
    )
    event = make.cloud(make.order("a", 1))
    await stage.send(event)
    await stage.send(event, source="second")
    await stage.send(event, tenant="other")
    await stage.pump()
    assert (await stage.stats(), await stage.stats("second")) == ({"accepted": 1},) * 2
    assert [b.tenant for b in await stage.facts() if b.metric == "orders"].count("other") == 1


async def test_a_lost_answer_to_the_commit_neither_loses_nor_doubles(stage: Any, make: Any) -> None:
    await stage.declare()
    await stage.send(*[make.cloud(make.order(f"e{n}", 1)) for n in range(20)])
    with stage.losing_commits():
        await stage.pump(at_once=5)
    assert await stage.total("gross_revenue") == (Decimal(20), 20)


async def test_a_definition_that_changes_before_the_commit_is_folded_again(
    stage: Any, make: Any
) -> None:
    """The first run of the body conflicts; meanwhile the metric changes; the second sees it."""
    await stage.declare()
    await stage.send(make.cloud(make.order("a", 10, 7)))
    changed = False

    async def point(what: str) -> Fault | None:
        nonlocal changed
        if what == "bulkWrite:" and not changed:
            changed = True
            now = make.shop_metrics()[0] | {"value": "net"}
            await stage.done("PUT", "/v1/metrics/gross_revenue", now)
            return Fault.NOT_DONE
        return None

    stage.mongo.point = point
    await stage.pump()
    stage.mongo.point = None
    (batch,) = [b for b in await stage.facts() if b.metric == "gross_revenue"]
    assert changed
    assert (batch.definition, batch.cells[0].sum) == (2, 7)


async def test_a_changed_metric_holds_for_the_next_batch(stage: Any, make: Any) -> None:
    await stage.declare()
    await stage.send(make.cloud(make.order("a", 10, 7)))
    await stage.pump()
    now = make.shop_metrics()[0] | {
        "where": [{"field": "country", "op": "in", "value": ["France"]}]
    }
    await stage.done("PUT", "/v1/metrics/gross_revenue", now)
    await stage.send(
        make.cloud(make.order("b", 5)), make.cloud(make.order("c", 6, country="France"))
    )
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal(16), 2)
    versions = {b.definition for b in await stage.facts() if b.metric == "gross_revenue"}
    assert versions == {1, 2}


async def test_an_unknown_type_is_accepted_and_counted_as_unmatched(stage: Any, make: Any) -> None:
    source = make.shop() | {"records": ["order.placed"]}
    await stage.done("POST", "/v1/sources", source)
    metric = make.shop_metrics()[0] | {"types": ["order.placed"]}
    await stage.done("POST", "/v1/metrics", metric)
    ping = {"event_id": "p", "type": "ping", "occurred_at": "2011-05-06T13:07:00"}
    await stage.send(make.cloud(ping))
    await stage.pump()
    assert await stage.stats() == {"accepted": 1, "unmatched": 1}
    assert await stage.letters() == []


async def test_a_watermark_stands_behind_the_facts_that_it_covers(stage: Any, make: Any) -> None:
    await stage.declare()
    await stage.send(*[make.cloud(make.order(f"e{n}", 1)) for n in range(10)])
    for number, records in stage.log.records.items():
        memory = stage.handler.memory.partitions[number]
        memory.completeness.probe(Mark(1000, {"birch": 500}), len(records) // 2)
        memory.completeness.probe(Mark(2000, {"birch": -1}), len(records))
        memory.completeness.probe(Mark(3000), len(records) + 1)
    await stage.pump()
    await stage.applier.tick()

    lanes: dict[str, list[Any]] = {}
    read = decoder_of(FactsMessage)
    for row in await stage.rows("facts"):
        lanes.setdefault(row["lane"], []).append(read(row["value"]))
    assert len(lanes) == 4
    for lane, messages in lanes.items():
        assert all(isinstance(m, FactBatches) for m in messages[:-1])
        origin = f"raw/{lane.split('raw/')[1][0]}"
        assert messages[-1] == Watermark(origin=origin, at_ms=2000, held={"birch": 500})


async def test_a_tick_tells_an_idle_partitions_watermark_once(stage: Any) -> None:
    memory = stage.handler.memory.partitions
    memory[0].completeness.probe(Mark(5000), 0)
    await stage.applier.tick()
    await stage.applier.tick()
    assert await stage.messages() == [Watermark(origin="raw/0", at_ms=5000)] * 2  # both partitions


async def test_a_partition_taken_anew_tells_its_watermark_again(stage: Any) -> None:
    for _ in range(2):
        await stage.applier.take([Partition("raw", 1)])
        stage.handler.memory.partitions[1].completeness.probe(Mark(5000), 0)
        await stage.applier.tick()
    assert len(await stage.messages()) == 4


async def test_the_window_is_pruned_by_arrival_and_not_by_the_hour_of_folding(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    hour = 3_600_000
    first = make.cloud(make.order("a", 1))
    await stage.send(first)
    await stage.pump()
    stage.clock.ms += 71 * hour
    await stage.send(first)
    stage.clock.ms += 200 * hour  # it stood still for days: the copy had come in time
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal(1), 1)

    for number in range(10):  # both partitions hear of the new time
        await stage.send(make.cloud(make.order(f"n{number}", 0)))
    await stage.pump()
    blocks = await stage.store.db["seen"].find({}).to_list(None)
    assert min(block["at_ms"] for block in blocks) == stage.clock.ms
    await stage.send(first)
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal(2), 12)


async def test_a_window_is_pruned_when_its_oldest_block_is_due_and_not_at_each_start(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    begun, hour = stage.clock.ms, 3_600_000
    for number, hours in enumerate((0, 1, 72, 74)):
        stage.clock.ms = begun + hours * hour
        for each in range(10):  # both partitions hear of the new time
            await stage.send(make.cloud(make.order(f"{number}/{each}", 0)))
        await stage.start()
        held = stage.handler.memory.partitions.values()
        oldest = [partition.pruned_ms for partition in held]
        await stage.pump()
        blocks = await stage.store.db["seen"].find({}).to_list(None)
        kept = {(block["at_ms"] - begun) // hour for block in blocks}
        assert kept == ({72, 74} if hours == 74 else {0, 1, 72} & set(range(hours + 1)))
        assert oldest == [begun if number else 0] * 2


async def test_ids_beyond_the_bound_of_memory_are_still_found(stage: Any, make: Any) -> None:
    await stage.declare()
    await stage.start(window_bytes=2 * BYTES_PER_ID * 5)  # five ids for each partition
    events = [make.cloud(make.order(f"e{n}", 1)) for n in range(60)]
    for start in range(0, 60, 10):
        await stage.send(*events[start : start + 10])
        await stage.pump(at_once=3)
    assert all(len(m.window) <= 5 for m in stage.handler.memory.partitions.values())
    await stage.send(*events)
    await stage.pump()
    await stage.start(window_bytes=2 * BYTES_PER_ID * 5)
    await stage.send(*events)
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal(60), 60)
    assert await stage.stats() == {"accepted": 60, "duplicates": 120}


async def test_a_garbled_record_of_the_raw_log_stops_nothing(stage: Any, make: Any) -> None:
    await stage.declare()
    await stage.send(make.cloud(make.order("a", 1)))
    for records in stage.log.records.values():
        records[:0] = [b"\xff\x00", b"", b'{"type":"raw.event.v9"}']
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal(1), 1)
    assert not stage.applier.halted
    assert await stage.letters() == []  # they belong to no tenant


@pytest.mark.parametrize("most", [2])
async def test_dimension_sets_beyond_the_limit_of_a_day_go_to_other_across_batches(
    stage: Any, make: Any, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metrics_ingest.domain.facts.batches.SETS_A_DAY", most)
    monkeypatch.setattr(
        "metrics_ingest.handlers.publishing.limit.__defaults__", (most,), raising=True
    )
    await stage.declare()
    lands = ["France", "Spain", "Eire", "Italy", "France"]
    for number, land in enumerate(lands):
        await stage.send(make.cloud(make.order(f"e{number}", 1, country=land)))
        await stage.pump()
        if number == 2:
            await stage.start()  # what is known survives
    next_day = make.order("x", 1, country="Malta", at="2011-05-07T13:00:00")
    await stage.send(make.cloud(next_day))
    await stage.pump()
    seen = {
        land: (await stage.total("gross_revenue", country=land))[1]
        for land in ("France", "Spain", "Eire", "Italy", "other", "Malta")
    }
    assert seen == {"France": 2, "Spain": 1, "Eire": 0, "Italy": 0, "other": 2, "Malta": 1}


@pytest.mark.parametrize("declare", [shop, plain_shop])
@pytest.mark.parametrize(
    "slices", [["ABC"], ["ABCD"], ["A", "BCD"], ["AB", "ABCD"], ["ABCDE", "F"]]
)
async def test_a_slice_with_new_sets_fills_a_day_up_and_no_more(
    stage: Any, make: Any, slices: list[str], declare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metrics_ingest.domain.facts.batches.SETS_A_DAY", 3)
    await declare(stage, make)
    for number, lands in enumerate(slices):
        await stage.send(*(make.cloud(make.order(f"{number}{o}", 1, country=o)) for o in lands))
        await stage.pump()
    every = "".join(slices)
    seen = {o: (await stage.total("gross_revenue", country=o))[1] for o in sorted(set(every))}
    kept = {land: count for land, count in seen.items() if count}
    other = (await stage.total("gross_revenue", country="other"))[1]
    assert len(kept) == 3
    assert kept == {land: every.count(land) for land in kept}
    assert other == len(every) - sum(kept.values())


async def test_a_worker_that_starts_knows_the_plans_before_its_first_slice(
    stage: Any, make: Any
) -> None:
    await plain_shop(stage, make)
    await stage.declare(tenant="other")
    await stage.start()
    await stage.send(make.cloud(make.order("e", 1)))
    (records,) = filter(None, stage.log.records.values())
    batch = make.slice_of(Partition("raw", 0), records, 0, 1, stage.log.keys)
    ahead = stage.handler.prepare(batch)
    assert set(ahead.plans) == {"acme", "other"}
    assert (ahead.tenants, ahead.rest) == ({"acme"}, [])
    await stage.pump()
    assert stage.handler.memory.plans == ahead.plans  # as of the transaction they are the same


@pytest.mark.parametrize("declare", [shop, plain_shop])
async def test_sets_that_another_worker_has_learnt_are_remembered(
    stage: Any, make: Any, declare: Any
) -> None:
    await declare(stage, make)
    await stage.send(make.cloud(make.order("a", 1, country="France")))
    await stage.pump()
    learnt = stage.handler.memory.day_sets("acme", "gross_revenue")
    assert [len(sets) for sets in learnt.values()] == [1]
    await stage.start()
    await stage.send(make.cloud(make.order("b", 1, country="France")))
    await stage.pump()
    assert stage.handler.memory.day_sets("acme", "gross_revenue") == learnt


async def log_one(stage: Any, name: str, body: Any) -> None:
    """Write an event into the first partition, wherever its id belongs."""
    sent = {
        "type": "raw.event.v1",
        "tenant": "acme",
        "source": "shop",
        "id": name,
        "door": "http",
        "received_ms": stage.clock.ms,
        "body": body,
    }
    await stage.log.send("raw", [(0, b"k", msgspec.json.encode(sent))])


async def test_a_slice_that_is_too_large_for_a_record_is_split(stage: Any, make: Any) -> None:
    await stage.declare()
    await stage.applier.drop([Partition("raw", 1)])
    for number in range(1500):
        event = make.order(f"e{number}", 1, country="X" * 700 + str(number))
        await log_one(stage, f"e{number}", make.cloud(event))
    records = stage.log.records[0]
    await stage.applier.apply([make.slice_of(Partition("raw", 0), records, 0, len(records))])
    rows = await stage.rows("facts")
    assert len(rows) > 3
    assert max(len(row["value"]) for row in rows) < 512 * 1024
    assert await stage.total("orders") == (1500, 1500)
    assert (
        sum(a.count for b in await stage.facts() if b.metric == "orders" for a in b.accepted)
        == 1500
    )


async def test_years_of_history_in_one_slice_fit_into_records(stage: Any, make: Any) -> None:
    # 45,000 quarter hours in one batch were 540 KB: Kafka took no such record, for ever.
    await stage.declare()
    await stage.applier.drop([Partition("raw", 1)])
    begin = datetime(2007, 1, 1)
    for number in range(45_000):
        at = begin + timedelta(minutes=15 * number)
        body = make.cloud(make.order(f"e{number}", 1, at=f"{at.isoformat()}Z"))
        await log_one(stage, f"e{number}", body)
    records = stage.log.records[0]
    await stage.applier.apply([make.slice_of(Partition("raw", 0), records, 0, len(records))])
    rows = await stage.rows("facts")
    assert max(len(row["value"]) for row in rows) < 512 * 1024
    counted = [a for b in await stage.facts() if b.metric == "orders" for a in b.accepted]
    assert len(counted) == len({a.quarter for a in counted}) == 45_000
    assert await stage.total("orders") == (45_000, 45_000)


def test_known_dimension_sets_are_forgotten_as_they_were_learnt_when_they_are_too_many() -> None:
    memory = Memory(0, most_sets=25)
    for day in range(100):
        for metric in ("a", "b"):
            memory.learn_day_sets({("acme", metric, day): {bytes([n]) for n in range(6)}})
    known = {m: set(memory.day_sets("acme", m)) for m in ("a", "b")}
    assert known == {"a": {98, 99}, "b": {98, 99}}
    memory.learn_day_sets({("acme", "a", 98): {bytes([n]) for n in range(7)}})  # it has one more
    memory.learn_day_sets({("acme", "c", 1): {b"x"}})
    assert (set(memory.day_sets("acme", "a")), set(memory.day_sets("acme", "b"))) == (
        {98, 99},
        {99},
    )
    memory.learn_day_sets({("acme", "c", 2): {bytes([n]) for n in range(26)}})
    assert not any(memory.day_sets("acme", metric) for metric in "abc")
