"""Records of which the versions are not known: an earlier release kept none, a metric is newer."""

import json
from decimal import Decimal
from typing import Any

import pytest

WON = [{"field": "stage", "op": "eq", "value": "won"}]


@pytest.fixture(params=[False, True], ids=["whole", "partial"])
async def deals(request: Any, ads: Any, stage: Any) -> Any:
    """Return how versions of one deal are told, whole or by changes."""
    deal = {"kind": "entity", "types": ["deal"], "key": ["deal"], "as_of": "as_of"}
    deal |= {"partial": request.param}
    await stage.done("POST", "/v1/sources", ads.source(contributions=[deal], zone="UTC"))
    metric = ads.METRICS[2] | {"source": "ads", "unit": "GBP"}
    await stage.done("POST", "/v1/metrics", metric)

    async def told(as_of: int, day: str, **fields: Any) -> dict[str, tuple[Decimal, Decimal]]:
        at = f"2011-05-{day}T12:00:00"
        await ads.send(
            stage, ads.event(f"d{as_of}", "deal", deal="7", as_of=as_of, at=at, **fields)
        )
        return await by_day(stage)

    return told


async def by_day(stage: Any) -> dict[str, tuple[Decimal, Decimal]]:
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for batch in await stage.facts():
        over = batch.over or (Decimal(0),) * len(batch.cells)
        for cell, under in zip(batch.cells, over, strict=True):
            day = f"{cell.minute // 1440 - 15094:02}"  # of May 2011
            above, below = found.get(day, (Decimal(0), Decimal(0)))
            found[day] = above + cell.sum, below + under
    return {day: sums for day, sums in found.items() if any(sums)}


async def as_an_earlier_release_kept_it(stage: Any) -> None:
    """Take the versions out of what is kept."""
    for row in await stage.store.db["subjects"].find({}).to_list(None):
        state = json.loads(row["state"])
        assert state.pop("history")
        await stage.store.db["subjects"].update_one(
            {"_id": row["_id"]}, {"$set": {"state": json.dumps(state)}}
        )
    await stage.start_subjects()


async def test_an_older_version_that_comes_late_changes_no_amount(deals: Any, stage: Any) -> None:
    assert await deals(5, "06", stage="won", spend=120) == {"06": (120, 0)}
    await as_an_earlier_release_kept_it(stage)
    assert await deals(4, "05", stage="won", spend=100) == {"06": (120, 0)}
    assert await deals(6, "09", stage="won", spend=130) == {"06": (130, 0)}


async def test_a_deal_that_an_earlier_release_booked_stays_on_its_day_until_it_is_lost(
    deals: Any, stage: Any
) -> None:
    await deals(5, "06", stage="won", spend=120)
    await as_an_earlier_release_kept_it(stage)
    assert await deals(6, "09", stage="won", spend=130) == {"06": (130, 0)}
    assert await deals(7, "10", stage="lost", spend=130) == {}
    assert await deals(8, "11", stage="won", spend=140) == {"11": (140, 0)}


async def test_a_metric_that_looks_at_other_fields_now_has_them_of_the_whole_record(
    deals: Any, request: pytest.FixtureRequest, stage: Any
) -> None:
    ratio: dict[str, Any] = {
        "name": "rate",
        "source": "ads",
        "kind": "ratio",
        "unit": "%",
        "types": ["deal"],
    }
    ratio |= {"value": "spend", "where": WON}
    over: dict[str, Any] = {"types": ["deal"], "where": WON}
    await stage.done("POST", "/v1/metrics", ratio | {"over": over | {"value": "row"}})
    rest = {"stage": "won", "row": 1, "rows": 10}
    await deals(5, "06", spend=100, **rest)
    await stage.done("PUT", "/v1/metrics/rate", ratio | {"over": over | {"value": "rows"}})
    told = {} if "partial" in request.node.name else rest  # a change says what has changed
    assert await deals(6, "07", spend=120, **told) == {"06": (240, 10)}


async def test_a_deal_stays_on_its_day_when_its_metric_is_changed_twice(
    ads: Any, deals: Any, stage: Any
) -> None:
    """What the first change made it look at stands in no version that was told before."""
    told = {"stage": "won", "spend": 100, "row": 7}
    assert await deals(1, "03", **told) == {"03": (100, 0)}
    metric = ads.METRICS[2] | {"source": "ads", "unit": "GBP"}
    await stage.done("PUT", "/v1/metrics/won", metric | {"value": "row"})
    assert await deals(2, "05", **told) == {"03": (7, 0)}
    await stage.done("PUT", "/v1/metrics/won", metric | {"value": "row", "good": "down"})
    assert await deals(3, "06", **told) == {"03": (7, 0)}
    await stage.done("PUT", "/v1/metrics/won", metric)
    assert await deals(4, "09", **told) == {"03": (100, 0)}
    assert await deals(5, "10", **told | {"stage": "lost"}) == {}
    assert await deals(6, "11", **told) == {"11": (100, 0)}
