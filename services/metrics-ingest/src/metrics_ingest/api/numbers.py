"""/v1/numbers: what people type by hand, each under the name of who typed it.

They are CloudEvents of the source ``by-hand`` with an id that says which cell and which revision of
it they are; so of two people who correct one number at once the first counts, and the other sees
that. The fields: metric, amount (what it adds: the new number less the one before), said (the
number), revision, evidence, author, and the metric's dimensions.
"""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response

from metrics_ingest.adapters.definitions import StoredSources
from metrics_ingest.adapters.queries import Queries
from metrics_ingest.api.events import answered, items_of, source_of
from metrics_ingest.api.gate import Gate
from metrics_ingest.api.pages import place_of, span_of, token_of
from metrics_ingest.domain.commands import AcceptEvents
from metrics_ingest.domain.definitions import BY_HAND
from metrics_ingest.handlers import HANDLERS
from metrics_ingest.handlers.events import Acceptance
from metrics_ingest.ports.raw import RawLog
from service_kit import strict_json
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.store import Document
from service_kit.web import Caller, page, require

Writes = Annotated[Caller, Depends(require("numbers:write"))]
Reads = Annotated[Caller, Depends(require("numbers:read"))]


def routes(runtime: Runtime, raw: RawLog, sources: StoredSources, gate: Gate) -> APIRouter:
    """Return the routes of the numbers."""
    router = APIRouter()
    queries = Queries(runtime.store)

    @router.post("/v1/numbers", status_code=202)
    async def post_numbers(request: Request, caller: Writes) -> Response:
        """Take typed numbers in as events do; whoever calls is their author, whatever they say."""
        source_of(request, caller, BY_HAND)
        async with gate.enter_as(request, caller) as entry:
            items = items_of(request, await entry.body())
            entry.count(len(items))
            signed = tuple(_signed(item, caller.actor) for item in items)
            command = AcceptEvents(caller.tenant, BY_HAND, signed)
            outcome: Acceptance = await HANDLERS[AcceptEvents](
                command, sources, raw, runtime.clock.now_ms()
            )
        return answered(outcome, request)

    @router.get("/v1/numbers")
    async def get_numbers(
        caller: Reads,
        metric: str,
        begin: Annotated[str | None, Query(alias="from")] = None,
        to: str | None = None,
        after: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """List what was typed for a metric by its day, ``to`` included; every revision is there."""
        source = await queries.source(caller.tenant, BY_HAND)
        if source is None:
            return page([], None)
        span = span_of(begin, to, ZoneInfo(source.zone))
        rows = await queries.numbers(caller.tenant, metric, span, place_of(after), limit)
        last = rows[-1] if len(rows) == limit else None
        following = None if last is None else token_of(last["at_ms"], last["_id"])
        return page([_shown(row) for row in rows], following)

    return router


def _signed(item: bytes, author: str) -> bytes:
    """Return the event with its author; one that is no event is refused by its index later."""
    try:
        event = strict_json.loads(item)
    except UserError:
        return item
    if isinstance(event, dict) and isinstance(event.get("data"), dict):
        event["data"]["author"] = author
        return strict_json.dumps(event)
    return item


def _shown(row: Document) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "type", "at_ms", "received_ms", "fields")}
