"""The application: every page, what goes wrong as a page, and /healthz, /readyz, /metrics."""

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from console.api import entering, goals, people, signing, sources
from console.api.render import STATIC, error_page, headers, page, refused_page
from console.api.visit import Place, Visit, drop_session, own_path, place_of, signed_in
from console.metrics import PAGES
from console.ports import Refused, SignedOut, Silent
from service_kit.errors import UserError
from service_kit.metrics import exposition
from service_kit.web import answer

ASK_SECONDS = 3.0
PLAIN = ("/healthz", "/readyz", "/metrics", "/static")


def make_api(place: Place) -> FastAPI:
    """Return the application."""
    app = FastAPI(title="console", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.place = place
    app.middleware("http")(_dressed)
    app.add_exception_handler(SignedOut, _signed_out)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Silent, _silent)
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _internal)
    app.add_api_route("/healthz", _healthz)
    app.add_api_route("/readyz", _readyz)
    app.add_api_route("/metrics", _metrics)
    app.mount("/static", StaticFiles(directory=STATIC))
    for router in (signing.router, goals.router, entering.router, sources.router, people.router):
        app.include_router(router)
    return app


async def _healthz() -> Response:
    return answer({"status": "ok"})


async def _readyz(request: Request) -> Response:
    """Ready when every service answers, and the issuer does."""
    place = place_of(request)

    async def up(url: str) -> bool:
        try:
            found = await place.http.get(f"{url.rstrip('/')}/healthz", timeout=ASK_SECONDS)
        except httpx.HTTPError:
            return False
        return found.is_success

    names = list(place.settings.urls)
    found = await asyncio.gather(*(up(place.settings.urls[name]) for name in names))
    parts = dict(zip(names, found, strict=True))
    parts["issuer"] = place.issuer is not None and await place.issuer.ready()
    ready = all(parts.values())
    return answer({"ready": ready, "parts": parts}, 200 if ready else 503)


async def _metrics() -> Response:
    return Response(exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _dressed(request: Request, call_next: Any) -> Response:
    """Give every answer its headers, and count it."""
    response: Response = await call_next(request)
    path = request.url.path
    response.headers.update(headers(request))
    if path.startswith("/static/"):
        known = "v" in request.query_params  # the address changes with the content
        kept = "public, max-age=31536000, immutable" if known else "no-cache"
        response.headers["Cache-Control"] = kept
    else:
        response.headers.setdefault("Cache-Control", "no-store")
    if not path.startswith(PLAIN):
        route = request.scope.get("route")
        PAGES.labels(getattr(route, "path", "unknown"), str(response.status_code)).inc()
    return response


async def visitor(request: Request) -> Visit | None:
    """Return who looks, if somebody has signed in."""
    try:
        return await signed_in(request)
    except SignedOut:
        return None


async def _signed_out(request: Request, error: Exception) -> Response:
    """Send the person to sign in, and back to where they were."""
    here = request.url.path if request.method == "GET" else "/"
    query = f"?{request.url.query}" if request.method == "GET" and request.url.query else ""
    to = quote(own_path(here + query), safe="")
    response = RedirectResponse(f"/sign-in?to={to}", 303)
    drop_session(request, response)
    return response


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refused_page(request, await visitor(request), error)


async def _silent(request: Request, error: Exception) -> Response:
    assert isinstance(error, Silent)
    return error_page(
        request,
        await visitor(request),
        503,
        "error.silent",
        service=error.service,
        detail=error.detail,
    )


async def _user_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    visit = await visitor(request)
    return page(request, "refusal.html", visit, error.status, error=error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    key = {404: "error.missing", 405: "error.method"}.get(error.status_code, "error.request")
    return error_page(request, await visitor(request), error.status_code, key)


async def _internal(request: Request, error: Exception) -> Response:
    response = error_page(request, None, 500, "error.internal")
    response.headers.update(headers(request))  # no middleware sees this answer
    return response
