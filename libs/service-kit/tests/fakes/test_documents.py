"""The conformance suite of the document store, part one: documents, queries, updates."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson.errors import InvalidDocument
from pymongo import (
    DeleteMany,
    DeleteOne,
    InsertOne,
    ReplaceOne,
    ReturnDocument,
    UpdateMany,
    UpdateOne,
)
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from service_kit.store import Store


async def ids(store: Store, query: dict[str, Any], **options: Any) -> list[Any]:
    options.setdefault("sort", [("_id", 1)])
    return [row["_id"] for row in await store.db["c"].find(query, **options).to_list(None)]


async def test_a_document_comes_back_as_it_was_put_in(store: Store) -> None:
    document = {
        "_id": "x",
        "whole": 2**63 - 1,
        "money": Decimal("12345678901234567890.1234"),
        "bytes": b"\x00\xff",
        "at": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        "none": None,
        "yes": True,
        "list": [1, "two", {"three": Decimal("3.00")}],
        "text": "完成 ok",
        "facts:2": {"a/b": 1.5},
    }
    await store.db["c"].insert_one(document)
    assert await store.db["c"].find_one({"_id": "x"}) == document


async def test_what_comes_out_is_a_copy(store: Store) -> None:
    document: dict[str, Any] = {"_id": 1, "in": {"list": [1]}}
    await store.db["c"].insert_one(document)
    document["in"]["list"].append(2)
    first = await store.db["c"].find_one({"_id": 1})
    first["in"]["list"].append(3)
    assert await store.db["c"].find_one({"_id": 1}) == {"_id": 1, "in": {"list": [1]}}


@pytest.mark.parametrize(
    ("value", "error"),
    [(2**63, OverflowError), ({1, 2}, InvalidDocument), (object(), InvalidDocument)],
)
async def test_what_bson_cannot_hold_is_refused(
    store: Store, value: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await store.db["c"].insert_one({"_id": 1, "v": value})


async def test_a_unique_id_is_unique(store: Store) -> None:
    await store.db["c"].insert_one({"_id": "a"})
    with pytest.raises(DuplicateKeyError):
        await store.db["c"].insert_one({"_id": "a"})
    with pytest.raises(BulkWriteError) as caught:
        await store.db["c"].insert_many([{"_id": "b"}, {"_id": "a"}, {"_id": "c"}])
    assert caught.value.details["writeErrors"][0]["code"] == 11000
    assert caught.value.details["writeErrors"][0]["index"] == 1
    assert await ids(store, {}) == ["a", "b"]


async def test_a_unique_index_is_kept(store: Store) -> None:
    await store.db["c"].create_index([("tenant", 1), ("name", 1)], unique=True)
    await store.db["c"].insert_one({"_id": 1, "tenant": "t", "name": "n"})
    await store.db["c"].insert_one({"_id": 2, "tenant": "u", "name": "n"})
    with pytest.raises(DuplicateKeyError):
        await store.db["c"].insert_one({"_id": 3, "tenant": "t", "name": "n"})
    with pytest.raises(DuplicateKeyError):
        await store.db["c"].update_one({"_id": 2}, {"$set": {"tenant": "t"}})
    await store.db["c"].delete_one({"_id": 1})
    await store.db["c"].insert_one({"_id": 3, "tenant": "t", "name": "n"})


ROWS: list[dict[str, Any]] = [
    {"_id": 1, "n": 1, "s": "a", "d": {"x": 1}, "l": [1, 2]},
    {"_id": 2, "n": 2.0, "s": "b", "d": {"x": 2, "y": None}, "l": []},
    {"_id": 3, "n": Decimal("3"), "s": None, "d": {}, "l": [{"k": 1}, {"k": 5}]},
    {"_id": 4, "n": "1", "d": {"x": [1, 2]}},
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [1, 2, 3, 4]),
        ({"n": 1}, [1]),
        ({"n": 2}, [2]),
        ({"n": 3.0}, [3]),
        ({"n": True}, []),
        ({"s": None}, [3, 4]),
        ({"s": {"$ne": None}}, [1, 2]),
        ({"s": {"$ne": "a"}}, [2, 3, 4]),
        ({"n": {"$gt": 1}}, [2, 3]),
        ({"n": {"$gte": 1, "$lt": 3}}, [1, 2]),
        ({"n": {"$lte": "1"}}, [4]),
        ({"_id": {"$in": [4, 2, 9]}}, [2, 4]),
        ({"_id": {"$nin": [4, 2, 9]}}, [1, 3]),
        ({"_id": {"$in": []}}, []),
        ({"s": {"$in": [None, "a"]}}, [1, 3, 4]),
        ({"_id": {"$gt": 1, "$lt": 4}}, [2, 3]),
        ({"d.x": 1}, [1, 4]),
        ({"d.x": {"$gte": 2}}, [2, 4]),
        ({"d.y": None}, [1, 2, 3, 4]),
        ({"d.y": {"$exists": True}}, [2]),
        ({"d.x": {"$exists": False}}, [3]),
        ({"l": 1}, [1]),
        ({"l": [1, 2]}, [1]),
        ({"l": []}, [2]),
        ({"l.k": 5}, [3]),
        ({"l.0.k": 5}, []),
        ({"l.1.k": 5}, [3]),
        ({"d": {"x": 1}}, [1]),
        ({"d": {}}, [3]),
        ({"$or": [{"n": 1}, {"s": "b"}]}, [1, 2]),
        ({"$and": [{"n": {"$gt": 0}}, {"n": {"$lt": 2}}]}, [1]),
        ({"n": {"$not": {"$gt": 1}}}, [1, 4]),
        ({"l": {"$elemMatch": {"k": {"$gt": 1, "$lt": 9}}}}, [3]),
        ({"_id": 1, "n": 2}, []),
        ({"n": {"$eq": 1}}, [1]),
    ],
)
async def test_a_query_finds(store: Store, query: dict[str, Any], found: list[int]) -> None:
    await store.db["c"].insert_many([dict(row) for row in ROWS])
    assert await ids(store, query) == found
    assert await store.db["c"].count_documents(query) == len(found)


async def test_find_sorts_limits_and_skips(store: Store) -> None:
    rows = [("a", 2), ("b", 1), ("c", 2), ("d", None), ("e", "x")]
    await store.db["c"].insert_many([{"_id": i, "n": n} for i, n in rows])
    assert await ids(store, {}, sort=[("n", 1), ("_id", -1)]) == ["d", "b", "c", "a", "e"]
    assert await ids(store, {}, sort=[("n", -1), ("_id", 1)]) == ["e", "a", "c", "b", "d"]
    assert await ids(store, {}, sort=[("_id", 1)], skip=1, limit=2) == ["b", "c"]
    assert (await store.db["c"].find_one({"n": 2}, sort=[("_id", -1)]))["_id"] == "c"
    cursor = store.db["c"].find({}).sort("_id", -1).limit(1)
    assert [row["_id"] async for row in cursor] == ["e"]


@pytest.mark.parametrize(
    ("projection", "found"),
    [
        (["a"], {"_id": 1, "a": 1}),
        ({"a": 1, "_id": 0}, {"a": 1}),
        ({"b.c": 1}, {"_id": 1, "b": {"c": 2}}),
        ({"b": 0}, {"_id": 1, "a": 1}),
        ({"_id": 0}, {"a": 1, "b": {"c": 2, "d": 3}}),
        ({"b.d": 0, "_id": 0}, {"a": 1, "b": {"c": 2}}),
        (["nothing"], {"_id": 1}),
        ([], {"_id": 1, "a": 1, "b": {"c": 2, "d": 3}}),
    ],
)
async def test_a_projection_keeps(store: Store, projection: Any, found: dict[str, Any]) -> None:
    await store.db["c"].insert_one({"_id": 1, "a": 1, "b": {"c": 2, "d": 3}})
    assert await store.db["c"].find_one({"_id": 1}, projection=projection) == found


@pytest.mark.parametrize(
    ("before", "update", "after"),
    [
        ({}, {"$set": {"a": 1, "b.c": 2}}, {"a": 1, "b": {"c": 2}}),
        ({"b": {"d": 1}}, {"$set": {"b.c": 2}}, {"b": {"d": 1, "c": 2}}),
        ({"l": [1, 2]}, {"$set": {"l.1": 9}}, {"l": [1, 9]}),
        ({"a": 1, "b": {"c": 1}}, {"$unset": {"a": "", "b.c": "", "z.y": ""}}, {"b": {}}),
        ({"a": 1}, {"$inc": {"a": 2, "b": 3}}, {"a": 3, "b": 3}),
        ({"a": Decimal("0.10")}, {"$inc": {"a": Decimal("0.20")}}, {"a": Decimal("0.30")}),
        ({"a": 1}, {"$inc": {"a": Decimal("0.5")}}, {"a": Decimal("1.5")}),
        ({"d": {}}, {"$inc": {"d.x.y": -4}}, {"d": {"x": {"y": -4}}}),
        ({"a": 5}, {"$min": {"a": 3, "b": 1}}, {"a": 3, "b": 1}),
        ({"a": 5}, {"$max": {"a": 3}}, {"a": 5}),
        ({"a": 5}, {"$max": {"a": 8}}, {"a": 8}),
        ({}, {"$push": {"l": 1}}, {"l": [1]}),
        ({"l": [1]}, {"$push": {"l": {"$each": [2, 3]}}}, {"l": [1, 2, 3]}),
        ({"l": [1]}, {"$addToSet": {"l": 1}}, {"l": [1]}),
        ({"l": [1]}, {"$addToSet": {"l": {"$each": [1, 2, 2]}}}, {"l": [1, 2]}),
        ({}, {"$addToSet": {"l": b"x"}}, {"l": [b"x"]}),
        ({"l": [1, 2, 1]}, {"$pull": {"l": 1}}, {"l": [2]}),
        ({"l": [1, 2, 3]}, {"$pull": {"l": {"$in": [1, 3]}}}, {"l": [2]}),
        ({"l": [{"k": 1}, {"k": 2}]}, {"$pull": {"l": {"k": 1}}}, {"l": [{"k": 2}]}),
        ({}, {"$pull": {"l": 1}}, {}),
        ({"a": 1}, {"$setOnInsert": {"b": 2}, "$set": {"a": 3}}, {"a": 3}),
    ],
)
async def test_an_update_makes(
    store: Store, before: dict[str, Any], update: dict[str, Any], after: dict[str, Any]
) -> None:
    await store.db["c"].insert_one({"_id": 1, **before})
    done = await store.db["c"].update_one({"_id": 1}, update)
    assert done.matched_count == 1
    assert await store.db["c"].find_one({"_id": 1}) == {"_id": 1, **after}


@pytest.mark.parametrize(
    "update",
    [
        {"$inc": {"s": 1}},
        {"$push": {"s": 1}},
        {"$set": {"s.x": 1}},
        {"$set": {"_id": 2}},
        {"$set": {"a": 1}, "$inc": {"a": 1}},
        {"$set": {"a": 1}, "$setOnInsert": {"a.b": 1}},
    ],
)
async def test_an_update_that_makes_no_sense_is_refused(
    store: Store, update: dict[str, Any]
) -> None:
    await store.db["c"].insert_one({"_id": 1, "s": "text"})
    with pytest.raises(OperationFailure):
        await store.db["c"].update_one({"_id": 1}, update)
    assert await store.db["c"].find_one({"_id": 1}) == {"_id": 1, "s": "text"}


async def test_an_update_tells_what_it_did(store: Store) -> None:
    c = store.db["c"]
    made = await c.update_one({"_id": "a"}, {"$inc": {"n": 1}}, upsert=True)
    assert (made.matched_count, made.upserted_id) == (0, "a")
    again = await c.update_one({"_id": "a"}, {"$set": {"n": 1}}, upsert=True)
    assert (again.matched_count, again.modified_count, again.upserted_id) == (1, 0, None)
    assert (await c.update_one({"_id": "b"}, {"$set": {"n": 1}})).matched_count == 0
    await c.insert_one({"_id": "b", "n": 1})
    many = await c.update_many({"n": 1}, {"$set": {"m": 2}})
    assert (many.matched_count, many.modified_count) == (2, 2)
    assert (await c.delete_one({"n": 1})).deleted_count == 1
    assert (await c.delete_many({})).deleted_count == 1


async def test_an_upsert_begins_with_what_the_query_says(store: Store) -> None:
    await store.db["c"].update_one(
        {"_id": "a", "tenant": "t", "n": {"$gt": 3}, "deep.x": 1},
        {"$set": {"v": 1}, "$setOnInsert": {"w": 2}},
        upsert=True,
    )
    assert await store.db["c"].find_one({"_id": "a"}) == {
        "_id": "a",
        "tenant": "t",
        "deep": {"x": 1},
        "v": 1,
        "w": 2,
    }


async def test_an_upsert_on_an_existing_id_that_does_not_match_is_a_duplicate(
    store: Store,
) -> None:
    await store.db["c"].insert_one({"_id": "a", "version": 5})
    with pytest.raises(DuplicateKeyError):
        await store.db["c"].update_one(
            {"_id": "a", "version": {"$lt": 5}}, {"$set": {"version": 5}}, upsert=True
        )


async def test_bulk_write_applies_in_order_and_counts(store: Store) -> None:
    done = await store.db["c"].bulk_write(
        [
            InsertOne({"_id": 1, "n": 0}),
            UpdateOne({"_id": 1}, {"$inc": {"n": 1}}),
            UpdateOne({"_id": 2}, {"$set": {"n": 5}}, upsert=True),
            ReplaceOne({"_id": 3}, {"n": 7}, upsert=True),
            UpdateMany({"n": {"$gte": 5}}, {"$inc": {"n": 1}}),
            DeleteOne({"_id": 1}),
            DeleteMany({"n": {"$gt": 100}}),
            ReplaceOne({"_id": 3}, {"m": 1}),
        ]
    )
    assert (done.inserted_count, done.matched_count, done.deleted_count) == (1, 4, 1)
    assert done.upserted_ids == {2: 2, 3: 3}
    assert await store.db["c"].find({}, sort=[("_id", 1)]).to_list(None) == [
        {"_id": 2, "n": 6},
        {"_id": 3, "m": 1},
    ]


async def test_bulk_write_stops_at_the_first_error_and_keeps_what_was_before(store: Store) -> None:
    with pytest.raises(BulkWriteError):
        await store.db["c"].bulk_write(
            [InsertOne({"_id": 1}), InsertOne({"_id": 1}), InsertOne({"_id": 2})]
        )
    assert await ids(store, {}) == [1]


async def test_find_one_and_update_returns_before_or_after(store: Store) -> None:
    c = store.db["c"]
    assert await c.find_one_and_update({"_id": "n"}, {"$inc": {"n": 1}}, upsert=True) is None
    before = await c.find_one_and_update({"_id": "n"}, {"$inc": {"n": 1}})
    assert before == {"_id": "n", "n": 1}
    after = await c.find_one_and_update(
        {"_id": "n"}, {"$inc": {"n": 1}}, return_document=ReturnDocument.AFTER
    )
    assert after == {"_id": "n", "n": 3}
    assert await c.find_one_and_update({"_id": "x"}, {"$inc": {"n": 1}}) is None
