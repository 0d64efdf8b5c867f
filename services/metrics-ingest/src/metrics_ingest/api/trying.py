"""/v1/metrics/try: a metric on sample events, before it goes live."""

from datetime import UTC, datetime
from decimal import localcontext
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from metrics_ingest.adapters.queries import Queries
from metrics_ingest.api.definitions import MetricBody, SourceBody, metric_of, source_of
from metrics_ingest.domain.commands import TryMetric
from metrics_ingest.domain.definitions import HTTP_DOOR, Metric
from metrics_ingest.domain.facts.cells import Amount, CellKey, CellSum
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.topics_of import TopicsOf
from metrics_ingest.domain.trying import Trial, Tried
from metrics_ingest.domain.values import EXACT
from metrics_ingest.handlers import HANDLERS
from metrics_ingest.handlers.trying import check_count
from service_kit import strict_json
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.sketches import Distinct, Ranks
from service_kit.web import Caller, answer, read_body, require
from service_kit.web.answers import language_of

MOST_BYTES = 512 * 1024
MetricWriter = Annotated[Caller, Depends(require("metrics:write"))]


class TryBody(msgspec.Struct, frozen=True, kw_only=True):
    """A metric as it would be written, its source if it is not declared yet, and samples.

    ``events`` are what the ``door`` would get: CloudEvents by http, a topic's values by topic:NAME,
    bodies by hook, with the parameters of its address in ``query``.
    """

    metric: MetricBody
    events: tuple[Any, ...]
    source: SourceBody | None = None
    door: str = HTTP_DOOR
    query: dict[str, str] = {}


def routes(runtime: Runtime, registry: bool, topics: TopicsOf) -> APIRouter:
    """Return the route of trials."""
    router = APIRouter()
    queries = Queries(runtime.store)

    @router.post("/v1/metrics/try")
    async def post_try(request: Request, caller: MetricWriter) -> Response:
        """Answer what each sample would add and what all come to; nothing is written."""
        body = await read_body(request, TryBody)
        command = TryMetric(
            tenant=caller.tenant,
            metric=metric_of(body.metric),
            source=None if body.source is None else source_of(body.source),
            door=body.door,
            events=_samples(body.events),
            query=body.query,
        )
        now_ms = runtime.clock.now_ms()
        prefix = runtime.settings.prefix
        trial = await HANDLERS[TryMetric](command, queries, prefix, now_ms, registry, topics)
        chinese = language_of(request.headers.get("accept-language", "")) == "zh"
        return answer(_shown(trial, command.metric, chinese))

    return router


def _samples(events: tuple[Any, ...]) -> tuple[bytes, ...]:
    check_count(events)
    bodies = tuple(strict_json.dumps(event) for event in events)
    if sum(map(len, bodies)) > MOST_BYTES:
        raise UserError(
            "samples-size",
            "$.events",
            f"the samples have at most {MOST_BYTES} bytes together",
            f"样例总共最多 {MOST_BYTES} 字节",
            status=413,
        )
    return bodies


def _shown(trial: Trial, metric: Metric, chinese: bool) -> dict[str, Any]:
    cells = sorted(trial.cells.items(), key=lambda item: (item[0][0], str(item[0][1])))
    return {
        "metric": metric.name,
        "kind": metric.kind,
        "events": [_event(tried, chinese) for tried in trial.samples],
        "cells": [_cell(metric, key, cell) for key, cell in cells],
        "total": _total(metric, trial),
        "needs_history": bool(trial.diverted),
    }


def _event(tried: Tried, chinese: bool) -> dict[str, Any]:
    why = [
        {"code": each.code, "where": each.where, "message": each.zh if chinese else each.en}
        for each in tried.why
    ]
    return {
        "id": tried.id,
        "read": None if tried.event is None else _read(tried.event),
        "adds": None if tried.adds is None else _amount(tried.adds),
        "why": why,
    }


def _read(event: Mapped) -> dict[str, Any]:
    return {
        "type": event.type,
        "at": _instant(event.at_ms),
        "subject": event.subject,
        "fields": event.fields,
    }


def _amount(adds: Amount) -> dict[str, Any]:
    return {"sum": adds.sum, "over": adds.over, "item": adds.item}


def _cell(metric: Metric, key: CellKey, cell: CellSum) -> dict[str, Any]:
    minute, dims = key
    named = {name: str(v) for name, v in zip(metric.dims, dims, strict=True) if v is not None}
    return {"at": _instant(minute * 60_000), "dims": named} | _figures(metric, cell)


def _total(metric: Metric, trial: Trial) -> dict[str, Any]:
    total = CellSum()
    with localcontext(EXACT):
        for cell in trial.cells.values():
            total.merge(cell)
    return _figures(metric, total)


def _figures(metric: Metric, cell: CellSum) -> dict[str, Any]:
    """Return the parts; ``estimate`` is what a unique count or a quantile shows of its sketch."""
    estimate = None
    if isinstance(cell.sketch, Distinct):
        estimate = cell.sketch.estimate().value
    elif isinstance(cell.sketch, Ranks) and metric.quantile is not None:
        found = cell.sketch.quantile(metric.quantile)
        estimate = None if found is None else found.value
    return {"sum": cell.sum, "over": cell.over, "count": cell.count, "estimate": estimate}


def _instant(at_ms: int) -> str:
    text = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
