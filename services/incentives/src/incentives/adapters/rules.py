"""Rules in MongoDB: their versions, the head that tells of a change, and what is remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date

from pymongo import InsertOne, UpdateOne

from event_contracts.wire import key_of
from incentives.adapters.metrics import MongoMetrics
from incentives.domain.kinds import Metric
from incentives.domain.rules import OTHER, Rule
from service_kit import audit
from service_kit.store import Document, Store, Tx

ALL = {"_id": "all"}


@dataclass(frozen=True, slots=True)
class Known:
    """A tenant's running rules at one revision of its head.

    ``moves`` is how often any head had been moved when this one was looked at.
    """

    rev: int
    moves: int
    rules: tuple[Rule, ...] = ()

    def on(self, metric: str) -> tuple[Rule, ...]:
        """Return the rules on one metric."""
        return tuple(rule for rule in self.rules if rule.metric == metric)


@dataclass(slots=True)
class RuleMemory:
    """The rules last seen, per tenant. Good only together with the head's revision."""

    tenants: dict[str, Known] = field(default_factory=dict)

    def learn(self, fresh: Mapping[str, Known]) -> None:
        """Take what a committed transaction has read."""
        self.tenants.update(fresh)


class RuleReader:
    """Reads rules inside one transaction: from memory while the tenant's head has not moved."""

    def __init__(self, tx: Tx, memory: RuleMemory) -> None:
        self._tx = tx
        self._memory = memory
        self.seen: dict[str, Known] = {}

    async def on(self, tenant: str, metric: str) -> tuple[Rule, ...]:
        """Return the tenant's running rules on the metric."""
        if tenant not in self.seen:
            self.seen[tenant] = await self._read(tenant)
        return self.seen[tenant].on(metric)

    async def _read(self, tenant: str) -> Known:
        # One document for all tenants of a transaction: two hundred heads are a request each.
        counted = await self._tx["rule_moves"].find_one(ALL)
        moves = counted["count"] if counted else 0
        known = self._memory.tenants.get(tenant)
        if known is not None and known.moves == moves:
            return known
        head = await self._tx["rule_heads"].find_one({"_id": tenant})
        rev = head["rev"] if head else 0
        if known is not None and known.rev == rev:
            return replace(known, moves=moves)
        found = await self._tx["rules"].find({"tenant": tenant, "stopped": False})
        return Known(rev, moves, tuple(rule_of(document) for document in found))


class MongoRuleDesk:
    """The rules inside one transaction of the HTTP door; ``at_ms`` is the organisation's clock."""

    def __init__(self, tx: Tx, at_ms: int) -> None:
        self._tx = tx
        self._at_ms = at_ms

    async def find(self, tenant: str, rule_id: str) -> Rule | None:
        """Return the rule's current version."""
        found = await self._tx["rules"].find_one({"_id": key_of(tenant, rule_id)})
        return None if found is None else rule_of(found)

    async def metric(self, tenant: str, name: str) -> Metric | None:
        """Return the metric, or None when nobody has defined it."""
        return await MongoMetrics(self._tx).find(tenant, name)

    async def running_on(self, tenant: str, metric: str) -> int:
        """Return how many rules run on the metric."""
        query = {"tenant": tenant, "metric": metric, "stopped": False}
        return len(await self._tx["rules"].find(query, projection=["_id"]))

    async def save(self, rule: Rule, actor: str, action: str) -> None:
        """Keep a new version with its audit entry, and move the tenant's head."""
        fields = _fields(rule)
        identity = key_of(rule.tenant, rule.id)
        await self._tx["rules"].bulk_write(
            [UpdateOne({"_id": identity}, {"$set": fields}, upsert=True)]
        )
        version = {"_id": key_of(rule.tenant, rule.id, str(rule.version)), "at_ms": self._at_ms}
        await self._tx["rule_versions"].bulk_write([InsertOne(version | fields)])
        await self._tx["rule_heads"].update_one(
            {"_id": rule.tenant}, {"$inc": {"rev": 1}}, upsert=True
        )
        await self._tx["rule_moves"].update_one(ALL, {"$inc": {"count": 1}}, upsert=True)
        await audit.append(
            self._tx, rule.tenant, actor, action, f"rule:{rule.id}", fields, self._at_ms
        )


async def list_rules(store: Store, tenant: str, after: str, limit: int) -> Sequence[Rule]:
    """Return the tenant's rules behind the id ``after``, stopped ones too, in the order of ids."""
    query = {"tenant": tenant, "id": {"$gt": after}}
    found = await store.db["rules"].find(query, sort=[("id", 1)], limit=limit).to_list(None)
    return [rule_of(document) for document in found]


async def find_rule(store: Store, tenant: str, rule_id: str) -> Rule | None:
    """Return the current version of one rule of the tenant."""
    found = await store.db["rules"].find_one({"_id": key_of(tenant, rule_id), "tenant": tenant})
    return None if found is None else rule_of(found)


def rule_of(document: Document) -> Rule:
    """Return the rule of a document of ``rules`` or ``rule_versions``."""
    return Rule(
        tenant=document["tenant"],
        id=document["id"],
        version=document["version"],
        name=document["name"],
        metric=document["metric"],
        dim=document["dim"],
        threshold=document["threshold"],
        zone=document["zone"],
        start=date.fromisoformat(document["start"]),
        stopped=document["stopped"],
        dim_is=document.get("dim_is", OTHER),
    )


def _fields(rule: Rule) -> Document:
    return asdict(rule) | {"start": rule.start.isoformat()}
