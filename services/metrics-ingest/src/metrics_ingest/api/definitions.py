"""/v1/sources and /v1/metrics: declared, changed, listed."""

from dataclasses import asdict
from typing import Annotated, Any, NoReturn

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from metrics_ingest.adapters.definitions import MongoDefinitions, StoredSources
from metrics_ingest.adapters.drift import drift_of_source
from metrics_ingest.adapters.queries import Queries
from metrics_ingest.adapters.routes import AnnouncementsRoute, Counts
from metrics_ingest.domain.commands import DefineMetric, DefineSource, ResumeSource
from metrics_ingest.domain.definitions import TOPIC_DOOR, Metric, Source
from metrics_ingest.domain.drift import Known, Sampled
from metrics_ingest.domain.holding import Held, Holding
from metrics_ingest.domain.topics_of import TopicsOf
from metrics_ingest.handlers import HANDLERS
from service_kit.errors import UserError
from service_kit.outbox import Outbox
from service_kit.runtime import Runtime
from service_kit.store import Tx
from service_kit.web import Caller, answer, page, read_body, require
from service_kit.web.answers import language_of

# Every event of a source is held against it and its metrics.
MOST_OF_SOURCE = 2**20
MOST_OF_METRIC = 2**18

Limit = Annotated[int, Query(ge=1, le=1000)]
SourceReader = Annotated[Caller, Depends(require("sources:read"))]
SourceWriter = Annotated[Caller, Depends(require("sources:write"))]
MetricReader = Annotated[Caller, Depends(require("metrics:read"))]
MetricWriter = Annotated[Caller, Depends(require("metrics:write"))]


class SourceBody(Source, frozen=True):
    """A source, with the reason of the change for the audit trail."""

    reason: str = ""


class MetricBody(Metric, frozen=True):
    """A metric, with the reason of the change for the audit trail."""

    reason: str = ""


def routes(
    runtime: Runtime,
    counts: Counts,
    sources: StoredSources,
    registry: bool,
    topics: TopicsOf,
    holding: Holding,
) -> APIRouter:
    """Return the routes of the definitions; ``sources`` are those that the HTTP door knows."""
    router = APIRouter()
    _source_routes(router, runtime, counts, sources, registry, topics)
    _stats_route(router, runtime, holding)
    _metric_routes(router, runtime, counts)
    return router


def _source_routes(
    router: APIRouter,
    runtime: Runtime,
    counts: Counts,
    sources: StoredSources,
    registry: bool,
    topics: TopicsOf,
) -> None:
    queries = Queries(runtime.store)

    async def define(caller: Caller, wanted: SourceBody, exists: bool) -> Source:
        source = source_of(wanted)
        command = DefineSource(caller.tenant, caller.actor, source, exists, wanted.reason)

        async def body(tx: Tx, outbox: Outbox) -> Source:
            store = MongoDefinitions(tx, runtime.clock.now_ms())
            told = AnnouncementsRoute(outbox, counts)
            prefix = runtime.settings.prefix
            written: Source = await HANDLERS[DefineSource](
                command, store, told, prefix, registry, topics
            )
            return written

        defined = await runtime.api.run(body)
        sources.forget(caller.tenant, source.name)
        return defined

    @router.post("/v1/sources", status_code=201)
    async def post_source(request: Request, caller: SourceWriter) -> Response:
        """Declare a source; ``version`` and ``paused`` are ours and not read."""
        wanted = await read_body(request, SourceBody, MOST_OF_SOURCE)
        return answer(await define(caller, wanted, False), 201)

    @router.put("/v1/sources/{name}")
    async def put_source(name: str, request: Request, caller: SourceWriter) -> Response:
        """Write the next version of a source; a paused one runs again."""
        wanted = await read_body(request, SourceBody, MOST_OF_SOURCE)
        _check_same(name, wanted.name)
        return answer(await define(caller, wanted, True))

    @router.post("/v1/sources/{name}/resume")
    async def post_resume(name: str, caller: SourceWriter) -> Response:
        """Let a paused source run again."""
        command = ResumeSource(caller.tenant, caller.actor, name)

        async def body(tx: Tx, outbox: Outbox) -> Source:
            store = MongoDefinitions(tx, runtime.clock.now_ms())
            written: Source = await HANDLERS[ResumeSource](command, store)
            return written

        resumed = await runtime.api.run(body)
        sources.forget(caller.tenant, name)
        return answer(resumed)

    @router.get("/v1/sources")
    async def get_sources(caller: SourceReader, after: str = "", limit: Limit = 100) -> Response:
        """List the current sources by name."""
        return _listed(await queries.sources(caller.tenant, after, limit), limit)

    @router.get("/v1/sources/{name}")
    async def get_source(name: str, caller: SourceReader) -> Response:
        """Return a source."""
        return answer(await queries.source(caller.tenant, name) or _missing("source", name))

    @router.get("/v1/sources/{name}/drift")
    async def get_drift(name: str, caller: SourceReader) -> Response:
        """Return which fields no mapping knows, by samples: of so many events, how many had each.

        What has been mapped, or named in ``known``, since is left out.
        """
        source = await queries.source(caller.tenant, name) or _missing("source", name)
        sampled = await drift_of_source(runtime.store, caller.tenant, name)
        return answer({"source": name, "drift": source.drift, **_drift(source, sampled)})


def _stats_route(router: APIRouter, runtime: Runtime, holding: Holding) -> None:
    queries = Queries(runtime.store)

    @router.get("/v1/sources/{name}/stats")
    async def get_stats(name: str, caller: SourceReader, request: Request) -> Response:
        """Return what became of the source's events, each copy counted.

        ``held``: a topic of the source stands still, so the tenant's lights wait for it; null when
        none does, or when this worker folds nothing and cannot know.
        """
        source = await queries.source(caller.tenant, name) or _missing("source", name)
        held = _held(source, holding.held.get(caller.tenant), language_of_request(request))
        stats = await queries.stats(caller.tenant, name)
        return answer({"source": name, **stats, "held": held})


def _held(source: Source, held: Held | None, language: str) -> dict[str, Any] | None:
    own = {door.removeprefix(TOPIC_DOOR) for door in source.doors if door.startswith(TOPIC_DOOR)}
    late = sorted(own & held.late) if held is not None else []
    if held is None or not late:
        return None
    complete = held.good_ms if held.good_ms >= 0 else None
    why = _UNSEEN if held.unseen.intersection(late) else _BEHIND
    found = {"since_ms": held.since_ms, "complete_to_ms": complete, "topics": late}
    return found | {"why": why[language]}


def language_of_request(request: Request) -> str:
    """Return zh or en."""
    return language_of(request.headers.get("accept-language", ""))


_UNSEEN = {
    "en": "the broker does not show the topic: it is gone, or our user may not read it; "
    "give it back, or take the door out of the source",
    "zh": "broker 上看不到此 topic：已被删除，或我们的用户无权读取；请恢复，或从数据源中去掉此入口",
}
_BEHIND = {
    "en": "the topic is not read as far as it was written: halted (see paceline doctor), waiting "
    "for a right or a schema, or far behind",
    "zh": "此 topic 尚未读到写入的末尾：已停住（见 paceline doctor）、缺权限或 schema，或积压",
}


def _metric_routes(router: APIRouter, runtime: Runtime, counts: Counts) -> None:
    queries = Queries(runtime.store)

    async def define(caller: Caller, wanted: MetricBody, exists: bool) -> Metric:
        metric = metric_of(wanted)
        command = DefineMetric(caller.tenant, caller.actor, metric, exists, wanted.reason)

        async def body(tx: Tx, outbox: Outbox) -> Metric:
            store = MongoDefinitions(tx, runtime.clock.now_ms())
            announcements = AnnouncementsRoute(outbox, counts)
            written: Metric = await HANDLERS[DefineMetric](command, store, announcements)
            return written

        return await runtime.api.run(body)

    @router.post("/v1/metrics", status_code=201)
    async def post_metric(request: Request, caller: MetricWriter) -> Response:
        """Define a metric; ``version`` is ours and not read."""
        wanted = await read_body(request, MetricBody, MOST_OF_METRIC)
        return answer(await define(caller, wanted, False), 201)

    @router.put("/v1/metrics/{name}")
    async def put_metric(name: str, request: Request, caller: MetricWriter) -> Response:
        """Write the next version of a metric: it holds for what is folded from now on."""
        wanted = await read_body(request, MetricBody, MOST_OF_METRIC)
        _check_same(name, wanted.name)
        return answer(await define(caller, wanted, True))

    @router.get("/v1/metrics")
    async def get_metrics(caller: MetricReader, after: str = "", limit: Limit = 100) -> Response:
        """List the current metrics by name."""
        return _listed(await queries.metrics(caller.tenant, after, limit), limit)

    @router.get("/v1/metrics/{name}")
    async def get_metric(name: str, caller: MetricReader) -> Response:
        """Return a metric."""
        return answer(await queries.metric(caller.tenant, name) or _missing("metric", name))


def source_of(body: SourceBody) -> Source:
    """Return the source that a body declares; what is ours in it is not read."""
    fields = msgspec.structs.asdict(body)
    del fields["reason"]
    return Source(**fields | {"version": 0, "paused": None})


def metric_of(body: MetricBody) -> Metric:
    """Return the metric that a body defines; what is ours in it is not read."""
    fields = msgspec.structs.asdict(body)
    del fields["reason"]
    return Metric(**fields | {"version": 0})


def _drift(source: Source, sampled: Sampled) -> dict[str, Any]:
    known = [Known.of(mapping) for mapping in source.doors.values()]
    paths = sorted(sampled.paths.items(), key=lambda item: (-item[1].count, item[0]))
    items = [
        {"path": path} | asdict(seen)
        for path, seen in paths
        if not any(each.has(path) for each in known)
    ]
    return {"sampled": sampled.sampled, "others": sampled.others, "items": items}


def _listed(items: list[Any], limit: int) -> Response:
    return page(items, items[-1].name if len(items) == limit else None)


def _check_same(path: str, body: str) -> None:
    if path != body:
        raise UserError(
            "name-differs",
            "$.name",
            f"the address says {path}; a name cannot be changed",
            f"地址中的名称是 {path}；名称不能更改",
        )


def _missing(what: str, name: str) -> NoReturn:
    raise UserError(
        "not-found",
        "path.name",
        f"there is no {what} {name}",
        f"{name} 不存在",
        status=404,
    )
