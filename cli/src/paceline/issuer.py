"""The local OpenID Connect issuer of `paceline up`: signs for the people of the directory.

For one machine and nobody else: it listens on loopback (in a container: loopback alone is
published), and whoever holds the system's password may be anybody. An organisation names its own
issuer by PACELINE_OIDC_ISSUER instead.

    POST /token     grant_type=password&username=<person>&password=<the system's password>
    GET /authorize  the page at which people sign in, for the console: a code with PKCE (S256)
    POST /token     grant_type=authorization_code&code=...&code_verifier=...
"""

import argparse
import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt

from paceline.issuer_codes import Codes, asked_in
from paceline.issuer_keys import TOKEN_SECONDS, KeyRing, password_in
from paceline.issuer_page import refusal_page, sign_in_page
from paceline.key_file import KeyFile
from service_kit.embedded.process import LOOPBACK
from service_kit.serving import configured

MOST_FORM = 10_000
TIMEOUT = 10.0
CLIENT = "paceline-console"
FIRST = "admin"  # lets somebody in to load the directory, as long as nobody is in it


class Somebody(NamedTuple):
    """A person of the directory, as far as a token tells."""

    person: str
    roles: tuple[str, ...]
    team: str


Find = Callable[[str], Awaitable[Somebody | None]]


class Issuer(NamedTuple):
    """What the issuer is made of. ``now`` returns seconds since the epoch.

    ``redirects``: where people who have signed in may be sent. ``file`` holds the password.
    """

    address: str
    audience: str
    tenant: str
    password: str
    keys: KeyRing
    find: Find
    now: Callable[[], int]
    redirects: tuple[str, ...] = ()
    file: str = ""

    def token(self, somebody: Somebody) -> str:
        """Return a signed token of the person, good for TOKEN_SECONDS."""
        claims = {
            "aud": self.audience,
            "paceline_tenant": self.tenant,
            "paceline_roles": list(somebody.roles),
            "paceline_team": somebody.team,
        }
        return self._signed(somebody, claims)

    def id_token(self, somebody: Somebody, nonce: str) -> str:
        """Return what tells the console who has signed in; no service takes it for a token."""
        return self._signed(somebody, {"aud": CLIENT, "nonce": nonce})

    def _signed(self, somebody: Somebody, claims: Mapping[str, Any]) -> str:
        now = self.now()
        key = self.keys.at(now)
        times = {"iat": now, "nbf": now, "exp": now + TOKEN_SECONDS}
        whole = {"iss": self.address, "sub": somebody.person, **times, **claims}
        return jwt.encode({"alg": "ES256", "kid": key.kid}, whole, key)


def make_issuer(issuer: Issuer) -> FastAPI:
    """Return the issuer's application."""
    app = FastAPI(title="Paceline's local issuer", docs_url=None, redoc_url=None, openapi_url=None)
    codes: Codes[Somebody] = Codes()

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/.well-known/openid-configuration")
    async def configuration() -> dict[str, Any]:
        return {
            "issuer": issuer.address,
            "jwks_uri": f"{issuer.address}/jwks.json",
            "token_endpoint": f"{issuer.address}/token",
            "authorization_endpoint": f"{issuer.address}/authorize",
            "grant_types_supported": ["authorization_code", "password"],
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid"],
            "token_endpoint_auth_methods_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    @app.get("/jwks.json")
    async def jwks() -> dict[str, Any]:
        return issuer.keys.public(issuer.now())

    _token_route(app, issuer, codes)
    _sign_in_routes(app, issuer, codes)

    @app.post("/rotate")
    async def rotate(request: Request) -> Response:
        """Make a new key; tokens of the old one stay good until they expire."""
        if not _knows_password(issuer, await _form(request)):
            return _refused("invalid_grant", 400)
        issuer.keys.rotate(issuer.now())
        return _secret(issuer.keys.public(issuer.now()))

    return app


def _token_route(app: FastAPI, issuer: Issuer, codes: Codes[Somebody]) -> None:
    @app.post("/token")
    async def token(request: Request) -> Response:
        form = await _form(request)
        if form.get("grant_type") == "authorization_code":
            taken = codes.take(form, issuer.now())
            if taken is None:
                return _refused("invalid_grant", 400)
            asked, somebody = taken
            return _granted(issuer, somebody, id_token=issuer.id_token(somebody, asked.nonce))
        if form.get("grant_type") != "password":
            return _refused("unsupported_grant_type", 400)
        if not _knows_password(issuer, form):
            return _refused("invalid_grant", 400)
        try:
            found = await issuer.find(form.get("username", ""))
        except httpx.HTTPError:
            return _refused("temporarily_unavailable", 503)
        return _granted(issuer, found) if found else _refused("invalid_grant", 400)


def _sign_in_routes(app: FastAPI, issuer: Issuer, codes: Codes[Somebody]) -> None:
    @app.get("/authorize")
    async def show(request: Request) -> Response:
        accepted = request.headers.get("accept-language", "")
        form = dict(request.query_params)
        try:
            asked_in(form, CLIENT, issuer.redirects)
        except ValueError as error:
            return refusal_page(str(error), accepted)
        return sign_in_page(form, accepted, issuer.file)

    @app.post("/authorize")
    async def sign_in(request: Request) -> Response:
        accepted = request.headers.get("accept-language", "")
        form = await _form(request)
        try:
            asked = asked_in(form, CLIENT, issuer.redirects)
        except ValueError as error:
            return refusal_page(str(error), accepted)
        try:
            known = _knows_password(issuer, form)
            somebody = await issuer.find(form.get("username", "").strip()) if known else None
        except httpx.HTTPError:
            return sign_in_page(form, accepted, issuer.file, "silent", 503)
        if somebody is None:
            return sign_in_page(form, accepted, issuer.file, "wrong", 403)
        code = codes.give(asked, somebody, issuer.now())
        answer = urlencode({"code": code, "state": asked.state, "iss": issuer.address})
        return RedirectResponse(
            f"{asked.redirect}?{answer}", 303, headers={"Cache-Control": "no-store"}
        )


def _granted(issuer: Issuer, somebody: Somebody, **more: str) -> Response:
    return _secret(
        {
            "access_token": issuer.token(somebody),
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            **more,
        }
    )


def people_at(goals: str, key: str) -> Find:
    """Return what looks people up at goal-service; its list tells roles and is no look at a page.

    As long as the directory is empty there is FIRST, an administrator. Raises httpx.HTTPError when
    goal-service does not answer.
    """

    async def ask(**query: Any) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(base_url=goals, timeout=TIMEOUT) as http:
            headers = {"Authorization": f"Bearer {key}"}
            answer = await http.get("/v1/people", params=query, headers=headers)
            answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def find(person: str) -> Somebody | None:
        for item in await ask(id=person):
            return Somebody(item["id"], tuple(item["roles"]), item["team"])
        if person == FIRST and not await ask(limit=1):
            return Somebody(FIRST, ("admin",), "")
        return None

    return find


async def _form(request: Request) -> Mapping[str, str]:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_FORM:
            return {}
    return dict(parse_qsl(content.decode(errors="replace")))


def _knows_password(issuer: Issuer, form: Mapping[str, str]) -> bool:
    return hmac.compare_digest(form.get("password", "").encode(), issuer.password.encode())


def _secret(content: Any) -> Response:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


def _refused(error: str, status: int) -> Response:
    return JSONResponse({"error": error}, status, headers={"Cache-Control": "no-store"})


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="paceline.issuer")
    parser.add_argument("--data", type=Path, required=True, help="the system's folder")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default=LOOPBACK, help="where to listen")
    parser.add_argument("--address", help="where browsers find it; by default host and port")
    parser.add_argument("--goals", required=True, help="goal-service's address")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--audience", required=True)
    parser.add_argument("--redirect", action="append", default=[], help="where to send people")
    chosen = parser.parse_args()
    folder = chosen.data / "issuer"
    issuer = Issuer(
        address=chosen.address or f"http://{LOOPBACK}:{chosen.port}",
        audience=chosen.audience,
        tenant=chosen.tenant,
        password=password_in(folder),
        keys=KeyRing(folder),
        find=people_at(chosen.goals, KeyFile(chosen.data / "keys.json").read()[chosen.tenant]),
        now=lambda: int(time.time()),  # the machine's time, as in every token
        redirects=tuple(chosen.redirect),
        file=str(folder / "password"),
    )
    config = configured(make_issuer(issuer), chosen.host, chosen.port)
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
