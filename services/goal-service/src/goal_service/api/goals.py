"""/v1/goals: set, change, stop, list; every version stays readable."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from goal_service.adapters.goals import GoalReader
from goal_service.api.bodies import (
    MOST_BYTES,
    GoalBody,
    GoalChangeBody,
    language,
    reason_of,
    shown,
    told,
)
from goal_service.api.carrying import carrier
from goal_service.api.cascade import parts_remarks
from goal_service.api.linked import followed_remarks, shown_followed
from goal_service.api.seeing import Seeing
from goal_service.domain.commands import ChangeGoal, CreateGoal, StopGoal
from goal_service.domain.goals import GoalVersion
from goal_service.domain.remarks import Remark
from goal_service.handlers.goals import Changed
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.web import Caller, answer, page, read_body, require

Reads = Annotated[Caller, Depends(require("goals:read"))]
Writes = Annotated[Caller, Depends(require("goals:write"))]
Limit = Annotated[int, Query(ge=1, le=1000)]


def goal_routes(runtime: Runtime) -> APIRouter:
    """Return the routes of goals and their versions."""
    router = APIRouter()
    reader = GoalReader(runtime.store)
    seeing = Seeing(runtime.store)
    _write_routes(router, runtime, reader, seeing)

    @router.get("/v1/goals")
    async def list_goals(
        caller: Reads,
        after: str = "",
        limit: Limit = 100,
        metric: str | None = None,
        level: str | None = None,
        parent: str | None = None,
    ) -> Response:
        """The goals that the caller sees: by visibility, owner, owner's team and reporting line."""
        sight = await seeing.sight(caller)
        terms = {"metric": metric, "level": level, "parent": parent}
        found: list[GoalVersion] = []
        following: str | None = after
        while following is not None and len(found) < limit:
            read = await reader.page(caller.tenant, following, limit, **terms)
            found += sight.of(read)
            following = read[-1].goal.goal if len(read) == limit else None
        if len(found) >= limit:
            found, following = found[:limit], found[limit - 1].goal.goal
        return page([shown(version) for version in found], following)

    @router.get("/v1/goals/{goal}")
    async def get_goal(
        goal: str, caller: Reads, version: int | None = None, known_at: datetime | None = None
    ) -> Response:
        """``version`` or ``known_at`` show the goal as it was then; else as it is."""
        await seeing.current(caller, goal)
        versions = await reader.versions(caller.tenant, goal)
        return answer(shown(_chosen(versions, version, known_at)))

    @router.get("/v1/goals/{goal}/versions")
    async def list_versions(
        goal: str, caller: Reads, after: int = 0, limit: Limit = 100
    ) -> Response:
        await seeing.current(caller, goal)
        versions = await reader.versions(caller.tenant, goal)
        found = [version for version in versions if version.goal.version > after][:limit]
        following = str(found[-1].goal.version) if len(found) == limit else None
        return page([shown(version) for version in found], following)

    return router


def _write_routes(router: APIRouter, runtime: Runtime, reader: GoalReader, seeing: Seeing) -> None:
    carry = carrier(runtime)

    @router.post("/v1/goals")
    async def create_goal(request: Request, caller: Writes) -> Response:
        body = await read_body(request, GoalBody, MOST_BYTES)
        draft = body.draft()
        await seeing.check_parent(caller, draft)
        command = CreateGoal(
            tenant=caller.tenant,
            goal=body.identity(),
            draft=draft,
            reason=reason_of(body.reason, needed=False),
            actor=caller.actor,
            at_ms=runtime.clock.now_ms(),
        )
        return answer(_made(await carry(command), request), 201)

    @router.put("/v1/goals/{goal}")
    async def change_goal(goal: str, request: Request, caller: Writes) -> Response:
        """Set the whole goal anew; shares of its target follow it, parts of their own stay.

        ``followed`` are the goals that moved, of those that the caller sees; the warnings say where
        parts no longer fit.
        """
        before = await seeing.current(caller, goal)
        body = await read_body(request, GoalChangeBody, MOST_BYTES)
        if body.id not in (None, goal):
            raise _other_id(goal)
        draft = body.draft()
        await seeing.check_parent(caller, draft, before)
        command = ChangeGoal(
            tenant=caller.tenant,
            goal=goal,
            draft=draft,
            reason=reason_of(body.reason, needed=True),
            actor=caller.actor,
            at_ms=runtime.clock.now_ms(),
            based_on=body.based_on,
        )
        changed: Changed = await carry(command)
        sight = await seeing.sight(caller)
        children = await reader.children(caller.tenant, [goal])
        more = parts_remarks(before.goal, changed.version.goal, children, sight)
        more += await followed_remarks(changed.followed, reader, sight)
        followed = {"followed": shown_followed(changed.followed, sight)}
        return answer(_made(changed.version, request, more) | followed)

    @router.delete("/v1/goals/{goal}")
    async def stop_goal(goal: str, caller: Writes, reason: str = "") -> Response:
        await seeing.current(caller, goal)
        command = StopGoal(
            tenant=caller.tenant,
            goal=goal,
            reason=reason_of(reason, needed=False),
            actor=caller.actor,
            at_ms=runtime.clock.now_ms(),
        )
        return answer(shown(await carry(command)))


def _made(version: GoalVersion, request: Request, more: Iterable[Remark] = ()) -> dict[str, Any]:
    return shown(version) | {"warnings": told([*version.remarks, *more], language(request))}


def _chosen(
    versions: list[GoalVersion], number: int | None, known_at: datetime | None
) -> GoalVersion:
    """Return the last version that fits; raises UserError when none does."""
    if known_at is not None and known_at.tzinfo is None:
        raise UserError(
            "time-without-offset",
            "query.known_at",
            "the time has no offset; write it like 2026-05-01T08:00:00Z",
            "时间缺少时区偏移；请写作 2026-05-01T08:00:00Z",
        )
    until = known_at.timestamp() * 1000 if known_at else float("inf")
    fitting = [
        version
        for version in versions
        if number in (None, version.goal.version) and version.goal.changed_ms <= until
    ]
    if not fitting:
        raise UserError(
            "version-unknown",
            "query",
            f"there is no such version; the goal has 1 to {versions[-1].goal.version}",
            f"没有该版本；此目标有第 1 至 {versions[-1].goal.version} 版",
            status=404,
        )
    return fitting[-1]


def _other_id(goal: str) -> UserError:
    return UserError(
        "id-differs",
        "id",
        f"the id differs from that of the address, {goal}; leave it out",
        f"标识与地址中的 {goal} 不一致；请省略",
    )
