"""Dead letters in MongoDB: {_id, tenant, source, event_id, key, cause, where, state, ...}."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from bson.binary import Binary
from pymongo import UpdateOne

from metrics_ingest.adapters.definitions import MongoDefinitions
from metrics_ingest.domain.definitions import Source
from metrics_ingest.domain.letters import NEW, REPLAYED, SUPERSEDED, KeptLetter
from service_kit.store import Document, Tx, portions

LETTERS = "dead_letters"
_RENEWED = (
    *("cause", "where", "detail", "got", "zh", "processor"),
    *("at_ms", "offset", "partition", "topic", "state"),
)
_LATER = ("got", "zh", "processor", "attempts", "replay_id", "place")
"""Fields that letters kept before 2026-11 lack."""


def document_of(letter: KeptLetter) -> Document:
    """Return the document that keeps a letter."""
    fields = msgspec.structs.asdict(letter)
    identity = fields.pop("id")
    return {"_id": identity, **fields, "body": Binary(letter.body), "key": Binary(letter.key)}


def letter_of(document: Document) -> KeptLetter:
    """Return the letter that a document keeps."""
    fields = {
        name: document[name]
        for name in KeptLetter.__struct_fields__
        if name != "id" and (name in document or name not in _LATER)
    }
    return KeptLetter(id=document["_id"], **fields | {"body": bytes(document["body"])})


async def write_letters(tx: Tx, letters: Sequence[KeptLetter]) -> None:
    """Keep letters: one that is there is counted, takes the new cause and becomes new again."""
    copies: dict[str, int] = {}
    last: dict[str, KeptLetter] = {}
    for letter in letters:
        copies[letter.id] = copies.get(letter.id, 0) + 1
        last[letter.id] = letter
    known = await tx[LETTERS].find_ids(sorted(last), projection=["_id"])
    there = {document["_id"] for document in known}
    await tx[LETTERS].insert_many(
        [document_of(each) | {"count": copies[i]} for i, each in last.items() if i not in there]
    )
    await tx[LETTERS].bulk_write([_renewal(last[i], copies[i]) for i in sorted(there)])


def _renewal(letter: KeptLetter, copies: int) -> UpdateOne:
    renewed: dict[str, Any] = {name: getattr(letter, name) for name in _RENEWED}
    return UpdateOne({"_id": letter.id}, {"$set": renewed, "$inc": {"count": copies}})


async def supersede(tx: Tx, keys: Collection[bytes]) -> None:
    """Close the new letters of ids that have been accepted."""
    await _close(tx, "key", [Binary(key) for key in sorted(keys)])


async def close(tx: Tx, ids: Collection[str]) -> None:
    """Close letters that are new: what they lacked is there."""
    await _close(tx, "_id", sorted(ids))


async def _close(tx: Tx, field: str, values: Sequence[Any]) -> None:
    for portion in portions(values):
        await tx[LETTERS].update_many(
            {field: {"$in": portion}, "state": NEW}, {"$set": {"state": SUPERSEDED}}
        )


class MongoLetters:
    """The dead letters inside the transaction of a replay (ports.letters.LetterStore)."""

    def __init__(self, tx: Tx, now_ms: int) -> None:
        self._tx = tx
        self._definitions = MongoDefinitions(tx, now_ms)

    async def source(self, tenant: str, name: str) -> Source | None:
        """Return the current version of a source."""
        return await self._definitions.source(tenant, name)

    async def new_letters(
        self, tenant: str, ids: Sequence[str], group: Mapping[str, str], skip: int, limit: int
    ) -> list[KeptLetter]:
        """Return letters in state new, the oldest first, behind the first ``skip``."""
        query: dict[str, Any] = {"tenant": tenant, "state": NEW, **group}
        query |= {"_id": {"$in": list(ids)}} if ids else {}
        order = [("at_ms", 1), ("_id", 1)]
        found = await self._tx[LETTERS].find(query, sort=order, skip=skip, limit=limit)
        return [letter_of(document) for document in found]

    async def mark_replayed(self, ids: Sequence[str], replay_id: str) -> None:
        """Move letters to the state replayed, and count the attempt."""
        await self._tx[LETTERS].update_many(
            {"_id": {"$in": list(ids)}},
            {"$set": {"state": REPLAYED, "replay_id": replay_id}, "$inc": {"attempts": 1}},
        )

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Append to the audit trail."""
        await self._definitions.note(tenant, actor, action, subject, detail)
