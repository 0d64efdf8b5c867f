"""A record without a time of its own counts in the minute in which it came to be what counts."""

import random
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

STORY = [  # as of, day of May, what is told then
    (1, "02", {"stage": "open", "spend": 50}),
    (2, "03", {"stage": "won", "spend": 100}),
    (3, "05", {"stage": "won", "spend": 100, "campaign": "a note"}),
    (4, "06", {"stage": "won", "spend": 120}),
]
LOST = (5, "07", {"stage": "lost", "spend": 120})
AGAIN = (6, "08", {"stage": "won", "spend": 120})
EDITED = (7, "09", {"stage": "won", "spend": 130})


@pytest.fixture(params=[False, True], ids=["whole", "partial"])
async def deals(request: Any, ads: Any, stage: Any) -> Any:
    """Return how versions of one deal are told, whole or by changes that name all their fields."""
    deal = {"kind": "entity", "types": ["deal"], "key": ["deal"], "as_of": "as_of"}
    deal |= {"partial": request.param}
    await stage.done("POST", "/v1/sources", ads.source(contributions=[deal], zone="UTC"))
    metric = ads.METRICS[2] | {"source": "ads", "unit": "GBP"}
    await stage.done("POST", "/v1/metrics", metric)

    async def told(*versions: tuple[int, str, dict[str, Any]]) -> dict[str, Decimal]:
        for as_of, day, fields in versions:
            at = f"2011-05-{day}T12:00:00"
            await ads.send(
                stage, ads.event(f"d{as_of}", "deal", deal="7", as_of=as_of, at=at, **fields)
            )
        return await by_day(stage)

    return told


async def by_day(stage: Any) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for batch in await stage.facts():
        for cell in batch.cells:
            day = f"{cell.minute // 1440 - 15094:02}"  # of May 2011
            found[day] = found.get(day, Decimal(0)) + cell.sum
    return {day: total for day, total in found.items() if total}


async def test_an_edited_deal_stays_on_the_day_it_was_won_and_its_amount_moves_there(
    deals: Any,
) -> None:
    assert await deals(*STORY[:2]) == {"03": 100}
    assert await deals(STORY[2]) == {"03": 100}
    assert await deals(STORY[3]) == {"03": 120}


async def test_lost_takes_it_back_where_it_was_won_and_won_again_is_a_new_run(deals: Any) -> None:
    assert await deals(*STORY, LOST) == {}
    assert await deals(AGAIN) == {"08": 120}
    assert await deals(EDITED) == {"08": 130}


@pytest.mark.parametrize("order", list(permutations(range(1, 4)))[1:])
async def test_the_order_of_arrival_means_nothing(deals: Any, order: tuple[int, ...]) -> None:
    assert await deals(STORY[0], *(STORY[n] for n in order)) == {"03": 120}


@pytest.mark.parametrize("seed", range(5))
async def test_a_run_that_was_broken_in_between_begins_anew_whatever_comes_late(
    deals: Any, seed: int
) -> None:
    versions = [*STORY, LOST, AGAIN, EDITED]
    random.Random(seed).shuffle(versions)
    assert await deals(*versions) == {"08": 130}


async def test_a_record_of_many_versions_keeps_few_of_them_and_its_day(
    deals: Any, stage: Any
) -> None:
    edits = [(as_of, "20", {"stage": "won", "spend": as_of}) for as_of in range(10, 60)]
    assert await deals(STORY[1], *edits) == {"03": 59}
    (kept,) = await stage.store.db["subjects"].find({}).to_list(None)
    assert len(kept["state"]) < 6_000


@pytest.mark.parametrize("late", [False, True])
async def test_an_edited_note_leaves_the_amount_at_the_rate_of_the_day_it_was_won(
    ads: Any, stage: Any, late: bool
) -> None:
    deal = {"kind": "entity", "types": ["deal"], "key": ["deal"], "as_of": "as_of"}
    source = ads.source(contributions=[deal], zone="UTC")
    source["doors"]["http"]["fields"]["spend"]["currency"] = "USD"
    await stage.done("POST", "/v1/sources", source)
    metric = ads.METRICS[2] | {"source": "ads", "unit": "GBP", "currency": "GBP"}
    await stage.done("POST", "/v1/metrics", metric)
    for day, rate in (("03", "0.5"), ("06", "0.9")):
        row = {"date": f"2011-05-{day}", "base": "USD", "quote": "GBP", "rate": rate}
        await stage.done("PUT", "/v1/rates", [row])
    versions = [STORY[1], (4, "06", STORY[2][2])]
    for as_of, day, fields in reversed(versions) if late else versions:
        at = f"2011-05-{day}T12:00:00"
        await ads.send(
            stage, ads.event(f"d{as_of}", "deal", deal="7", as_of=as_of, at=at, **fields)
        )
    assert await by_day(stage) == {"03": 50}
