"""One transaction asks little, and still sees what it has written itself."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pymongo import UpdateOne

from service_kit.errors import Infrastructure
from service_kit.store import Session, Store, Tx
from service_kit.testing.fake_mongo import FakeMongo


class Counted:
    """A store that counts the calls to it."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.store = Store(FakeMongo(point=self._count), "db")

    async def _count(self, call: str) -> None:
        self.calls[call] += 1

    async def run(self, body: Callable[[Tx], Awaitable[Any]]) -> Any:
        session: Session = await self.store.session()
        return await session.run(body)


@pytest.fixture
async def counted() -> Counted:
    """A store with the documents a and b."""
    counted = Counted()
    await counted.store.db["c"].insert_many([{"_id": "a", "n": 1}, {"_id": "b", "n": 1}])
    counted.calls.clear()
    return counted


async def test_what_was_read_by_its_id_is_not_asked_again(counted: Counted) -> None:
    async def body(tx: Tx) -> list[Any]:
        first = await tx["c"].find_ids(["a", "none"])
        first[0]["n"] = 99  # a reader's own copy
        return [
            await tx["c"].find_one({"_id": "a"}),
            await tx["c"].find_one({"_id": "none"}),
            await tx["c"].find_ids(["none", "a"]),
        ]

    assert await counted.run(body) == [{"_id": "a", "n": 1}, None, [{"_id": "a", "n": 1}]]
    assert counted.calls["find:c"] == 1


async def test_a_write_waits_for_a_read_of_what_it_changes(counted: Counted) -> None:
    async def body(tx: Tx) -> None:
        assert await tx["c"].find_one({"_id": "a"}) == {"_id": "a", "n": 1}
        await tx["c"].update_one({"_id": "a"}, {"$inc": {"n": 1}})
        assert await tx["c"].find_one({"_id": "b"}) == {"_id": "b", "n": 1}
        assert counted.calls["bulk_write:c"] == 0
        assert await tx["c"].find_one({"_id": "a"}) == {"_id": "a", "n": 2}
        assert counted.calls["bulk_write:c"] == 1
        await tx["c"].insert_many([{"_id": "new", "n": 5}])
        assert await tx["c"].find_ids(["new"]) == [{"_id": "new", "n": 5}]

    await counted.run(body)


@pytest.mark.parametrize("how", ["update_many", "no id", "delete_many", "query"])
async def test_a_write_that_may_change_anything_is_there_at_the_next_read(
    counted: Counted, how: str
) -> None:
    async def body(tx: Tx) -> None:
        await tx["c"].find_ids(["a", "b"])
        if how == "update_many":
            await tx["c"].update_many({"_id": {"$in": ["a"]}}, {"$set": {"n": 7}})
        elif how == "no id":
            await tx["c"].bulk_write([UpdateOne({"n": 1}, {"$set": {"n": 7}})])
        elif how == "delete_many":
            await tx["c"].delete_many({"n": 1})
        else:
            await tx["c"].update_one({"_id": "a"}, {"$set": {"n": 7}})
            assert await tx["c"].find({"n": 7}) == [{"_id": "a", "n": 7}]
        found = await tx["c"].find_one({"_id": "a"})
        assert found == (None if how == "delete_many" else {"_id": "a", "n": 7})

    await counted.run(body)


class Answers(FakeMongo):
    """A server that says of itself what a test wants."""

    def __init__(self, **said: Any) -> None:
        super().__init__()
        self._said = said

    def run(self, name: str, value: Any) -> dict[str, Any]:
        return super().run(name, value) | self._said


@pytest.mark.parametrize(
    ("said", "why"), [({"maxWireVersion": 21}, "older than 8.0"), ({"arbiters": ["x"]}, "arbiter")]
)
async def test_a_server_that_would_not_do_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(Infrastructure, match=why):
        await Store(Answers(**said), "db").check()
    await Store(Answers(maxWireVersion=25), "db").check()


async def test_another_run_of_the_body_sees_what_holds_then(counted: Counted) -> None:
    seen: list[Any] = []

    async def body(tx: Tx) -> None:
        found = await tx["c"].find_one({"_id": "a"})
        seen.append(found["n"] if found else None)
        if len(seen) == 1:
            await counted.store.db["c"].update_one({"_id": "a"}, {"$set": {"n": 2}})
        await tx["c"].update_one({"_id": "a"}, {"$inc": {"n": 10}})

    await counted.run(body)
    assert seen == [1, 2]
    assert await counted.store.db["c"].find_one({"_id": "a"}) == {"_id": "a", "n": 12}


async def test_writes_travel_together_as_far_as_a_server_takes_a_message(counted: Counted) -> None:
    async def body(tx: Tx) -> None:
        await tx["c"].find_one({"_id": "a"})
        for name, size in (("few", 10), ("outbox", 3_900_000), ("blocks", 3_900_000), ("c", 10)):
            documents = [{"_id": f"{name}{n}", "body": b"x" * size} for n in range(7)]
            await tx[name].insert_many(documents)

    await counted.run(body)
    assert counted.calls["bulkWrite:"] == 1
    assert counted.calls["bulk_write:outbox"] == counted.calls["bulk_write:blocks"] == 1
    assert counted.calls["bulk_write:few"] == counted.calls["bulk_write:c"] == 0
    for name, found in (("few", 7), ("outbox", 7), ("blocks", 7), ("c", 9)):
        assert await counted.store.db[name].count_documents({}) == found
