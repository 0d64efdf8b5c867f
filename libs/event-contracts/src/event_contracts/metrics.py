"""What can be measured: the definition of a metric as other services need to know it."""

from event_contracts.wire import Event


class MetricDefined(Event, frozen=True, kw_only=True, tag="metric-definitions.metric.v1"):
    """State per (tenant, metric); the highest ``version`` holds."""

    tenant: str
    metric: str
    version: int
    kind: str
    source: str
    unit: str
    dims: tuple[str, ...] = ()
    good: str = "up"
    currency: str | None = None
