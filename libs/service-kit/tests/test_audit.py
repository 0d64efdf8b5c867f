from decimal import Decimal
from typing import Any

from service_kit import audit
from service_kit.store import Store, Tx
from service_kit.testing.fake_mongo import FakeMongo


async def chain(store: Store, tenant: str, count: int) -> None:
    session = await store.session()
    for number in range(count):

        async def body(tx: Tx, number: int = number) -> None:
            detail: dict[str, Any] = {"target": Decimal("1.50"), "number": number}
            await audit.append(tx, tenant, "key:1", "goal.created", f"g{number}", detail, 1000)

        await session.run(body)


async def test_entries_follow_each_other_and_verify() -> None:
    store = Store(FakeMongo(), "db")
    await chain(store, "demo", 3)
    assert await audit.verify(store, "demo") == audit.Verdict(3)
    last = await store.db["audit"].find_one({"_id": "demo|000000000003"})
    before = await store.db["audit"].find_one({"_id": "demo|000000000002"})
    assert last["prev"] == before["hash"]
    assert last["detail"] == {"target": "1.50", "number": 2}


async def test_many_entries_at_once_are_the_chain_that_they_are_one_by_one() -> None:
    one, many = Store(FakeMongo(), "db"), Store(FakeMongo(), "db")
    await chain(one, "demo", 4)
    await chain(many, "demo", 1)
    notes = [
        audit.Note("key:1", "goal.created", f"g{n}", {"target": Decimal("1.50"), "number": n})
        for n in range(1, 4)
    ]

    async def body(tx: Tx) -> None:
        await audit.append_all(tx, "demo", [], 1000)
        await audit.append_all(tx, "demo", notes, 1000)

    await (await many.session()).run(body)
    assert await audit.verify(many, "demo") == audit.Verdict(4)
    rows = [await s.db["audit"].find({}, sort=[("_id", 1)]).to_list(None) for s in (one, many)]
    assert rows[0] == rows[1]


async def test_a_tenant_without_entries_is_whole() -> None:
    assert (await audit.verify(Store(FakeMongo(), "db"), "demo")).whole


async def test_tenants_have_chains_of_their_own_even_with_odd_names() -> None:
    store = Store(FakeMongo(), "db")
    await chain(store, "a", 2)
    await chain(store, "a|b", 1)
    assert await audit.verify(store, "a") == audit.Verdict(2)
    assert await audit.verify(store, "a|b") == audit.Verdict(1)


async def test_a_changed_entry_is_found() -> None:
    store = Store(FakeMongo(), "db")
    await chain(store, "demo", 3)
    change = {"$set": {"detail.target": "9"}}
    await store.db["audit"].update_one({"_id": "demo|000000000002"}, change)
    verdict = await audit.verify(store, "demo")
    assert (verdict.broken_at, verdict.reason) == (2, "its content was changed")


async def test_a_removed_entry_is_found() -> None:
    store = Store(FakeMongo(), "db")
    await chain(store, "demo", 3)
    await store.db["audit"].delete_one({"_id": "demo|000000000002"})
    assert (await audit.verify(store, "demo")).broken_at == 2


async def test_a_removed_end_is_found_by_the_head() -> None:
    store = Store(FakeMongo(), "db")
    await chain(store, "demo", 3)
    await store.db["audit"].delete_one({"_id": "demo|000000000003"})
    verdict = await audit.verify(store, "demo")
    assert (verdict.broken_at, verdict.reason) == (3, "the head counts 3 entries")


async def test_a_changed_entry_with_a_new_hash_is_found_by_the_next_one() -> None:
    store = Store(FakeMongo(), "db")
    await chain(store, "demo", 3)
    entry = await store.db["audit"].find_one({"_id": "demo|000000000002"})
    entry["actor"] = "key:2"
    forged = {"$set": {"actor": "key:2", "hash": audit._hash(entry)}}
    await store.db["audit"].update_one({"_id": "demo|000000000002"}, forged)
    assert (await audit.verify(store, "demo")).broken_at == 3
