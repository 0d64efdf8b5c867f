"""The second hop: each subject once, whatever happens on the way."""

import random
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from event_contracts.facts import Watermark
from event_contracts.subjects import SubjectBatch, SubjectsMessage
from event_contracts.wire import decoder_of, encode
from metrics_ingest.adapters import subject_store
from metrics_ingest.domain.facts import batches
from service_kit.guards import Guards
from service_kit.marks import Mark
from service_kit.records import Partition, Slice
from service_kit.testing.fake_mongo import Fault


async def test_deltas_of_the_same_source_go_their_short_way(ads: Any, stage: Any) -> None:
    await ads.declare(stage)
    await stage.send(ads.event("a", "click", campaign="x"), source="ads")
    await stage.pump()
    assert await stage.total("clicks") == (Decimal(1), 1)
    assert await stage.rows("subjects") == []


async def test_rows_that_come_twice_or_out_of_order_count_once(ads: Any, stage: Any) -> None:
    await ads.declare(stage)
    for as_of in range(1, 6):
        await stage.send(ads.cell(f"a{as_of}", as_of, as_of), source="ads")
        await stage.pump()
    rows = await stage.rows("subjects")
    for row in [*reversed(rows), *rows]:
        stage.relayed.add((row["lane"], row["seq"]))
        stage.deliver(row)
    await stage.settle(at_once=2)
    assert await stage.total("spend") == (Decimal(5), 1)


async def test_without_the_lane_guard_deltas_behind_the_hop_would_double(
    ads: Any, stage: Any
) -> None:
    await ads.declare(stage)
    metric = {"name": "units", "kind": "unit-threshold", "of": "lead", "threshold": 2}
    await stage.done("POST", "/v1/metrics", metric | {"source": "ads", "types": ["click"]})
    await stage.send(ads.event("a", "click", lead="7"), source="ads")
    await stage.pump()
    await stage.relay_subjects()
    for row in await stage.rows("subjects"):
        stage.deliver(row)
    await stage.settle()
    assert await stage.total("units") == (0, 0)
    await stage.start_subjects(Guards(lane=False))
    for row in await stage.rows("subjects"):
        stage.deliver(row)
    await stage.settle()
    assert await stage.total("units") == (1, 1)


async def test_commits_that_get_lost_apply_each_event_once(ads: Any, stage: Any) -> None:
    await ads.declare(stage)
    for as_of in range(1, 9):
        await stage.send(ads.cell(f"a{as_of}", as_of, as_of), source="ads")
        await stage.pump()
    with stage.losing_commits():
        await stage.settle(at_once=2)
    assert await stage.total("spend") == (Decimal(8), 1)


async def test_a_worker_that_was_replaced_changes_nothing_any_more(ads: Any, stage: Any) -> None:
    await ads.declare(stage)
    zombie = stage.subjects
    await stage.send(ads.cell("a", 1, 10), source="ads")
    await stage.pump()
    await stage.start_subjects()
    await stage.settle()
    for number, records in stage.log.subjects.items():
        partition = Partition("subjects", number)
        await zombie.apply([Slice(partition, 0, len(records), tuple(records))])
    assert await stage.total("spend") == (Decimal(10), 1)


@pytest.mark.parametrize("seed", range(12))
async def test_workers_that_die_and_rows_that_come_again_end_at_the_truth(
    ads: Any, stage: Any, seed: int
) -> None:
    rng = random.Random(seed)
    await ads.declare(stage)
    metric = {"name": "units", "kind": "unit-threshold", "of": "lead", "threshold": 3}
    await stage.done("POST", "/v1/metrics", metric | {"source": "ads", "types": ["click"]})
    told: dict[str, tuple[int, int]] = {}
    clicks: Counter[str] = Counter()

    async def point(what: str) -> Fault | None:
        lost = what == "commit:" and rng.random() < 0.2
        return rng.choice([Fault.DONE, Fault.NOT_DONE]) if lost else None

    for step in range(30):
        campaign, as_of, spend = rng.choice("xyz"), rng.randrange(1_000_000), rng.randrange(100)
        told[campaign] = max(told.get(campaign, (-1, 0)), (as_of, spend))
        lead = rng.choice("1234")
        clicks[lead] += 1
        stage.mongo.point = point
        await stage.send(
            ads.cell(f"a{step}", as_of, spend, campaign),
            ads.event(f"c{step}", "click", lead=lead),
            source="ads",
        )
        await stage.pump()
        if rng.random() < 0.5:
            await stage.relay_subjects()
            rows = await stage.rows("subjects")
            stage.deliver(rng.choice(rows))
        await stage.settle(at_once=rng.randrange(1, 4))
        stage.mongo.point = None
        if rng.random() < 0.3:
            await stage.start_subjects()
    await stage.settle()
    assert (await stage.total("spend"))[0] == sum(spend for _, spend in told.values())
    assert (await stage.total("units"))[0] == sum(n >= 3 for n in clicks.values())
    assert stage.subjects.halted == {}


async def test_the_watermark_passes_both_hops_behind_what_it_covers(ads: Any, stage: Any) -> None:
    await ads.declare(stage)
    await stage.send(ads.cell("a", 1, 10), source="ads")
    await stage.pump()
    now = stage.clock.now_ms()
    for number in range(2):
        memory = stage.handler.memory.partitions[number]
        memory.completeness.probe(Mark(now), len(stage.log.records[number]))
    await stage.applier.tick()
    raw = [m for m in await stage.messages() if isinstance(m, Watermark)]
    assert {m.origin for m in raw} == {"raw/0", "raw/1"}
    rows = await stage.rows("subjects")
    assert len([r for r in rows if b"watermark" in r["value"]]) == 4
    await stage.settle()
    marks = [m for m in await stage.messages() if isinstance(m, Watermark)]
    told = [m for m in marks if m.origin.startswith("subjects/")]
    assert {(m.origin, m.at_ms) for m in told} == {("subjects/0", now), ("subjects/1", now)}
    assert len(told) == 4
    lanes = {r["lane"] for r in await stage.rows("facts") if b"subjects/" in r["value"]}
    assert "metrics-ingest-subjects:subjects/0>facts/1" in lanes


async def test_the_state_of_a_large_slice_is_kept_in_several_documents(
    ads: Any, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject_store, "MOST_CHARACTERS", 100)
    await ads.declare(stage)
    for as_of in (1, 2):
        rows = [
            ads.event(
                f"{as_of}-{n}",
                "row",
                account="1",
                day="6",
                as_of=as_of,
                row=n,
                rows=5,
                campaign=f"c{n}",
                spend=as_of,
            )
            for n in range(5)
        ]
        await ads.send(stage, *rows)
        await stage.start_subjects()
    assert await stage.total("daily_spend") == (Decimal(10), 5)
    assert len(await stage.store.db["subjects"].find({}).to_list(None)) > 3


async def test_beyond_the_limit_of_sets_a_cell_is_booked_in_other_and_taken_back_there(
    ads: Any, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = batches.limit
    monkeypatch.setattr(
        "metrics_ingest.handlers.subjects.landing.limit",
        lambda cells, known: original(cells, known, 1),
    )
    await ads.declare(stage)
    await ads.send(stage, ads.cell("a", 1, 10, "x"))
    await ads.send(stage, ads.cell("b", 1, 20, "y"))
    assert await stage.total("spend", campaign="other") == (Decimal(20), 1)
    await ads.send(stage, ads.cell("c", 2, 21, "y"))
    assert await stage.total("spend", campaign="other") == (Decimal(21), 1)
    assert await stage.total("spend", campaign="y") == (0, 0)
    assert await stage.total("spend", campaign="x") == (Decimal(10), 1)


async def test_a_record_that_is_no_batch_is_kept_and_stops_nothing(ads: Any, stage: Any) -> None:
    await ads.declare(stage)
    await stage.send(ads.cell("a", 1, 10), source="ads")
    await stage.pump()
    (row,) = await stage.rows("subjects")
    stage.deliver(row | {"value": b"no json", "lane": "x>subjects/0", "seq": 1})
    await stage.settle()
    assert await stage.total("spend") == (Decimal(10), 1)
    (letter,) = await stage.store.db["dead_letters"].find({}).to_list(None)
    assert letter["cause"] == "unreadable"
    assert stage.subjects.halted == {}


async def test_two_histories_in_one_lane_halt_the_partition(ads: Any, stage: Any) -> None:
    await ads.declare(stage)
    await stage.send(ads.cell("a", 1, 10), source="ads")
    await stage.pump()
    await stage.settle()
    (row,) = await stage.rows("subjects")
    batch: SubjectBatch = decoder_of(SubjectsMessage)(row["value"])
    other = msgspec.structs.replace(batch, as_of_ms=1)
    stage.deliver(row | {"range": [5, 9], "value": encode(other)})
    await stage.settle()
    assert stage.subjects.halted == {Partition("subjects", row["partition"]): "lane-conflict"}


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Los_Angeles", "Pacific/Pago_Pago"])
async def test_a_whole_day_is_a_sign_of_life_on_that_date_wherever_a_goal_looks_from(
    ads: Any, stage: Any, zone: str
) -> None:
    await stage.done("POST", "/v1/sources", ads.source(zone=zone))
    await stage.done("POST", "/v1/metrics", ads.METRICS[1] | {"source": "ads", "unit": "GBP"})
    row = {"account": "1", "day": "6", "as_of": 1, "row": 1, "rows": 1}
    await ads.send(stage, ads.event("a", "row", at="2011-05-06T00:00:00", **row))
    (quarter,) = {each.quarter for batch in await stage.facts() for each in batch.accepted}
    heard = datetime.fromtimestamp(quarter * 900, UTC)
    for other in (zone, "America/Los_Angeles", "UTC", "Asia/Shanghai", "Pacific/Auckland"):
        assert heard.astimezone(ZoneInfo(other)).date() == date(2011, 5, 6), other
