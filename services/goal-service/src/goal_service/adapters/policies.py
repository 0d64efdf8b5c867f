"""Named policies.

    policies  {_id: "tenant|name|000002", tenant, name, version, current, rules, reason, actor,
               changed_ms, open, followed}

``open`` while goals that name the policy have still to follow this version; ``followed`` is the id
of the last one that does.
"""

from typing import Any

import msgspec

from event_contracts.wire import key_of
from goal_service.domain.policies import PolicyVersion, Rules
from service_kit.store import Document, Store, Tx

POLICIES = "policies"


class MongoPolicies:
    """The Policies port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def current(self, tenant: str, name: str) -> PolicyVersion | None:
        """Return the policy's last version, if there is one."""
        found = await self._tx[POLICIES].find_one(_current(tenant, name))
        return _version(found) if found else None

    async def add(self, version: PolicyVersion) -> None:
        """Write a further version. Two at once collide at its id, and one runs again."""
        before = _current(version.tenant, version.name)
        await self._tx[POLICIES].update_many(before, {"$set": {"current": False, "open": False}})
        await self._tx[POLICIES].insert_many([_document(version)])

    async def followed(self, tenant: str, name: str) -> str | None:
        """Return the id up to which goals follow the current version; None: all of them do."""
        found = await self._tx[POLICIES].find_one(_current(tenant, name))
        return str(found["followed"]) if found and found["open"] else None

    async def follow(self, version: PolicyVersion, to: str | None) -> None:
        """Note up to which id goals follow the version; None: all of them do."""
        change: Document = {"open": False} if to is None else {"followed": to}
        await self._tx[POLICIES].update_one({"_id": _id(version)}, {"$set": change})


class PolicyReader:
    """Policies as they stand, outside of a transaction."""

    def __init__(self, store: Store) -> None:
        self._policies = store.db[POLICIES]

    async def versions(self, tenant: str, name: str) -> list[PolicyVersion]:
        """Return every version of the policy, the first one first."""
        query = {"tenant": tenant, "name": name}
        found = await self._policies.find(query, sort=[("version", 1)]).to_list(None)
        return [_version(document) for document in found]

    async def page(self, tenant: str, after: str, limit: int) -> list[PolicyVersion]:
        """Return the tenant's policies in the order of their names."""
        query = {"tenant": tenant, "current": True, "name": {"$gt": after}}
        found = await self._policies.find(query, sort=[("name", 1)], limit=limit).to_list(None)
        return [_version(document) for document in found]

    async def unfollowed(self) -> list[tuple[str, str]]:
        """Return (tenant, name) of every policy that goals have still to follow."""
        found = await self._policies.find({"open": True}).to_list(None)
        return [(document["tenant"], document["name"]) for document in found]


def _current(tenant: str, name: str) -> Document:
    return {"tenant": tenant, "name": name, "current": True}


def _id(version: PolicyVersion) -> str:
    return key_of(version.tenant, version.name, f"{version.version:06d}")


def _document(version: PolicyVersion) -> Document:
    rules: Any = msgspec.to_builtins(version.rules)
    return {
        "_id": _id(version),
        "tenant": version.tenant,
        "name": version.name,
        "version": version.version,
        "current": True,
        "rules": rules,
        "reason": version.reason,
        "actor": version.actor,
        "changed_ms": version.changed_ms,
        "open": True,
        "followed": "",
    }


def _version(document: Document) -> PolicyVersion:
    return PolicyVersion(
        tenant=document["tenant"],
        name=document["name"],
        version=document["version"],
        rules=msgspec.convert(document["rules"], Rules),
        reason=document["reason"],
        actor=document["actor"],
        changed_ms=document["changed_ms"],
    )
