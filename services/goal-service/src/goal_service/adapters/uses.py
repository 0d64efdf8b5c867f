"""Which goals use which metric: documents, and in memory the index of a partition's metrics.

    {_id: "tenant|metric|goal", tenant, metric, goal, part, partition, version, zone, start, end,
     where, stopped}

A part that has a name stands behind the goal in the id.

Only the worker that holds the facts partition writes them, in its transactions, so its memory is
right as long as its compare-and-set matches.
"""

from collections.abc import Mapping
from datetime import date

import msgspec
from pymongo import UpdateOne

from event_contracts.facts import Condition
from event_contracts.wire import key_of
from goal_service.domain.matching import Index, Use
from goal_service.domain.parts import named
from goal_service.ports import MetricKey
from service_kit.store import Document, Store, Tx

USES = "goal_uses"
NOTHING = Index()

Indexes = Mapping[MetricKey, Index]


async def load_uses(store: Store, partition: int) -> dict[MetricKey, Index]:
    """Return the indexes of all metrics whose log is this facts partition."""
    by_metric: dict[MetricKey, list[Use]] = {}
    for document in await store.db[USES].find({"partition": partition}).to_list(None):
        use = _use(document)
        by_metric.setdefault(MetricKey(use.tenant, use.metric), []).append(use)
    return {metric: Index.of(uses) for metric, uses in by_metric.items()}


class MongoUses:
    """The Uses port inside one transaction; ``changed`` goes into memory after its commit."""

    def __init__(self, tx: Tx, partition: int, indexes: Indexes) -> None:
        self._tx = tx
        self._partition = partition
        self._indexes = indexes
        self.changed: dict[MetricKey, Index] = {}

    def index(self, metric: MetricKey) -> Index:
        """Return the uses of a metric, this transaction's changes among them."""
        return self.changed.get(metric) or self._indexes.get(metric, NOTHING)

    async def put(self, use: Use) -> None:
        """Write a use in place of the earlier one of its key."""
        metric = MetricKey(use.tenant, use.metric)
        identity = key_of(use.tenant, use.metric, use.goal, *named(use.part))
        await self._tx[USES].bulk_write(
            [UpdateOne({"_id": identity}, {"$set": self._document(use)}, upsert=True)]
        )
        self.changed[metric] = self.index(metric).put(use)

    def _document(self, use: Use) -> Document:
        return {
            "tenant": use.tenant,
            "metric": use.metric,
            "goal": use.goal,
            "part": use.part,
            "partition": self._partition,
            "version": use.version,
            "zone": use.zone,
            "start": use.start.isoformat(),
            "end": use.end.isoformat(),
            "where": msgspec.to_builtins(use.where),
            "stopped": use.stopped,
            "denominator": use.denominator,
        }


def _use(document: Document) -> Use:
    return Use(
        tenant=document["tenant"],
        metric=document["metric"],
        goal=document["goal"],
        version=document["version"],
        zone=document["zone"],
        start=date.fromisoformat(document["start"]),
        end=date.fromisoformat(document["end"]),
        where=msgspec.convert(document["where"], tuple[Condition, ...]),
        stopped=document["stopped"],
        part=document["part"],
        denominator=document.get("denominator", False),
    )
