"""A collection as pymongo's async API shows it."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pymongo.errors import AutoReconnect
from pymongo.operations import DeleteMany, InsertOne, UpdateMany
from pymongo.results import (
    BulkWriteResult,
    DeleteResult,
    InsertManyResult,
    InsertOneResult,
    UpdateResult,
)

from service_kit.testing.fake_mongo import operations as op
from service_kit.testing.fake_mongo.bulk import Bulk
from service_kit.testing.fake_mongo.hook import Fault
from service_kit.testing.fake_mongo.query import projected
from service_kit.testing.fake_mongo.storage import TRANSIENT, Document, Transaction, Unique
from service_kit.testing.fake_mongo.update import with_id

if TYPE_CHECKING:
    from service_kit.testing.fake_mongo.client import FakeMongo

T = TypeVar("T")
Query = Mapping[str, Any]


class FakeCollection:
    """The calls of AsyncCollection that this system uses; options it does not know are ignored."""

    def __init__(self, client: "FakeMongo", database: str, name: str) -> None:
        self.name = name
        self._client = client
        self._table = client.server.table(database, name)

    async def _step(self, what: str, session: Any, work: Callable[[Transaction | None], T]) -> T:
        """One call to the server: the hook first, then the work, at once."""
        point = self._client.point
        fault = await point(f"{what}:{self.name}") if point else None
        if fault is Fault.NOT_DONE:
            raise lost(session)
        result = await self._client.server.run(session, work)
        if fault is Fault.DONE:
            raise lost(session)
        return result

    async def find_one(
        self, filter: Any = None, projection: Any = None, *, session: Any = None, **options: Any
    ) -> Document | None:
        """Return the first match."""
        query = filter if isinstance(filter, Mapping) else {"_id": filter} if filter else {}
        found = await self._find("find_one", query, session, projection, options | {"limit": 1})
        return found[0] if found else None

    def find(
        self,
        filter: Query | None = None,
        projection: Any = None,
        *,
        session: Any = None,
        **options: Any,
    ) -> "Cursor":
        """Return a cursor over the matches."""
        return Cursor(self, filter or {}, session, projection, options)

    async def _find(
        self, what: str, query: Query, session: Any, projection: Any, options: dict[str, Any]
    ) -> list[Document]:
        shape = {name: options[name] for name in ("sort", "skip", "limit") if name in options}
        return await self._step(
            what,
            session,
            lambda tx: op.find(self._table, tx, query, projection=projection, **shape),
        )

    async def count_documents(self, filter: Query, *, session: Any = None, **_: Any) -> int:
        """Return how many match."""
        return await self._step(
            "count_documents", session, lambda tx: len(op.keys_of(self._table, tx, filter))
        )

    async def insert_one(
        self, document: Document, *, session: Any = None, **_: Any
    ) -> InsertOneResult:
        """Insert a document; without ``_id`` it gets one, in the argument too, as in pymongo."""
        document.setdefault("_id", with_id({})["_id"])
        made = await self._step(
            "insert_one", session, lambda tx: op.insert(self._table, tx, document)
        )
        return InsertOneResult(made, True)

    async def insert_many(
        self, documents: Iterable[Document], *, session: Any = None, **_: Any
    ) -> InsertManyResult:
        """Insert documents in order; raises BulkWriteError at the first that exists."""
        rows = list(documents)
        if not rows:
            raise TypeError("documents must be a non-empty list")
        for row in rows:
            row.setdefault("_id", with_id({})["_id"])
        await self._bulk("insert_many", [InsertOne(row) for row in rows], session)
        return InsertManyResult([row["_id"] for row in rows], True)

    async def update_one(
        self,
        filter: Query,
        update: Mapping[str, Any],
        upsert: bool = False,
        *,
        session: Any = None,
        sort: Any = None,
        **_: Any,
    ) -> UpdateResult:
        """Update the first match."""
        change = op.by_update(update)
        return _update_result(await self._one("update_one", filter, change, upsert, session, sort))

    async def replace_one(
        self,
        filter: Query,
        replacement: Mapping[str, Any],
        upsert: bool = False,
        *,
        session: Any = None,
        sort: Any = None,
        **_: Any,
    ) -> UpdateResult:
        """Replace the first match."""
        change = op.by_replacement(replacement)
        return _update_result(await self._one("replace_one", filter, change, upsert, session, sort))

    async def _one(
        self, what: str, query: Query, change: op.Change, upsert: bool, session: Any, sort: Any
    ) -> op.Done:
        return await self._step(
            what,
            session,
            lambda tx: op.change_one(self._table, tx, query, change, upsert=upsert, sort=sort),
        )

    async def update_many(
        self,
        filter: Query,
        update: Mapping[str, Any],
        upsert: bool = False,
        *,
        session: Any = None,
        **_: Any,
    ) -> UpdateResult:
        """Update all matches; outside a transaction one after the other, not at once."""
        result = await self._bulk("update_many", [UpdateMany(filter, update, upsert)], session)
        raw = {"n": result["nMatched"], "nModified": result["nModified"]}
        made = [row["_id"] for row in result["upserted"]]
        return UpdateResult(raw | ({"upserted": made[0]} if made else {}), True)

    async def find_one_and_update(
        self,
        filter: Query,
        update: Mapping[str, Any],
        projection: Any = None,
        sort: Any = None,
        upsert: bool = False,
        return_document: bool = False,
        *,
        session: Any = None,
        **_: Any,
    ) -> Document | None:
        """Update the first match; return it as it was, or after with ReturnDocument.AFTER."""

        def work(tx: Transaction | None) -> Document | None:
            before = op.find(self._table, tx, filter, sort=sort, limit=1, projection=projection)
            change = op.by_update(update)
            done = op.change_one(self._table, tx, filter, change, upsert=upsert, sort=sort)
            if not return_document:
                return before[0] if before else None
            row = self._table.read(done.key, tx) if done.matched or done.upserted else None
            return None if row is None else projected(row, projection)

        return await self._step("find_one_and_update", session, work)

    async def delete_one(self, filter: Query, *, session: Any = None, **_: Any) -> DeleteResult:
        """Delete the first match."""
        deleted = await self._step(
            "delete_one",
            session,
            lambda tx: sum(
                op.delete_key(self._table, tx, key, filter)
                for key in op.keys_of(self._table, tx, filter)[:1]
            ),
        )
        return DeleteResult({"n": deleted}, True)

    async def delete_many(self, filter: Query, *, session: Any = None, **_: Any) -> DeleteResult:
        """Delete all matches; outside a transaction one after the other, not at once."""
        result = await self._bulk("delete_many", [DeleteMany(dict(filter))], session)
        return DeleteResult({"n": result["nRemoved"]}, True)

    async def bulk_write(
        self, requests: Sequence[Any], ordered: bool = True, *, session: Any = None, **_: Any
    ) -> BulkWriteResult:
        """Apply pymongo's operation objects; raises BulkWriteError at the first write error."""
        if not ordered:
            raise NotImplementedError("FakeMongo: unordered bulk_write")
        if not requests:
            raise TypeError("requests must be a non-empty list")
        return BulkWriteResult(await self._bulk("bulk_write", requests, session), True)

    async def _bulk(self, what: str, requests: Sequence[Any], session: Any) -> dict[str, Any]:
        """In a transaction one step; outside of one, each document is a step of its own."""
        bulk = Bulk(self._table)
        if session is not None and session.in_transaction:
            await self._step(what, session, lambda tx: bulk.apply_all(tx, requests))
            return bulk.result
        for index, request in enumerate(requests):
            parts = [request]
            if bulk.is_many(request):
                parts = await self._step(what, None, partial(bulk.parts, request=request))
            for part in parts:
                await self._step(what, None, partial(bulk.apply, index=index, request=part))
        return bulk.result

    async def create_index(self, keys: Any, *, unique: bool = False, **options: Any) -> str:
        """Note the index; only a unique one has an effect."""
        pairs = [(keys, 1)] if isinstance(keys, str) else list(keys)
        fields = tuple(pair if isinstance(pair, str) else pair[0] for pair in pairs)

        def work(tx: Transaction | None) -> None:
            if unique:
                self._table.uniques.append(Unique(fields, options))

        await self._step("create_index", None, work)
        return "_".join(f"{field}_1" for field in fields)


class Cursor:
    """The result of find; one call to the server, made when it is first needed."""

    def __init__(
        self,
        collection: FakeCollection,
        query: Query,
        session: Any,
        projection: Any,
        options: dict[str, Any],
    ) -> None:
        self._collection = collection
        self._query = query
        self._session = session
        self._projection = projection
        self._options = dict(options)

    def sort(self, key: Any, direction: int = 1) -> "Cursor":
        """Set the order."""
        self._options["sort"] = [(key, direction)] if isinstance(key, str) else key
        return self

    def limit(self, limit: int) -> "Cursor":
        """Set how many there may be; 0 is no limit."""
        self._options["limit"] = limit
        return self

    def skip(self, skip: int) -> "Cursor":
        """Set how many to leave out at the beginning."""
        self._options["skip"] = skip
        return self

    async def to_list(self, length: int | None = None) -> list[Document]:
        """Return the documents, at most ``length``."""
        found = await self._collection._find(
            "find", self._query, self._session, self._projection, self._options
        )
        return found if length is None else found[:length]

    async def __aiter__(self) -> AsyncIterator[Document]:
        for document in await self.to_list():
            yield document

    async def close(self) -> None:
        """Do nothing."""


def lost(session: Any) -> AutoReconnect:
    """Return the driver's error when the connection breaks, in a transaction or outside of one."""
    inside = session is not None and session.in_transaction
    return AutoReconnect("connection lost", {"errorLabels": [TRANSIENT]} if inside else None)


def _update_result(done: op.Done) -> UpdateResult:
    raw: dict[str, Any] = {"n": done.matched, "nModified": done.modified}
    if done.upserted is not None:
        raw |= {"n": 1, "upserted": done.upserted}
    return UpdateResult(raw, True)
