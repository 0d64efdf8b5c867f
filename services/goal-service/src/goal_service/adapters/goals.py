"""Goals and metric definitions.

    goals               {_id: "tenant|goal|000003", tenant, goal, version, current, reason, actor,
                         changed_ms, metric, level, owner, parent, policy, policy_version, rules,
                         wanted, link, body}
    metric_definitions  {_id: "tenant|metric", tenant, metric, version, body}

A version's document never changes, but for ``current``. ``body`` is the event of the contract as
JSON's own types, amounts as text; what goals are found by stands beside it, because a body leaves
defaults out. ``rules`` are the policy as wanted, ``policy`` is the name of the document that they
come from. ``wanted`` is the goal's calendar and plan without its owner's leave, ``link`` how its
target hangs on its parent's.
"""

import time
from collections.abc import Collection
from typing import Any

import msgspec

from event_contracts.goals import GoalChanged
from event_contracts.metrics import MetricDefined
from event_contracts.wire import key_of
from goal_service.domain.drafts import Link
from goal_service.domain.goals import INDIVIDUAL, GoalVersion
from goal_service.domain.leave import Wanted
from goal_service.domain.policies import Rules
from service_kit import audit
from service_kit.store import Document, Store, Tx, portions

GOALS = "goals"
DEFINITIONS = "metric_definitions"
KEEP_SECONDS = 1.0
KEEP_DEFINITIONS = 10_000


class MongoGoals:
    """The Goals port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def current(self, tenant: str, goal: str) -> GoalVersion | None:
        """Return the goal's last version, if there is one."""
        found = await self._tx[GOALS].find_one({"tenant": tenant, "goal": goal, "current": True})
        return _version(found) if found else None

    async def add(self, version: GoalVersion) -> None:
        """Write a further version. Two at once collide at its id, and one runs again."""
        goal = version.goal
        before = {"tenant": goal.tenant, "goal": goal.goal, "current": True}
        await self._tx[GOALS].update_many(before, {"$set": {"current": False}})
        await self._tx[GOALS].insert_many([_document(version)])

    async def children(self, tenant: str, goal: str) -> list[GoalVersion]:
        """Return the goals that name this one as their parent."""
        query = {"tenant": tenant, "current": True, "parent": goal}
        return [_version(document) for document in await self._tx[GOALS].find(query)]

    async def naming(self, tenant: str, policy: str, after: str, limit: int) -> list[GoalVersion]:
        """Return goals that name the policy, in the order of their ids."""
        query = {"tenant": tenant, "current": True, "policy": policy, "goal": {"$gt": after}}
        found = await self._tx[GOALS].find(query, sort=[("goal", 1)], limit=limit)
        return [_version(document) for document in found]

    async def owned(self, tenant: str, owner: str, after: str, limit: int) -> list[GoalVersion]:
        """Return the person's individual goals, in the order of their ids."""
        query = {"tenant": tenant, "current": True, "owner": owner, "goal": {"$gt": after}}
        query |= {"level": INDIVIDUAL}
        found = await self._tx[GOALS].find(query, sort=[("goal", 1)], limit=limit)
        return [_version(document) for document in found]


class MongoDefinitions:
    """The Definitions port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def get(self, tenant: str, metric: str) -> MetricDefined | None:
        """Return the metric's definition, if it has one."""
        return _definition(await self._tx[DEFINITIONS].find_one({"_id": key_of(tenant, metric)}))

    async def put(self, definition: MetricDefined) -> None:
        """Write the definition in place of the earlier one."""
        await self._tx[DEFINITIONS].update_one(
            {"_id": key_of(definition.tenant, definition.metric)},
            {
                "$set": {
                    "tenant": definition.tenant,
                    "metric": definition.metric,
                    "version": definition.version,
                    "body": _builtins(definition),
                }
            },
            upsert=True,
        )


class AuditJournal:
    """The Journal port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any], at_ms: int
    ) -> None:
        """Append an entry to the tenant's chain."""
        await audit.append(self._tx, tenant, actor, action, subject, detail, at_ms)


class GoalReader:
    """Goals and definitions as they stand, outside of a transaction."""

    def __init__(self, store: Store) -> None:
        self._goals = store.db[GOALS]
        self._definitions = store.db[DEFINITIONS]

    async def current(self, tenant: str, goal: str) -> GoalVersion | None:
        """Return the goal's last version, if there is one."""
        found = await self._goals.find_one({"tenant": tenant, "goal": goal, "current": True})
        return _version(found) if found else None

    async def versions(self, tenant: str, goal: str) -> list[GoalVersion]:
        """Return every version of the goal, the first one first."""
        query = {"tenant": tenant, "goal": goal}
        found = await self._goals.find(query, sort=[("version", 1)]).to_list(None)
        return [_version(document) for document in found]

    async def page(self, tenant: str, after: str, limit: int, **terms: Any) -> list[GoalVersion]:
        """Return goals in the order of their ids; ``terms`` are fields that have to be equal."""
        query = {"tenant": tenant, "current": True, "goal": {"$gt": after}}
        query |= {name: value for name, value in terms.items() if value is not None}
        found = await self._goals.find(query, sort=[("goal", 1)], limit=limit).to_list(None)
        return [_version(document) for document in found]

    async def children(self, tenant: str, parents: Collection[str]) -> list[GoalVersion]:
        """Return the goals that name one of these as their parent, in the order of their ids."""
        found: list[Document] = []
        for portion in portions(parents):
            query = {"tenant": tenant, "current": True, "parent": {"$in": portion}}
            found += await self._goals.find(query).to_list(None)
        return [_version(document) for document in sorted(found, key=lambda each: each["goal"])]

    async def definition(self, tenant: str, metric: str) -> MetricDefined | None:
        """Return the metric's definition, if it has one."""
        return _definition(await self._definitions.find_one({"_id": key_of(tenant, metric)}))

    async def definitions(self, tenant: str, after: str, limit: int) -> list[MetricDefined]:
        """Return the tenant's definitions in the order of their names."""
        query = {"tenant": tenant, "metric": {"$gt": after}}
        found = await self._definitions.find(query, sort=[("metric", 1)], limit=limit).to_list(None)
        return [msgspec.convert(document["body"], MetricDefined) for document in found]


def _document(version: GoalVersion) -> Document:
    goal = version.goal
    return {
        "_id": key_of(goal.tenant, goal.goal, f"{goal.version:06d}"),
        "tenant": goal.tenant,
        "goal": goal.goal,
        "version": goal.version,
        "current": True,
        "reason": version.reason,
        "actor": version.actor,
        "changed_ms": goal.changed_ms,
        "metric": goal.metric,
        "level": goal.level,
        "owner": goal.owner,
        "parent": goal.parent,
        "policy": version.policy_name,
        "policy_version": version.policy_version,
        "rules": _builtins(version.rules),
        "wanted": _builtins(version.wanted),
        "link": _builtins(version.link),
        "body": _builtins(goal),
    }


def _version(document: Document) -> GoalVersion:
    goal = msgspec.convert(document["body"], GoalChanged)
    return GoalVersion(
        goal=goal,
        reason=document["reason"],
        actor=document["actor"],
        rules=msgspec.convert(document["rules"], Rules),
        policy_name=document["policy"],
        policy_version=document["policy_version"],
        wanted=msgspec.convert(document["wanted"], Wanted),
        link=msgspec.convert(document["link"], Link),
    )


class KeptDefinitions:
    """Definitions for a door that asks for the same again and again: good for KEEP_SECONDS."""

    def __init__(self, reader: GoalReader) -> None:
        self._reader = reader
        self._kept: dict[tuple[str, str], tuple[float, MetricDefined | None]] = {}

    async def get(self, tenant: str, metric: str) -> MetricDefined | None:
        """Return the metric's definition as of a second ago, if it has one."""
        now = time.monotonic()
        since, kept = self._kept.get((tenant, metric), (-KEEP_SECONDS, None))
        if now - since < KEEP_SECONDS:
            return kept
        if len(self._kept) >= KEEP_DEFINITIONS:
            self._kept.clear()
        found = await self._reader.definition(tenant, metric)
        self._kept[tenant, metric] = now, found
        return found


def _definition(document: Document | None) -> MetricDefined | None:
    return msgspec.convert(document["body"], MetricDefined) if document else None


def _builtins(value: Any) -> Any:
    return msgspec.to_builtins(value, str_keys=True)
