"""/v1/records: the business records, one for each accepted event of such a type."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response

from metrics_ingest.adapters.queries import Queries
from metrics_ingest.api.pages import place_of, span_of, token_of
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.store import Document
from service_kit.web import Caller, page, require

MOST = 10_000


def routes(runtime: Runtime) -> APIRouter:
    """Return the route of the records."""
    router = APIRouter()
    queries = Queries(runtime.store)

    @router.get("/v1/records")
    async def get_records(
        caller: Annotated[Caller, Depends(require("records:read"))],
        source: str,
        begin: Annotated[str | None, Query(alias="from")] = None,
        to: str | None = None,
        after: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> Response:
        """List records by event time; days are those of the source's zone, ``to`` included.

        A page may be long: each reads all blocks that reach over its time once more.
        """
        found = await queries.source(caller.tenant, source)
        if found is None:
            raise UserError(
                "not-found",
                "query.source",
                f"there is no source {source}",
                f"数据源 {source} 不存在",
                status=404,
            )
        span = span_of(begin, to, ZoneInfo(found.zone))
        rows = await queries.records(caller.tenant, source, span, place_of(after), limit)
        last = rows[-1] if len(rows) == limit else None
        following = None if last is None else token_of(last["at_ms"], last["_id"])
        return page([_shown(row) for row in rows], following)

    return router


def _shown(row: Document) -> dict[str, Any]:
    names = ("id", "source", "type", "at_ms", "received_ms", "subject", "fields")
    return {name: row[name] for name in names}
