"""The directory, and who has looked at whose page.

directory           {_id: "tenant|kind|id", tenant, kind, id, version, actor, changed_ms, body,
                     leave_open, leave_followed}
directory_versions  the same with _id "tenant|kind|id|000003"
directory_heads     {_id: tenant, rev}    touched by every change: lines must not close a circle
views               {_id: "tenant|person|at_ms|viewer", tenant, person, viewer, at_ms}

``leave_open`` while goals of a person have still to follow a changed leave; ``leave_followed`` is
the id of the last one that does.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from pymongo import InsertOne, UpdateOne

from event_contracts.wire import key_of
from goal_service.domain.people import KINDS, Directory, Entry, Kept, Person, Ref
from service_kit import audit, heads
from service_kit.guards import Guards
from service_kit.store import Document, Store, Tx

DIRECTORY = "directory"
VERSIONS = "directory_versions"
HEADS = "directory_heads"
VIEWS = "views"
_TYPES = {kind: entry for entry, kind in KINDS.items()}


class MongoDirectory:
    """The DirectoryStore port inside one transaction."""

    def __init__(self, tx: Tx, guards: Guards) -> None:
        self._tx = tx
        self._guards = guards

    async def lock(self, tenant: str) -> None:
        """Increment the tenant's head."""
        await heads.touch(self._tx, HEADS, [tenant], self._guards)

    async def changes(self, tenant: str) -> int:
        """Return how often the directory has been locked, this time too."""
        return _changes(await self._tx[HEADS].find_one({"_id": tenant}))

    async def find(self, tenant: str, refs: Collection[Ref]) -> dict[Ref, Kept]:
        """Return those of the entries that there are."""
        ids = [_id(tenant, ref) for ref in refs]
        found = await self._tx[DIRECTORY].find_ids(ids)
        return _by_ref(map(_kept, found))

    async def whole(self, tenant: str) -> Directory:
        """Return all people, teams and calendars."""
        found = await self._tx[DIRECTORY].find({"tenant": tenant})
        return Directory.of(_kept(document).entry for document in found)

    async def put(self, kept: Sequence[Kept]) -> None:
        """Write further versions with their audit entries.

        The trail names the fields that changed and not what they said: it is never mended, and a
        person's data can be asked to be forgotten.
        """
        if not kept:
            return
        refs = [Ref(type(each.entry), each.entry.id) for each in kept]
        tenant, at_ms = kept[0].entry.tenant, kept[0].changed_ms
        before = await self.find(tenant, refs)
        documents = [
            (_id(tenant, ref), _document(each)) for ref, each in zip(refs, kept, strict=True)
        ]
        await self._tx[DIRECTORY].bulk_write(
            [
                UpdateOne({"_id": identity}, {"$set": body | _open(each, before)}, upsert=True)
                for each, (identity, body) in zip(kept, documents, strict=True)
            ]
        )
        await self._tx[VERSIONS].bulk_write(
            [InsertOne({"_id": f"{each}|{body['version']:06d}"} | body) for each, body in documents]
        )
        notes = [_note(each, before.get(ref)) for ref, each in zip(refs, kept, strict=True)]
        await audit.append_all(self._tx, tenant, notes, at_ms)

    async def leave_followed(self, tenant: str, person: str) -> str | None:
        """Return the id up to which goals follow the person's leave; None: all of them do."""
        found = await self._tx[DIRECTORY].find_one({"_id": _id(tenant, Ref(Person, person))})
        return str(found["leave_followed"]) if found and found.get("leave_open") else None

    async def follow_leave(self, tenant: str, person: str, to: str | None) -> None:
        """Note up to which id goals follow the person's leave; None: all of them do."""
        change: Document = {"leave_open": False} if to is None else {"leave_followed": to}
        identity = _id(tenant, Ref(Person, person))
        await self._tx[DIRECTORY].update_one({"_id": identity}, {"$set": change})


class MongoViews:
    """The ViewLog port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def note(self, tenant: str, person: str, viewer: str, at_ms: int) -> None:
        """Write the look."""
        fields = {"tenant": tenant, "person": person, "viewer": viewer, "at_ms": at_ms}
        identity = key_of(tenant, person, f"{at_ms:015d}", viewer)
        await self._tx[VIEWS].update_one({"_id": identity}, {"$setOnInsert": fields}, upsert=True)


class DirectoryReader:
    """The directory as it stands, outside of a transaction."""

    def __init__(self, store: Store) -> None:
        self._directory = store.db[DIRECTORY]
        self._heads = store.db[HEADS]
        self._views = store.db[VIEWS]

    async def find(self, tenant: str, ref: Ref) -> Kept | None:
        """Return an entry, if there is one."""
        found = await self._directory.find_one({"_id": _id(tenant, ref)})
        return _kept(found) if found else None

    async def changes(self, tenant: str) -> int:
        """Return how often the directory has been changed."""
        return _changes(await self._heads.find_one({"_id": tenant}))

    async def whole(self, tenant: str) -> Directory:
        """Return all people, teams and calendars."""
        found = await self._directory.find({"tenant": tenant}).to_list(None)
        return Directory.of(_kept(document).entry for document in found)

    async def unfollowed(self) -> list[tuple[str, str]]:
        """Return (tenant, id) of every person whose leave goals have still to follow."""
        found = await self._directory.find({"leave_open": True}).to_list(None)
        return [(document["tenant"], document["id"]) for document in found]

    async def page(
        self, tenant: str, kind: type[Entry], after: str, limit: int, **terms: Any
    ) -> list[Kept]:
        """Return entries of a kind by id; ``terms`` are fields that have to be equal."""
        query = {"tenant": tenant, "kind": KINDS[kind], "id": {"$gt": after}}
        query |= {f"body.{name}": value for name, value in terms.items() if value is not None}
        found = await self._directory.find(query, sort=[("id", 1)], limit=limit).to_list(None)
        return [_kept(document) for document in found]

    async def views(
        self, tenant: str, person: str, after: tuple[int, str], limit: int
    ) -> list[Document]:
        """Return looks at a person's page behind (time, viewer), the first one first."""
        at_ms, viewer = after
        query = {
            "tenant": tenant,
            "person": person,
            "$or": [{"at_ms": {"$gt": at_ms}}, {"at_ms": at_ms, "viewer": {"$gt": viewer}}],
        }
        order = [("at_ms", 1), ("viewer", 1)]
        found: list[Document] = await self._views.find(query, sort=order, limit=limit).to_list(None)
        return found


def _id(tenant: str, ref: Ref) -> str:
    return key_of(tenant, KINDS[ref.kind], ref.id)


def _changes(head: Document | None) -> int:
    return int(head["rev"]) if head else 0


def _by_ref(kept: Iterable[Kept]) -> dict[Ref, Kept]:
    return {Ref(type(each.entry), each.entry.id): each for each in kept}


def _document(kept: Kept) -> Document:
    entry = kept.entry
    return {
        "tenant": entry.tenant,
        "kind": KINDS[type(entry)],
        "id": entry.id,
        "version": kept.version,
        "actor": kept.actor,
        "changed_ms": kept.changed_ms,
        "body": msgspec.to_builtins(entry, str_keys=True),
    }


def _open(kept: Kept, before: Mapping[Ref, Kept]) -> Document:
    """Return what lets goals follow, where the leave has changed."""
    old = before.get(Ref(type(kept.entry), kept.entry.id))
    changed = isinstance(kept.entry, Person) and "leave" in kept.fields_since(old)
    return {"leave_open": True, "leave_followed": ""} if changed else {}


def _kept(document: Document) -> Kept:
    entry = msgspec.convert(document["body"], _TYPES[document["kind"]])
    return Kept(entry, document["version"], document["actor"], document["changed_ms"])


def _note(kept: Kept, before: Kept | None) -> audit.Note:
    kind = KINDS[type(kept.entry)]
    action = f"{kind}.changed" if before else f"{kind}.created"
    detail = {"version": kept.version, "fields": kept.fields_since(before)}
    return audit.Note(kept.actor, action, f"{kind}:{kept.entry.id}", detail)
