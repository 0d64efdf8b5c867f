"""/v1/policies/dry-run: what a policy would have made of a goal's past."""

from datetime import date
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from alerting.adapters.days import parts_in
from alerting.adapters.dockets import docket_in
from alerting.adapters.goals import policy_of
from alerting.adapters.lights import judged_between
from alerting.adapters.values import alive_in, lowest, watermarks
from alerting.api.seeing import Seeing, unknown
from alerting.domain.goal import Goal, GoalKey
from alerting.domain.policies import Wish, check_wish
from alerting.domain.trial import Lit, Row, compare, counts, past, reach, red_runs, rejudged, tried
from alerting.handlers.sources import origins_of
from alerting.ports import Docket
from service_kit.runtime import Runtime
from service_kit.web import Caller, answer, read_body, require

Reader = Annotated[Caller, Depends(require("lights:read"))]
ALL_SPANS = 100_000


class DryRunBody(msgspec.Struct, frozen=True, kw_only=True):
    """A goal, and the whole policy to try on it; what it leaves out has the default."""

    goal: str
    policy: Wish


def policy_routes(runtime: Runtime) -> APIRouter:
    """Return the route."""
    router = APIRouter()
    trials = Trials(runtime)

    @router.post("/v1/policies/dry-run")
    async def dry_run(request: Request, caller: Reader) -> Response:
        """Judge all of a goal's past by its newest version with another policy; writes nothing."""
        body = await read_body(request, DryRunBody)
        check_wish(body.policy)
        return answer(await trials.run(caller, body))

    return router


class Trials:
    """Reads what is known of a goal now, and judges it anew."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._store = runtime.store
        self._seeing = Seeing(runtime.store, runtime.clock)

    async def run(self, caller: Caller, body: DryRunBody) -> dict[str, Any]:
        """Return the answer; raises UserError for a goal that is not there for the caller."""
        key, wish = GoalKey(caller.tenant, body.goal), body.policy
        sight = await self._seeing.sight(caller)
        versions = await self._seeing.versions(sight, key, "goal")
        docket = await docket_in(self._store, key)
        if docket is None:
            raise unknown(key.goal, "goal")
        seen_to = await self._seeing.seen_to(sight, versions[-1])
        goal = tried(versions[-1], policy_of(wish.settled(versions[-1].policy.grain)))
        stored = await judged_between(self._store, key, "", seen_to.isoformat(), ALL_SPANS)
        before = [Lit(one.run.light, one.to_date.light) for one in stored]
        after = await self._rejudged(goal, docket, seen_to)
        return {
            "goal": key.goal,
            "version": goal.version,
            "grain": {"before": versions[-1].policy.grain, "after": goal.policy.grain},
            "items": [_shown(row) for row in compare(before, after)],
            "counts": {"before": counts(before), "after": counts(after)},
            "red_runs": {"before": red_runs(before), "after": red_runs(after)},
        }

    async def _rejudged(self, goal: Goal, docket: Docket, seen_to: date) -> list[Lit]:
        origins = origins_of(self._runtime.settings.partitions, goal.key.tenant, goal.metrics)
        marks = await watermarks(self._store)
        watermark_ms = lowest(marks, docket.partition, goal.key.tenant, origins)
        found = past(goal, watermark_ms, self._runtime.clock.now_ms())
        work = [one for one in found if one.span.start <= seen_to]
        if not work:
            return []
        return rejudged(
            goal,
            work,
            parts=await parts_in(self._store, docket.partition, goal),
            quarters={
                one.metric: await alive_in(
                    self._store, docket.partition, goal.key.tenant, one.metric, *reach(work)
                )
                for one in goal.measured
            },
            watermark_ms=watermark_ms,
            now_ms=self._runtime.clock.now_ms(),
        )


def _shown(row: Row) -> dict[str, Any]:
    span = row.span
    return {
        "span": {"kind": span.kind, "start": span.start, "end": span.end},
        "before": _lights(row.before),
        "after": _lights(row.after),
        "differs": row.differs,
    }


def _lights(lit: Lit | None) -> dict[str, Any] | None:
    if lit is None:
        return None
    run, to_date = lit
    return {
        "light": str(run.colour),
        "ratio": run.ratio,
        "watch": run.watch,
        "why": run.why,
        "to_date": {"light": str(to_date.colour), "ratio": to_date.ratio, "why": to_date.why},
    }
