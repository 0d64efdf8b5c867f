"""Signing in at an issuer: only the answer to our own question, with both tokens right, counts."""

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from console.adapters.issuer import Issuer
from console.adapters.sealed import Seal
from console.api import make_api
from console.api.visit import Place, own_path
from console.ports import SERVICES
from console.settings import ConsoleSettings
from service_kit.settings import Settings

ISSUER = "https://issuer.example"
ADDRESS = "https://console.example"


class Stage:
    """A console, a directory with one person, and an issuer whose answers can be bent."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key(
            "P-256", parameters={"kid": "k", "use": "sig", "alg": "ES256"}
        )
        self.nonce = ""
        self.challenge = ""
        self.access: dict[str, Any] = {}
        self.told: dict[str, Any] = {}
        self.silent = False
        settings = ConsoleSettings(
            urls={name: f"http://{name}" for name in SERVICES}, address=ADDRESS, secret="s"
        )
        http = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))
        clock: Any = None
        place = Place(
            settings=settings,
            http=http,
            issuer=Issuer(ISSUER, "paceline", settings, http, self.fetch),
            clock=clock,
            sessions=Seal("s", "session", time.time),
            attempts=Seal("s", "sign-in", time.time),
        )
        transport = httpx.ASGITransport(make_api(place), raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url=ADDRESS)

    async def fetch(self, url: str) -> Any:
        if self.silent:
            raise httpx.ConnectError("nobody there")
        if url.endswith("/jwks.json"):
            return {"keys": [self.key.as_dict(private=False)]}
        return {
            "issuer": ISSUER,
            "jwks_uri": f"{ISSUER}/jwks.json",
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
        }

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            form = dict(parse_qsl(request.content.decode()))
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            right = base64.urlsafe_b64encode(digest).decode().rstrip("=") == self.challenge
            if form["code"] != "the-code" or not right:
                return httpx.Response(400, json={"error": "invalid_grant"})
            tokens = {"access_token": self.access_token(), "id_token": self.id_token()}
            return httpx.Response(200, json=tokens)
        person = {"id": "li.na", "name": "李娜", "roles": ["lead"], "team": "growth"}
        return httpx.Response(200, json={"items": [person], "next": None})

    def access_token(self) -> str:
        claims = {
            "aud": "paceline",
            "paceline_tenant": "shop",
            "paceline_roles": ["lead"],
            "paceline_team": "growth",
        }
        return self._signed(claims | self.access)

    def id_token(self) -> str:
        return self._signed({"aud": "paceline-console", "nonce": self.nonce} | self.told)

    def _signed(self, claims: dict[str, Any]) -> str:
        whole = {"iss": ISSUER, "sub": "li.na", "exp": int(time.time()) + 600} | claims
        return jwt.encode({"alg": "ES256", "kid": "k"}, whole, self.key)

    async def begin(self, to: str = "/goals") -> str:
        """Begin to sign in; return the state that the issuer has to bring back."""
        sent = await self.http.get("/sign-in", params={"to": to})
        assert sent.status_code == 303, sent.text
        asked = {k: v[0] for k, v in parse_qs(urlsplit(sent.headers["location"]).query).items()}
        assert asked["redirect_uri"] == f"{ADDRESS}/signed-in"
        assert asked["code_challenge_method"] == "S256"
        self.nonce, self.challenge = asked["nonce"], asked["code_challenge"]
        return asked["state"]

    async def finish(self, state: str, code: str = "the-code") -> httpx.Response:
        return await self.http.get("/signed-in", params={"code": code, "state": state})


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    async with made.http:
        yield made


async def test_who_signs_in_comes_back_to_the_page_with_a_cookie_for_https_alone(
    stage: Stage,
) -> None:
    back = await stage.finish(await stage.begin("/goals?q=1"))
    assert (back.status_code, back.headers["location"]) == (303, "/goals?q=1")
    cookies = back.headers.get_list("set-cookie")
    session = next(each for each in cookies if each.startswith("paceline_session_0="))
    for mark in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert mark in session
    assert "li.na" not in session
    page = await stage.http.get("/signed-out")
    assert page.status_code == 200


@pytest.mark.parametrize(
    "bent",
    [
        {"told": {"nonce": "another"}},
        {"told": {"aud": "another"}},
        {"told": {"sub": "wang.wei"}},
        {"told": {"exp": 1}},
        {"access": {"aud": "paceline-console"}},
        {"access": {"iss": "https://another.example"}},
        {"access": {"exp": 1}},
        {"access": {"paceline_tenant": ""}},
    ],
)
async def test_a_token_that_is_not_right_lets_nobody_in(
    stage: Stage, bent: dict[str, dict[str, Any]]
) -> None:
    state = await stage.begin()
    stage.told, stage.access = bent.get("told", {}), bent.get("access", {})
    refused = await stage.finish(state)
    assert refused.status_code == 400
    assert "Signing in did not work" in refused.text
    assert not any(c.startswith("paceline_session") for c in refused.headers.get_list("set-cookie"))


async def test_an_answer_that_nobody_asked_for_or_with_another_code_is_refused(
    stage: Stage,
) -> None:
    assert (await stage.finish("made-up")).status_code == 400
    state = await stage.begin()
    assert (await stage.finish("made-up")).status_code == 400
    assert (await stage.finish(state, code="stolen")).status_code == 400


async def test_a_silent_issuer_is_told_apart(stage: Stage) -> None:
    stage.silent = True
    page = await stage.http.get("/sign-in")
    assert page.status_code == 503
    assert "issuer did not answer" in page.text


async def test_a_token_too_large_for_one_cookie_takes_several(stage: Stage) -> None:
    stage.access = {"groups": ["x" * 50] * 90}
    back = await stage.finish(await stage.begin())
    assert back.status_code == 303
    names = {each.partition("=")[0] for each in back.headers.get_list("set-cookie")}
    assert {"paceline_session_0", "paceline_session_1", "paceline_session_2"} <= names


def test_a_seal_opens_what_it_closed_until_its_time_and_nothing_else() -> None:
    now = [1000.0]
    seal = Seal("secret", "session", lambda: now[0])
    text = seal.close({"person": "li.na"}, 1010)
    assert "li.na" not in text
    found = seal.open(text)
    assert found is not None
    assert found["person"] == "li.na"
    assert Seal("secret", "sign-in", lambda: now[0]).open(text) is None
    assert Seal("other", "session", lambda: now[0]).open(text) is None
    head, _, tail = text.rpartition(".")
    assert seal.open(f"{head}.{'A' if tail[0] != 'A' else 'B'}{tail[1:]}") is None
    assert [seal.open(each) for each in (None, "", "x", "a.b.c.d.e")] == [None] * 4
    now[0] = 1010
    assert seal.open(text) is None


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (None, "/"),
        ("/goals?q=1", "/goals?q=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("goals", "/"),
    ],
)
def test_nobody_is_sent_to_another_site(text: str | None, path: str) -> None:
    assert own_path(text) == path


def test_settings_are_read_from_the_environment() -> None:
    env = {
        "PACELINE_ALERTING_URL": "http://a:1",
        "PACELINE_CONSOLE_URL": "https://c.example/",
        "PACELINE_CONSOLE_SECRET": "s",
        "PACELINE_CONSOLE_CLIENT": "us",
    }
    found = ConsoleSettings.from_environment(Settings("console", port=8100), env)
    assert found.urls["alerting"] == "http://a:1"
    assert found.urls["metrics-ingest"] == "http://127.0.0.1:8101"
    assert (found.address, found.secure, found.client) == ("https://c.example", True, "us")
    bare = ConsoleSettings.from_environment(Settings("console", port=8100), {})
    assert (bare.address, bare.secure) == ("http://127.0.0.1:8100", False)
    assert len(bare.secret) > 20
