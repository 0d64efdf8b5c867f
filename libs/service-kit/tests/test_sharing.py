import asyncio

import pytest

from service_kit.keys import Keys
from service_kit.sharing import Shared
from service_kit.store import Store
from service_kit.testing.fake_mongo import FakeMongo


class Slow:
    """Answers with how often it was asked, when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Event()
        self.held: list[bool] = []
        self.shared = Shared(self.ask)

    async def ask(self, key: str) -> str:
        self.asked += 1
        number = self.asked
        await self.go.wait()
        self.held.append(self.shared.holds(key))
        if key == "bad":
            raise ValueError(key)
        return f"{key}{number}"


async def started() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_crowd_asks_once_and_all_get_the_answer() -> None:
    slow = Slow()
    crowd = [asyncio.create_task(slow.shared.get(key)) for key in "aaabaa"]
    await started()
    slow.go.set()
    assert await asyncio.gather(*crowd) == ["a1", "a1", "a1", "b2", "a1", "a1"]
    assert await slow.shared.get("a") == "a3"


async def test_an_error_goes_to_all_and_is_not_kept() -> None:
    slow = Slow()
    crowd = [asyncio.create_task(slow.shared.get("bad")) for _ in range(3)]
    await started()
    slow.go.set()
    found = await asyncio.gather(*crowd, return_exceptions=True)
    assert [type(error) for error in found] == [ValueError] * 3
    with pytest.raises(ValueError, match="bad"):
        await slow.shared.get("bad")
    assert slow.asked == 2


async def test_who_gives_up_takes_nothing_from_the_others() -> None:
    slow = Slow()
    first, second = (asyncio.create_task(slow.shared.get("a")) for _ in range(2))
    await started()
    first.cancel()
    slow.go.set()
    assert await second == "a1"


async def test_what_has_changed_is_asked_anew_and_the_old_answer_is_not_kept() -> None:
    slow = Slow()
    old = asyncio.create_task(slow.shared.get("a"))
    await started()
    slow.shared.forget("a")
    new = asyncio.create_task(slow.shared.get("a"))
    await started()
    slow.go.set()
    assert await asyncio.gather(old, new) == ["a1", "a2"]
    assert slow.held == [False, True]


async def test_a_crowd_with_one_key_is_one_question_to_the_store() -> None:
    kept = Keys(Store(FakeMongo(), "paceline_keys"))
    text = await kept.create("demo", ["*"])
    asked = 0
    find = kept._keys.find_one

    async def counted(*args: object) -> object:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        return await find(*args)

    kept._keys.find_one = counted
    found = await asyncio.gather(*(kept.verify(text) for _ in range(100)))
    assert all(key is not None for key in found)
    assert asked == 1
