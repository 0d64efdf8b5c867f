"""/v1/lights."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from alerting.adapters.days import parts_of_all
from alerting.adapters.dockets import docket_in, dockets_in
from alerting.adapters.goals import goals_behind, versions_of_all
from alerting.adapters.lights import judged_between, last_judged, last_of_all
from alerting.adapters.values import Marks, lowest, watermarks
from alerting.api.seeing import Seeing, Sight, unknown
from alerting.domain.calendar import local_day
from alerting.domain.goal import Goal, GoalKey
from alerting.domain.judged import Verdict
from alerting.domain.judging import preview
from alerting.domain.lights import Light
from alerting.domain.looking import Case
from alerting.domain.needed import needed_per_day
from alerting.domain.schedule import Appointment, open_appointments
from alerting.handlers.sources import origins_of
from alerting.ports import Docket
from service_kit.runtime import Runtime
from service_kit.store import Document
from service_kit.web import Caller, answer, require

FOREVER_MS = 2**53
CHUNK = 200  # goals that are looked through at once for those that the caller sees

Limit = Annotated[int, Query(ge=1, le=1000)]
Reader = Annotated[Caller, Depends(require("lights:read"))]
From = Annotated[date, Query(alias="from")]
To = Annotated[date, Query(alias="to")]


def light_routes(runtime: Runtime) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    router.add_api_route("/v1/lights", Door(runtime).list_lights, methods=["GET"])
    return router


class Door:
    """The routes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._store = runtime.store
        self._seeing = Seeing(runtime.store, runtime.clock)

    async def list_lights(
        self,
        caller: Reader,
        goal: str | None = None,
        start: From = date.min,
        end: To = date.max,
        after: str = "",
        limit: Limit = 100,
    ) -> Response:
        """List a goal's judged spans by day, then the running one, marked provisional.

        Without ``goal``: the last judged and the running span of every goal, by its id; ``limit``
        is of goals, and ``from`` and ``to`` say nothing there. ``complete_to_ms``:
        everything accepted before it is in these lights. ``to_date`` beside each run light is the
        headline. ``needed_per_day``: what each working day left has to bring, of a sum. A goal that
        the caller does not see is not there; of somebody else's own goal the lights stop before a
        red one until the end of the working day on which it was judged, and none is shown red that
        is not judged.
        """
        marks = await watermarks(self._store)
        sight = await self._seeing.sight(caller)
        if goal is None:
            return await self._overview(caller.tenant, sight, marks, after, limit)
        key = GoalKey(caller.tenant, goal)
        versions = await self._seeing.versions(sight, key, "query.goal")
        docket = await docket_in(self._store, key)
        if docket is None:
            raise unknown(goal, "query.goal")
        seen_to = await self._seeing.seen_to(sight, versions[-1])
        end = min(end, seen_to)
        begin = max(start.isoformat(), after + "~") if after else start.isoformat()
        found = await judged_between(self._store, key, begin, end.isoformat(), limit + 1)
        rows = [_judged(key, one) for one in found[:limit]]
        more = found[limit - 1].span.start.isoformat() if len(found) > limit else None
        if more is None:
            running = await self._running(sight, {key: docket}, {key: versions})
            rows += [
                row
                for row in _unjudged(running[key], found)
                if start <= row["span"]["start"] <= end
            ]
        last = await last_judged(self._store, key, seen_to)
        body = {
            "items": rows,
            "next": more,
            "complete_to_ms": self._complete_ms(marks, docket, versions[-1]),
            "needed_per_day": needed_per_day(versions[-1], last),
        }
        return answer(body)

    async def _overview(
        self, tenant: str, sight: Sight, marks: Marks, after: str, limit: int
    ) -> Response:
        rows: list[dict[str, Any]] = []
        complete: list[int] = []
        keys = await self._seen_behind(tenant, sight, after, limit + 1)
        dockets = await dockets_in(self._store, keys[:limit])
        versions = await versions_of_all(self._store, dockets)
        last = await last_of_all(self._store, dockets.values())
        running = await self._running(sight, dockets, versions, last)
        for key in keys[:limit]:
            docket = dockets.get(key)
            if docket is None:
                continue
            newest = versions[key][-1]
            seen_to = await self._seeing.seen_to(sight, newest)
            shown = last.get(key)
            if shown is not None and shown.span.start > seen_to:
                shown = await last_judged(self._store, key, seen_to)
            rows += [_judged(key, shown)] if shown else []
            unjudged = _unjudged(running[key], [shown] if shown else [])
            rows += [row for row in unjudged if row["span"]["start"] <= seen_to]
            complete.append(self._complete_ms(marks, docket, newest))
        more = keys[limit - 1].goal if len(keys) > limit else None
        return answer({"items": rows, "next": more, "complete_to_ms": min(complete, default=-1)})

    async def _seen_behind(self, tenant: str, sight: Sight, after: str, most: int) -> list[GoalKey]:
        found: list[GoalKey] = []
        while len(found) < most:
            goals = await goals_behind(self._store, tenant, after, CHUNK)
            found += [goal.key for goal in goals if sight.sees(goal)]
            if len(goals) < CHUNK:
                break
            after = goals[-1].key.goal
        return found[:most]

    async def _running(
        self,
        sight: Sight,
        dockets: Mapping[GoalKey, Docket],
        versions: Mapping[GoalKey, list[Goal]],
        last: Mapping[GoalKey, Verdict] | None = None,
    ) -> dict[GoalKey, list[dict[str, Any]]]:
        """Return the spans that have begun and are not judged, as their light would be now.

        ``last``: the goals' last judged spans, if they are known already.
        """
        now_ms = self._runtime.clock.now_ms()
        begun = {key: _begun(docket, versions[key], now_ms) for key, docket in dockets.items()}
        of = {key: versions[key][-1] for key, work in begun.items() if work}
        if last is None:
            last = await last_of_all(self._store, [dockets[key] for key in of])
        parts = await parts_of_all(
            self._store, [(dockets[key].partition, goal) for key, goal in of.items()]
        )
        found: dict[GoalKey, list[dict[str, Any]]] = {key: [] for key in dockets}
        for key, goal in of.items():
            case = Case(
                versions=versions[key],
                work=begun[key],
                position=dockets[key].position,
                state=dockets[key].state,
                watermark_ms=FOREVER_MS,
                now_ms=now_ms,
                before=last.get(key),
                parts=parts[key],
            )
            found[key] = [
                _row(key, seen.run, seen.to_date, seen.breached, provisional=True)
                for seen in preview(case)
                if not (sight.comes_second(goal) and seen.is_red)
            ]
        return found

    def _complete_ms(self, marks: Marks, docket: Docket, goal: Goal) -> int:
        partitions = self._runtime.settings.partitions
        origins = origins_of(partitions, goal.key.tenant, goal.metrics)
        return lowest(marks, docket.partition, goal.key.tenant, origins)


def _unjudged(running: list[Document], judged: Sequence[Verdict]) -> list[Document]:
    """Return the running spans but those that were judged after the docket was read."""
    done = {one.span.start for one in judged}
    return [row for row in running if row["span"]["start"] not in done]


def _begun(docket: Docket, versions: list[Goal], now_ms: int) -> list[Appointment]:
    """Return the newest of what has begun and is not judged; nothing of a stopped goal."""
    work = []
    for one in open_appointments(versions, docket.position):
        if one.is_period or one.span.first > local_day(one.goal.zone, now_ms):
            break
        work.append(one)
    return [] if versions[-1].stopped else work[-2:]


def _judged(key: GoalKey, judged: Verdict) -> dict[str, Any]:
    run = judged.run
    row = _row(key, run.light, judged.to_date.light, judged.breached, provisional=False)
    return row | {"restated": run.ordinals.get("goal.restated", 0) > 0, "deed": run.deed}


def _row(
    key: GoalKey, light: Light, to_date: Light, breached: Sequence[str], *, provisional: bool
) -> Document:
    completion: Decimal | None = light.ratio
    return {
        "goal": key.goal,
        "span": {"kind": light.span.kind, "start": light.span.start, "end": light.span.end},
        "light": str(light.colour),
        "band": str(light.band),
        "watch": light.watch,
        "low_run": light.low_run,
        "provisional": provisional,
        "actual": light.actual,
        "plan": light.plan,
        "completion": completion,
        "ratio": completion,
        "why": light.why,
        "version": light.version,
        "to_date": {
            "light": str(to_date.colour),
            "actual": to_date.actual,
            "plan": to_date.plan,
            "ratio": to_date.ratio,
            "why": to_date.why,
        },
        "breached": list(breached),
    }
