"""What the Faust loop has received and not yet applied."""

import asyncio

import pytest

from service_kit.loops.gathered import Gathered

SOON = 30  # less than the time for company, and more than a crowded machine takes


async def test_a_full_load_is_taken_at_once_and_in_the_order_of_arrival() -> None:
    gathered = Gathered(most=3, within=60)
    for event in "abc":
        await gathered.put(event)
    assert await asyncio.wait_for(gathered.take(), SOON) == ["a", "b", "c"]


async def test_a_few_are_taken_after_the_time_for_company() -> None:
    gathered = Gathered(most=3, within=0.01)
    await gathered.put("a")
    assert await asyncio.wait_for(gathered.take(), SOON) == ["a"]


async def test_more_than_fit_wait_until_there_is_room_and_none_is_lost() -> None:
    gathered = Gathered(most=2, within=0.01)

    async def put_five() -> None:
        for number in range(5):
            await gathered.put(number)

    putting = asyncio.create_task(put_five())
    taken = [await gathered.take(), await gathered.take(), await gathered.take()]
    await putting
    assert taken == [[0, 1], [2, 3], [4]]


async def test_nothing_is_taken_while_nothing_is_there() -> None:
    gathered = Gathered(most=2, within=0.01)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gathered.take(), 0.05)


async def test_fat_events_fill_it_by_their_bytes() -> None:
    gathered = Gathered(most=500, within=60, most_bytes=100, weigh=len)
    for event in ("a" * 60, "b" * 60):
        await gathered.put(event)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gathered.put("c"), 0.05)
    assert len(await asyncio.wait_for(gathered.take(), SOON)) == 2
    await gathered.put("c" * 101)  # alone it fits whatever it weighs
    assert len(await asyncio.wait_for(gathered.take(), SOON)) == 1
