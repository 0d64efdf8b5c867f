"""What can be measured: the definition of a metric as other services need to know it."""

from decimal import Decimal

from event_contracts.wire import Event


class MetricDefined(Event, frozen=True, kw_only=True, tag="metric-definitions.metric.v1"):
    """State per (tenant, metric); the highest ``version`` holds.

    ``kind`` is additive, ratio, unique, quantile, cumulative, unit-threshold or conversion;
    ``quantile`` the one that a quantile metric shows. ``restates_days``: how long its source may
    restate a day. ``window_days``: how long a conversion's or unit's cohort goes on maturing.
    ``day_zone``: its source reports whole days of that zone.
    """

    tenant: str
    metric: str
    version: int
    kind: str
    source: str
    unit: str
    dims: tuple[str, ...] = ()
    good: str = "up"
    currency: str | None = None
    quantile: Decimal | None = None
    restates_days: int = 0
    window_days: int | None = None
    day_zone: str | None = None
