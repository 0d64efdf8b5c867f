"""Facts that come together in one record: all of them once, or none."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from event_contracts.facts import Cell, FactBatch, FactBatches, joined
from event_contracts.wire import encode
from service_kit.records import Record

NINE = int(datetime(2011, 1, 18, 9, tzinfo=UTC).timestamp()) // 60


def facts(metric: str, country: str, amount: str, **fields: Any) -> FactBatch:
    plain: dict[str, Any] = {
        "tenant": "shop",
        "source": "orders",
        "definition": 1,
        "as_of_ms": 7,
        "dims": ({"country": country},),
        "cells": (Cell(NINE, 0, Decimal(amount), 1),),
    }
    return FactBatch(metric=metric, **(plain | fields))


def record(stage: Any, *batches: FactBatch) -> Record:
    row: Record = stage.row(FactBatches(tenant="shop", batches=batches))
    return replace(row, key=b"shop")


async def test_each_metric_counts_for_its_own_rules(stage: Any) -> None:
    await stage.define("orders", unit="")
    await stage.rule()
    await stage.rule(id="orders-5", metric="orders", threshold=Decimal(5))
    await stage.feed(
        record(
            stage,
            facts("gross_revenue", "France", "9000"),
            facts("orders", "France", "4"),
            facts("nobodys", "France", "50000"),
            facts("gross_revenue", "France", "1000"),
        ),
        stage.gross((NINE, "EIRE", "10000")),
        record(stage, facts("orders", "France", "1")),
    )
    assert {(a["rule"], a["value"], a["actual"]) for a in await stage.awards()} == {
        ("country-10k", "France", Decimal(10_000)),
        ("country-10k", "EIRE", Decimal(10_000)),
        ("orders-5", "France", Decimal(5)),
    }


async def test_a_day_of_a_report_is_that_day_wherever_the_rule_is(stage: Any) -> None:
    await stage.rule(zone="Europe/London", start=date(2011, 1, 18))
    midnight = int(datetime(2011, 1, 17, 16, tzinfo=UTC).timestamp()) // 60  # in Shanghai
    for zone in ("Asia/Shanghai", "Moon/Base"):
        cells = (Cell(midnight, 0, Decimal(10_000), 1),)
        await stage.feed(
            record(stage, facts("gross_revenue", "France", "0", cells=cells, day_zone=zone))
        )
    (award,) = await stage.awards()
    assert award["day"] == "2011-01-18"
    assert [letter["cause"] for letter in await stage.dead_letters()] == ["zone"]


async def test_a_record_that_comes_again_counts_once_after_a_restart_too(stage: Any) -> None:
    await stage.rule()
    row = record(stage, facts("orders", "France", "1"), facts("gross_revenue", "France", "6000"))
    await stage.feed(row, row)
    await stage.restart()
    await stage.feed(row)
    assert await stage.awards() == []
    (total,) = await stage.totals()
    assert (total["amount"], total["count"]) == (Decimal(6000), 1)


async def test_one_batch_that_cannot_be_added_up_makes_a_letter_of_its_record_and_no_effect(
    stage: Any,
) -> None:
    await stage.rule()
    good = facts("gross_revenue", "France", "20000")
    rows = [
        record(stage, good, facts("gross_revenue", "France", "NaN")),
        record(stage, good, facts("gross_revenue", "France", "1", dims=())),
        record(stage, good, facts("gross_revenue", "France", "1", as_of_ms="noon")),
    ]
    await stage.feed(*rows)
    letters = await stage.dead_letters()
    assert [letter["cause"] for letter in letters] == ["amount", "dims", "undecodable"]
    assert [letter["body"] for letter in letters] == [row.value for row in rows]
    assert {letter["tenant"] for letter in letters} == {"shop"}
    assert await stage.awards() == []
    assert await stage.totals() == []


async def test_cells_that_no_rule_asks_for_are_not_looked_at(stage: Any) -> None:
    await stage.rule()
    await stage.feed(
        record(stage, facts("orders", "France", "NaN"), facts("gross_revenue", "France", "10000"))
    )
    assert await stage.dead_letters() == []
    assert len(await stage.awards()) == 1


async def test_numbers_that_nothing_can_keep_make_a_letter_and_the_log_goes_on(stage: Any) -> None:
    await stage.rule()
    huge = Decimal("9.9E+6144")
    rows = [
        record(stage, facts("gross_revenue", "France", "1", cells=(Cell(NINE, 0, huge, 1),) * 2)),
        record(stage, facts("gross_revenue", "France", "1", cells=(Cell(NINE, 0, -huge, 2**64),))),
        record(stage, facts("gross_revenue", "France", "1", as_of_ms=2**64)),
    ]
    await stage.feed(*rows)
    await stage.feed(record(stage, facts("gross_revenue", "France", "10000")))
    assert [letter["cause"] for letter in await stage.dead_letters()] == ["amount"] * 3
    assert len(await stage.awards()) == 1


async def test_a_record_with_facts_of_another_tenant_is_taken_by_none(stage: Any) -> None:
    await stage.rule()
    mine = facts("gross_revenue", "France", "20000")
    stranger = replace(
        record(stage, facts("orders", "France", "1")), value=joined("rival", [encode(mine)])
    )
    await stage.feed(stranger)
    assert [letter["cause"] for letter in await stage.dead_letters()] == ["undecodable"]
    assert await stage.awards() == []
