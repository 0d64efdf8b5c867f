"""Compaction: fewer documents, the same facts, also while facts and goals keep coming."""

import asyncio
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from event_contracts.facts import Cell
from goal_service.adapters.compaction import Compactor
from goal_service.adapters.facts import FactReader
from goal_service.adapters.loose_facts import facts_of, loose_documents
from goal_service.domain import blocks
from goal_service.domain.sheets import Sheet
from goal_service.ports import Facts, MetricKey

TEN = int(datetime(2011, 1, 18, 10, tzinfo=UTC).timestamp()) // 60
METRIC = MetricKey("shop", "gross_revenue")
EVER = (0, 2**40)
PARTITIONS = 4


async def compactor(stage: Any, at: int) -> Compactor:
    return Compactor(stage.store, await stage.store.session(), PARTITIONS, at)


async def sums(stage: Any) -> blocks.Sums:
    found = await FactReader(stage.store, PARTITIONS).between(METRIC, *EVER)
    return blocks.sums_of(sheet for facts in found for sheet in facts.sheets)


async def test_loose_documents_become_a_block_a_day_and_goals_come_out_the_same(
    stage: Any,
) -> None:
    for number in range(12):
        await stage.feed(stage.cells((TEN + number * 300, f"c{number % 3}", f"{number}.25")))
    before = await sums(stage)
    folded = await (await compactor(stage, 5)).run()

    assert folded == 10
    assert len(await stage.all("loose_facts")) == 2
    assert await sums(stage) == before
    await stage.feed(stage.use("late"))
    expected: dict[date, Decimal] = {}
    for number in range(12):
        day = datetime.fromtimestamp((TEN + number * 300) * 60, UTC).date()
        expected[day] = expected.get(day, Decimal(0)) + Decimal(f"{number}.25")
    assert await stage.days("late") == expected


async def test_few_loose_documents_stay_and_cost_a_count(
    stage: Any,
) -> None:
    for number in range(5):
        await stage.feed(stage.cells((TEN + number, "a", "1")))
    worker = await compactor(stage, 5)
    assert await worker.run() == 0
    stage.calls.clear()
    assert await worker.run() == 0
    assert set(stage.calls) == {"count_documents:loose_facts"}
    await stage.feed(stage.cells((TEN + 9, "a", "1")))
    assert await worker.run() == 5


@pytest.mark.parametrize("seed", range(15))
async def test_facts_goals_and_two_compactions_at_once_lose_and_double_nothing(
    stage: Any, seed: int
) -> None:
    rng = random.Random(seed)

    async def slow(call: str) -> None:
        for _ in range(rng.randrange(3)):
            await asyncio.sleep(0)

    stage.mongo.point = slow
    workers = [await compactor(stage, 3), await compactor(stage, 3)]
    expected: dict[date, Decimal] = {}
    reader = FactReader(stage.store, PARTITIONS)
    counted = 0

    async def facts() -> None:
        nonlocal counted
        for number in range(20):
            minute = TEN + rng.randrange(-3000, 3000)
            await stage.feed(stage.cells((minute, rng.choice("ab"), f"{number}.5")))
            counted += 1
            day = datetime.fromtimestamp(minute * 60, UTC).date()
            expected[day] = expected.get(day, Decimal(0)) + Decimal(f"{number}.5")
            if number == 10:
                await stage.feed(stage.use("late"))

    async def compact(worker: Compactor) -> None:
        while counted < 20:
            await worker.run()
            await asyncio.sleep(0)

    async def look() -> None:
        while counted < 20:
            at_least = counted
            found = await reader.between(METRIC, *EVER)
            events = sum(c.count for f in found for s in f.sheets for c in s.cells)
            assert at_least <= events <= counted + 1  # one may be committed, not yet counted

    await asyncio.gather(facts(), *map(compact, workers), look())
    assert await stage.days("late") == expected
    total = Decimal(0)
    for part in (await sums(stage)).values():
        total += part.value
    assert total == sum(expected.values())
    assert await stage.all("facts")


def test_a_slice_of_very_many_cells_is_cut_into_documents_and_no_sheet_is_lost() -> None:
    cells = tuple(Cell(TEN, 0, Decimal(1), 1) for _ in range(blocks.BLOCK_CELLS // 2 + 1))
    sheet = Sheet(({"country": "a"},), cells)
    facts = {METRIC: Facts((sheet,) * 5, 7), MetricKey("shop", "orders"): Facts((sheet,), 8)}
    documents = list(loose_documents(2, "facts/2|000000000017|0", facts))
    assert len({document["_id"] for document in documents}) == len(documents) > 1
    found = [facts_of(document, METRIC) for document in documents]
    assert [s for each in found if each is not None for s in each.sheets] == [sheet] * 5
    weights = [document["cells"] for document in documents]
    assert sum(weights) == 6 * len(cells)
    assert max(weights) < 2 * blocks.BLOCK_CELLS + 1
