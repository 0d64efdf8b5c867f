"""/v1/metrics: what goals may use, and any metric over time."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from event_contracts.facts import Condition
from event_contracts.metrics import MetricDefined
from goal_service.adapters.facts import FactReader
from goal_service.adapters.goals import GoalReader
from goal_service.adapters.held import Held
from goal_service.api.bodies import instant
from goal_service.api.progress import complete_to
from goal_service.domain.buckets import GRAINS
from goal_service.domain.days import check_zone
from goal_service.domain.finality import Moment, is_maturing, state_of
from goal_service.domain.kinds import CUMULATIVE
from goal_service.domain.readings import reading, running
from goal_service.domain.series import (
    Bucket,
    Question,
    check_question,
    label,
    minute_of,
    series,
    totals,
)
from goal_service.domain.tallies import Tally
from goal_service.ports import MetricKey
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.web import Caller, answer, page, require

Reads = Annotated[Caller, Depends(require("metrics:read"))]
Limit = Annotated[int, Query(ge=1, le=1000)]
LAST = 2**53
_BEGINNING = (-LAST, "")
RESERVED = ("from", "to", "grain", "zone", "by", "after", "limit")


def metric_routes(runtime: Runtime, held: Held) -> APIRouter:
    """Return the routes of metrics: their definitions and their series."""
    router = APIRouter()
    goals = GoalReader(runtime.store)
    facts = FactReader(runtime.store, runtime.settings.partitions)

    @router.get("/v1/metrics")
    async def list_metrics(caller: Reads, after: str = "", limit: Limit = 100) -> Response:
        found = await goals.definitions(caller.tenant, after, limit)
        following = found[-1].metric if len(found) == limit else None
        return page([_shown(definition) for definition in found], following)

    @router.get("/v1/metrics/{metric}/series")
    async def get_series(
        metric: str, request: Request, caller: Reads, after: str = "", limit: Limit = 100
    ) -> Response:
        """``from`` and ``to`` are local days, both inclusive, or times, ``to`` not included.

        ``by`` lists apart by a dimension; a dimension as a parameter filters (again: or). A
        cumulative metric shows at each point what all its time came to, also before ``from``.
        """
        definition = await goals.definition(caller.tenant, metric)
        if definition is None:
            raise _unknown(metric)
        question = _question(request, definition)
        moment = Moment(
            runtime.clock.now_ms(), await complete_to(runtime, held, caller.tenant, metric)
        )
        last = _last(after)
        rest = question._replace(begin=max(question.begin, last[0]))
        key = MetricKey(caller.tenant, metric)
        buckets = series(await facts.sheets(key, rest.begin, rest.end), rest)
        if definition.kind == CUMULATIVE:
            buckets = running(buckets, await _before(facts, key, rest))
        beyond = [bucket for bucket in buckets if (bucket.minute, bucket.by) > last]
        return answer(_page(beyond, definition, question, moment, limit))

    return router


async def _before(facts: FactReader, metric: MetricKey, question: Question) -> dict[str, Tally]:
    """Return what stood before the question begins, by value, read in stretches."""
    found: dict[str, Tally] = {}
    async for begin, end in facts.stretches(metric, question.begin):
        sheets = await facts.sheets(metric, begin, end)
        part = totals(sheets, question._replace(begin=begin, end=end))
        for by, tally in part.items():
            found.setdefault(by, Tally()).add(tally)
    return found


def _page(
    buckets: list[Bucket],
    definition: MetricDefined,
    question: Question,
    moment: Moment,
    limit: int,
) -> dict[str, Any]:
    shown, more = buckets[:limit], len(buckets) > limit
    return {
        "metric": definition.metric,
        "kind": definition.kind,
        "unit": definition.unit,
        "grain": question.grain,
        "zone": question.zone,
        "complete_to": instant(moment.complete_ms),
        "items": [_point(bucket, definition, question, moment) for bucket in shown],
        "next": f"{shown[-1].minute}|{shown[-1].by}" if more else None,
    }


def _point(
    bucket: Bucket, definition: MetricDefined, question: Question, moment: Moment
) -> dict[str, Any]:
    end = min(GRAINS[question.grain].end(bucket.minute, question.zone), question.end)
    point = {
        "at": label(bucket, question),
        "minute": bucket.minute,
        **reading(definition, bucket.tally),
        "count": bucket.tally.events,
        "state": state_of(definition, end, moment),
    }
    if definition.window_days is not None:
        point["maturing"] = is_maturing(definition, end, moment)
    return point | ({"by": bucket.by} if question.by else {})


def _last(after: str) -> tuple[int, str]:
    """Return the bucket that the page before ended with."""
    minute, _, by = after.partition("|")
    try:
        place = (int(minute), by) if after else _BEGINNING
        if not abs(place[0]) <= LAST:
            raise ValueError("nothing has such a place")
        return place
    except ValueError as error:
        raise UserError(
            "after-unreadable",
            "query.after",
            "this is no token of an earlier page; leave it out to begin anew",
            "这不是先前页面给出的标记；请省略以从头开始",
        ) from error


def _question(request: Request, definition: MetricDefined) -> Question:
    """Read the query; raises UserError for what it does not know."""
    query = request.query_params
    zone = query.get("zone", "UTC")
    check_zone(zone, "query.zone")
    by = query.get("by")
    if by is not None:
        _check_dim(by, definition, "query.by")
    filters = [name for name in dict.fromkeys(query.keys()) if name not in RESERVED]
    for name in filters:
        _check_dim(name, definition, f"query.{name}")
    question = Question(
        begin=minute_of(_needed(query.get("from"), "from"), zone, "from"),
        end=minute_of(_needed(query.get("to"), "to"), zone, "to"),
        grain=query.get("grain", "day"),
        zone=zone,
        by=by,
        where=tuple(Condition(dim=n, any_of=tuple(query.getlist(n))) for n in filters),
    )
    check_question(question)
    return question


def _needed(text: str | None, name: str) -> str:
    if text is None:
        raise UserError(
            "time-missing",
            f"query.{name}",
            f"say {name} when, as a local day like {date(2026, 5, 1)} or a time",
            f"请给出 {name}，可为当地日期（如 {date(2026, 5, 1)}）或时间",
        )
    return text


def _check_dim(name: str, definition: MetricDefined, where: str) -> None:
    if name not in definition.dims:
        known = ", ".join(definition.dims) or "none"
        raise UserError(
            "dimension-unknown",
            where,
            f"metric {definition.metric} has no dimension {name!r}; it has: {known}",
            f"指标 {definition.metric} 没有维度 {name!r}；现有维度：{known}",
        )


def _unknown(metric: str) -> UserError:
    return UserError(
        "metric-unknown",
        "path.metric",
        f"there is no metric {metric}; GET /v1/metrics lists them",
        f"指标 {metric} 不存在；可用 GET /v1/metrics 查看列表",
        status=404,
    )


def _shown(definition: MetricDefined) -> dict[str, Any]:
    return {
        "name": definition.metric,
        "version": definition.version,
        "kind": definition.kind,
        "source": definition.source,
        "unit": definition.unit,
        "dims": definition.dims,
        "good": definition.good,
        "currency": definition.currency,
        "quantile": definition.quantile,
        "window_days": definition.window_days,
        "restates_days": definition.restates_days,
        "day_zone": definition.day_zone,
    }
