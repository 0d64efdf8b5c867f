"""API keys: ``pk_<id>_<secret>``. The store holds the hash of the secret, never the secret.

    {_id: id, tenant, name, hash, scopes, source, events_per_second, created_ms, revoked_ms}

Each change stands in the audit chain of this database, in the same transaction. Key times are the
machine's, not the organisation's: a simulated year must not revive a key.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from service_kit import audit
from service_kit.clock import Clock, SystemClock
from service_kit.permissions import EVERYTHING
from service_kit.sharing import Shared
from service_kit.store import Document, Session, Store, Tx

T = TypeVar("T")

COLLECTION = "keys"
HOUSE = "paceline"  # who made the keys that nobody asked for at a door
CACHE_SECONDS = 5.0
CACHE_SIZE = 10_000
PREFIX = "pk_"
_ID_BYTES = 9
_SECRET_BYTES = 24  # 192 bits


@dataclass(frozen=True, slots=True)
class Key:
    """A key as its holder may know it. ``source`` binds what it sends to one source, or is None.

    ``events_per_second`` is its own limit at the doors for events; None: that of all keys.
    """

    id: str
    tenant: str
    name: str
    scopes: frozenset[str]
    source: str | None
    created_ms: int
    revoked_ms: int | None
    events_per_second: int | None = None

    def allows(self, scope: str) -> bool:
        """Whether the key carries the scope."""
        return scope in self.scopes or EVERYTHING in self.scopes


class Keys:
    """The keys of all tenants, in the database that all services read."""

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        self._store = store
        self._keys = store.db[COLLECTION]
        self._session: Session | None = None
        self._clock = clock or SystemClock()
        self._cache: dict[str, tuple[float, Document]] = {}
        self._shared = Shared(self._ask)

    async def create(
        self,
        tenant: str,
        scopes: Iterable[str],
        *,
        name: str = "",
        source: str | None = None,
        events_per_second: int | None = None,
        actor: str = HOUSE,
    ) -> str:
        """Make a key and return its text, which nobody can read again afterwards."""
        key = self._made(tenant, frozenset(scopes), name, source, events_per_second)
        secret = secrets.token_urlsafe(_SECRET_BYTES)

        async def body(tx: Tx) -> None:
            await self._insert(tx, key, secret, actor)

        await self._run(body)
        return _text(key, secret)

    async def limit(
        self, tenant: str, identity: str, events_per_second: int | None, *, actor: str = HOUSE
    ) -> Key | None:
        """Give a key a limit of its own, or None that of all; return it, None without a live one.

        Processes that have seen the key lately hold it to the old one for CACHE_SECONDS.
        """

        async def body(tx: Tx) -> Key | None:
            found = await self._live(tx, tenant, identity)
            if found is not None and found.get("events_per_second") != events_per_second:
                change = {"events_per_second": events_per_second}
                await self._change(tx, found, change, actor, "key.limited")
                found |= change
            return None if found is None else _key(found)

        return await self._run(body, identity)

    async def revoke(
        self, tenant: str, identity: str, *, after_seconds: float = 0, actor: str = HOUSE
    ) -> bool:
        """End a key now or later; return whether there was a live one. An earlier end stays.

        Processes that have seen the key lately go on taking it for CACHE_SECONDS.
        """
        at = self._clock.now_ms() + round(after_seconds * 1000)

        async def body(tx: Tx) -> bool:
            found = await tx[COLLECTION].find_one({"_id": identity, "tenant": tenant})
            if found is None or (found["revoked_ms"] is not None and found["revoked_ms"] <= at):
                return False
            await self._change(tx, found, {"revoked_ms": at}, actor, "key.revoked")
            return True

        return await self._run(body, identity)

    async def rotate(
        self, tenant: str, identity: str, *, overlap_seconds: float, actor: str = HOUSE
    ) -> str | None:
        """Return a successor with the same rights and limit, or None without such a live key.

        Both are valid for the overlap.
        """
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        end = self._clock.now_ms() + round(overlap_seconds * 1000)

        async def body(tx: Tx) -> str | None:
            found = await self._live(tx, tenant, identity)
            if found is None:
                return None
            old = _key(found)
            key = self._made(tenant, old.scopes, old.name, old.source, old.events_per_second)
            await self._insert(tx, key, secret, actor)
            if old.revoked_ms is None or old.revoked_ms > end:
                await self._change(tx, found, {"revoked_ms": end}, actor, "key.revoked")
            return _text(key, secret)

        return await self._run(body, identity)

    async def find(self, tenant: str, identity: str) -> Key | None:
        """Return a key of the tenant by its id, an ended one too."""
        found = await self._keys.find_one({"_id": identity, "tenant": tenant})
        return None if found is None else _key(found)

    async def list(self, tenant: str) -> list[Key]:
        """Return all keys of a tenant, ended ones too, the oldest first."""
        found = await self._keys.find({"tenant": tenant}, sort=[("created_ms", 1)]).to_list(None)
        return [_key(document) for document in found]

    async def verify(self, text: str) -> Key | None:
        """Return the key of this text, or None when it is unknown, wrong or ended."""
        identity, secret = _split(text)
        document = await self._find(identity) if identity else None
        # The comparison runs for unknown keys as well, so that the time says nothing.
        expected = document["hash"] if document else _hash("")
        right = hmac.compare_digest(_hash(secret), expected)
        if document is None or not right or self._over(document["revoked_ms"]):
            return None
        return _key(document)

    async def _find(self, identity: str) -> Document | None:
        now = asyncio.get_running_loop().time()
        cached = self._cache.get(identity)
        if cached is not None and now < cached[0]:
            return cached[1]
        return await self._shared.get(identity)

    async def _ask(self, identity: str) -> Document | None:
        now = asyncio.get_running_loop().time()
        document: Document | None = await self._keys.find_one({"_id": identity})
        if document is not None and self._shared.holds(identity):
            if len(self._cache) >= CACHE_SIZE:
                self._cache.clear()
            self._cache[identity] = (now + CACHE_SECONDS, document)
        return document

    def _made(
        self,
        tenant: str,
        scopes: frozenset[str],
        name: str,
        source: str | None,
        events_per_second: int | None,
    ) -> Key:
        """Return a new key, not yet kept."""
        return Key(
            id=secrets.token_hex(_ID_BYTES),
            tenant=tenant,
            name=name,
            scopes=scopes,
            source=source,
            created_ms=self._clock.now_ms(),
            revoked_ms=None,
            events_per_second=events_per_second,
        )

    async def _insert(self, tx: Tx, key: Key, secret: str, actor: str) -> None:
        told: Document = {
            "name": key.name,
            "scopes": sorted(key.scopes),
            "source": key.source,
            "events_per_second": key.events_per_second,
        }
        document = told | {
            "_id": key.id,
            "tenant": key.tenant,
            "hash": _hash(secret),
            "created_ms": key.created_ms,
            "revoked_ms": None,
        }
        await tx[COLLECTION].insert_many([document])
        await self._tell(tx, key.tenant, key.id, actor, "key.made", told)

    async def _live(self, tx: Tx, tenant: str, identity: str) -> Document | None:
        found = await tx[COLLECTION].find_one({"_id": identity, "tenant": tenant})
        return None if found is None or self._over(found["revoked_ms"]) else found

    async def _change(
        self, tx: Tx, found: Document, change: Document, actor: str, action: str
    ) -> None:
        await tx[COLLECTION].update_one({"_id": found["_id"]}, {"$set": change})
        await self._tell(tx, found["tenant"], found["_id"], actor, action, change)

    async def _tell(
        self, tx: Tx, tenant: str, identity: str, actor: str, action: str, detail: Document
    ) -> None:
        at_ms = self._clock.now_ms()
        await audit.append(tx, tenant, actor, action, f"key:{identity}", detail, at_ms)

    async def _run(self, body: Callable[[Tx], Awaitable[T]], identity: str = "") -> T:
        if self._session is None:
            self._session = await self._store.session()
        done = await self._session.run(body)
        self._shared.forget(identity)
        self._cache.pop(identity, None)
        return done

    def _over(self, revoked_ms: int | None) -> bool:
        return revoked_ms is not None and revoked_ms <= self._clock.now_ms()


def _split(text: str) -> tuple[str, str]:
    """Return id and secret; both empty when the text is no key at all."""
    head, _, rest = text.partition("_")
    identity, _, secret = rest.partition("_")
    return (identity, secret) if head == "pk" and identity and secret else ("", "")


def _text(key: Key, secret: str) -> str:
    return f"{PREFIX}{key.id}_{secret}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(document: Document) -> Key:
    return Key(
        id=document["_id"],
        tenant=document["tenant"],
        name=document["name"],
        scopes=frozenset(document["scopes"]),
        source=document["source"],
        created_ms=document["created_ms"],
        revoked_ms=document["revoked_ms"],
        events_per_second=document.get("events_per_second"),
    )
