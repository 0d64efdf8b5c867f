"""Sources, metrics and their heads in MongoDB.

    sources, metrics   {_id: key_of(tenant, name[, version]), tenant, name, version, current, text}
    definition_heads   see heads.py
    topic_doors        {_id: topic, tenant, source, active}

A definition is kept as JSON text: door names and paths hold dots, and amounts stay exact. The
current version is a document of its own beside the versions.
"""

import time
from collections.abc import Collection
from typing import Any, TypeVar

import msgspec

from event_contracts.wire import key_of
from metrics_ingest.adapters.heads import HEADS, move_head, moves
from metrics_ingest.adapters.rates import rates_into
from metrics_ingest.domain.definitions import Definitions, Metric, Source
from metrics_ingest.domain.money.exchange import quotes_of
from metrics_ingest.domain.plans import TenantPlan
from service_kit import audit
from service_kit.documents import portions
from service_kit.sharing import Shared
from service_kit.store import Document, Store, Tx

SOURCES = "sources"
METRICS = "metrics"
TOPIC_DOORS = "topic_doors"
KEEP_SECONDS = 1.0
KEEP_SOURCES = 10_000
TENANTS_AHEAD = 1000

D = TypeVar("D", Source, Metric)

_encoder = msgspec.json.Encoder(decimal_format="string")


def read(document: Document, type: type[D]) -> D:
    """Return the definition that a document holds."""
    return msgspec.json.decode(document["text"], type=type)


class MongoDefinitions:
    """The definitions inside one transaction (ports.definitions.DefinitionStore)."""

    def __init__(self, tx: Tx, now_ms: int) -> None:
        self._tx = tx
        self._now_ms = now_ms

    async def source(self, tenant: str, name: str) -> Source | None:
        """Return the current version of a source."""
        found = await self._tx[SOURCES].find_one({"_id": key_of(tenant, name)})
        return None if found is None else read(found, Source)

    async def metric(self, tenant: str, name: str) -> Metric | None:
        """Return the current version of a metric."""
        found = await self._tx[METRICS].find_one({"_id": key_of(tenant, name)})
        return None if found is None else read(found, Metric)

    async def metrics_of(self, tenant: str, source: str) -> list[Metric]:
        """Return the current metrics folded from a source."""
        found = await self._all(METRICS, [tenant], Metric)
        return [metric for metric in found[tenant] if metric.source == source]

    async def moves(self) -> int:
        """Return how often any tenant's head has been moved."""
        return await moves(self._tx)

    async def heads(self, tenants: Collection[str]) -> dict[str, int]:
        """Return the versions of the tenants' heads."""
        found = await self._tx[HEADS].find_ids(sorted(tenants))
        return {document["_id"]: document["version"] for document in found}

    async def definitions(self, tenants: Collection[str]) -> list[Definitions]:
        """Return all current definitions of these tenants, with the versions of their heads."""
        heads = await self.heads(tenants)
        sources = await self._all(SOURCES, tenants, Source)
        metrics = await self._all(METRICS, tenants, Metric)
        return [
            await self._definitions(each, heads.get(each, 0), sources[each], metrics[each])
            for each in tenants
        ]

    async def _definitions(
        self, tenant: str, head: int, sources: list[Source], metrics: list[Metric]
    ) -> Definitions:
        rates = await rates_into(self._tx, tenant, quotes_of(sources, metrics))
        return Definitions(tenant, head, tuple(sources), tuple(metrics), tuple(rates))

    async def write_source(self, tenant: str, source: Source) -> None:
        """Write a version, make it the current one and move the head."""
        await self._write(SOURCES, tenant, source)

    async def write_metric(self, tenant: str, metric: Metric) -> None:
        """Write a version, make it the current one and move the head."""
        await self._write(METRICS, tenant, metric)

    async def claim_topics(self, tenant: str, source: str, topics: Collection[str]) -> str | None:
        """Make these, and no others, the topics of the source; return one that is not to be had.

        A topic stays its source's also when its door is gone, until another source of the same
        tenant takes it: what is still on its way is booked to somebody.
        """
        doors = self._tx[TOPIC_DOORS]
        for topic in topics:
            found = await doors.find_one({"_id": topic})
            if (
                found is not None
                and (found["tenant"], found["source"]) != (tenant, source)
                and (found["tenant"] != tenant or found["active"])
            ):
                return topic
        owned = {"tenant": tenant, "source": source}
        await doors.update_many(owned, {"$set": {"active": False}})
        for topic in topics:
            await doors.update_one({"_id": topic}, {"$set": owned | {"active": True}}, upsert=True)
        return None

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Append to the audit trail."""
        await audit.append(self._tx, tenant, actor, action, subject, detail, self._now_ms)

    async def _all(
        self, collection: str, tenants: Collection[str], type: type[D]
    ) -> dict[str, list[D]]:
        """Return what is current by tenant, many tenants by one request."""
        by_tenant: dict[str, list[D]] = {tenant: [] for tenant in tenants}
        for portion in portions(tenants):
            of = portion[0] if len(portion) == 1 else {"$in": portion}
            found = await self._tx[collection].find(
                {"tenant": of, "current": True}, sort=[("_id", 1)]
            )
            for document in found:
                by_tenant[document["tenant"]].append(read(document, type))
        return by_tenant

    async def _write(self, collection: str, tenant: str, definition: Source | Metric) -> None:
        fields: dict[str, Any] = {
            "tenant": tenant,
            "name": definition.name,
            "version": definition.version,
            "text": _encoder.encode(definition).decode(),
            "at_ms": self._now_ms,
        }
        current = key_of(tenant, definition.name)
        version = key_of(tenant, definition.name, f"{definition.version:08d}")
        documents = self._tx[collection]
        await documents.update_one(
            {"_id": current}, {"$set": fields | {"current": True}}, upsert=True
        )
        await documents.update_one(
            {"_id": version}, {"$set": fields | {"current": False}}, upsert=True
        )
        await move_head(self._tx, tenant)


async def plans_of(store: Store, now_ms: int, most: int = TENANTS_AHEAD) -> dict[str, TenantPlan]:
    """Return the plans of up to so many tenants, each as of one moment.

    Without them the first slices after a start are read twice: ahead by no plan, which comes to
    nothing, and in their transactions again.
    """

    async def read_all(tx: Tx) -> dict[str, TenantPlan]:
        definitions = MongoDefinitions(tx, now_ms)
        heads = await tx[HEADS].find({}, limit=most)
        found = await definitions.definitions([head["_id"] for head in heads])
        return {each.tenant: TenantPlan.of(each) for each in found}

    session = await store.session()
    return await session.run(read_all)


class StoredSources:
    """Finds sources outside of a transaction (ports.definitions.Sources).

    A source that was found is good for KEEP_SECONDS, or until this process changes it: a door
    that asks for every request asks mostly for the same.
    """

    def __init__(self, store: Store) -> None:
        self._db = store.db
        self._kept: dict[str, tuple[float, Source]] = {}
        self._shared = Shared(self._ask)

    async def source(self, tenant: str, name: str) -> Source | None:
        """Return the current version of a source; of another process's, as of a second ago."""
        identity = key_of(tenant, name)
        since, kept = self._kept.get(identity, (-KEEP_SECONDS, None))
        if time.monotonic() - since < KEEP_SECONDS:
            return kept
        return await self._shared.get(identity)

    async def _ask(self, identity: str) -> Source | None:
        now = time.monotonic()
        found = await self._db[SOURCES].find_one({"_id": identity})
        if found is None:
            return None
        source = read(found, Source)
        if len(self._kept) >= KEEP_SOURCES:
            self._kept.clear()
        if self._shared.holds(identity):
            self._kept[identity] = now, source
        return source

    def forget(self, tenant: str, name: str) -> None:
        """Ask for the source the next time: it has just been changed."""
        identity = key_of(tenant, name)
        self._shared.forget(identity)
        self._kept.pop(identity, None)

    async def active_topics(self) -> dict[str, tuple[str, str]]:
        """Return the topics that are to be read, each with its tenant and source."""
        found = await self._db[TOPIC_DOORS].find({"active": True}).to_list(None)
        return {document["_id"]: (document["tenant"], document["source"]) for document in found}
