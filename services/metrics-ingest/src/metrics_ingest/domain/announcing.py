"""What other services are told of a metric."""

from event_contracts.metrics import MetricDefined
from metrics_ingest.domain.checks.kinds import contributions_to
from metrics_ingest.domain.definitions import Metric, MetricKind, Source

DAY = "day"


def announcement(tenant: str, metric: Metric, source: Source) -> MetricDefined:
    """Return the metric as others need to know it; some of it is its source's."""
    return MetricDefined(
        tenant=tenant,
        metric=metric.name,
        version=metric.version,
        kind=metric.kind,
        source=metric.source,
        unit=metric.unit,
        dims=metric.dims,
        good=metric.good,
        currency=metric.currency,
        quantile=metric.quantile,
        restates_days=source.restates_days,
        window_days=_maturing_days(metric),
        day_zone=_day_zone(metric, source),
    )


def _maturing_days(metric: Metric) -> int | None:
    """What a conversion books by period is booked: no cohort of it goes on maturing."""
    by_period = metric.kind is MetricKind.CONVERSION and metric.by == "period"
    return None if by_period else metric.window_days


def _day_zone(metric: Metric, source: Source) -> str | None:
    whole_days = any(each.grain == DAY for each in contributions_to(metric, source))
    return source.zone if whole_days else None
