"""What a body does inside a transaction: few requests, and still its own writes are seen."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import DuplicateKeyError, OperationFailure

from service_kit.documents import CODEC, Document, find_ids

# A collection with at most so many writes lets them travel with those of others. More inserts are
# dearer that way: 60 took one of the servers in use 14 ms instead of 7.
FEW = 40
# A server takes no message of more than 48 MB; the driver minds that in all other requests.
TOGETHER_BYTES = 16_000_000
_DUPLICATE = 11000


class Collection:
    """A collection inside one transaction: the driver's calls, with the session filled in.

    Writes wait until what they change is read, or the transaction commits: see :class:`Tx`. What
    was read by its id is not asked again: the snapshot stands still.
    """

    def __init__(self, tx: "Tx", raw: Any, session: Any) -> None:
        self._tx = tx
        self._raw = raw
        self._session = session
        self._waiting: list[Any] = []
        self._changed: set[Any] | None = set()  # ids that waiting writes change; None: any
        self._known: dict[Any, Document | None] = {}

    async def find_one(self, query: Mapping[str, Any], **options: Any) -> Document | None:
        """Return the first match in the transaction's snapshot."""
        if not options and _names_an_id(query):
            await self._learn([query["_id"]])
            known = self._known[query["_id"]]
            return None if known is None else dict(known)
        await self.flush()
        self._tx.begun = True
        found: Document | None = await self._raw.find_one(query, session=self._session, **options)
        return found

    async def find(self, query: Mapping[str, Any], **options: Any) -> list[Document]:
        """Return all matches in the transaction's snapshot."""
        await self.flush()
        self._tx.begun = True
        cursor = self._raw.find(query, session=self._session, **options)
        found: list[Document] = await cursor.to_list(None)
        return found

    async def find_ids(self, ids: Iterable[Any], **options: Any) -> list[Document]:
        """Return those documents that have these ids, in any order; see :func:`find_ids`."""
        if options:
            await self.flush()
            self._tx.begun = True
            return await find_ids(self._raw, ids, session=self._session, **options)
        wanted = list(dict.fromkeys(ids))
        await self._learn(wanted)
        known = (self._known[each] for each in wanted)
        return [dict(document) for document in known if document is not None]

    async def _learn(self, ids: Sequence[Any]) -> None:
        """Read those documents that are not known, or that a waiting write changes."""
        if self._changed is None or not self._changed.isdisjoint(ids):
            await self.flush()
        unknown = [each for each in ids if each not in self._known]
        if unknown:
            self._tx.begun = True
            found = await find_ids(self._raw, unknown, session=self._session)
            self._known |= dict.fromkeys(unknown)
            self._known |= {document["_id"]: document for document in found}

    async def insert_many(self, documents: Sequence[Document]) -> None:
        """Insert documents; none is fine. An existing ``_id`` aborts the transaction."""
        self._write([InsertOne(document) for document in documents])

    async def update_one(
        self, query: Mapping[str, Any], update: Mapping[str, Any], *, upsert: bool = False
    ) -> None:
        """Update the first match."""
        self._write([UpdateOne(query, update, upsert=upsert)])

    async def update_many(self, query: Mapping[str, Any], update: Mapping[str, Any]) -> None:
        """Update all matches."""
        self._write([UpdateMany(query, update)])

    async def bulk_write(self, operations: Sequence[Any]) -> None:
        """Apply pymongo operations in order; none is fine."""
        self._write(operations)

    async def delete_many(self, query: Mapping[str, Any]) -> None:
        """Delete all matches."""
        self._write([DeleteMany(query)])

    async def flush(self) -> int:
        """Write what waits, in order; return how many documents its updates matched."""
        if not self._waiting:
            return 0
        operations = self.take()
        self._tx.begun = True
        done = await self._raw.bulk_write(operations, session=self._session)
        return int(done.matched_count)

    def take(self) -> list[Any]:
        """Return what waits: it is about to be written."""
        operations, self._waiting, self._changed = self._waiting, [], set()
        return operations

    def statements(self, number: int) -> list[RawBSONDocument]:
        """Return what waits as the command bulkWrite has it, and as it is sent."""
        return [
            RawBSONDocument(bson.encode(bulk_statement(number, each), codec_options=CODEC))
            for each in self._waiting
        ]

    @property
    def waits(self) -> int:
        """How many writes wait."""
        return len(self._waiting)

    def _write(self, operations: Sequence[Any]) -> None:
        self._waiting += operations
        for operation in operations:
            changed = _id_changed_by(operation)
            if changed is None:
                self._changed = None
                self._known.clear()
            else:
                self._known.pop(changed, None)
                if self._changed is not None:
                    self._changed.add(changed)


def bulk_statement(number: int, operation: Any) -> Document:
    """Return the operation as the command bulkWrite has it; ``number`` is its collection's."""
    match operation:
        case InsertOne():
            return {"insert": number, "document": operation._doc}
        case UpdateOne() | UpdateMany() | ReplaceOne():
            return {
                "update": number,
                "filter": operation._filter,
                "updateMods": operation._doc,
                "multi": isinstance(operation, UpdateMany),
                "upsert": bool(operation._upsert),
            }
        case DeleteOne() | DeleteMany():
            many = isinstance(operation, DeleteMany)
            return {"delete": number, "filter": operation._filter, "multi": many}
    raise TypeError(f"no statement for {operation!r}")


def _names_an_id(query: Mapping[str, Any]) -> bool:
    return query.keys() == {"_id"} and isinstance(query["_id"], str | int)


def _id_changed_by(operation: Any) -> str | int | None:
    """Return the one id that a write changes; None: that cannot be told."""
    if isinstance(operation, InsertOne):
        identity = operation._doc.get("_id")
    elif isinstance(operation, UpdateOne | ReplaceOne):
        identity = operation._filter.get("_id")
    else:
        return None
    return identity if isinstance(identity, str | int) else None


class Tx:
    """One open transaction: ``tx["goals"]`` is a collection inside it.

    Nobody sees a transaction's writes before it commits, so they need not travel one by one: a
    collection's writes go in one round trip, when one of them is read or at the commit. A batch
    over four partitions then costs the server as many requests as one over a single partition.
    """

    def __init__(self, db: Any, session: Any) -> None:
        self._db = db
        self._session = session
        self._collections: dict[str, Collection] = {}
        # The number of each origin's newest bundle (service_kit.outbox), for the relay's ear.
        self.told: dict[str, int] = {}
        self.begun = False  # whether a statement has been sent

    def __getitem__(self, name: str) -> Collection:
        if name not in self._collections:
            self._collections[name] = Collection(self, self._db[name], self._session)
        return self._collections[name]

    async def flush(self) -> None:
        """Write everything that waits; a few writes of each of several collections go together."""
        waiting = [each for each in self._collections if self._collections[each].waits]
        few = [each for each in waiting if self._collections[each].waits <= FEW]
        # One of the servers in use takes no bulkWrite as a transaction's first statement.
        if len(few) > 1 and self.begun:
            await self._flush_together(few)
        for name in waiting:
            await self._collections[name].flush()

    async def _flush_together(self, names: Sequence[str]) -> None:
        """Write what waits in these collections by one request; raises the first error.

        What has no room in it is left waiting.
        """
        statements: list[RawBSONDocument] = []
        together: list[str] = []
        room = TOGETHER_BYTES
        for name in names:
            made = self._collections[name].statements(len(together))
            size = sum(len(each.raw) for each in made)
            if size <= room:
                room -= size
                statements += made
                together.append(name)
        if not together:
            return
        for name in together:
            self._collections[name].take()
        command = {
            "bulkWrite": 1,
            "ops": statements,
            "nsInfo": [{"ns": f"{self._db.name}.{name}"} for name in together],
            "errorsOnly": True,
        }
        answer = await self._db.client.admin.command(
            command, session=self._session, codec_options=CODEC
        )
        for failed in answer["cursor"]["firstBatch"]:
            kind = DuplicateKeyError if failed["code"] == _DUPLICATE else OperationFailure
            raise kind(failed["errmsg"], failed["code"], failed)
