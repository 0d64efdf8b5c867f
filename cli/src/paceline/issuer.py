"""The local OpenID Connect issuer of `paceline up`: signs for the people of the directory.

For one machine and nobody else: it listens on loopback, and whoever holds the system's password
may be anybody. An organisation names its own issuer by PACELINE_OIDC_ISSUER instead.

    POST /token   grant_type=password&username=<person>&password=<the system's password>
"""

import argparse
import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from joserfc import jwt

from paceline.issuer_keys import TOKEN_SECONDS, KeyRing, password_in
from paceline.key_file import KeyFile
from service_kit.embedded.process import LOOPBACK

MOST_FORM = 10_000
TIMEOUT = 10.0


class Somebody(NamedTuple):
    """A person of the directory, as far as a token tells."""

    person: str
    roles: tuple[str, ...]
    team: str


Find = Callable[[str], Awaitable[Somebody | None]]


class Issuer(NamedTuple):
    """What the issuer is made of. ``now`` returns seconds since the epoch."""

    address: str
    audience: str
    tenant: str
    password: str
    keys: KeyRing
    find: Find
    now: Callable[[], int]

    def token(self, somebody: Somebody) -> str:
        """Return a signed token of the person, good for TOKEN_SECONDS."""
        now = self.now()
        key = self.keys.at(now)
        claims = {
            "iss": self.address,
            "aud": self.audience,
            "sub": somebody.person,
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "paceline_tenant": self.tenant,
            "paceline_roles": list(somebody.roles),
            "paceline_team": somebody.team,
        }
        return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)


def make_issuer(issuer: Issuer) -> FastAPI:
    """Return the issuer's application."""
    app = FastAPI(title="Paceline's local issuer", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/.well-known/openid-configuration")
    async def configuration() -> dict[str, Any]:
        return {
            "issuer": issuer.address,
            "jwks_uri": f"{issuer.address}/jwks.json",
            "token_endpoint": f"{issuer.address}/token",
            "grant_types_supported": ["password"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    @app.get("/jwks.json")
    async def jwks() -> dict[str, Any]:
        return issuer.keys.public(issuer.now())

    @app.post("/token")
    async def token(request: Request) -> Response:
        form = await _form(request)
        if form.get("grant_type") != "password":
            return _refused("unsupported_grant_type", 400)
        if not _knows_password(issuer, form):
            return _refused("invalid_grant", 400)
        try:
            somebody = await issuer.find(form.get("username", ""))
        except httpx.HTTPError:
            return _refused("temporarily_unavailable", 503)
        if somebody is None:
            return _refused("invalid_grant", 400)
        return _secret(
            {
                "access_token": issuer.token(somebody),
                "token_type": "Bearer",
                "expires_in": TOKEN_SECONDS,
            }
        )

    @app.post("/rotate")
    async def rotate(request: Request) -> Response:
        """Make a new key; tokens of the old one stay good until they expire."""
        if not _knows_password(issuer, await _form(request)):
            return _refused("invalid_grant", 400)
        issuer.keys.rotate(issuer.now())
        return _secret(issuer.keys.public(issuer.now()))

    return app


def people_at(goals: str, key: str) -> Find:
    """Return what looks people up at goal-service; its list tells roles and is no look at a page.

    Raises httpx.HTTPError when goal-service does not answer.
    """

    async def find(person: str) -> Somebody | None:
        async with httpx.AsyncClient(base_url=goals, timeout=TIMEOUT) as http:
            headers = {"Authorization": f"Bearer {key}"}
            answer = await http.get("/v1/people", params={"id": person}, headers=headers)
            answer.raise_for_status()
        for item in answer.json()["items"]:
            return Somebody(item["id"], tuple(item["roles"]), item["team"])
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
    parser.add_argument("--goals", required=True, help="goal-service's address")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--audience", required=True)
    chosen = parser.parse_args()
    folder = chosen.data / "issuer"
    issuer = Issuer(
        address=f"http://{LOOPBACK}:{chosen.port}",
        audience=chosen.audience,
        tenant=chosen.tenant,
        password=password_in(folder),
        keys=KeyRing(folder),
        find=people_at(chosen.goals, KeyFile(chosen.data / "keys.json").read()[chosen.tenant]),
        now=lambda: int(time.time()),  # the machine's time, as in every token
    )
    config = uvicorn.Config(
        make_issuer(issuer), host=LOOPBACK, port=chosen.port, log_config=None, access_log=False
    )
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
