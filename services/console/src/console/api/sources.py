"""Sources of events, dead letters, mending and sending again."""

import json
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from console.api.render import page
from console.api.visit import Posted, Visit, posted, signed_in
from console.handlers import sources as handlers
from console.ports import INGEST, Refused, at

Signed = Annotated[Visit, Depends(signed_in)]
Form = Annotated[Posted, Depends(posted)]

router = APIRouter()


@router.get("/sources")
async def sources(request: Request, visit: Signed) -> Response:
    """All sources, and what could not count."""
    found = await handlers.sources_page(visit.api)
    return page(request, "sources.html", visit, found=found)


@router.get("/sources/{name}")
async def source(request: Request, visit: Signed, name: str, done: str = "") -> Response:
    """One source with its mapping."""
    document = await handlers.source_document(visit.api, name)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return await _source_page(request, visit, name, text, done=done)


@router.post("/sources/{name}")
async def mend(request: Request, form: Form, name: str) -> Response:
    """Write the next version of a source."""
    text, reason = form.fields.get("document", ""), form.fields.get("reason", "").strip()
    try:
        document = json.loads(text)
    except ValueError as error:
        wrong = ("JSON", str(error))
        return await _source_page(request, form.visit, name, text, reason=reason, wrong=wrong)
    body = document | {"reason": reason} if isinstance(document, dict) else document
    try:
        await form.visit.api.send("PUT", INGEST, at("sources", name), body)
    except Refused as error:
        if error.status != 422:
            raise
        wrong = (error.where, error.message)
        return await _source_page(request, form.visit, name, text, reason=reason, wrong=wrong)
    return RedirectResponse(f"{request.url.path}?done=mended", 303)


@router.post("/sources/{name}/resume")
async def resume(request: Request, form: Form, name: str) -> Response:
    """Let a paused source run again."""
    await form.visit.api.send("POST", INGEST, at("sources", name, "resume"), {})
    return RedirectResponse(f"/sources/{name}?done=resumed", 303)


@router.get("/dead-letters")
async def letters(
    request: Request,
    visit: Signed,
    source: str = "",
    cause: str = "",
    state: str = "new",
    after: str = "",
    replayed: int | None = None,
    unmendable: int = 0,
) -> Response:
    """What could not count, the oldest first."""
    wanted = {"source": source, "cause": cause, "state": state}
    wanted = {name: value for name, value in wanted.items() if value}
    found = await handlers.letters_page(visit.api, wanted, after or None)
    query = {**wanted, "after": found.letters.next}
    following = f"/dead-letters?{urlencode(query)}" if found.letters.next else ""
    return page(
        request,
        "letters.html",
        visit,
        found=found.letters,
        zone=found.zone,
        source=source,
        cause=cause,
        state=state,
        following=following,
        replayed=replayed,
        unmendable=unmendable,
    )


@router.get("/dead-letters/{identity}")
async def letter(request: Request, visit: Signed, identity: str) -> Response:
    """One dead letter with what arrived."""
    found = await handlers.letter_page(visit.api, identity)
    return page(
        request, "letter.html", visit, letter=found.letter, body=found.body, zone=found.zone
    )


@router.post("/dead-letters/replay")
async def replay(request: Request, form: Form) -> Response:
    """Send dead letters again: one by its id, or all of a source, of a cause, at a place."""
    names = ("source", "cause")
    group = (*names, "where")
    wanted: dict[str, Any] = {name: form.fields[name] for name in group if form.fields.get(name)}
    if form.fields.get("id"):
        wanted["ids"] = [form.fields["id"]]
    done = await handlers.replay(form.visit.api, wanted)
    query = {**done, **{name: wanted[name] for name in names if name in wanted}}
    return RedirectResponse(f"/dead-letters?{urlencode(query)}", 303)


async def _source_page(
    request: Request,
    visit: Visit,
    name: str,
    text: str,
    *,
    reason: str = "",
    done: str = "",
    wrong: tuple[str, str] | None = None,
) -> Response:
    found = await handlers.sources_page(visit.api)
    row = next((row for row in found.rows if row.source.name == name), None)
    if row is None:
        raise Refused(INGEST, 404, "not-found", "path", "")
    groups = [group for group in found.letters.groups if group.source == name]
    status = 422 if wrong else 200
    return page(
        request,
        "source.html",
        visit,
        status,
        row=row,
        groups=groups,
        text=text,
        reason=reason,
        done=done,
        wrong=wrong,
    )
