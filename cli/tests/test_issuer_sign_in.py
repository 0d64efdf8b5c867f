"""Signing in at the local issuer with a browser: a code with PKCE, good once and for who asked."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt

from paceline.issuer import CLIENT, Issuer, Somebody, make_issuer, people_at
from paceline.issuer_codes import CODE_SECONDS, challenge_of
from paceline.issuer_keys import KeyRing, password_in

ADDRESS = "http://127.0.0.1:8105"
BACK = "http://127.0.0.1:8100/signed-in"
VERIFIER = "v" * 64
PEOPLE = {"li.na": Somebody("li.na", ("lead",), "content")}


class Stage:
    """An issuer, and what a browser and the console send to it."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_800_000_000
        self.silent = False
        self.password = password_in(folder)
        self.issuer = Issuer(
            *(ADDRESS, "paceline", "shop", self.password, KeyRing(folder), self.find),
            now=lambda: self.now,
            redirects=(BACK,),
            file="/data/issuer/password",
        )
        transport = httpx.ASGITransport(app=make_issuer(self.issuer))
        self.http = httpx.AsyncClient(transport=transport, base_url=ADDRESS)

    async def find(self, person: str) -> Somebody | None:
        if self.silent:
            raise httpx.ConnectError("nobody there")
        return PEOPLE.get(person)

    def asked(self, **changes: str) -> dict[str, str]:
        asked = {
            "client_id": CLIENT,
            "redirect_uri": BACK,
            "response_type": "code",
            "scope": "openid",
            "state": 's"1',
            "nonce": "n1",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        return asked | changes

    async def sign_in(self, username: str = "li.na", **changes: str) -> httpx.Response:
        form = self.asked(**changes) | {"username": username, "password": self.password}
        return await self.http.post("/authorize", data=form)

    async def code(self) -> str:
        answer = await self.sign_in()
        assert answer.status_code == 303, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]

    async def redeem(self, code: str, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": CLIENT,
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
        }
        return await self.http.post("/token", data=form | changes)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path / "issuer")
    async with made.http:
        yield made


async def test_a_person_who_signs_in_is_sent_back_with_a_code_that_gets_both_tokens(
    stage: Stage,
) -> None:
    answer = await stage.sign_in()
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(BACK + "?")
    back = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert (back["state"], back["iss"]) == ('s"1', ADDRESS)
    granted = (await stage.redeem(back["code"])).json()
    key = stage.issuer.keys.at(stage.now)
    told = jwt.decode(granted["id_token"], key).claims
    assert (told["aud"], told["sub"], told["nonce"]) == (CLIENT, "li.na", "n1")
    access = jwt.decode(granted["access_token"], key).claims
    assert (access["aud"], access["paceline_roles"]) == ("paceline", ["lead"])


async def test_the_page_sends_everything_on_and_lets_nothing_foreign_run(stage: Stage) -> None:
    page = await stage.http.get("/authorize", params=stage.asked())
    assert page.status_code == 200
    assert 'value="s&quot;1"' in page.text
    assert "/data/issuer/password" in page.text
    assert stage.password not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:8100;" in policy
    chinese = await stage.http.get(
        "/authorize", params=stage.asked(), headers={"Accept-Language": "zh-CN"}
    )
    assert "登录 Paceline" in chinese.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "another"},
        {"redirect_uri": "https://evil.example/signed-in"},
        {"response_type": "token"},
        {"code_challenge": "short"},
        {"code_challenge_method": "plain"},
    ],
)
async def test_a_request_that_is_wrong_is_named_and_sends_nobody_anywhere(
    stage: Stage, wrong: dict[str, str]
) -> None:
    page = await stage.http.get("/authorize", params=stage.asked(**wrong))
    posted = await stage.sign_in(**wrong)
    for answer in (page, posted):
        assert answer.status_code == 400
        assert next(iter(wrong)) in answer.text
        assert "<form" not in answer.text


async def test_a_code_is_good_once_for_a_minute_and_only_with_its_verifier(stage: Stage) -> None:
    async def refused(code: str, **changes: str) -> bool:
        answer = await stage.redeem(code, **changes)
        return (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})

    code = await stage.code()
    assert (await stage.redeem(code)).status_code == 200
    assert await refused(code)
    assert await refused(await stage.code(), code_verifier="w" * 64)
    assert await refused(await stage.code(), redirect_uri="http://127.0.0.1:9/signed-in")
    assert await refused(await stage.code(), client_id="another")
    assert await refused("made-up")
    late = await stage.code()
    stage.now += CODE_SECONDS
    assert await refused(late)


async def test_a_stranger_a_wrong_password_and_a_silent_directory_are_told_apart(
    stage: Stage,
) -> None:
    stranger = await stage.sign_in("ghost")
    wrong = await stage.http.post(
        "/authorize", data=stage.asked() | {"username": "li.na", "password": "guess"}
    )
    stage.silent = True
    silent = await stage.sign_in()
    assert [stranger.status_code, wrong.status_code, silent.status_code] == [403, 403, 503]
    assert "no such person" in stranger.text
    assert stranger.text.count("no such person") == wrong.text.count("no such person")
    assert "does not answer" in silent.text


async def test_while_the_directory_is_empty_admin_comes_in_to_load_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people: list[dict[str, Any]] = []

    def directory(request: httpx.Request) -> httpx.Response:
        wanted = request.url.params.get("id")
        found = [each for each in people if wanted in (None, each["id"])]
        return httpx.Response(200, json={"items": found, "next": None})

    client = httpx.AsyncClient
    transport = httpx.MockTransport(directory)
    monkeypatch.setattr(
        httpx, "AsyncClient", lambda **options: client(transport=transport, **options)
    )
    find = people_at("http://goals", "pk_x")
    assert await find("admin") == Somebody("admin", ("admin",), "")
    assert await find("li.na") is None
    people.append({"id": "li.na", "roles": ["member"], "team": ""})
    assert await find("admin") is None
    assert await find("li.na") == Somebody("li.na", ("member",), "")
