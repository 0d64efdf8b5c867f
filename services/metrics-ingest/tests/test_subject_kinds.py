"""Kinds of metric over kinds of contribution, from the door to the facts."""

from decimal import Decimal
from typing import Any

import pytest

from event_contracts.facts import FactBatch

TYPES = ("lead", "won", "day", "deal")
SHARE = {
    "name": "share",
    "kind": "conversion",
    "types": ["lead"],
    "of": "person",
    "over": {"types": ["won"]},
    "window_days": 30,
}
RATIO = {
    "name": "cost_per_lead",
    "kind": "ratio",
    "types": ["day"],
    "value": "spend",
    "over": {"types": ["day"], "value": "leads"},
}


def source() -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: {"paths": [f"data.{name}"]} for name in ("person", "day", "channel", "stage")
    }
    fields |= {
        name: {"paths": [f"data.{name}"], "kind": "decimal"} for name in ("spend", "leads", "rate")
    }
    fields["as_of"] = {"paths": ["data.as_of"], "kind": "integer"}
    door = {"id": ["id"], "type": ["type"], "time": ["data.at"], "fields": fields}
    return {
        "name": "crm",
        "doors": {"http": door},
        "contributions": [
            {"kind": "snapshot", "types": ["day"], "key": ["day"], "as_of": "as_of"},
            {
                "kind": "entity",
                "types": ["deal", "deal.closed"],
                "key": ["person"],
                "as_of": "as_of",
                "partial": True,
            },
        ],
    }


async def declare(stage: Any, *metrics: dict[str, Any]) -> None:
    await stage.done("POST", "/v1/sources", source())
    for metric in metrics:
        body = {"source": "crm", "unit": "", "dims": ["channel"]} | metric
        await stage.done("POST", "/v1/metrics", body)


async def send(stage: Any, *told: tuple[str, str, dict[str, Any]]) -> None:
    events = [
        {
            "specversion": "1.0",
            "id": identity,
            "source": "/crm",
            "type": kind,
            "data": {"at": "2011-05-06T10:00:00Z"} | data,
        }
        for identity, kind, data in told
    ]
    await stage.send(*events, source="crm")
    await stage.pump()
    await stage.settle()


async def totals(stage: Any, metric: str) -> dict[int, tuple[Any, Any]]:
    """Return sum and denominator by minute, without what came to nothing."""
    found: dict[int, tuple[Decimal, Decimal]] = {}
    batches: list[FactBatch] = await stage.facts()
    for batch in batches:
        if batch.metric == metric:
            over = batch.over or (Decimal(0),) * len(batch.cells)
            for cell, below in zip(batch.cells, over, strict=True):
                before = found.get(cell.minute, (Decimal(0), Decimal(0)))
                found[cell.minute] = (before[0] + cell.sum, before[1] + below)
    return {minute: pair for minute, pair in found.items() if any(pair)}


LEAD_MINUTE = 21_744_600  # 2011-05-06 10:00 UTC
WON_AT = {"at": "2011-05-20T10:00:00Z"}


@pytest.mark.parametrize("by", ["cohort", "period"])
@pytest.mark.parametrize("first", ["lead", "won"])
async def test_a_lead_that_is_won_within_thirty_days_converts_in_either_order(
    stage: Any, first: str, by: str
) -> None:
    await declare(stage, SHARE | {"by": by})
    stage.clock.ms += 30 * 86_400_000
    lead = ("a", "lead", {"person": "p1", "channel": "sem"})
    won = ("b", "won", {"person": "p1", "channel": "shop"} | WON_AT)
    for told in (lead, won) if first == "lead" else (won, lead):
        await send(stage, told)
    await send(stage, ("c", "lead", {"person": "p2", "channel": "sem"}), lead)
    done = {LEAD_MINUTE: (1, 2)}
    if by == "period":
        done = {LEAD_MINUTE: (0, 2), LEAD_MINUTE + 14 * 1440: (1, 0)}
    assert await totals(stage, "share") == done
    assert all(b.corrects is None for b in await stage.facts())


async def test_a_ratio_of_a_restated_day_is_corrected_above_and_below(stage: Any) -> None:
    await declare(stage, RATIO)
    day = {"day": "6", "channel": "sem"}
    await send(stage, ("a", "day", day | {"as_of": 1, "spend": 100, "leads": 4}))
    await send(stage, ("b", "day", day | {"as_of": 2, "spend": 120, "leads": 3}))
    assert await totals(stage, "cost_per_lead") == {LEAD_MINUTE: (120, 3)}


async def test_a_metric_names_any_of_the_types_that_tell_of_an_entity(stage: Any) -> None:
    won = {
        "name": "won",
        "types": ["deal.closed"],
        "value": "spend",
        "where": [{"field": "stage", "op": "eq", "value": "won"}],
    }
    await declare(stage, won)
    await send(
        stage,
        ("b", "deal.closed", {"person": "p", "as_of": 2, "stage": "won"}),
        ("a", "deal", {"person": "p", "as_of": 1, "spend": 700}),
    )
    assert await totals(stage, "won") == {LEAD_MINUTE: (700, 0)}
    await send(stage, ("c", "deal", {"person": "p", "as_of": 3, "stage": "lost"}))
    assert await totals(stage, "won") == {}


LIFE = SHARE | {
    "over": {
        "types": ["deal", "deal.closed"],
        "where": [{"field": "stage", "op": "eq", "value": "won"}],
    }
}


async def test_a_customer_whose_deal_is_lost_again_is_taken_back_and_may_be_won_anew(
    stage: Any,
) -> None:
    await declare(stage, LIFE)
    stage.clock.ms += 30 * 86_400_000
    deal = {"person": "p1"} | WON_AT
    await send(
        stage,
        ("a", "lead", {"person": "p1", "channel": "sem"}),
        ("b", "deal", deal | {"as_of": 1, "stage": "won"}),
    )
    assert await totals(stage, "share") == {LEAD_MINUTE: (1, 1)}
    assert all(batch.corrects is None for batch in await stage.facts())
    await send(stage, ("c", "deal.closed", deal | {"as_of": 3, "stage": "lost"}))
    assert await totals(stage, "share") == {LEAD_MINUTE: (0, 1)}
    back = [batch for batch in await stage.facts() if batch.corrects is not None]
    assert [(b.corrects[:11], [c.sum for c in b.cells]) for b in back] == [("conversion:", [-1])]
    await send(stage, ("d", "deal", deal | {"as_of": 2, "stage": "won"}))  # an older one
    assert await totals(stage, "share") == {LEAD_MINUTE: (0, 1)}
    await send(stage, ("e", "deal", deal | {"as_of": 4, "stage": "won"}))
    assert await totals(stage, "share") == {LEAD_MINUTE: (1, 1)}
