"""/v1/festivals/spring: which days of an earlier year to compare with, by Spring Festival."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from goal_service.adapters.holidays import spring_festival
from goal_service.domain.festivals import Aligned, align
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.web import Caller, page, require

MOST_DAYS = 400

Reads = Annotated[Caller, Depends(require("metrics:read"))]


def festival_routes(runtime: Runtime) -> APIRouter:
    """Return the route of Spring Festival."""
    router = APIRouter()

    @router.get("/v1/festivals/spring")
    async def get_spring(
        caller: Reads,
        since: Annotated[str, Query(alias="from")],
        to: str,
        back: Annotated[int, Query(ge=1, le=50)] = 1,
    ) -> Response:
        """Return each day with its distance to Spring Festival, and the day ``back`` years before.

        A series of the one span beside a series of the other compares like with like.
        """
        found = _aligned(_day(since, "query.from"), _day(to, "query.to"), back)
        return page([each._asdict() for each in found], None)

    return router


def _aligned(first: date, last: date, back: int) -> list[Aligned]:
    number = (last - first).days + 1
    if not 1 <= number <= MOST_DAYS:
        raise UserError(
            "time-reversed",
            "query.to",
            f"1 to {MOST_DAYS} days can be compared at once",
            f"一次可比较 1 到 {MOST_DAYS} 天",
        )
    try:
        return [align(first + timedelta(days=n), back, spring_festival) for n in range(number)]
    except (LookupError, OverflowError):
        raise UserError(
            "festival-unknown",
            "query.from",
            "Spring Festival is known from 1950 to 2099",
            "春节日期只收录 1950 年至 2099 年",
        ) from None


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(
            "time-unreadable",
            where,
            "a day such as 2026-02-17 is needed",
            "需要日期，例如 2026-02-17",
        ) from None
