"""The shop's year: every (country, day) of 10,000 gross and more is praised once, and no other."""

import gzip
import json
import os
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from event_contracts.facts import Cell, FactBatch
from service_kit.records import Record

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "retail"
BST = (datetime(2011, 3, 27, 2), datetime(2011, 10, 30, 1))  # local times of the two changes


def events() -> list[dict[str, Any]]:
    """Return the shop's events; skips, or fails where the data is required."""
    path = DATA / "events.ndjson.gz"
    if not path.exists():
        if os.environ.get("PACELINE_REQUIRE_DATA") == "1":
            pytest.fail(f"{path} is required")
        pytest.skip(f"{path} is not there")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line, parse_float=Decimal) for line in lines]


def expected(year: list[dict[str, Any]]) -> dict[tuple[str, str], Decimal]:
    """Return the windows to praise from the raw events, by the day as the shop wrote it."""
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for event in year:
        sums[event["dims"]["country"], event["occurred_on"]] += event["gross"]
    return {window: total for window, total in sums.items() if total >= 10_000}


def utc_minute(local: str) -> int:
    """Return the UTC epoch minute of a London time, without the zone database."""
    at = datetime.fromisoformat(local)
    summer = BST[0] <= at < BST[1]
    return int((at - timedelta(hours=summer)).replace(tzinfo=UTC).timestamp()) // 60


def rows(stage: Any, year: list[dict[str, Any]], rng: random.Random) -> Iterator[Record]:
    """Yield fact rows of about sixty events each, from four raw partitions."""
    start = 0
    while start < len(year):
        part = year[start : start + rng.randint(1, 120)]
        start += len(part)
        countries = sorted({event["dims"]["country"] for event in part})
        cells = [
            Cell(
                minute=utc_minute(event["occurred_at"]),
                dims=countries.index(event["dims"]["country"]),
                sum=event["gross"],
                count=1,
            )
            for event in part
        ]
        batch = FactBatch(
            tenant="shop",
            metric="gross_revenue",
            source="orders",
            definition=1,
            as_of_ms=start,
            dims=tuple({"country": country} for country in countries),
            cells=tuple(cells),
        )
        yield stage.row(batch, f"metrics-ingest:raw/{rng.randrange(4)}")


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_years_awards_are_those_of_the_raw_events_in_any_order_with_copies(
    stage: Any, seed: int
) -> None:
    rng = random.Random(seed)
    year = events()
    praise = expected(year)
    await stage.rule()
    rng.shuffle(year)
    sent = list(rows(stage, year, rng))
    sent += rng.sample(sent, len(sent) // 5)
    rng.shuffle(sent)
    while sent:
        size = rng.randint(1, 40)
        await stage.feed(*sent[:size])
        del sent[:size]
        if rng.random() < 0.1:
            await stage.restart()
    awards = await stage.awards()
    assert sorted((award["value"], award["day"]) for award in awards) == sorted(praise)
    assert len(await stage.rewards()) == len(praise)
    assert all(Decimal(10_000) <= award["actual"] <= praise[_window(award)] for award in awards)
    assert await _per_country(stage) == _truth()


def test_the_year_has_303_windows_to_praise_and_one_that_misses_by_less_than_five() -> None:
    praise = expected(events())
    abroad = {window for window in praise if window[0] != "United Kingdom"}
    assert (len(praise), len(abroad)) == (303, 21)
    assert praise["Netherlands", "2011-11-23"] == Decimal("10078.64")
    assert ("Netherlands", "2011-10-27") not in praise  # 9,995.22


def _window(award: dict[str, Any]) -> tuple[str, str]:
    return award["value"], award["day"]


async def _per_country(stage: Any) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for total in await stage.totals():
        sums[total["value"]] += total["amount"]
    return dict(sums)


def _truth() -> dict[str, Decimal]:
    text = (DATA / "truth.json").read_text(encoding="utf-8")
    truth: dict[str, Decimal] = json.loads(text, parse_float=Decimal)["gross_per_country"]
    return truth
