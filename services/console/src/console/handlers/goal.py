"""One goal: plan, actual, what of it is provisional, why it matters, its history, its deeds."""

import asyncio
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from console.domain import curves, overview
from console.domain.answers import Day, Deed, Goal, Light, Lights, Progress, Step
from console.domain.curves import Point
from console.domain.overview import Look, Row
from console.handlers.notices import Notices
from console.handlers.overview import PAGE, Names, deeds_of, lights_of, names_of
from console.ports import GOALS, Api, at


class GoalPage(NamedTuple):
    """Everything about one goal."""

    goal: Goal
    look: Look
    lights: list[Light]
    points: list[Point]
    progress: Progress | None
    complete_ms: int
    needed: Decimal | None
    path: list[Step]
    parts: list[Row]
    versions: list[Goal]
    deeds: list[Deed]
    names: Names
    notices: Notices


async def goal_page(api: Api, identity: str, now_ms: int) -> GoalPage:
    """Return one goal; raises like the API when goal-service does not show it."""
    notices = Notices()
    goal = await api.get(GOALS, at("goals", identity), Goal)
    (lights, progress, all_lights), (path, children, versions), deeds, names = await asyncio.gather(
        asyncio.gather(
            notices.unless(lights_of(api, identity), Lights(items=())),
            notices.unless(_progress(api, identity), None),
            notices.unless(lights_of(api), Lights(items=())),
        ),
        asyncio.gather(
            notices.unless(api.all(GOALS, at("goals", identity, "path"), Step), []),
            notices.unless(api.all(GOALS, "/v1/goals", Goal, parent=identity), []),
            notices.unless(api.all(GOALS, at("goals", identity, "versions"), Goal), []),
        ),
        deeds_of(api, identity, notices),
        names_of(api, notices),
    )
    days = progress.items if progress else ()
    looks = overview.looks(lights.items)
    return GoalPage(
        goal=goal,
        look=looks.get(identity, Look()),
        lights=list(lights.items),
        points=curves.curve(goal, days, lights.items, local_day(now_ms, goal.zone)),
        progress=progress,
        complete_ms=lights.complete_to_ms,
        needed=lights.needed_per_day,
        path=path,
        parts=overview.tree(
            [child for child in children if not child.stopped], overview.looks(all_lights.items)
        ),
        versions=versions[::-1],
        deeds=deeds[::-1],
        names=names,
        notices=notices,
    )


def local_day(now_ms: int, zone: str) -> date:
    """Return the day of an instant in a zone."""
    return datetime.fromtimestamp(now_ms / 1000, ZoneInfo(zone)).date()


async def _progress(api: Api, goal: str) -> Progress | None:
    path = at("goals", goal, "progress")
    found = await api.get(GOALS, path, Progress, limit=PAGE)
    days: list[Day] = list(found.items)
    while found.next is not None:
        found = await api.get(GOALS, path, Progress, limit=PAGE, after=found.next)
        days += found.items
    return Progress(
        total=found.total, items=tuple(days), value=found.value, complete_to=found.complete_to
    )
