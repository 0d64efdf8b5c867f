"""Cells, slices and records that are told again: what they come to, and what is refused."""

from decimal import Decimal
from typing import Any

import pytest

LONDON_MIDNIGHT = 21_743_940  # 2011-05-05 23:00 UTC, midnight in London


async def test_a_restated_cell_ends_at_its_last_number_and_says_what_it_corrects(
    ads: Any,
    stage: Any,
) -> None:
    await ads.declare(stage)
    await ads.send(stage, ads.cell("a", 1, 10.5), ads.cell("b", 1, 1, "d"))
    await ads.send(stage, ads.cell("c", 2, 12.25))
    await ads.send(stage, ads.cell("d", 1, 99))
    assert await stage.total("spend") == (Decimal("13.25"), 2)
    facts = [b for b in await stage.facts() if b.cells]
    assert [b.corrects for b in facts if b.corrects] == ["snapshot:cell:6|c"]
    assert all(b.provisional for b in facts)
    assert await stage.stats("ads") == {"accepted": 4}


async def test_a_cell_is_touched_without_asking_the_store_again(ads: Any, stage: Any) -> None:
    await ads.declare(stage)
    await ads.send(stage, ads.cell("a", 1, 10))
    (kept,) = await stage.store.db["subjects"].find({}).to_list(None)
    assert kept["of"] == "ads|snapshot|cell|6%7Cc"
    await stage.start_subjects()
    await ads.send(stage, ads.cell("b", 2, 11))
    assert await stage.total("spend") == (Decimal(11), 1)


async def test_the_id_of_a_row_may_be_its_cells(ads: Any, stage: Any) -> None:
    await ads.declare(stage)
    await ads.send(stage, ads.cell("6-c", 1, 10))
    await ads.send(stage, ads.cell("6-c", 2, 11), ads.cell("6-c", 2, 11))
    assert await stage.total("spend") == (Decimal(11), 1)
    assert await stage.stats("ads") == {"accepted": 2, "duplicates": 1}


async def test_a_number_that_goes_back_to_what_it_was_is_the_newest_and_a_copy_of_it_a_copy(
    ads: Any, stage: Any
) -> None:
    source = ads.source()
    del source["contributions"][0]["as_of"]  # whichever arrives last holds
    await stage.done("POST", "/v1/sources", source)
    await stage.done("POST", "/v1/metrics", ads.METRICS[0] | {"source": "ads", "unit": "GBP"})
    for spend in (10, 20, 20, 10, 10, 20, 10):
        stage.clock.ms += 1000
        await ads.send(stage, ads.cell("6-c", 1, spend))
        assert await stage.total("spend") == (Decimal(spend), 1)
    assert await stage.stats("ads") == {"accepted": 5, "duplicates": 2}


async def test_a_newer_state_that_cannot_be_read_is_a_letter_whatever_else_comes_under_its_id(
    ads: Any,
    stage: Any,
) -> None:
    await ads.declare(stage)
    await ads.send(stage, ads.cell("6-c", 1, 10), ads.cell("6-c", 3, "a lot"))
    await ads.send(
        stage, ads.cell("6-c", 2, 20), ads.cell("6-c", 0, 9)
    )  # accepted behind it, and older
    (letter,) = await stage.letters()
    assert letter["cause"] == "wrong-kind"
    assert await stage.stats("ads") == {"accepted": 3, "dead_letters": 1}
    mended = ads.source()
    mended["doors"]["http"]["fields"]["spend"]["values"] = {"a lot": "30"}
    await stage.done("PUT", "/v1/sources/ads", mended | {"reason": "test"})
    await stage.done("POST", "/v1/dead-letters/replay", {"source": "ads"})
    await ads.send(stage)
    assert await stage.total("spend") == (Decimal(30), 1)


async def test_a_letter_of_a_state_that_was_overtaken_is_replayed_for_nothing(
    ads: Any, stage: Any
) -> None:
    await ads.declare(stage)
    await ads.send(
        stage, ads.cell("6-c", 1, None) | {"data": {"day": "6", "campaign": "c", "spend": 5}}
    )
    await ads.send(stage, ads.cell("6-c", 2, 20))
    mended = ads.source()
    mended["doors"]["http"]["fields"] |= {
        "as_of": {"paths": ["data.as_of", "=1"], "kind": "integer"},
    }
    mended["doors"]["http"]["time"] = ["data.at", "=2011-05-06T13:07:00"]
    await stage.done("PUT", "/v1/sources/ads", mended | {"reason": "test"})
    replayed = await stage.done("POST", "/v1/dead-letters/replay", {"source": "ads"})
    assert replayed["replayed"] == 1
    await ads.send(stage)
    assert await stage.total("spend") == (Decimal(20), 1)


async def test_an_entity_whose_own_day_has_no_rate_is_a_letter_until_it_has(
    ads: Any, stage: Any
) -> None:
    source = ads.source()
    fields = source["doors"]["http"]["fields"]
    fields["spend"] = {"paths": ["data.spend"], "kind": "decimal", "currency": "USD"}
    fields["closed"] = {"paths": ["data.closed"], "kind": "time"}
    source["contributions"][2]["at"] = "closed"
    await stage.done("POST", "/v1/sources", source)
    metric = ads.METRICS[2] | {"source": "ads", "unit": "", "currency": "GBP"}
    await stage.done("POST", "/v1/metrics", metric)
    rate = {"date": "2011-05-01", "base": "USD", "quote": "GBP", "rate": "0.5"}
    await stage.done("PUT", "/v1/rates", [rate])
    won = {"stage": "won", "spend": 100, "as_of": 1}
    await ads.send(stage, ads.event("a", "deal", deal="1", closed="2011-05-02T00:00:00Z", **won))
    await ads.send(stage, ads.event("b", "deal", deal="2", closed="2011-04-02T00:00:00Z", **won))
    assert await stage.total("won") == (Decimal(50), 1)
    assert [letter["cause"] for letter in await stage.letters()] == ["rate-missing"]
    await stage.done("PUT", "/v1/rates", [rate | {"date": "2011-04-01", "rate": "0.25"}])
    await stage.done("POST", "/v1/dead-letters/replay", {"source": "ads"})
    await ads.send(stage)
    assert await stage.total("won") == (Decimal(75), 2)


async def test_what_new_definitions_refuse_behind_the_door_is_told_and_takes_nothing_with_it(
    ads: Any,
    stage: Any,
) -> None:
    source = ads.source()
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
        ads.event(name, "click", campaign="c", spend=spend, lead=currency)
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
    ads: Any,
    stage: Any,
) -> None:
    await ads.declare(stage)
    await ads.send(stage, ads.cell("a", 1, 10), ads.cell("b", 1, 7, "d"))
    await stage.done("POST", "/v1/sources", ads.source(name="other"))
    moved = ads.METRICS[0] | {"source": "other", "unit": "GBP", "reason": "test"}
    await stage.done("PUT", "/v1/metrics/spend", moved)
    await ads.send(stage, ads.cell("c", 2, 12), ads.cell("d", 3, 12))
    assert await stage.total("spend") == (Decimal(17), 2)
    back = ads.METRICS[0] | {"source": "ads", "unit": "GBP", "reason": "test"}
    await stage.done("PUT", "/v1/metrics/spend", back)
    await ads.send(stage, ads.cell("e", 4, 13))
    assert await stage.total("spend") == (Decimal(20), 2)


async def test_a_delta_beside_changes_of_records_has_to_name_its_currency(
    ads: Any, stage: Any
) -> None:
    changes = {"kind": "entity", "partial": True, "key": ["deal"], "as_of": "as_of"}
    source = ads.source(contributions=[changes, {"kind": "delta", "types": ["sale"]}])
    fields = source["doors"]["http"]["fields"]
    fields["spend"]["currency"] = "stage"
    await stage.done("POST", "/v1/sources", source)
    metric = {"name": "sales", "source": "ads", "unit": "", "types": ["sale"], "value": "spend"}
    await stage.done("POST", "/v1/metrics", metric | {"currency": "GBP"})
    await ads.send(
        stage, ads.event("a", "sale", spend=5, stage="GBP"), ads.event("b", "sale", spend=5)
    )
    assert await stage.total("sales") == (Decimal(5), 1)
    assert [letter["cause"] for letter in await stage.letters()] == ["currency-unknown"]


@pytest.mark.parametrize("types", [[], ["impression", "click"]], ids=str)
async def test_of_several_types_of_cells_a_metric_gets_those_that_it_names(
    ads: Any, stage: Any, types: list[str]
) -> None:
    source = ads.source()
    key = ["day", "campaign"]
    cells = {"kind": "snapshot", "types": types, "key": key, "as_of": "as_of"}
    await stage.done("POST", "/v1/sources", source | {"contributions": [cells]})
    metric = {"name": "clicks", "source": "ads", "unit": "", "types": ["click"], "value": "spend"}
    await stage.done("POST", "/v1/metrics", metric)
    told = {"day": "6", "as_of": 1}
    await ads.send(
        stage,
        ads.event("a", "impression", campaign="impressions", spend=100, **told),
        ads.event("b", "click", campaign="clicks", spend=5, **told),
    )
    assert await stage.total("clicks") == (Decimal(5), 1)


async def test_the_type_of_a_whole_record_is_that_of_its_newest_version(
    ads: Any, stage: Any
) -> None:
    records = {"kind": "entity", "key": ["deal"], "as_of": "as_of"}
    await stage.done("POST", "/v1/sources", ads.source(contributions=[records]))
    metric = {"name": "won", "source": "ads", "unit": "", "types": ["won"], "value": "spend"}
    await stage.done("POST", "/v1/metrics", metric)
    for as_of, (kind, total) in enumerate([("open", 0), ("won", 70), ("lost", 0), ("won", 70)]):
        await ads.send(stage, ads.event(f"e{as_of}", kind, deal="1", spend=70, as_of=as_of))
        assert (await stage.total("won"))[0] == total


async def test_another_number_under_one_version_is_counted_as_a_conflict(
    ads: Any, stage: Any
) -> None:
    await ads.declare(stage)
    await ads.send(stage, ads.cell("a", 1, 10), ads.cell("b", 1, 11))
    assert (await stage.stats("ads"))["conflicts"] == 1


async def test_a_slice_of_day_grain_zeroes_what_it_no_longer_names(ads: Any, stage: Any) -> None:
    await ads.declare(stage)

    def row(as_of: int, number: int, rows: int, **data: Any) -> dict[str, Any]:
        return ads.event(
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

    await ads.send(stage, row(1, 1, 2, campaign="x", spend=5), row(1, 2, 2, campaign="y", spend=6))
    assert await stage.total("daily_spend") == (Decimal(11), 2)
    await ads.send(stage, row(2, 1, 2, campaign="x", spend=5))
    assert await stage.total("daily_spend") == (Decimal(11), 2)
    await ads.send(stage, row(2, 2, 2))
    assert await stage.total("daily_spend") == (Decimal(5), 1)
    facts = [b for b in await stage.facts() if b.cells]
    assert {b.day_zone for b in facts} == {"Europe/London"}
    assert {c.minute for b in facts for c in b.cells} == {LONDON_MIDNIGHT}


async def test_a_deal_that_is_lost_again_leaves_nothing_and_is_a_record_each_time(
    ads: Any,
    stage: Any,
) -> None:
    await ads.declare(stage)
    await ads.send(stage, ads.event("a", "deal", deal="7", stage="won", spend=5000, as_of=1))
    await ads.send(stage, ads.event("b", "deal", deal="7", stage="lost", spend=5000, as_of=2))
    assert await stage.total("won") == (Decimal(0), 0)
    records = await stage.done("GET", "/v1/records?source=ads&from=2011-05-06&to=2011-05-07")
    assert len(records["items"]) == 2


async def test_what_cannot_name_its_subject_is_a_dead_letter_and_counts_once_it_can(
    ads: Any,
    stage: Any,
) -> None:
    await ads.declare(stage)
    await ads.send(stage, ads.event("a", "deal", stage="won", spend=1, as_of=1))
    (letter,) = await stage.letters()
    assert (letter["cause"], letter["where"]) == ("missing-field", "deal")
    await ads.send(stage, ads.event("a", "deal", deal="7", stage="won", spend=1, as_of=1))
    assert await stage.total("won") == (Decimal(1), 1)


async def test_the_months_report_sent_again_after_the_mapping_was_mended_is_right(
    ads: Any, stage: Any
) -> None:
    source = ads.source()
    spend = source["doors"]["http"]["fields"]["spend"]
    spend["scale"] = "0.01"  # it comes in whole pounds
    await stage.done("POST", "/v1/sources", source)
    for metric in ads.METRICS:
        await stage.done("POST", "/v1/metrics", metric | {"source": "ads", "unit": "GBP"})
    report = [ads.cell(f"{day}", 7, 100 + day, f"c{day}") for day in range(30)]
    await ads.send(stage, *report)
    assert await stage.total("spend") == (Decimal("34.35"), 30)
    del spend["scale"]
    await stage.done("PUT", "/v1/sources/ads", source | {"reason": "whole pounds"})
    for _ in range(2):
        await ads.send(stage, *report)
        assert await stage.total("spend") == (Decimal(3435), 30)
    assert not (await stage.stats("ads")).get("conflicts")


async def test_a_metric_that_was_mended_is_right_once_the_report_is_sent_again(
    ads: Any, stage: Any
) -> None:
    await ads.declare(stage)
    await ads.send(stage, ads.cell("a", 7, 10))
    mended = ads.METRICS[0] | {
        "where": [{"field": "campaign", "op": "ne", "value": "c"}],
        "source": "ads",
        "unit": "GBP",
        "reason": "c is a test",
    }
    await stage.done("PUT", "/v1/metrics/spend", mended)
    await ads.send(stage, ads.cell("a", 7, 10))
    assert await stage.total("spend") == (0, 0)


async def test_a_state_whose_money_a_conversion_cannot_take_is_a_dead_letter(
    ads: Any, stage: Any
) -> None:
    states = {"kind": "entity", "types": ["deal", "won"], "key": ["deal"], "as_of": "as_of"}
    source = ads.source(contributions=[states, {"kind": "delta", "types": ["click"]}])
    source["doors"]["http"]["fields"]["spend"]["currency"] = "stage"
    await stage.done("POST", "/v1/sources", source)
    sold = [{"field": "spend", "op": "gt", "value": "0"}]
    over = {"types": ["won"], "value": "spend", "where": sold}
    metric = {"name": "m", "source": "ads", "unit": "", "kind": "conversion", "types": ["click"]}
    more = {"over": over, "of": "lead", "window_days": 30, "currency": "GBP"}
    await stage.done("POST", "/v1/metrics", metric | more)
    told = {"deal": "7", "lead": "p", "spend": 5}
    await ads.send(
        stage,
        ads.event("a", "click", lead="p"),
        ads.event("b", "deal", as_of=1, stage="USD", **told),  # it is won, whichever type tells
    )
    assert [letter["cause"] for letter in await stage.letters()] == ["rate-missing"]
    await ads.send(stage, ads.event("c", "deal", as_of=2, stage="GBP", **told))
    assert await stage.total("m") == (Decimal(1), 1)
