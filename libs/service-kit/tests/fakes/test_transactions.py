"""The conformance suite of the document store, part two: transactions, conflicts, sessions."""

import asyncio
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError

from service_kit.owners import take_over
from service_kit.store import Store, Tx
from service_kit.testing.waiting import PATIENCE

TRANSIENT = "TransientTransactionError"


@pytest.fixture
async def two(store: Store) -> tuple[Any, Any]:
    """Two sessions in transactions whose snapshots have ``a: 1`` and ``b: 1``."""
    await store.db["c"].insert_many([{"_id": "a", "n": 1}, {"_id": "b", "n": 1}])
    one, other = (store.client.start_session(causal_consistency=False) for _ in range(2))
    for session in (one, other):
        await session.start_transaction()
        await store.db["c"].find_one({"_id": "a"}, session=session)
    return one, other


async def n_of(store: Store, identity: str, session: Any = None) -> Any:
    row = await store.db["c"].find_one({"_id": identity}, session=session)
    return row and row["n"]


async def put(store: Store, identity: str, n: int, session: Any = None) -> None:
    await store.db["c"].update_one(
        {"_id": identity}, {"$set": {"n": n}}, upsert=True, session=session
    )


async def test_a_transaction_reads_its_snapshot_and_its_own_writes(
    store: Store, two: tuple[Any, Any]
) -> None:
    one, other = two
    await put(store, "a", 2, one)
    await put(store, "new", 2, one)
    assert await n_of(store, "a", one) == 2
    assert [await n_of(store, "a", who) for who in (other, None)] == [1, 1]
    await one.commit_transaction()
    assert await n_of(store, "a", other) == 1
    assert await n_of(store, "new", other) is None
    assert await store.db["c"].count_documents({}, session=other) == 2
    assert [await n_of(store, name) for name in ("a", "new")] == [2, 2]


async def test_a_snapshot_does_not_see_a_delete(store: Store, two: tuple[Any, Any]) -> None:
    await store.db["c"].delete_one({"_id": "b"})
    assert await n_of(store, "b", two[0]) == 1
    rows = await store.db["c"].find({}, session=two[0]).to_list(None)
    assert sorted(row["_id"] for row in rows) == ["a", "b"]


async def test_an_aborted_transaction_leaves_nothing(store: Store, two: tuple[Any, Any]) -> None:
    await put(store, "a", 2, two[0])
    await put(store, "new", 2, two[0])
    assert two[0].in_transaction
    await two[0].abort_transaction()
    assert not two[0].in_transaction
    assert [await n_of(store, name) for name in ("a", "new")] == [1, None]


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("name", ["a", "new"])
async def test_the_second_writer_of_a_document_gets_a_conflict(
    store: Store, two: tuple[Any, Any], committed: bool, name: str
) -> None:
    one, other = two
    await put(store, name, 2, one)
    if committed:
        await one.commit_transaction()
    with pytest.raises(PyMongoError) as caught:
        await put(store, name, 3, other)
    assert caught.value.has_error_label(TRANSIENT) or caught.value.code == 11000
    await other.abort_transaction()
    if not committed:
        await one.commit_transaction()
    assert await n_of(store, name) == 2


async def test_a_conflict_has_code_112_and_ends_the_transaction(
    store: Store, two: tuple[Any, Any]
) -> None:
    one, other = two
    await put(store, "a", 2, one)
    await put(store, "b", 3, other)
    with pytest.raises(OperationFailure) as caught:
        await store.db["c"].bulk_write([UpdateOne({"_id": "a"}, {"$set": {"n": 3}})], session=other)
    assert caught.value.code == 112
    assert caught.value.has_error_label(TRANSIENT)
    with pytest.raises(OperationFailure) as caught:
        await n_of(store, "a", other)
    assert caught.value.code == 251
    assert caught.value.has_error_label(TRANSIENT)
    await one.commit_transaction()
    assert await n_of(store, "b") == 1


async def test_a_write_outside_conflicts_with_an_older_snapshot(
    store: Store, two: tuple[Any, Any]
) -> None:
    await put(store, "a", 5)
    with pytest.raises(OperationFailure) as caught:
        await put(store, "a", 2, two[0])
    assert caught.value.code == 112


async def test_deleting_what_another_has_changed_conflicts(
    store: Store, two: tuple[Any, Any]
) -> None:
    await put(store, "a", 5)
    with pytest.raises(OperationFailure) as caught:
        await store.db["c"].delete_many({"_id": "a"}, session=two[0])
    assert caught.value.code == 112


async def test_a_write_outside_waits_for_the_open_transaction(
    store: Store, two: tuple[Any, Any]
) -> None:
    await put(store, "a", 2, two[0])
    outside = asyncio.create_task(store.db["c"].update_one({"_id": "a"}, {"$inc": {"n": 10}}))
    await asyncio.sleep(0.2)
    assert not outside.done()
    await two[0].commit_transaction()
    await asyncio.wait_for(outside, PATIENCE)
    assert await n_of(store, "a") == 12


async def test_an_update_that_changes_nothing_does_not_conflict(
    store: Store, two: tuple[Any, Any]
) -> None:
    one, other = two
    await put(store, "a", 1, one)
    await put(store, "a", 2, other)
    await other.commit_transaction()
    await one.commit_transaction()
    assert await n_of(store, "a") == 2


async def test_no_update_is_lost(store: Store) -> None:
    await put(store, "a", 0)

    async def add() -> None:
        session = await store.session()

        async def body(tx: Tx) -> None:
            row = await tx["c"].find_one({"_id": "a"})
            assert row is not None
            await asyncio.sleep(0)
            await tx["c"].update_one({"_id": "a"}, {"$set": {"n": row["n"] + 1}})

        for _ in range(3):
            await session.run(body)

    await asyncio.gather(*(add() for _ in range(4)))
    assert await n_of(store, "a") == 12


async def test_write_skew_is_allowed_and_that_is_why_there_are_heads(
    store: Store, two: tuple[Any, Any]
) -> None:
    one, other = two
    assert [await n_of(store, "a", one), await n_of(store, "b", other)] == [1, 1]
    await put(store, "b", 2, one)
    await put(store, "a", 2, other)
    await one.commit_transaction()
    await other.commit_transaction()
    assert [await n_of(store, "a"), await n_of(store, "b")] == [2, 2]


async def test_a_touched_head_prevents_write_skew(store: Store, two: tuple[Any, Any]) -> None:
    one, other = two
    touch = [UpdateOne({"_id": "head"}, {"$inc": {"rev": 1}}, upsert=True)]
    await store.db["heads"].bulk_write(touch, session=one)
    await put(store, "b", 2, one)
    with pytest.raises(PyMongoError) as caught:
        await store.db["heads"].bulk_write(touch, session=other)
    assert caught.value.has_error_label(TRANSIENT)


async def test_a_duplicate_key_in_a_transaction_aborts_it(
    store: Store, two: tuple[Any, Any]
) -> None:
    await put(store, "b", 7, two[0])
    with pytest.raises(DuplicateKeyError) as caught:
        await store.db["c"].insert_one({"_id": "a"}, session=two[0])
    assert not caught.value.has_error_label(TRANSIENT)
    with pytest.raises(BulkWriteError):
        await store.db["c"].insert_many([{"_id": "a"}], session=two[1])
    await two[0].abort_transaction()
    assert await n_of(store, "b") == 1


async def test_kill_sessions_aborts_the_open_transaction(
    store: Store, two: tuple[Any, Any]
) -> None:
    one, other = two
    await put(store, "a", 2, one)
    await store.client.admin.command({"killSessions": [{"id": one.session_id["id"]}]})
    await put(store, "a", 3, other)
    await other.commit_transaction()
    with pytest.raises(OperationFailure) as caught:
        await n_of(store, "a", one)
    assert caught.value.code == 251
    assert caught.value.has_error_label(TRANSIENT)
    await one.abort_transaction()
    await one.start_transaction()
    assert await n_of(store, "a", one) == 3
    await one.commit_transaction()


async def test_the_commit_of_a_killed_session_fails_as_transient(
    store: Store, two: tuple[Any, Any]
) -> None:
    await put(store, "a", 2, two[0])
    await store.client.admin.command({"killSessions": [{"id": two[0].session_id["id"]}]})
    with pytest.raises(OperationFailure) as caught:
        await two[0].commit_transaction()
    assert caught.value.has_error_label(TRANSIENT)
    assert await n_of(store, "a") == 1


async def test_a_commit_may_be_repeated(store: Store, two: tuple[Any, Any]) -> None:
    await put(store, "a", 2, two[0])
    await two[0].commit_transaction()
    await two[0].commit_transaction()
    assert await n_of(store, "a") == 2


async def test_a_new_transaction_of_the_session_ends_the_one_before(store: Store) -> None:
    session = store.client.start_session(causal_consistency=False)
    for n in (1, 2):
        await session.start_transaction()
        await put(store, "a", n, session)
        await session.commit_transaction()
    assert await n_of(store, "a") == 2


async def test_the_server_is_known_as_a_replica_set(store: Store) -> None:
    await store.check()


async def test_taking_over_frees_what_a_dead_predecessor_had_locked(store: Store) -> None:
    dead, living = await store.session(), await store.session()
    await take_over(store, dead, ["g:facts/0"])
    locked = asyncio.Event()
    stuck = asyncio.create_task(dead.run(partial(_hang, locked=locked)))
    await asyncio.wait_for(locked.wait(), PATIENCE)
    await take_over(store, living, ["g:facts/0"])
    await asyncio.wait_for(living.run(_write), 20)
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    assert await n_of(store, "locked") == 2


async def _hang(tx: Tx, locked: asyncio.Event) -> None:
    await tx["c"].update_one({"_id": "locked"}, {"$set": {"n": 1}}, upsert=True)
    await tx.flush()
    locked.set()
    await asyncio.Event().wait()


async def _write(tx: Tx) -> None:
    await tx["c"].update_one({"_id": "locked"}, {"$set": {"n": 2}}, upsert=True)


async def test_few_writes_to_several_collections_do_what_they_would_alone(store: Store) -> None:
    await store.db["x"].insert_many([{"_id": n, "n": n, "old": True} for n in ("a", "b", "c")])
    session = await store.session()

    async def body(tx: Tx) -> None:
        assert await tx["x"].find_one({"_id": "a"}) is not None
        await tx["x"].update_one({"_id": "a"}, {"$inc": {"share": Decimal("0.1")}})
        await tx["x"].update_many({"old": True}, {"$set": {"old": False}})
        await tx["x"].delete_many({"n": "c"})
        await tx["y"].insert_many([{"_id": 1, "body": b"x"}, {"_id": 2, "body": b"y"}])
        await tx["z"].update_one({"_id": "new"}, {"$set": {"at": 5}}, upsert=True)
        await tx["v"].bulk_write(
            [
                ReplaceOne({"_id": 1}, {"_id": 1, "whole": True}, upsert=True),
                ReplaceOne({"_id": 1}, {"_id": 1, "whole": False}, upsert=True),
                InsertOne({"_id": 2}),
                DeleteOne({"_id": 2}),
            ]
        )

    await session.run(body)
    assert await store.db["v"].find({}).to_list(None) == [{"_id": 1, "whole": False}]
    found = {name: await store.db[name].find({}).to_list(None) for name in "xyz"}
    assert sorted(found["x"], key=lambda row: row["_id"]) == [
        {"_id": "a", "n": "a", "old": False, "share": Decimal("0.1")},
        {"_id": "b", "n": "b", "old": False},
    ]
    assert sorted(row["_id"] for row in found["y"]) == [1, 2]
    assert found["z"] == [{"_id": "new", "at": 5}]


@pytest.mark.parametrize("how", ["conflict", "duplicate"])
async def test_what_somebody_else_wrote_meanwhile_has_all_of_it_run_again(
    store: Store, how: str
) -> None:
    await store.db["x"].insert_one({"_id": "a", "n": 0})
    session = await store.session()
    runs = 0

    async def body(tx: Tx) -> None:
        nonlocal runs
        runs += 1
        known = await tx["x"].find_one({"_id": "a"})
        assert known is not None
        if runs == 1 and how == "conflict":
            await put_in(store, "x", "a", 10)
        if runs == 1 and how == "duplicate":
            await put_in(store, "y", "b", 10)
        await tx["z"].update_one({"_id": "c"}, {"$inc": {"n": 1}}, upsert=True)
        if how == "conflict" or runs == 1:
            await tx["y"].insert_many([{"_id": "b", "n": 1}])
        await tx["x"].update_one({"_id": "a"}, {"$set": {"n": known["n"] + 1}})

    await session.run(body)
    assert runs == 2
    wanted = (11, 1) if how == "conflict" else (1, 10)
    got = [await store.db[name].find_one({"_id": i}) for name, i in (("x", "a"), ("y", "b"))]
    assert tuple(row["n"] for row in got if row) == wanted
    assert await store.db["z"].find_one({"_id": "c"}) == {"_id": "c", "n": 1}


async def put_in(store: Store, collection: str, identity: str, n: int) -> None:
    await store.db[collection].update_one({"_id": identity}, {"$set": {"n": n}}, upsert=True)
