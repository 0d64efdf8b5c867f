"""The second hop on the kit's own session and applier: each subject once, whatever happens."""

import random
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from event_contracts.facts import Watermark
from event_contracts.subjects import SubjectBatch, SubjectsMessage
from event_contracts.wire import decoder_of, encode
from metrics_ingest.adapters import subject_store
from metrics_ingest.domain import batches
from service_kit.guards import Guards
from service_kit.records import Partition, Slice
from service_kit.testing.fake_mongo import Fault

LONDON_MIDNIGHT = 21_743_940  # 2011-05-05 23:00 UTC, midnight in London


def ads(**more: Any) -> dict[str, Any]:
    """Return the source of reports, orders and deals; all times without a zone are London's."""
    text = ("account", "day", "campaign", "deal", "stage", "lead")
    numbers = ("as_of", "row", "rows")
    fields: dict[str, Any] = {name: {"paths": [f"data.{name}"]} for name in text}
    fields |= {name: {"paths": [f"data.{name}"], "kind": "integer"} for name in numbers}
    fields["spend"] = {"paths": ["data.spend"], "kind": "decimal"}
    door = {"id": ["id"], "type": ["type"], "time": ["data.at"], "fields": fields}
    return {
        "name": "ads",
        "zone": "Europe/London",
        "doors": {"http": door},
        "records": ["deal"],
        "restates_days": 28,
        "contributions": [
            {"kind": "snapshot", "types": ["cell"], "key": ["day", "campaign"], "as_of": "as_of"},
            {
                "kind": "slice",
                "types": ["row"],
                "key": ["account", "day"],
                "cell": ["campaign"],
                "as_of": "as_of",
                "part": "row",
                "parts": "rows",
                "grain": "day",
            },
            {"kind": "entity", "types": ["deal"], "key": ["deal"], "as_of": "as_of"},
        ],
    } | more


METRICS: list[dict[str, Any]] = [
    {"name": "spend", "types": ["cell"], "value": "spend", "dims": ["campaign"]},
    {"name": "daily_spend", "types": ["row"], "value": "spend", "dims": ["campaign"]},
    {
        "name": "won",
        "types": ["deal"],
        "value": "spend",
        "where": [{"field": "stage", "op": "eq", "value": "won"}],
    },
    {"name": "clicks", "types": ["click"], "dims": ["campaign"]},
]


def event(identity: str, type: str, **data: Any) -> dict[str, Any]:
    data.setdefault("at", "2011-05-06T13:07:00")
    return {"specversion": "1.0", "id": identity, "source": "/ads", "type": type, "data": data}


def cell(identity: str, as_of: int, spend: Any, campaign: str = "c") -> dict[str, Any]:
    return event(identity, "cell", day="6", campaign=campaign, as_of=as_of, spend=spend)


async def declare(stage: Any) -> None:
    await stage.done("POST", "/v1/sources", ads())
    for metric in METRICS:
        await stage.done("POST", "/v1/metrics", metric | {"source": "ads", "unit": "GBP"})


async def send(stage: Any, *events: dict[str, Any]) -> None:
    await stage.send(*events, source="ads")
    await stage.pump()
    await stage.settle()


async def test_a_restated_cell_ends_at_its_last_number_and_says_what_it_corrects(
    stage: Any,
) -> None:
    await declare(stage)
    await send(stage, cell("a", 1, 10.5), cell("b", 1, 1, "d"))
    await send(stage, cell("c", 2, 12.25))
    await send(stage, cell("d", 1, 99))
    assert await stage.total("spend") == (Decimal("13.25"), 2)
    facts = [b for b in await stage.facts() if b.cells]
    assert [b.corrects for b in facts if b.corrects] == ["snapshot:cell:6|c"]
    assert all(b.provisional for b in facts)
    assert await stage.stats("ads") == {"accepted": 4}


async def test_a_cell_is_touched_without_asking_the_store_again(stage: Any) -> None:
    await declare(stage)
    await send(stage, cell("a", 1, 10))
    (kept,) = await stage.store.db["subjects"].find({}).to_list(None)
    assert kept["of"] == "ads|snapshot|cell|6%7Cc"
    await stage.start_subjects()
    await send(stage, cell("b", 2, 11))
    assert await stage.total("spend") == (Decimal(11), 1)


async def test_the_id_of_a_row_may_be_its_cells(stage: Any) -> None:
    await declare(stage)
    await send(stage, cell("6-c", 1, 10))
    await send(stage, cell("6-c", 2, 11), cell("6-c", 2, 11))
    assert await stage.total("spend") == (Decimal(11), 1)
    assert await stage.stats("ads") == {"accepted": 2, "duplicates": 1}


async def test_a_newer_state_that_cannot_be_read_is_a_letter_whatever_else_comes_under_its_id(
    stage: Any,
) -> None:
    await declare(stage)
    await send(stage, cell("6-c", 1, 10), cell("6-c", 3, "a lot"))
    await send(stage, cell("6-c", 2, 20), cell("6-c", 0, 9))  # accepted behind it, and older
    (letter,) = await stage.letters()
    assert letter["cause"] == "wrong-kind"
    assert await stage.stats("ads") == {"accepted": 3, "dead_letters": 1}
    mended = ads()
    mended["doors"]["http"]["fields"]["spend"]["values"] = {"a lot": "30"}
    await stage.done("PUT", "/v1/sources/ads", mended | {"reason": "test"})
    await stage.done("POST", "/v1/dead-letters/replay", {"source": "ads"})
    await send(stage)
    assert await stage.total("spend") == (Decimal(30), 1)


async def test_a_letter_of_a_state_that_was_overtaken_is_replayed_for_nothing(stage: Any) -> None:
    await declare(stage)
    await send(stage, cell("6-c", 1, None) | {"data": {"day": "6", "campaign": "c", "spend": 5}})
    await send(stage, cell("6-c", 2, 20))
    mended = ads()
    mended["doors"]["http"]["fields"] |= {
        "as_of": {"paths": ["data.as_of", "=1"], "kind": "integer"},
    }
    mended["doors"]["http"]["time"] = ["data.at", "=2011-05-06T13:07:00"]
    await stage.done("PUT", "/v1/sources/ads", mended | {"reason": "test"})
    replayed = await stage.done("POST", "/v1/dead-letters/replay", {"source": "ads"})
    assert replayed["replayed"] == 1
    await send(stage)
    assert await stage.total("spend") == (Decimal(20), 1)


async def test_an_entity_whose_own_day_has_no_rate_is_a_letter_until_it_has(stage: Any) -> None:
    source = ads()
    fields = source["doors"]["http"]["fields"]
    fields["spend"] = {"paths": ["data.spend"], "kind": "decimal", "currency": "USD"}
    fields["closed"] = {"paths": ["data.closed"], "kind": "time"}
    source["contributions"][2]["at"] = "closed"
    await stage.done("POST", "/v1/sources", source)
    metric = METRICS[2] | {"source": "ads", "unit": "", "currency": "GBP"}
    await stage.done("POST", "/v1/metrics", metric)
    rate = {"date": "2011-05-01", "base": "USD", "quote": "GBP", "rate": "0.5"}
    await stage.done("PUT", "/v1/rates", [rate])
    won = {"stage": "won", "spend": 100, "as_of": 1}
    await send(stage, event("a", "deal", deal="1", closed="2011-05-02T00:00:00Z", **won))
    await send(stage, event("b", "deal", deal="2", closed="2011-04-02T00:00:00Z", **won))
    assert await stage.total("won") == (Decimal(50), 1)
    assert [letter["cause"] for letter in await stage.letters()] == ["rate-missing"]
    await stage.done("PUT", "/v1/rates", [rate | {"date": "2011-04-01", "rate": "0.25"}])
    await stage.done("POST", "/v1/dead-letters/replay", {"source": "ads"})
    await send(stage)
    assert await stage.total("won") == (Decimal(75), 2)


async def test_what_new_definitions_refuse_behind_the_door_is_told_and_takes_nothing_with_it(
    stage: Any,
) -> None:
    source = ads()
    fields = source["doors"]["http"]["fields"]
    await stage.done("POST", "/v1/sources", source)
    units = {
        "name": "m",
        "source": "ads",
        "unit": "",
        "kind": "unit-threshold",
        "types": ["click"],
        "of": "campaign",
        "value": "spend",
        "threshold": 5,
        "currency": "GBP",
    }
    await stage.done("POST", "/v1/metrics", units)
    told = [
        event(name, "click", campaign="c", spend=spend, lead=currency)
        for name, spend, currency in (("a", 3, "GBP"), ("b", 4, "USD"), ("c", 3, "GBP"))
    ]
    await stage.send(*told, source="ads")
    await stage.pump()
    fields["spend"]["currency"] = "lead"  # and there is no rate of dollars
    await stage.done("PUT", "/v1/sources/ads", source | {"reason": "test"})
    await stage.settle()
    assert await stage.total("m") == (Decimal(1), 1)
    (letter,) = await stage.letters()
    assert (letter["cause"], letter["event_id"]) == ("rate-missing", "b")
    done = await stage.done("POST", "/v1/dead-letters/replay", {"source": "ads"})
    assert (done["replayed"], done["unmendable"]) == (0, 1)


async def test_what_a_metric_got_of_a_source_stays_when_another_becomes_its_source(
    stage: Any,
) -> None:
    await declare(stage)
    await send(stage, cell("a", 1, 10), cell("b", 1, 7, "d"))
    await stage.done("POST", "/v1/sources", ads(name="other"))
    moved = METRICS[0] | {"source": "other", "unit": "GBP", "reason": "test"}
    await stage.done("PUT", "/v1/metrics/spend", moved)
    await send(stage, cell("c", 2, 12), cell("d", 3, 12))
    assert await stage.total("spend") == (Decimal(17), 2)
    back = METRICS[0] | {"source": "ads", "unit": "GBP", "reason": "test"}
    await stage.done("PUT", "/v1/metrics/spend", back)
    await send(stage, cell("e", 4, 13))
    assert await stage.total("spend") == (Decimal(20), 2)


async def test_a_delta_beside_changes_of_records_has_to_name_its_currency(stage: Any) -> None:
    changes = {"kind": "entity", "partial": True, "key": ["deal"], "as_of": "as_of"}
    source = ads(contributions=[changes, {"kind": "delta", "types": ["sale"]}])
    fields = source["doors"]["http"]["fields"]
    fields["spend"]["currency"] = "stage"
    await stage.done("POST", "/v1/sources", source)
    metric = {"name": "sales", "source": "ads", "unit": "", "types": ["sale"], "value": "spend"}
    await stage.done("POST", "/v1/metrics", metric | {"currency": "GBP"})
    await send(stage, event("a", "sale", spend=5, stage="GBP"), event("b", "sale", spend=5))
    assert await stage.total("sales") == (Decimal(5), 1)
    assert [letter["cause"] for letter in await stage.letters()] == ["currency-unknown"]


@pytest.mark.parametrize("types", [[], ["impression", "click"]], ids=str)
async def test_of_several_types_of_cells_a_metric_gets_those_that_it_names(
    stage: Any, types: list[str]
) -> None:
    source = ads()
    key = ["day", "campaign"]
    cells = {"kind": "snapshot", "types": types, "key": key, "as_of": "as_of"}
    await stage.done("POST", "/v1/sources", source | {"contributions": [cells]})
    metric = {"name": "clicks", "source": "ads", "unit": "", "types": ["click"], "value": "spend"}
    await stage.done("POST", "/v1/metrics", metric)
    told = {"day": "6", "as_of": 1}
    await send(
        stage,
        event("a", "impression", campaign="impressions", spend=100, **told),
        event("b", "click", campaign="clicks", spend=5, **told),
    )
    assert await stage.total("clicks") == (Decimal(5), 1)


async def test_the_type_of_a_whole_record_is_that_of_its_newest_version(stage: Any) -> None:
    records = {"kind": "entity", "key": ["deal"], "as_of": "as_of"}
    await stage.done("POST", "/v1/sources", ads(contributions=[records]))
    metric = {"name": "won", "source": "ads", "unit": "", "types": ["won"], "value": "spend"}
    await stage.done("POST", "/v1/metrics", metric)
    for as_of, (kind, total) in enumerate([("open", 0), ("won", 70), ("lost", 0), ("won", 70)]):
        await send(stage, event(f"e{as_of}", kind, deal="1", spend=70, as_of=as_of))
        assert (await stage.total("won"))[0] == total


async def test_another_number_under_one_version_is_counted_as_a_conflict(stage: Any) -> None:
    await declare(stage)
    await send(stage, cell("a", 1, 10), cell("b", 1, 11))
    assert (await stage.stats("ads"))["conflicts"] == 1


async def test_a_slice_of_day_grain_zeroes_what_it_no_longer_names(stage: Any) -> None:
    await declare(stage)

    def row(as_of: int, number: int, rows: int, **data: Any) -> dict[str, Any]:
        return event(
            f"{as_of}-{number}", "row", account="1", day="6", as_of=as_of, row=number, rows=rows
        ) | {
            "data": {
                "account": "1",
                "day": "6",
                "at": "2011-05-06T13:07:00",
                "as_of": as_of,
                "row": number,
                "rows": rows,
            }
            | data
        }

    await send(stage, row(1, 1, 2, campaign="x", spend=5), row(1, 2, 2, campaign="y", spend=6))
    assert await stage.total("daily_spend") == (Decimal(11), 2)
    await send(stage, row(2, 1, 2, campaign="x", spend=5))
    assert await stage.total("daily_spend") == (Decimal(11), 2)
    await send(stage, row(2, 2, 2))
    assert await stage.total("daily_spend") == (Decimal(5), 1)
    facts = [b for b in await stage.facts() if b.cells]
    assert {b.day_zone for b in facts} == {"Europe/London"}
    assert {c.minute for b in facts for c in b.cells} == {LONDON_MIDNIGHT}


async def test_a_deal_that_is_lost_again_leaves_nothing_and_is_a_record_each_time(
    stage: Any,
) -> None:
    await declare(stage)
    await send(stage, event("a", "deal", deal="7", stage="won", spend=5000, as_of=1))
    await send(stage, event("b", "deal", deal="7", stage="lost", spend=5000, as_of=2))
    assert await stage.total("won") == (Decimal(0), 0)
    records = await stage.done("GET", "/v1/records?source=ads&from=2011-05-06&to=2011-05-07")
    assert len(records["items"]) == 2


async def test_what_cannot_name_its_subject_is_a_dead_letter_and_counts_once_it_can(
    stage: Any,
) -> None:
    await declare(stage)
    await send(stage, event("a", "deal", stage="won", spend=1, as_of=1))
    (letter,) = await stage.letters()
    assert (letter["cause"], letter["where"]) == ("missing-field", "deal")
    await send(stage, event("a", "deal", deal="7", stage="won", spend=1, as_of=1))
    assert await stage.total("won") == (Decimal(1), 1)


async def test_deltas_of_the_same_source_go_their_short_way(stage: Any) -> None:
    await declare(stage)
    await stage.send(event("a", "click", campaign="x"), source="ads")
    await stage.pump()
    assert await stage.total("clicks") == (Decimal(1), 1)
    assert await stage.rows("subjects") == []


async def test_rows_that_come_twice_or_out_of_order_count_once(stage: Any) -> None:
    await declare(stage)
    for as_of in range(1, 6):
        await stage.send(cell(f"a{as_of}", as_of, as_of), source="ads")
        await stage.pump()
    rows = await stage.rows("subjects")
    for row in [*reversed(rows), *rows]:
        stage.relayed.add((row["lane"], row["seq"]))
        stage.deliver(row)
    await stage.settle(at_once=2)
    assert await stage.total("spend") == (Decimal(5), 1)


async def test_without_the_lane_guard_deltas_behind_the_hop_would_double(stage: Any) -> None:
    await declare(stage)
    metric = {"name": "units", "kind": "unit-threshold", "of": "lead", "threshold": 2}
    await stage.done("POST", "/v1/metrics", metric | {"source": "ads", "types": ["click"]})
    await stage.send(event("a", "click", lead="7"), source="ads")
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


async def test_commits_that_get_lost_apply_each_event_once(stage: Any) -> None:
    await declare(stage)
    for as_of in range(1, 9):
        await stage.send(cell(f"a{as_of}", as_of, as_of), source="ads")
        await stage.pump()
    with stage.losing_commits():
        await stage.settle(at_once=2)
    assert await stage.total("spend") == (Decimal(8), 1)


async def test_a_worker_that_was_replaced_changes_nothing_any_more(stage: Any) -> None:
    await declare(stage)
    zombie = stage.subjects
    await stage.send(cell("a", 1, 10), source="ads")
    await stage.pump()
    await stage.start_subjects()
    await stage.settle()
    for number, records in stage.log.subjects.items():
        partition = Partition("subjects", number)
        await zombie.apply([Slice(partition, 0, len(records), tuple(records))])
    assert await stage.total("spend") == (Decimal(10), 1)


@pytest.mark.parametrize("seed", range(12))
async def test_workers_that_die_and_rows_that_come_again_end_at_the_truth(
    stage: Any, seed: int
) -> None:
    rng = random.Random(seed)
    await declare(stage)
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
            cell(f"a{step}", as_of, spend, campaign),
            event(f"c{step}", "click", lead=lead),
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


async def test_the_watermark_passes_both_hops_behind_what_it_covers(stage: Any) -> None:
    await declare(stage)
    await stage.send(cell("a", 1, 10), source="ads")
    await stage.pump()
    now = stage.clock.now_ms()
    for number in range(2):
        memory = stage.handler.memory.partitions[number]
        memory.completeness.probe(now, len(stage.log.records[number]))
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
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject_store, "MOST_CHARACTERS", 100)
    await declare(stage)
    for as_of in (1, 2):
        rows = [
            event(
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
        await send(stage, *rows)
        await stage.start_subjects()
    assert await stage.total("daily_spend") == (Decimal(10), 5)
    assert len(await stage.store.db["subjects"].find({}).to_list(None)) > 3


async def test_beyond_the_limit_of_sets_a_cell_is_booked_in_other_and_taken_back_there(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = batches.limit
    monkeypatch.setattr(
        "metrics_ingest.handlers.subjects.limit", lambda cells, known: original(cells, known, 1)
    )
    await declare(stage)
    await send(stage, cell("a", 1, 10, "x"))
    await send(stage, cell("b", 1, 20, "y"))
    assert await stage.total("spend", campaign="other") == (Decimal(20), 1)
    await send(stage, cell("c", 2, 21, "y"))
    assert await stage.total("spend", campaign="other") == (Decimal(21), 1)
    assert await stage.total("spend", campaign="y") == (0, 0)
    assert await stage.total("spend", campaign="x") == (Decimal(10), 1)


async def test_a_record_that_is_no_batch_is_kept_and_stops_nothing(stage: Any) -> None:
    await declare(stage)
    await stage.send(cell("a", 1, 10), source="ads")
    await stage.pump()
    (row,) = await stage.rows("subjects")
    stage.deliver(row | {"value": b"no json", "lane": "x>subjects/0", "seq": 1})
    await stage.settle()
    assert await stage.total("spend") == (Decimal(10), 1)
    (letter,) = await stage.store.db["dead_letters"].find({}).to_list(None)
    assert letter["cause"] == "unreadable"
    assert stage.subjects.halted == {}


async def test_two_histories_in_one_lane_halt_the_partition(stage: Any) -> None:
    await declare(stage)
    await stage.send(cell("a", 1, 10), source="ads")
    await stage.pump()
    await stage.settle()
    (row,) = await stage.rows("subjects")
    batch: SubjectBatch = decoder_of(SubjectsMessage)(row["value"])
    other = msgspec.structs.replace(batch, as_of_ms=1)
    stage.deliver(row | {"range": [5, 9], "value": encode(other)})
    await stage.settle()
    assert stage.subjects.halted == {Partition("subjects", row["partition"]): "lane-conflict"}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "snapshot", "types": ["x"]}, "$.contributions[0].key"),
    ({"kind": "delta", "key": ["day"]}, "$.contributions[0].key"),
    ({"kind": "delta", "grain": "day"}, "$.contributions[0].grain"),
    ({"kind": "snapshot", "key": ["no"]}, "$.contributions[0].key"),
    ({"kind": "snapshot", "key": ["spend"]}, "$.contributions[0].key"),
    ({"kind": "snapshot", "key": ["day"], "as_of": "stage"}, "$.contributions[0].as_of"),
    ({"kind": "slice", "key": ["day"], "as_of": "as_of"}, "$.contributions[0].cell"),
    ({"kind": "slice", "key": ["day"], "cell": ["campaign"]}, "$.contributions[0].as_of"),
    (
        {"kind": "slice", "key": ["day"], "cell": ["campaign"], "as_of": "as_of", "part": "row"},
        "$.contributions[0].parts",
    ),
    ({"kind": "snapshot", "key": ["day"], "partial": True}, "$.contributions[0].partial"),
    (
        {"kind": "entity", "key": ["deal"], "gone": [{"field": "rows", "op": "eq", "value": "x"}]},
        "$.contributions[0].gone[0].value",
    ),
]


@pytest.mark.parametrize(("contribution", "where"), REFUSED, ids=str)
async def test_a_contribution_that_cannot_be_told_whole_is_refused(
    stage: Any, contribution: dict[str, Any], where: str
) -> None:
    answer = await stage.call("POST", "/v1/sources", ads(contributions=[contribution]))
    assert answer.status_code == 422
    assert answer.json()["error"]["where"] == where


async def test_a_new_version_keeps_the_names_of_what_is_booked(stage: Any) -> None:
    await declare(stage)
    changed = ads()
    changed["contributions"][0]["key"] = ["campaign"]
    answer = await stage.call("PUT", "/v1/sources/ads", changed | {"reason": "test"})
    assert answer.json()["error"]["where"] == "$.contributions"
    for change in ({"partial": True}, {"as_of": None}, {"as_of": "row"}):
        changed = ads()
        changed["contributions"][2] |= change
        answer = await stage.call("PUT", "/v1/sources/ads", changed | {"reason": "test"})
        assert answer.json()["error"]["where"] == "$.contributions", change
    changed = ads()
    changed["doors"]["http"]["fields"]["as_of"]["kind"] = "time"
    answer = await stage.call("PUT", "/v1/sources/ads", changed | {"reason": "test"})
    assert answer.json()["error"]["where"] == "$.contributions"
    changed = ads()
    changed["contributions"][2]["types"] = ["deal", "deal.deleted"]
    await stage.done("PUT", "/v1/sources/ads", changed | {"reason": "test"})


@pytest.mark.parametrize("kind", ["unit-threshold", "conversion"])
async def test_units_and_conversions_do_not_look_at_states(stage: Any, kind: str) -> None:
    await declare(stage)
    metric = {
        "name": "m",
        "source": "ads",
        "unit": "",
        "kind": kind,
        "types": ["cell"],
        "of": "campaign",
        "window_days": 30,
    }
    more = {"threshold": 5} if kind == "unit-threshold" else {"over": {"types": ["click"]}}
    answer = await stage.call("POST", "/v1/metrics", metric | more)
    assert (answer.status_code, answer.json()["error"]["where"]) == (422, "$.types")
