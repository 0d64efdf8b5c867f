"""People and teams; one's own page; a directory from a file."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from console.api.render import page
from console.api.visit import Posted, Visit, posted, signed_in
from console.domain.faults import Faults
from console.domain.number_file import text_of
from console.handlers import people as handlers

Signed = Annotated[Visit, Depends(signed_in)]
Form = Annotated[Posted, Depends(posted)]

router = APIRouter()


@router.get("/people")
async def people(request: Request, visit: Signed) -> Response:
    """Everybody, by team."""
    return await _people_page(request, visit)


@router.post("/people/import")
async def dry_run(request: Request, form: Form) -> Response:
    """Say what loading the file would do; nothing is written."""
    try:
        text = text_of(form.files.get("file", b""))
        done = await handlers.load_people(form.visit.api, text.encode(), dry=True)
    except Faults as wrong:
        return await _people_page(request, form.visit, wrong=wrong, status=422)
    return await _people_page(request, form.visit, text=text, done=done)


@router.post("/people/import/load")
async def load(request: Request, form: Form) -> Response:
    """Load the file of a dry run."""
    text = form.fields.get("text", "")
    try:
        done = await handlers.load_people(form.visit.api, text.encode(), dry=False)
    except Faults as wrong:
        return await _people_page(request, form.visit, wrong=wrong, status=422)
    return await _people_page(request, form.visit, done=done)


@router.get("/people/{person}")
async def person(request: Request, visit: Signed, person: str) -> Response:
    """One person's page."""
    found = await handlers.person_page(visit.api, person, own=person == visit.person)
    return page(request, "person.html", visit, found=found, own=person == visit.person)


@router.post("/people/{person}/consent")
async def consent(request: Request, form: Form, person: str) -> Response:
    """Say whether one agrees to be praised."""
    praise = form.fields.get("praise") == "yes"
    await handlers.set_consent(form.visit.api, person, praise)
    return RedirectResponse(request.url.path.removesuffix("/consent"), 303)


async def _people_page(
    request: Request,
    visit: Visit,
    *,
    wrong: Faults | None = None,
    text: str | None = None,
    done: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    found = await handlers.people_page(visit.api)
    faults = wrong.faults if wrong else ()
    return page(
        request,
        "people.html",
        visit,
        status,
        found=found,
        faults=[(fault.line, fault.where, fault.text(visit.language)) for fault in faults],
        text=text,
        done=done,
    )
