"""Where the fake is stricter than a real server, and what only the fake can be made to do."""

from decimal import Decimal
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from service_kit.store import Store, Tx
from service_kit.testing.fake_mongo import FakeMongo, Fault, Server


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity")]
)
async def test_what_poisons_sums_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="poison"):
        await Store(FakeMongo(), "s").db["c"].insert_one({"_id": 1, "v": value})


async def test_an_operator_it_does_not_know_is_named() -> None:
    db = Store(FakeMongo(), "s").db
    await db["c"].insert_one({"_id": 1})
    with pytest.raises(NotImplementedError, match=r"\$where"):
        await db["c"].find({"$where": "x"}).to_list(None)
    with pytest.raises(NotImplementedError, match=r"\$rename"):
        await db["c"].update_one({"_id": 1}, {"$rename": {"a": "b"}})


@pytest.mark.parametrize("fault", list(Fault))
async def test_an_unknown_commit_takes_effect_once(fault: Fault) -> None:
    server, faults = Server(), [fault, fault]

    async def point(what: str) -> Fault | None:
        return faults.pop() if what == "commit:" and faults else None

    store = Store(FakeMongo(server, point), "s")

    async def body(tx: Tx) -> None:
        await tx["c"].update_one({"_id": 1}, {"$inc": {"n": 1}}, upsert=True)

    await (await store.session()).run(body)
    assert await store.db["c"].find_one({"_id": 1}) == {"_id": 1, "n": 1}


@pytest.mark.parametrize(("fault", "count"), [(Fault.NOT_DONE, 0), (Fault.DONE, 1)])
async def test_a_lost_call_is_done_or_not(fault: Fault, count: int) -> None:
    server = Server()

    async def point(what: str) -> Fault | None:
        return fault if what == "insert_one:c" else None

    store = Store(FakeMongo(server, point), "s")
    with pytest.raises(AutoReconnect):
        await store.db["c"].insert_one({"_id": 1})
    assert await store.db["c"].count_documents({}) == count
