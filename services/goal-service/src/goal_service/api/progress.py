"""/v1/goals/ID/progress: what each day has come to, and how complete that is."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Query, Request, Response

from event_contracts.goals import GoalChanged
from event_contracts.metrics import MetricDefined
from goal_service.adapters.goals import GoalReader, KeptDefinitions
from goal_service.adapters.held import Held
from goal_service.adapters.progress import ProgressReader
from goal_service.adapters.watermarks import feeding_origins, log_of
from goal_service.api.bodies import instant, language, told
from goal_service.api.seeing import Seeing
from goal_service.domain.amounts import ZERO, add, divide, total
from goal_service.domain.calendar import working_days
from goal_service.domain.days import first_minute
from goal_service.domain.finality import Moment, least, state_of
from goal_service.domain.forms import planned_on
from goal_service.domain.kinds import day_remark
from goal_service.domain.parts import OVER, OWN, parts_of
from goal_service.domain.progress import DayValue
from goal_service.domain.remarks import Remark
from goal_service.settings import SERVICE
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.web import Caller, answer, require

Reads = Annotated[Caller, Depends(require("goals:read"))]
Limit = Annotated[int, Query(ge=1, le=1000)]


async def complete_to(runtime: Runtime, held: Held, tenant: str, metric: str) -> int:
    """Return until when all that was accepted is in the metric's facts and goals; -1: unknown."""
    partitions = runtime.settings.partitions
    log = log_of(partitions, tenant, metric)
    mark = await held.mark(runtime.store, SERVICE, log, feeding_origins(partitions))
    return mark.of(tenant)


def progress_routes(runtime: Runtime, held: Held) -> APIRouter:
    """Return the route of a goal's progress."""
    router = APIRouter()
    seeing = Seeing(runtime.store)
    reader = ProgressReader(runtime.store, held, runtime.settings.partitions)
    definitions = KeptDefinitions(GoalReader(runtime.store))

    @router.get("/v1/goals/{goal}/progress")
    async def get_progress(
        request: Request,
        goal: str,
        caller: Reads,
        part: str = OWN,
        after: str = "",
        limit: Limit = 100,
    ) -> Response:
        """Days of one part of the goal, in order, and the sums of every part over all its days.

        ``state`` of a day is provisional, settling or final; that of the goal is its last day's.
        """
        found = await seeing.current(caller, goal)
        parts = parts_of(found.goal)
        complete = [
            await complete_to(runtime, held, found.goal.tenant, each.metric) for each in parts
        ]
        # Read behind the marks: what they cover is then among the days.
        days = await reader.days(found.goal, parts)
        sums = {
            each.part: PartSum(
                each.metric, mark, of_it, await definitions.get(found.goal.tenant, each.metric)
            )
            for each, mark, of_it in zip(parts, complete, days, strict=True)
        }
        if part not in sums:
            raise _part_unknown(part, sums)
        now_ms = runtime.clock.now_ms()
        warnings = told(_day_remarks(found.goal, sums), language(request))
        shown = _shown(found.goal, sums, part, after, limit, now_ms)
        return answer(shown | {"warnings": warnings})

    return router


class PartSum(NamedTuple):
    """The days of a part of a goal, and until when all that was accepted is in them."""

    metric: str
    complete: int
    days: Mapping[date, DayValue]
    definition: MetricDefined | None

    def state(self, zone: str, day: date, now_ms: int) -> str:
        """Return whether a local day can still change."""
        end = first_minute(zone, day + timedelta(days=1))
        return state_of(self.definition, end, Moment(now_ms, self.complete))

    def shown(self) -> dict[str, Any]:
        """Return the part's sums as answers show them."""
        return {
            "metric": self.metric,
            "total": total(value.value for value in self.days.values()),
            "count": sum(value.count for value in self.days.values()),
            "complete_to": instant(self.complete),
        }


def _day_remarks(goal: GoalChanged, sums: Mapping[str, PartSum]) -> list[Remark]:
    """Return warnings of metrics that come in whole days of another zone."""
    zones = {
        each.metric: each.definition.day_zone
        for each in sums.values()
        if each.definition is not None and each.definition.day_zone not in (None, goal.zone)
    }
    return [day_remark(metric, zone or "", goal.zone, "zone") for metric, zone in zones.items()]


def _shown(
    goal: GoalChanged,
    sums: Mapping[str, PartSum],
    part: str,
    after: str,
    limit: int,
    now_ms: int,
) -> dict[str, Any]:
    own = sums[OWN].shown()
    return {
        "goal": goal.goal,
        "version": goal.version,
        "unit": goal.unit,
        **own,
        "form": goal.form,
        "value": _value(goal, {name: found.shown()["total"] for name, found in sums.items()}),
        "target": goal.target,
        # All of a goal is complete when each of its sums is.
        "complete_to": instant(min(found.complete for found in sums.values())),
        "state": least([found.state(goal.zone, goal.end, now_ms) for found in sums.values()]),
        "parts": {name: found.shown() for name, found in sums.items() if name != OWN},
        **_days(goal, sums[part], part, after, limit, now_ms),
    }


def _days(
    goal: GoalChanged, found: PartSum, part: str, after: str, limit: int, now_ms: int
) -> dict[str, Any]:
    """Return one page of days; only the goal's own sum has a plan."""
    days = found.days
    working = working_days(goal.calendar, goal.start, goal.end)
    among = frozenset(working)
    shown = [day for day in days if day.isoformat() > after][:limit]
    items = [
        {
            "day": day,
            "value": days[day].value,
            "count": days[day].count,
            "plan": planned_on(goal, day, working) if part == OWN else None,
            "working": day in among,
            "version": days[day].version,
            "as_of": instant(days[day].as_of_ms),
            "state": found.state(goal.zone, day, now_ms),
        }
        for day in shown
    ]
    return {"items": items, "next": shown[-1].isoformat() if len(shown) == limit else None}


def _value(goal: GoalChanged, totals: Mapping[str, Decimal]) -> Decimal | None:
    """Return where the goal stands in its form's way; None for a ratio over nothing."""
    if goal.over_metric is not None:
        over = totals[OVER]
        return divide(totals[OWN], over) if over else None
    return add(totals[OWN], goal.level_start or ZERO)


def _part_unknown(part: str, known: Iterable[str]) -> UserError:
    names = ", ".join(name for name in known if name) or "none"
    return UserError(
        "part-unknown",
        "query.part",
        f"the goal has no part {part!r}; beside its own sum it has: {names}",
        f"此目标没有部分 {part!r}；除自身合计外还有：{names}",
    )
