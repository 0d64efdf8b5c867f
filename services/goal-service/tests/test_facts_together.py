"""Facts that come together in one record: all of them once, or none.

The metrics live in the stage's facts partition, as those of one record do.
"""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from event_contracts.facts import Cell, FactBatch, FactBatches, joined
from event_contracts.wire import encode

DAY = date(2011, 1, 18)
TEN = int(datetime(2011, 1, 18, 10, tzinfo=UTC).timestamp()) // 60


def facts(metric: str, amount: str, **fields: Any) -> FactBatch:
    plain: dict[str, Any] = {
        "tenant": "shop",
        "source": "orders",
        "definition": 1,
        "as_of_ms": 7,
        "dims": ({"country": "Norway"},),
        "cells": (Cell(TEN, 0, Decimal(amount), 1),),
    }
    return FactBatch(metric=metric, **(plain | fields))


def record(stage: Any, *batches: FactBatch) -> Any:
    return stage.row(FactBatches(tenant="shop", batches=batches), key="shop")


@pytest.fixture
async def used(stage: Any) -> Any:
    """A stage on which two metrics have a goal each."""
    await stage.feed(stage.use("g"), stage.use("o", metric="captures"))
    return stage


async def test_every_metric_of_a_record_counts_for_its_goals(used: Any) -> None:
    await used.feed(
        record(
            used,
            facts("gross_revenue", "4"),
            facts("captures", "1"),
            facts("gross_revenue", "2"),
            facts("nobodys", "1"),
        )
    )
    assert await used.days("g") == {DAY: 6}
    assert await used.days("o", "captures") == {DAY: 1}
    assert len(await used.all("loose_facts")) == 1  # one document a slice


async def test_records_of_one_batch_and_of_several_count_side_by_side(used: Any) -> None:
    alone = used.row(facts("gross_revenue", "4"))
    await used.feed(alone, record(used, facts("gross_revenue", "2")))
    assert await used.days("g") == {DAY: 6}


async def test_a_record_that_comes_again_counts_once_after_a_restart_too(used: Any) -> None:
    row = record(used, facts("gross_revenue", "4"), facts("captures", "1"))
    await used.feed(row, row)
    await used.restart()
    await used.feed(row)
    assert await used.days("g") == {DAY: 4}
    assert await used.days("o", "captures") == {DAY: 1}


async def test_a_goal_control_stands_before_or_behind_a_whole_record(stage: Any) -> None:
    await stage.feed(
        record(stage, facts("gross_revenue", "4"), facts("captures", "1")),
        stage.use("g"),
        record(stage, facts("gross_revenue", "2"), facts("captures", "3")),
        stage.use("o", metric="captures"),
    )
    assert await stage.days("g") == {DAY: 6}
    assert await stage.days("o", "captures") == {DAY: 4}


async def test_one_batch_that_cannot_be_added_up_makes_a_letter_of_its_record_and_no_effect(
    used: Any,
) -> None:
    bad = record(used, facts("gross_revenue", "4"), facts("captures", "1", dims=()))
    stranger = replace(
        record(used, facts("captures", "1")),
        value=joined("shop", [encode(facts("captures", "1", tenant="rival"))]),
    )
    good = record(used, facts("captures", "1"))
    await used.feed(bad, stranger, good)
    assert await used.days("g") == {}
    assert await used.days("o", "captures") == {DAY: Decimal(1)}
    letters = sorted(await used.all("dead_letters"), key=lambda row: row["offset"])
    assert [(row["cause"], row["tenant"]) for row in letters] == [
        ("bad-cell", "shop"),
        ("undecodable", "shop"),
    ]
    assert letters[0]["body"] == bad.value
    lanes = [lane for row in await used.all("lanes_in") for lane in row["lanes"]]
    assert not any(lane["missing"] for lane in lanes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cells": (Cell(TEN, 0, Decimal("9.9E+6144"), 1), Cell(TEN, 0, Decimal("9E+6144"), 1))},
        {"cells": (Cell(TEN, 0, Decimal(1), 2**64),)},
        {"over": (Decimal("1E+7000"),)},
        {"as_of_ms": 2**64},
    ],
)
async def test_numbers_that_nothing_can_keep_make_a_letter_and_the_log_goes_on(
    used: Any, wrong: dict[str, Any]
) -> None:
    await used.feed(record(used, facts("gross_revenue", "4", **wrong)))
    await used.feed(record(used, facts("gross_revenue", "3")))
    assert await used.days("g") == {DAY: 3}
    (letter,) = await used.all("dead_letters")
    assert letter["cause"] == "bad-cell"
