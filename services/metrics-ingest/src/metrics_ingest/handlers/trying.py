"""A metric is tried on samples: checked as when it is written, folded, and nothing is kept."""

import msgspec

from metrics_ingest.domain.checks import check_dims_kept, check_metric, check_source
from metrics_ingest.domain.commands import TryMetric
from metrics_ingest.domain.definitions import Definitions, Source
from metrics_ingest.domain.trying import Trial, try_out
from metrics_ingest.ports import Declared
from service_kit.errors import UserError


async def try_metric(command: TryMetric, declared: Declared, prefix: str, now_ms: int) -> Trial:
    """Return what the samples come to; raises UserError as writing the definitions would."""
    metric = command.metric
    source = command.source or await declared.source(command.tenant, metric.source)
    if command.source is not None:
        check_source(command.source, (), prefix)
        _check_same(command.source, metric.source)
    source = check_metric(metric, source)
    before = await declared.metric(command.tenant, metric.name)
    if before is not None:
        check_dims_kept(before, metric)
    if command.door not in source.doors:
        doors = ", ".join(source.doors)
        raise UserError(
            "unknown-door",
            "$.door",
            f"the source {source.name} has no door {command.door}; it has: {doors}",
            f"数据源 {source.name} 没有入口 {command.door}；已有入口：{doors}",
        )
    running = msgspec.structs.replace(source, paused=None)
    currency = metric.currency
    rates = await declared.rates_into(command.tenant, currency) if currency is not None else []
    tried = Definitions(command.tenant, 0, (running,), (metric,), tuple(rates))
    return try_out(tried, command.door, command.events, now_ms)


def _check_same(source: Source, named: str) -> None:
    if source.name != named:
        raise UserError(
            "name-differs",
            "$.source.name",
            f"the metric is folded from {named}, this source is {source.name}",
            f"指标的数据源是 {named}，而此处为 {source.name}",
        )
