"""POST /v1/events: CloudEvents, structured, batched or binary."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from metrics_ingest.api.gate import Gate
from metrics_ingest.domain.commands import AcceptEvents
from metrics_ingest.domain.doors import cloudevents
from metrics_ingest.handlers import HANDLERS
from metrics_ingest.handlers.events import Acceptance, Rejected
from metrics_ingest.metrics import DOOR
from metrics_ingest.ports.definitions import Sources
from metrics_ingest.ports.raw import RawLog
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.web import Caller, PlainRoute, answer, require
from service_kit.web.answers import language_of

BATCH_ITEMS = 10_000
SOURCE_HEADER = "x-paceline-source"


def routes(runtime: Runtime, raw: RawLog, sources: Sources, gate: Gate) -> APIRouter:
    """Return the route of the HTTP door."""
    router = APIRouter(route_class=PlainRoute)

    @router.post("/v1/events", status_code=202)
    async def post_events(
        request: Request, caller: Annotated[Caller, Depends(require("events:write"))]
    ) -> Response:
        """Take events in; 202 tells which ones stand on all replicas, 422 that none was taken."""
        source = source_of(request, caller)
        async with gate.enter_as(request, caller) as entry:
            items = items_of(request, await entry.body())
            entry.count(len(items))
            command = AcceptEvents(caller.tenant, source, items)
            outcome: Acceptance = await HANDLERS[AcceptEvents](
                command, sources, raw, runtime.clock.now_ms()
            )
        return answered(outcome, request)

    return router


def source_of(request: Request, caller: Caller, default: str | None = None) -> str:
    """Return the source that the request sends for; raises UserError."""
    named = request.headers.get(SOURCE_HEADER, default)
    if caller.source is not None and named not in (None, caller.source):
        raise UserError(
            "source-forbidden",
            "header.X-Paceline-Source",
            f"this key may send for the source {caller.source} only",
            f"该密钥只能为数据源 {caller.source} 发送",
            status=403,
        )
    source = caller.source or named
    if not source:
        raise UserError(
            "source-missing",
            "header.X-Paceline-Source",
            "name the source in this header, or use a key that is bound to one",
            "请在此请求头中给出数据源，或使用绑定了数据源的密钥",
        )
    return source


def items_of(request: Request, body: bytes) -> tuple[bytes, ...]:
    """Return the texts of the events of a request in any of the three modes; raises UserError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == cloudevents.BATCH:
        items = tuple(cloudevents.split_batch(body))
        if len(items) > BATCH_ITEMS:
            raise UserError(
                "batch-too-large",
                "$",
                f"a batch has at most {BATCH_ITEMS} events",
                f"一批最多 {BATCH_ITEMS} 个事件",
                status=413,
            )
        return items
    if kind == cloudevents.STRUCTURED:
        return (body,)
    if "ce-specversion" in request.headers:
        return (cloudevents.from_http(request.headers, body),)
    raise UserError(
        "unsupported-media-type",
        "header.Content-Type",
        f"{cloudevents.STRUCTURED}, {cloudevents.BATCH}, or ce- headers are needed",
        f"需要 {cloudevents.STRUCTURED}、{cloudevents.BATCH}，或 ce- 请求头",
        status=415,
    )


def answered(outcome: Acceptance, request: Request) -> Response:
    """Return the answer to events: which were taken; 422 when none was."""
    DOOR.labels("accepted").inc(len(outcome.accepted))
    DOOR.labels("rejected").inc(len(outcome.rejected))
    chinese = language_of(request.headers.get("accept-language", "")) == "zh"
    rejected = [_rejection(each, chinese) for each in outcome.rejected]
    status = 422 if outcome.rejected and not outcome.accepted else 202
    return answer({"accepted": outcome.accepted, "rejected": rejected}, status)


def _rejection(rejected: Rejected, chinese: bool) -> dict[str, Any]:
    error = rejected.error
    return {
        "index": rejected.index,
        "code": error.code,
        "where": error.where,
        "message": error.zh if chinese else error.en,
    }
