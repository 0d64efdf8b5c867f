"""Signing in at the issuer, signing out, and the language."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from console.adapters.gateway import Gateway
from console.adapters.issuer import Attempt, SignedIn, SignInFailed
from console.api.render import error_page, page
from console.api.visit import (
    ATTEMPT,
    LANGUAGE,
    YEAR_SECONDS,
    Posted,
    drop,
    drop_session,
    keep,
    keep_session,
    language_for,
    own_path,
    place_of,
    posted,
)
from console.domain.answers import Person
from console.metrics import SIGN_INS
from console.ports import GOALS, Refused, SignedOut, Silent

ATTEMPT_SECONDS = 600

router = APIRouter()


@router.get("/sign-in")
async def sign_in(request: Request, to: str = "/") -> Response:
    """Send the person to the issuer."""
    place = place_of(request)
    if place.issuer is None:
        return error_page(request, None, 503, "error.no-issuer")
    address, attempt = await place.issuer.begin()
    until = time.time() + ATTEMPT_SECONDS
    kept = place.attempts.close({**attempt._asdict(), "to": own_path(to)}, until)
    response = RedirectResponse(address, 303)
    keep(request, response, ATTEMPT, kept, ATTEMPT_SECONDS)
    return response


@router.get("/signed-in")
async def signed_in(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
    """Take the issuer's answer, and go on to where the person wanted to be."""
    place = place_of(request)
    kept = place.attempts.open(request.cookies.get(ATTEMPT))
    if place.issuer is None or kept is None or error or kept["state"] != state:
        SIGN_INS.labels("refused").inc()
        return error_page(request, None, 400, "error.sign-in", detail=error)
    attempt = Attempt(kept["state"], kept["nonce"], kept["verifier"])
    try:
        who = await place.issuer.finish(code, attempt)
    except SignInFailed as failed:
        SIGN_INS.labels("refused").inc()
        return error_page(request, None, 400, "error.sign-in", detail=str(failed))
    response = RedirectResponse(own_path(kept["to"]), 303)
    drop(request, response, ATTEMPT)
    keep_session(request, response, who, await _name(request, who))
    SIGN_INS.labels("signed-in").inc()
    return response


@router.post("/sign-out")
async def sign_out(request: Request, form: Annotated[Posted, Depends(posted)]) -> Response:
    """Forget the session; the issuer's own session is the issuer's."""
    response = RedirectResponse("/signed-out", 303)
    drop_session(request, response)
    return response


@router.get("/signed-out")
async def signed_out(request: Request) -> Response:
    """Say that nobody is signed in here."""
    return page(request, "signed_out.html", None)


@router.post("/language")
async def choose_language(request: Request) -> Response:
    """Keep the language; anybody may choose one, so there is nothing to protect."""
    async with request.form(max_fields=10) as form:
        chosen, to = str(form.get("language", "")), str(form.get("to", "/"))
    response = RedirectResponse(own_path(to), 303)
    if chosen in ("zh", "en"):
        keep(request, response, LANGUAGE, chosen, YEAR_SECONDS)
    return response


async def _name(request: Request, who: SignedIn) -> str:
    """Return the person's name as the directory has it, else the id."""
    place = place_of(request)
    api = Gateway(place.http, place.settings.urls, who.token, language_for(request))
    try:
        found = await api.all(GOALS, "/v1/people", Person, id=who.identity.person)
    except (Refused, Silent, SignedOut):
        return who.identity.person
    return found[0].name if found else who.identity.person
