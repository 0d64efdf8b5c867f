"""/v1/teams, /v1/organisation, /v1/calendars: what people belong to and live by."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from goal_service.adapters.directory import DirectoryReader
from goal_service.api.carrying import change
from goal_service.api.people_bodies import CalendarBody, OrganisationBody, TeamBody, shown_entry
from goal_service.domain.people import Kept, NamedCalendar, Organisation, Ref, Team
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.web import Caller, answer, page, read_body, require

Reads = Annotated[Caller, Depends(require("people:read"))]
Writes = Annotated[Caller, Depends(require("people:write"))]
OrganisationReads = Annotated[Caller, Depends(require("organisation:read"))]
OrganisationWrites = Annotated[Caller, Depends(require("organisation:write"))]
Limit = Annotated[int, Query(ge=1, le=1000)]


def directory_routes(runtime: Runtime) -> APIRouter:
    """Return the routes of teams, of the organisation's settings and of named calendars."""
    router = APIRouter()
    reader = DirectoryReader(runtime.store)
    _team_routes(router, runtime, reader)
    _organisation_routes(router, runtime, reader)
    _calendar_routes(router, runtime, reader)
    return router


def _team_routes(router: APIRouter, runtime: Runtime, reader: DirectoryReader) -> None:
    @router.get("/v1/teams")
    async def list_teams(caller: Reads, after: str = "", limit: Limit = 100) -> Response:
        return _page(await reader.page(caller.tenant, Team, after, limit), limit)

    @router.get("/v1/teams/{team}")
    async def get_team(team: str, caller: Reads) -> Response:
        found = await reader.find(caller.tenant, Ref(Team, team))
        return answer(shown_entry(_there(found, "team", team)))

    @router.put("/v1/teams/{team}")
    async def put_team(team: str, request: Request, caller: Writes) -> Response:
        """Make the team, or set every field anew."""
        body = await read_body(request, TeamBody)
        return answer(shown_entry(await change(runtime, caller, body.patch(team))))


def _organisation_routes(router: APIRouter, runtime: Runtime, reader: DirectoryReader) -> None:
    @router.get("/v1/organisation")
    async def get_organisation(caller: OrganisationReads) -> Response:
        """The settings; before anybody has set them their defaults, as version 0."""
        ref = Ref(Organisation, "")
        unset = Kept(Organisation(caller.tenant), 0, "", -1)
        return answer(shown_entry(await reader.find(caller.tenant, ref) or unset))

    @router.put("/v1/organisation")
    async def put_organisation(request: Request, caller: OrganisationWrites) -> Response:
        """Set every setting anew."""
        body = await read_body(request, OrganisationBody)
        return answer(shown_entry(await change(runtime, caller, body.patch())))


def _calendar_routes(router: APIRouter, runtime: Runtime, reader: DirectoryReader) -> None:
    @router.get("/v1/calendars")
    async def list_calendars(
        caller: OrganisationReads, after: str = "", limit: Limit = 100
    ) -> Response:
        return _page(await reader.page(caller.tenant, NamedCalendar, after, limit), limit)

    @router.get("/v1/calendars/{calendar}")
    async def get_calendar(calendar: str, caller: OrganisationReads) -> Response:
        found = await reader.find(caller.tenant, Ref(NamedCalendar, calendar))
        return answer(shown_entry(_there(found, "calendar", calendar)))

    @router.put("/v1/calendars/{calendar}")
    async def put_calendar(calendar: str, request: Request, caller: OrganisationWrites) -> Response:
        """Make the calendar, or set it anew."""
        body = await read_body(request, CalendarBody)
        return answer(shown_entry(await change(runtime, caller, body.patch(calendar))))


def _page(found: Sequence[Kept], limit: int) -> Response:
    following = found[-1].entry.id if len(found) == limit else None
    return page([shown_entry(kept) for kept in found], following)


def _there(found: Kept | None, kind: str, identity: str) -> Kept:
    if found is None:
        raise UserError(
            f"{kind}-unknown",
            f"path.{kind}",
            f"there is no {kind} {identity}; GET /v1/{kind}s lists them",
            f"{identity} 不存在；可用 GET /v1/{kind}s 查看列表",
            status=404,
        )
    return found
