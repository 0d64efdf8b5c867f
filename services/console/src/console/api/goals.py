"""Today, the goals, one goal."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from console.api.render import page
from console.api.visit import Visit, place_of, signed_in
from console.domain import curves
from console.domain.figures import in_percent
from console.handlers.goal import goal_page, local_day
from console.handlers.overview import goals_page, today_page

Signed = Annotated[Visit, Depends(signed_in)]
SHOWN_SPANS = 60

router = APIRouter()


@router.get("/")
async def today(request: Request, visit: Signed) -> Response:
    """What needs somebody, what is one's own, what happened."""
    found = await today_page(visit.api, visit.person, visit.team, visit.scopes)
    date = local_day(place_of(request).clock.now_ms(), found.goals.zone)
    return page(request, "today.html", visit, today=found, goals=found.goals, date=date)


@router.get("/goals")
async def goals(request: Request, visit: Signed, q: str = "") -> Response:
    """The tree of goals with both lights; ``q`` finds some of them."""
    return page(request, "goals.html", visit, goals=await goals_page(visit.api, q))


@router.get("/goals/{goal}")
async def one_goal(request: Request, visit: Signed, goal: str) -> Response:
    """One goal."""
    found = await goal_page(visit.api, goal, place_of(request).clock.now_ms())
    spans = found.lights[-SHOWN_SPANS:]
    return page(
        request,
        "goal.html",
        visit,
        found=found,
        goal=found.goal,
        names=found.names,
        needed=found.needed,
        to_date=curves.to_date_chart(found.goal, found.points),
        spans=spans[::-1],
        span_chart=curves.spans_chart(spans, 100 if in_percent(found.goal) else 1),
    )
