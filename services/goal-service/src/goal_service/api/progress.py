"""/v1/goals/ID/progress: what each day has come to, and how complete that is."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from event_contracts.wire import partition_of
from goal_service.adapters.directory import DirectoryReader
from goal_service.adapters.goals import GoalReader
from goal_service.adapters.progress import read_days
from goal_service.adapters.watermarks import complete_to_ms, raw_origins
from goal_service.api.bodies import instant
from goal_service.api.seeing import check_seen
from goal_service.domain.amounts import total
from goal_service.domain.calendar import working_days
from goal_service.domain.goals import GoalVersion
from goal_service.domain.plans import plan_of
from goal_service.domain.progress import DayValue
from goal_service.settings import SERVICE
from service_kit.records import Partition
from service_kit.runtime import Runtime
from service_kit.web import Caller, answer, require

Reads = Annotated[Caller, Depends(require("goals:read"))]
Limit = Annotated[int, Query(ge=1, le=1000)]


async def complete_to(runtime: Runtime, tenant: str, metric: str) -> int:
    """Return until when all that was accepted is in the metric's facts and goals; -1: unknown."""
    partitions = runtime.settings.partitions
    log = Partition("facts", partition_of(partitions, tenant, metric))
    return await complete_to_ms(runtime.store, SERVICE, log, raw_origins(partitions))


def progress_routes(runtime: Runtime) -> APIRouter:
    """Return the route of a goal's progress."""
    router = APIRouter()
    reader = GoalReader(runtime.store)
    people = DirectoryReader(runtime.store)

    @router.get("/v1/goals/{goal}/progress")
    async def get_progress(
        goal: str, caller: Reads, after: str = "", limit: Limit = 100
    ) -> Response:
        """Days to which something has come, in order, and the sums over all of them."""
        current = await reader.current(caller.tenant, goal)
        found = await check_seen(people, caller, goal, current)
        # Read before the days: what it covers is then among them.
        complete = await complete_to(runtime, caller.tenant, found.goal.metric)
        days = await read_days(runtime.store, caller.tenant, goal, found.goal.metric)
        return answer(_shown(found, days, complete, after, limit))

    return router


def _shown(
    found: GoalVersion, days: Mapping[date, DayValue], complete: int, after: str, limit: int
) -> dict[str, Any]:
    goal = found.goal
    counted = {day: days[day] for day in sorted(days) if goal.start <= day <= goal.end}
    working = frozenset(working_days(goal.calendar, goal.start, goal.end))
    shown = [day for day in counted if day.isoformat() > after][:limit]
    return {
        "goal": goal.goal,
        "version": goal.version,
        "metric": goal.metric,
        "unit": goal.unit,
        "total": total(value.value for value in counted.values()),
        "count": sum(value.count for value in counted.values()),
        "target": goal.target,
        "complete_to": instant(complete),
        "items": [
            {
                "day": day,
                "value": counted[day].value,
                "count": counted[day].count,
                "plan": plan_of(goal.plan, day, working),
                "working": day in working,
                "version": counted[day].version,
                "as_of": instant(counted[day].as_of_ms),
            }
            for day in shown
        ],
        "next": shown[-1].isoformat() if len(shown) == limit else None,
    }
