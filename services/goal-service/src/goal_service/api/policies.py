"""/v1/policies: named policies, and the goals that follow them."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from goal_service.adapters.policies import PolicyReader
from goal_service.api.bodies import instant, language, reason_of, told
from goal_service.api.carrying import carrier
from goal_service.api.following import PolicyFollower
from goal_service.api.seeing import Seeing, Sight
from goal_service.domain.commands import SetPolicy
from goal_service.domain.policies import PolicyVersion, Rules
from goal_service.domain.remarks import Remark
from goal_service.handlers import policy_unknown
from goal_service.handlers.policies import Followed
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.web import Caller, answer, page, read_body, require

Reads = Annotated[Caller, Depends(require("goals:read"))]
Writes = Annotated[Caller, Depends(require("policies:write"))]
Limit = Annotated[int, Query(ge=1, le=1000)]


class PolicyBody(Rules, frozen=True, kw_only=True):
    """The whole policy and why. ``based_on``: refuse unless this is the version it changes."""

    reason: str
    based_on: int | None = None

    def rules(self) -> Rules:
        """Return the policy without what belongs to the request."""
        return Rules(**{name: getattr(self, name) for name in Rules.__struct_fields__})


def policy_routes(runtime: Runtime) -> APIRouter:
    """Return the routes of named policies."""
    router = APIRouter()
    reader = PolicyReader(runtime.store)
    _write_route(router, runtime)

    @router.get("/v1/policies")
    async def list_policies(caller: Reads, after: str = "", limit: Limit = 100) -> Response:
        found = await reader.page(caller.tenant, after, limit)
        following = found[-1].name if len(found) == limit else None
        return page([_shown(version) for version in found], following)

    @router.get("/v1/policies/{name}")
    async def get_policy(name: str, caller: Reads, version: int | None = None) -> Response:
        versions = await _versions(reader, caller, name)
        fitting = [each for each in versions if version in (None, each.version)]
        if not fitting:
            raise UserError(
                "version-unknown",
                "query.version",
                f"there is no such version; the policy has 1 to {versions[-1].version}",
                f"没有该版本；此策略有第 1 至 {versions[-1].version} 版",
                status=404,
            )
        return answer(_shown(fitting[-1]))

    @router.get("/v1/policies/{name}/versions")
    async def list_versions(
        name: str, caller: Reads, after: int = 0, limit: Limit = 100
    ) -> Response:
        versions = await _versions(reader, caller, name)
        found = [version for version in versions if version.version > after][:limit]
        following = str(found[-1].version) if len(found) == limit else None
        return page([_shown(version) for version in found], following)

    return router


def _write_route(router: APIRouter, runtime: Runtime) -> None:
    carry = carrier(runtime)
    seeing = Seeing(runtime.store)
    follower = PolicyFollower(carry, PolicyReader(runtime.store), runtime.clock)

    @router.put("/v1/policies/{name}")
    async def set_policy(name: str, request: Request, caller: Writes) -> Response:
        """Set a policy; every running goal that names it gets a version under it.

        The answer names those of them that the caller sees.
        """
        body = await read_body(request, PolicyBody)
        command = SetPolicy(
            tenant=caller.tenant,
            name=name,
            rules=body.rules(),
            reason=reason_of(body.reason, needed=True),
            actor=caller.actor,
            at_ms=runtime.clock.now_ms(),
            based_on=body.based_on,
        )
        version: PolicyVersion = await carry(command)
        followed = await follower.follow(caller.tenant, name)
        moved, warnings = _told(followed, await seeing.sight(caller))
        return answer(
            _shown(version) | {"goals": moved, "warnings": told(warnings, language(request))}
        )


def _told(followed: Followed, sight: Sight) -> tuple[list[str], list[Remark]]:
    """Return the goals that moved, and why others did not: of those that the caller sees."""
    moved = [version.goal.goal for version in sight.of(followed.changed)]
    kept = [(version, error) for version, error in followed.kept if sight.sees(version)]
    return moved, [Remark(e.code, version.goal.goal, e.en, e.zh) for version, e in kept]


async def _versions(reader: PolicyReader, caller: Caller, name: str) -> list[PolicyVersion]:
    versions = await reader.versions(caller.tenant, name)
    if not versions:
        raise policy_unknown(name)
    return versions


def _shown(version: PolicyVersion) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        **msgspec.structs.asdict(version.rules),
        "reason": version.reason,
        "changed_by": version.actor,
        "changed_at": instant(version.changed_ms),
    }
