"""/v1/goals: set, change, stop, list; every version stays readable."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from goal_service.adapters.books import GoalBooks
from goal_service.adapters.directory import DirectoryReader
from goal_service.adapters.goals import GoalReader
from goal_service.api.bodies import GoalBody, GoalChangeBody, shown
from goal_service.api.seeing import check_seen, sight_of
from goal_service.domain.commands import ChangeGoal, CreateGoal, StopGoal
from goal_service.domain.goals import GoalVersion
from goal_service.handlers import handle
from service_kit.errors import UserError
from service_kit.outbox import Outbox
from service_kit.runtime import Runtime
from service_kit.store import Tx
from service_kit.web import Caller, answer, page, read_body, require

Reads = Annotated[Caller, Depends(require("goals:read"))]
Writes = Annotated[Caller, Depends(require("goals:write"))]
Limit = Annotated[int, Query(ge=1, le=1000)]
MOST_REASON = 1_000

Carry = Callable[[Any], Awaitable[GoalVersion]]
Check = Callable[[Caller, str], Awaitable[None]]


def goal_routes(runtime: Runtime) -> APIRouter:
    """Return the routes of goals and their versions."""
    router = APIRouter()
    reader = GoalReader(runtime.store)
    people = DirectoryReader(runtime.store)
    carry = _carrier(runtime)

    async def check(caller: Caller, goal: str) -> None:
        await check_seen(people, caller, goal, await reader.current(caller.tenant, goal))

    _write_routes(router, runtime, carry, check)

    @router.get("/v1/goals")
    async def list_goals(
        caller: Reads,
        after: str = "",
        limit: Limit = 100,
        metric: str | None = None,
        level: str | None = None,
    ) -> Response:
        """The goals that the caller sees: by visibility, owner, owner's team and reporting line."""
        sight = await sight_of(people, caller)
        found: list[GoalVersion] = []
        following: str | None = after
        while following is not None and len(found) < limit:
            read = await reader.page(caller.tenant, following, limit, metric=metric, level=level)
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
        versions = await _versions(reader, people, caller, goal)
        return answer(shown(_chosen(versions, version, known_at)))

    @router.get("/v1/goals/{goal}/versions")
    async def list_versions(
        goal: str, caller: Reads, after: int = 0, limit: Limit = 100
    ) -> Response:
        versions = await _versions(reader, people, caller, goal)
        found = [version for version in versions if version.goal.version > after][:limit]
        following = str(found[-1].goal.version) if len(found) == limit else None
        return page([shown(version) for version in found], following)

    return router


def _write_routes(router: APIRouter, runtime: Runtime, carry: Carry, check: Check) -> None:
    @router.post("/v1/goals")
    async def create_goal(request: Request, caller: Writes) -> Response:
        body = await read_body(request, GoalBody)
        command = CreateGoal(
            tenant=caller.tenant,
            goal=body.identity(),
            draft=body.draft(),
            reason=_reason(body.reason, needed=False),
            actor=caller.actor,
            at_ms=runtime.clock.now_ms(),
        )
        return answer(shown(await carry(command)), 201)

    @router.put("/v1/goals/{goal}")
    async def change_goal(goal: str, request: Request, caller: Writes) -> Response:
        await check(caller, goal)
        body = await read_body(request, GoalChangeBody)
        if body.id not in (None, goal):
            raise _other_id(goal)
        command = ChangeGoal(
            tenant=caller.tenant,
            goal=goal,
            draft=body.draft(),
            reason=_reason(body.reason, needed=True),
            actor=caller.actor,
            at_ms=runtime.clock.now_ms(),
            based_on=body.based_on,
        )
        return answer(shown(await carry(command)))

    @router.delete("/v1/goals/{goal}")
    async def stop_goal(goal: str, caller: Writes, reason: str = "") -> Response:
        await check(caller, goal)
        command = StopGoal(
            tenant=caller.tenant,
            goal=goal,
            reason=_reason(reason, needed=False),
            actor=caller.actor,
            at_ms=runtime.clock.now_ms(),
        )
        return answer(shown(await carry(command)))


def _carrier(runtime: Runtime) -> Carry:
    """Return what carries a command out: document, audit entry and messages in one transaction."""

    async def carry(command: Any) -> GoalVersion:
        async def body(tx: Tx, outbox: Outbox) -> GoalVersion:
            books = GoalBooks(tx, outbox, runtime.settings.partitions)
            version: GoalVersion = await handle(command, books)
            return version

        return await runtime.api.run(body)

    return carry


async def _versions(
    reader: GoalReader, people: DirectoryReader, caller: Caller, goal: str
) -> list[GoalVersion]:
    """Return every version of a goal that the caller sees as it stands now."""
    versions = await reader.versions(caller.tenant, goal)
    await check_seen(people, caller, goal, versions[-1] if versions else None)
    return versions


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


def _reason(reason: str, *, needed: bool) -> str:
    if len(reason) > MOST_REASON or (needed and not reason.strip()):
        raise UserError(
            "reason-missing",
            "reason",
            f"say in 1 to {MOST_REASON} characters why the goal changes",
            f"请用 1 到 {MOST_REASON} 个字符说明修改原因",
        )
    return reason


def _other_id(goal: str) -> UserError:
    return UserError(
        "id-differs",
        "id",
        f"the id differs from that of the address, {goal}; leave it out",
        f"标识与地址中的 {goal} 不一致；请省略",
    )
