"""Addresses and secrets of webhooks in MongoDB.

    hooks           {_id: SHA-256 of the token, tenant, source, sealed, created_ms, ended_ms}
    source_secrets  {_id: key_of(tenant, source), tenant, source, secrets: [{fingerprint, sealed,
                    created_ms}]}

Times are the machine's, not the organisation's: a simulated year must not revive an address. A
token is kept by its hash, to be found, and sealed, to be shown again.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from bson.binary import Binary

from event_contracts.wire import key_of
from metrics_ingest.adapters.definitions import MongoDefinitions
from metrics_ingest.adapters.vault import Vault
from metrics_ingest.domain.definitions import Source
from metrics_ingest.ports.hooks import KnownSecret
from service_kit.clock import Clock
from service_kit.store import Document, Store, Tx

HOOKS = "hooks"
SECRETS = "source_secrets"
KEEP_SECONDS = 1.0
KEEP_MOST = 10_000
_TOKEN_BYTES = 24  # 192 bits


class Hook(NamedTuple):
    """Whose webhook an address is."""

    tenant: str
    source: str


class MongoHooks:
    """Addresses and secrets inside one transaction (ports.hooks.HookStore)."""

    def __init__(self, tx: Tx, vault: Vault, clock: Clock, definitions: MongoDefinitions) -> None:
        self._tx = tx
        self._vault = vault
        self._now_ms = clock.now_ms()
        self._definitions = definitions

    async def source(self, tenant: str, name: str) -> Source | None:
        """Return the current version of a source."""
        return await self._definitions.source(tenant, name)

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Append to the audit trail."""
        await self._definitions.note(tenant, actor, action, subject, detail)

    async def open_hook(self, tenant: str, source: str, overlap_seconds: int) -> str:
        """Make a new address and return its token; earlier ones end after the overlap."""
        token = secrets.token_hex(_TOKEN_BYTES)
        end = self._now_ms + overlap_seconds * 1000
        query: Document = {"tenant": tenant, "source": source}
        await self._tx[HOOKS].delete_many(query | {"ended_ms": {"$lte": self._now_ms}})
        for each in await self._tx[HOOKS].find(query):
            if each["ended_ms"] is None or each["ended_ms"] > end:
                await self._tx[HOOKS].update_one({"_id": each["_id"]}, {"$set": {"ended_ms": end}})
        sealed = Binary(self._vault.seal(token, _about_hook(tenant, source)))
        fields = {"sealed": sealed, "created_ms": self._now_ms, "ended_ms": None}
        await self._tx[HOOKS].insert_many([query | fields | {"_id": _hash(token)}])
        return token

    async def token(self, tenant: str, source: str) -> str | None:
        """Return the token of the address that does not end, None when there is none yet."""
        query = {"tenant": tenant, "source": source, "ended_ms": None}
        found = await self._tx[HOOKS].find_one(query)
        if found is None:
            return None
        return self._vault.open(bytes(found["sealed"]), _about_hook(tenant, source))

    async def secrets(self, tenant: str, source: str) -> Sequence[KnownSecret]:
        """Return the source's secrets, the oldest first."""
        return [_shown(row) for row in await self._rows(tenant, source)]

    async def write_secrets(
        self, tenant: str, source: str, new: Collection[str], kept: Collection[str]
    ) -> Sequence[KnownSecret]:
        """Make these, and of those that are there the kept, the source's secrets."""
        about = _about_secret(tenant, source)
        rows = [row for row in await self._rows(tenant, source) if row["fingerprint"] in kept]
        there = {row["fingerprint"] for row in rows}
        for secret in new:
            fingerprint = self._vault.fingerprint(secret, about)
            if fingerprint not in there:
                there.add(fingerprint)
                sealed = Binary(self._vault.seal(secret, about))
                rows.append(
                    {"fingerprint": fingerprint, "sealed": sealed, "created_ms": self._now_ms}
                )
        await self._tx[SECRETS].update_one(
            {"_id": key_of(tenant, source)},
            {"$set": {"tenant": tenant, "source": source, "secrets": rows}},
            upsert=True,
        )
        return [_shown(row) for row in rows]

    async def _rows(self, tenant: str, source: str) -> list[Document]:
        found = await self._tx[SECRETS].find_one({"_id": key_of(tenant, source)})
        rows: list[Document] = found["secrets"] if found is not None else []
        return rows


class StoredHooks:
    """Finds addresses and opens secrets outside of a transaction.

    What was found is good for KEEP_SECONDS, or until this process changes it.
    """

    def __init__(self, store: Store, vault: Vault, clock: Clock) -> None:
        self._db = store.db
        self._vault = vault
        self._clock = clock
        self._addresses: dict[str, tuple[float, Document]] = {}
        self._secrets: dict[str, tuple[float, tuple[str, ...]]] = {}

    def inside(self, tx: Tx, definitions: MongoDefinitions) -> MongoHooks:
        """Return the addresses and secrets inside a transaction."""
        return MongoHooks(tx, self._vault, self._clock, definitions)

    async def find(self, source: str, token: str) -> Hook | None:
        """Return whose address it is, None when there is none, or not any more."""
        identity = _hash(token)
        found = _fresh(self._addresses, identity)
        if found is None:
            found = await self._db[HOOKS].find_one({"_id": identity})
            if found is None:
                return None
            _keep(self._addresses, identity, found)
        ended = found["ended_ms"] is not None and found["ended_ms"] <= self._clock.now_ms()
        return None if ended or found["source"] != source else Hook(found["tenant"], source)

    async def secrets(self, tenant: str, source: str) -> tuple[str, ...]:
        """Return the secrets that hold now."""
        identity = key_of(tenant, source)
        kept: tuple[str, ...] | None = _fresh(self._secrets, identity)
        if kept is not None:
            return kept
        found = await self._db[SECRETS].find_one({"_id": identity})
        about = _about_secret(tenant, source)
        rows = found["secrets"] if found is not None else []
        opened = tuple(self._vault.open(bytes(row["sealed"]), about) for row in rows)
        _keep(self._secrets, identity, opened)
        return opened

    async def known(self, tenant: str, source: str) -> list[KnownSecret]:
        """Return the secrets as they may be shown."""
        found = await self._db[SECRETS].find_one({"_id": key_of(tenant, source)})
        return [_shown(row) for row in found["secrets"]] if found is not None else []

    def forget(self) -> None:
        """Ask for everything the next time: something has just been changed."""
        self._addresses.clear()
        self._secrets.clear()


def _fresh(kept: dict[str, tuple[float, Any]], identity: str) -> Any:
    since, found = kept.get(identity, (-KEEP_SECONDS, None))
    return found if _monotonic() - since < KEEP_SECONDS else None


def _keep(kept: dict[str, tuple[float, Any]], identity: str, found: Any) -> None:
    if len(kept) >= KEEP_MOST:
        kept.clear()
    kept[identity] = _monotonic(), found


def _monotonic() -> float:
    return asyncio.get_running_loop().time()


def _shown(row: Document) -> KnownSecret:
    return KnownSecret(row["fingerprint"], row["created_ms"])


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _about_hook(tenant: str, source: str) -> str:
    return f"hook of {key_of(tenant, source)}"


def _about_secret(tenant: str, source: str) -> str:
    return f"secret of {key_of(tenant, source)}"
