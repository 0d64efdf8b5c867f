"""API keys: ``pk_<id>_<secret>``. The store holds the hash of the secret, never the secret.

    {_id: id, tenant, name, hash, scopes, source, created_ms, revoked_ms}

Key times are the machine's, not the organisation's: a simulated year must not revive a key.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from service_kit.clock import Clock, SystemClock
from service_kit.permissions import EVERYTHING
from service_kit.sharing import Shared
from service_kit.store import Document, Store

CACHE_SECONDS = 5.0
CACHE_SIZE = 10_000
PREFIX = "pk_"
_ID_BYTES = 9
_SECRET_BYTES = 24  # 192 bits


@dataclass(frozen=True, slots=True)
class Key:
    """A key as its holder may know it. ``source`` binds what it sends to one source, or is None."""

    id: str
    tenant: str
    name: str
    scopes: frozenset[str]
    source: str | None
    created_ms: int
    revoked_ms: int | None

    def allows(self, scope: str) -> bool:
        """Whether the key carries the scope."""
        return scope in self.scopes or EVERYTHING in self.scopes


class Keys:
    """The keys of all tenants, in the database that all services read."""

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        self._keys = store.db["keys"]
        self._clock = clock or SystemClock()
        self._cache: dict[str, tuple[float, Document]] = {}
        self._shared = Shared(self._ask)

    async def create(
        self, tenant: str, scopes: Iterable[str], *, name: str = "", source: str | None = None
    ) -> str:
        """Make a key and return its text, which nobody can read again afterwards."""
        identity, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
        await self._keys.insert_one(
            {
                "_id": identity,
                "tenant": tenant,
                "name": name,
                "hash": _hash(secret),
                "scopes": sorted(set(scopes)),
                "source": source,
                "created_ms": self._clock.now_ms(),
                "revoked_ms": None,
            }
        )
        return f"pk_{identity}_{secret}"

    async def revoke(self, tenant: str, identity: str, *, after_seconds: float = 0) -> bool:
        """End a key now or later; return whether there was a live one. An earlier end stays.

        Processes that have seen the key lately go on taking it for CACHE_SECONDS.
        """
        at = self._clock.now_ms() + round(after_seconds * 1000)
        done = await self._keys.update_one(
            {
                "_id": identity,
                "tenant": tenant,
                "$or": [{"revoked_ms": None}, {"revoked_ms": {"$gt": at}}],
            },
            {"$set": {"revoked_ms": at}},
        )
        self._shared.forget(identity)
        self._cache.pop(identity, None)
        return bool(done.matched_count)

    async def rotate(self, tenant: str, identity: str, *, overlap_seconds: float) -> str | None:
        """Return a successor with the same rights, or None when there is no such live key.

        Both are valid for the overlap.
        """
        old = await self._keys.find_one({"_id": identity, "tenant": tenant})
        if old is None or self._ended(old):
            return None
        text = await self.create(tenant, old["scopes"], name=old["name"], source=old["source"])
        await self.revoke(tenant, identity, after_seconds=overlap_seconds)
        return text

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
        if document is None or not right or self._ended(document):
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

    def _ended(self, document: Document) -> bool:
        revoked: int | None = document["revoked_ms"]
        return revoked is not None and revoked <= self._clock.now_ms()


def _split(text: str) -> tuple[str, str]:
    """Return id and secret; both empty when the text is no key at all."""
    head, _, rest = text.partition("_")
    identity, _, secret = rest.partition("_")
    return (identity, secret) if head == "pk" and identity and secret else ("", "")


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
    )
