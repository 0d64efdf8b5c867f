"""bulk_write: pymongo's operation objects, whose private fields are read here."""

from typing import Any

from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteError
from pymongo.operations import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne

from service_kit.testing.fake_mongo import operations as op
from service_kit.testing.fake_mongo.storage import Table, Transaction


class Bulk:
    """Applies operations to a table and counts what they do, as the server reports it."""

    def __init__(self, table: Table) -> None:
        counts = dict.fromkeys(("nInserted", "nUpserted", "nMatched", "nModified", "nRemoved"), 0)
        self.result: dict[str, Any] = {
            **counts,
            "upserted": [],
            "writeErrors": [],
            "writeConcernErrors": [],
        }
        self._table = table

    @staticmethod
    def is_many(request: Any) -> bool:
        """Whether the operation may touch several documents."""
        return isinstance(request, UpdateMany | DeleteMany)

    def parts(self, tx: Transaction | None, request: Any) -> list[Any]:
        """Split an operation on many documents into one for each."""
        keys = op.keys_of(self._table, tx, request._filter)
        if not keys and isinstance(request, UpdateMany) and request._upsert:
            return [UpdateOne(request._filter, request._doc, upsert=True)]
        return [_OnKey(request, key) for key in keys]

    def apply_all(self, tx: Transaction | None, requests: Any) -> None:
        """Apply operations in order."""
        for index, request in enumerate(requests):
            self.apply(tx, index, request)

    def apply(self, tx: Transaction | None, index: int, request: Any) -> None:
        """Apply one operation; raises BulkWriteError where a plain call raises its own kind."""
        try:
            for part in self.parts(tx, request) if self.is_many(request) else [request]:
                self._apply(tx, index, part)
        except (DuplicateKeyError, WriteError) as error:
            failed: dict[str, Any] = {
                "index": index,
                "code": error.code,
                "errmsg": str(error),
                "op": {},
            }
            raise BulkWriteError(self.result | {"writeErrors": [failed]}) from error

    def _apply(self, tx: Transaction | None, index: int, request: Any) -> None:
        match request:
            case InsertOne():
                op.insert(self._table, tx, request._doc)
                self.result["nInserted"] += 1
            case UpdateOne():
                update: Any = request._doc
                self._change(tx, index, request, op.by_update(update))
            case ReplaceOne():
                self._change(tx, index, request, op.by_replacement(request._doc))
            case DeleteOne():
                for key in op.keys_of(self._table, tx, request._filter)[:1]:
                    self._delete(tx, key, request)
            case _OnKey(request=UpdateMany()):
                change = op.by_update(request.request._doc)
                query = request.request._filter
                done = op.change_key(self._table, tx, request.key, query, change)
                self._count(index, done)
            case _OnKey():
                self._delete(tx, request.key, request.request)
            case _:
                raise NotImplementedError(f"FakeMongo: {request!r}")

    def _change(self, tx: Transaction | None, index: int, request: Any, change: op.Change) -> None:
        upsert = bool(request._upsert)
        done = op.change_one(self._table, tx, request._filter, change, upsert=upsert)
        self._count(index, done)

    def _delete(self, tx: Transaction | None, key: Any, request: Any) -> None:
        self.result["nRemoved"] += op.delete_key(self._table, tx, key, request._filter)

    def _count(self, index: int, done: op.Done) -> None:
        self.result["nMatched"] += done.matched
        self.result["nModified"] += done.modified
        if done.upserted is not None:
            self.result["nUpserted"] += 1
            self.result["upserted"].append({"index": index, "_id": done.upserted})


class _OnKey:
    """An operation on many documents, on one of them."""

    def __init__(self, request: Any, key: Any) -> None:
        self.request = request
        self.key = key
