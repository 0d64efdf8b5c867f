"""Single operations on a table, each as one step: insert, update, replace, delete, find."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from service_kit.testing.fake_mongo.query import (
    Query,
    is_operators,
    matches,
    ordered,
    projected,
)
from service_kit.testing.fake_mongo.storage import Document, Table, Transaction, duplicate, key_of
from service_kit.testing.fake_mongo.update import Update, from_query, updated, with_id
from service_kit.testing.fake_mongo.values import stored


@dataclass(frozen=True, slots=True)
class Done:
    """What a write did; ``key`` is the document's, ``upserted`` the ``_id`` an upsert made."""

    matched: int = 0
    modified: int = 0
    upserted: Any = None
    key: Hashable = None


def keys_of(table: Table, transaction: Transaction | None, query: Query) -> list[Hashable]:
    """Return the keys of the documents that match, in natural order."""
    found = []
    for key in _candidates(table, transaction, query):
        document = table.read(key, transaction)
        if document is not None and matches(document, query):
            found.append(key)
    return found


def _candidates(table: Table, transaction: Transaction | None, query: Query) -> list[Hashable]:
    wanted = query.get("_id", _Scan)
    if wanted is _Scan:
        return list(table.keys(transaction))
    if not is_operators(wanted):
        return [key_of(stored(wanted))]
    if _is_range_of_texts(wanted):
        low, high = wanted["$gt"], wanted["$lt"]
        return [k for k in table.keys(transaction) if type(k) is str and low < k < high]
    if set(wanted) == {"$in"}:
        inside = {key_of(stored(identity)) for identity in wanted["$in"]}
        return [key for key in table.keys(transaction) if key in inside]
    return list(table.keys(transaction))


def _is_range_of_texts(wanted: Any) -> bool:
    return set(wanted) == {"$gt", "$lt"} and all(type(bound) is str for bound in wanted.values())


class _Scan:
    """The query does not say which ``_id``."""


def find(
    table: Table,
    transaction: Transaction | None,
    query: Query,
    *,
    sort: Any = None,
    skip: int = 0,
    limit: int = 0,
    projection: Any = None,
) -> list[Document]:
    """Return copies of the documents that match."""
    rows = [table.read(key, transaction) for key in keys_of(table, transaction, query)]
    found = ordered([row for row in rows if row is not None], sort)
    part = found[skip : skip + limit] if limit else found[skip:]
    return [projected(document, projection) for document in part]


def insert(table: Table, transaction: Transaction | None, document: Mapping[str, Any]) -> Any:
    """Insert a copy; return its ``_id``."""
    fresh = stored(with_id(dict(document)))
    _insert(table, transaction, fresh)
    return fresh["_id"]


def _insert(table: Table, transaction: Transaction | None, fresh: Document) -> None:
    key = key_of(fresh["_id"])
    if table.read(key, transaction) is not None:
        raise duplicate(table, {"_id": fresh["_id"]})
    table.write(key, fresh, transaction)


Change = Callable[[Mapping[str, Any], bool], Document]


def by_update(update: Update) -> Change:
    """Return the change that ``{"$set": ...}`` makes."""
    return lambda document, inserting: updated(document, update, inserting)


def by_replacement(replacement: Mapping[str, Any]) -> Change:
    """Return the change that keeps nothing but the ``_id``."""
    return lambda document, inserting: (
        ({"_id": document["_id"]} if "_id" in document else {}) | stored(replacement)
    )


def change_one(
    table: Table,
    transaction: Transaction | None,
    query: Query,
    change: Change,
    *,
    upsert: bool = False,
    sort: Any = None,
) -> Done:
    """Change the first match or insert what the query and the change make up."""
    keys = keys_of(table, transaction, query)
    if sort and keys:
        rows = [row for key in keys if (row := table.read(key, transaction)) is not None]
        keys = [key_of(ordered(rows, sort)[0]["_id"])]
    if keys:
        return change_key(table, transaction, keys[0], query, change)
    if not upsert:
        return Done()
    fresh = with_id(change(from_query(query), True))
    _insert(table, transaction, fresh)
    return Done(upserted=fresh["_id"], key=key_of(fresh["_id"]))


def change_key(
    table: Table, transaction: Transaction | None, key: Hashable, query: Query, change: Change
) -> Done:
    """Change one document if it still matches. What changes nothing writes nothing."""
    old = table.read(key, transaction)
    if old is None or not matches(old, query):
        return Done()
    new = change(old, False)
    if new == old:
        return Done(matched=1, key=key)
    table.write(key, new, transaction)
    return Done(matched=1, modified=1, key=key)


def delete_key(table: Table, transaction: Transaction | None, key: Hashable, query: Query) -> int:
    """Delete one document if it still matches; return how many that were."""
    old = table.read(key, transaction)
    if old is None or not matches(old, query):
        return 0
    table.write(key, None, transaction)
    return 1
