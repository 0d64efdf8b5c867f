"""/v1/people: who works here, and what each sets for oneself; looks at a page are noted."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from goal_service.adapters.directory import DirectoryReader
from goal_service.api.bodies import instant
from goal_service.api.carrying import carrier, change
from goal_service.api.following import LeaveFollower
from goal_service.api.people_bodies import (
    ConsentBody,
    LeaveBody,
    PersonBody,
    listed_person,
    shown_entry,
)
from goal_service.domain.commands import NoteView
from goal_service.domain.people import Kept, Patch, Person, Ref
from goal_service.handlers import person_unknown
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.store import Document
from service_kit.web import Caller, answer, page, read_body, require

Reads = Annotated[Caller, Depends(require("people:read"))]
Writes = Annotated[Caller, Depends(require("people:write"))]
Oneself = Annotated[Caller, Depends(require("people:self"))]
Limit = Annotated[int, Query(ge=1, le=1000)]
_INSTANT = re.compile(r"[0-9]{1,16}", re.ASCII)


def people_routes(runtime: Runtime) -> APIRouter:
    """Return the routes of people."""
    router = APIRouter()
    reader = DirectoryReader(runtime.store)
    carry = carrier(runtime)
    _own_routes(router, runtime, reader)

    @router.get("/v1/people")
    async def list_people(
        caller: Reads,
        after: str = "",
        limit: Limit = 100,
        team: str | None = None,
        id: str | None = None,
    ) -> Response:
        """Everybody's name, roles, team and manager; the rest stands on the person's page."""
        found = await reader.page(caller.tenant, Person, after, limit, team=team, id=id)
        following = found[-1].entry.id if len(found) == limit else None
        return page([listed_person(kept) for kept in found], following)

    @router.get("/v1/people/{person}")
    async def get_person(person: str, caller: Reads) -> Response:
        """The whole page; that somebody else has looked at it is noted for the person to see."""
        found = await known(reader, caller, person)
        if caller.person != person:
            at_ms = runtime.clock.now_ms()
            await carry(NoteView(caller.tenant, person, caller.actor, at_ms))
        return answer(shown_entry(found))

    @router.put("/v1/people/{person}")
    async def put_person(person: str, request: Request, caller: Writes) -> Response:
        """Make the person, or set every field anew but leave, and consent that is left out."""
        body = await read_body(request, PersonBody)
        return answer(shown_entry(await change(runtime, caller, body.patch(person))))

    return router


def _own_routes(router: APIRouter, runtime: Runtime, reader: DirectoryReader) -> None:
    follower = LeaveFollower(carrier(runtime), reader, runtime.clock)

    @router.put("/v1/people/{person}/consent")
    async def put_consent(person: str, request: Request, caller: Oneself) -> Response:
        """Say whether one agrees to be praised; one's own word, or that of who keeps people."""
        await known(reader, caller, person)
        _check_own(caller, person)
        body = await read_body(request, ConsentBody)
        patch = Patch(Ref(Person, person), {"praise": body.praise})
        return answer(shown_entry(await change(runtime, caller, patch)))

    @router.put("/v1/people/{person}/leave")
    async def put_leave(person: str, request: Request, caller: Oneself) -> Response:
        """Set all leave anew: oneself, the leads up the line, or who keeps people.

        Every running individual goal of the person gets a version without the days of leave.
        """
        await known(reader, caller, person)
        lines = (await reader.whole(caller.tenant)).lines
        if caller.person not in lines.above(person, ""):
            _check_own(caller, person)
        body = await read_body(request, LeaveBody)
        kept = await change(runtime, caller, body.patch(person))
        await follower.follow(caller.tenant, person)
        return answer(shown_entry(kept))

    @router.get("/v1/people/{person}/views")
    async def list_views(
        person: str, caller: Oneself, after: str = "", limit: Limit = 100
    ) -> Response:
        """Who has looked at one's page and when; nobody else sees it but who may audit."""
        await known(reader, caller, person)
        if not caller.allows("audit:read"):
            _check_own(caller, person)
        found = await reader.views(caller.tenant, person, _position(after), limit)
        following = f"{found[-1]['at_ms']}|{found[-1]['viewer']}" if len(found) == limit else None
        return page([_view(document) for document in found], following)


async def known(reader: DirectoryReader, caller: Caller, person: str) -> Kept:
    """Return a person of the caller's tenant; raises UserError 404."""
    found = await reader.find(caller.tenant, Ref(Person, person))
    if found is None:
        raise person_unknown(person)
    return found


def _check_own(caller: Caller, person: str) -> None:
    if caller.person == person or caller.allows("people:write"):
        return
    raise UserError(
        "not-yours",
        "path.person",
        f"this belongs to {person}; ask that person, or an administrator",
        f"这属于 {person}；请联系本人或管理员",
        status=403,
    )


def _view(document: Document) -> dict[str, Any]:
    return {"viewer": document["viewer"], "at": instant(document["at_ms"])}


def _position(after: str) -> tuple[int, str]:
    at_ms, _, viewer = after.partition("|")
    if not after:
        return -1, ""
    if not _INSTANT.fullmatch(at_ms):
        raise UserError(
            "cursor",
            "query.after",
            "this is no position of this list; use the value of `next` as it was given",
            "这不是本列表的位置；请原样使用返回的 next 值",
        )
    return int(at_ms), viewer
