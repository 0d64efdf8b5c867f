"""/v1/connectors: the documents that are shipped for vendors, and made one's own."""

from typing import Annotated, NoReturn

from fastapi import APIRouter, Depends, Request, Response

from metrics_ingest.adapters.connectors import connectors, document
from metrics_ingest.adapters.definitions import MongoDefinitions, StoredSources
from metrics_ingest.adapters.routes import AnnouncementsRoute, Counts
from metrics_ingest.api.definitions import MOST_OF_SOURCE
from metrics_ingest.domain.commands import AddConnector
from metrics_ingest.domain.connectors import Connector, Wanted
from metrics_ingest.domain.topics_of import TopicsOf
from metrics_ingest.handlers import HANDLERS
from metrics_ingest.handlers.connectors import Added
from service_kit.errors import UserError
from service_kit.outbox import Outbox
from service_kit.runtime import Runtime
from service_kit.store import Tx
from service_kit.web import Caller, answer, page, read_body, require

Reader = Annotated[Caller, Depends(require("sources:read"))]
SourceWriter = Annotated[Caller, Depends(require("sources:write"))]
METRICS = "metrics:write"


def routes(
    runtime: Runtime, counts: Counts, sources: StoredSources, registry: bool, topics: TopicsOf
) -> APIRouter:
    """Return the routes of the connectors; ``sources`` are those that the HTTP door knows."""
    router = APIRouter()

    @router.get("/v1/connectors")
    async def get_connectors(caller: Reader) -> Response:
        """List the connectors by name, each with what it is about."""
        return page([{"name": n, "about": c.about} for n, c in connectors().items()], None)

    @router.get("/v1/connectors/{name}")
    async def get_connector(name: str, caller: Reader) -> Response:
        """Return a connector as it is written."""
        return answer(document(_connector(name).name))

    @router.post("/v1/connectors/{name}", status_code=201)
    async def post_connector(name: str, request: Request, caller: SourceWriter) -> Response:
        """Write the connector's source and its metrics, all or none; needs metrics:write too."""
        _check_metrics_too(caller)
        wanted = await read_body(request, Wanted, MOST_OF_SOURCE)
        command = AddConnector(caller.tenant, caller.actor, _connector(name), wanted)

        async def body(tx: Tx, outbox: Outbox) -> Added:
            store = MongoDefinitions(tx, runtime.clock.now_ms())
            announcements = AnnouncementsRoute(outbox, counts)
            added: Added = await HANDLERS[AddConnector](
                command, store, announcements, runtime.settings.prefix, registry, topics
            )
            return added

        added = await runtime.api.run(body)
        sources.forget(caller.tenant, added.source.name)
        return answer(added, 201)

    return router


def _check_metrics_too(caller: Caller) -> None:
    if not caller.allows(METRICS):
        raise UserError(
            "scope-missing",
            "header.Authorization",
            f"a connector has metrics: the scope {METRICS} is needed too",
            f"连接器包含指标：还需要权限 {METRICS}",
            status=403,
        )


def _connector(name: str) -> Connector:
    return connectors().get(name) or _missing(name)


def _missing(name: str) -> NoReturn:
    raise UserError(
        "not-found",
        "path.name",
        f"there is no connector {name}; GET /v1/connectors lists them",
        f"没有连接器 {name}；可用 GET /v1/connectors 列出",
        status=404,
    )
