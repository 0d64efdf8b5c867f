"""The metrics that rules may be on, as the topic ``metric-definitions`` tells them."""

from event_contracts.metrics import MetricDefined
from event_contracts.wire import key_of
from incentives.domain.kinds import Metric
from service_kit.store import Tx

METRICS = "metrics"


class MongoMetrics:
    """The metrics inside one transaction.

    A metric never changes its kind, so that a rule made beside a new version needs no head.
    """

    def __init__(self, tx: Tx) -> None:
        self._metrics = tx[METRICS]

    async def keep(self, defined: MetricDefined) -> None:
        """Keep the definition, unless a version as high is there."""
        identity = key_of(defined.tenant, defined.metric)
        known = await self._metrics.find_one({"_id": identity})
        if known is None or known["version"] < defined.version:
            fields = {
                "tenant": defined.tenant,
                "metric": defined.metric,
                "version": defined.version,
                "kind": defined.kind,
            }
            await self._metrics.update_one({"_id": identity}, {"$set": fields}, upsert=True)

    async def find(self, tenant: str, name: str) -> Metric | None:
        """Return the metric, or None when nobody has defined it."""
        found = await self._metrics.find_one({"_id": key_of(tenant, name)})
        return None if found is None else Metric(found["metric"], found["kind"])
