"""The local issuer: its tokens let its people in, its keys change under running services."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt

from paceline.issuer import Issuer, Somebody, make_issuer
from paceline.issuer_keys import (
    EARLY_SECONDS,
    MOST_AGE_SECONDS,
    TOKEN_SECONDS,
    KeyRing,
    password_in,
)
from service_kit.errors import UserError
from service_kit.jwks import REFRESH_SECONDS, IssuerKeys
from service_kit.tokens import IssuerTokens

ADDRESS = "http://127.0.0.1:8105"
PEOPLE = {"li.na": Somebody("li.na", ("lead", "member"), "content")}


class Stage:
    """An issuer, and a service that verifies its tokens, by one clock."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_800_000_000
        self.silent = False
        self.folder = folder
        self.password = password_in(folder)
        self.issuer = Issuer(
            ADDRESS, "paceline", "shop", self.password, KeyRing(folder), self.find, lambda: self.now
        )
        transport = httpx.ASGITransport(app=make_issuer(self.issuer))
        self.http = httpx.AsyncClient(transport=transport, base_url=ADDRESS)
        keys = IssuerKeys(ADDRESS, self.fetch, lambda: float(self.now))
        self.tokens = IssuerTokens(ADDRESS, "paceline", keys, self)

    def now_ms(self) -> int:
        return self.now * 1000

    async def find(self, person: str) -> Somebody | None:
        if self.silent:
            raise httpx.ConnectError("nobody there")
        return PEOPLE.get(person)

    async def fetch(self, url: str) -> Any:
        return (await self.http.get(url)).json()

    async def post(self, path: str, **form: str) -> httpx.Response:
        return await self.http.post(path, data=form)

    async def token(self) -> str:
        answer = await self.post(
            "/token", grant_type="password", username="li.na", password=self.password
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.json()["expires_in"] == TOKEN_SECONDS
        return str(answer.json()["access_token"])

    async def kids(self) -> list[str]:
        return [key["kid"] for key in (await self.fetch(f"{ADDRESS}/jwks.json"))["keys"]]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path / "issuer")
    async with made.http:
        yield made


async def test_a_person_of_the_directory_gets_a_token_that_services_take(stage: Stage) -> None:
    found = await stage.tokens.verify(await stage.token())
    assert (found.tenant, found.person, found.team) == ("shop", "li.na", "content")
    assert found.roles == {"lead", "member"}


async def test_a_token_is_good_for_an_hour(stage: Stage) -> None:
    token = await stage.token()
    stage.now += TOKEN_SECONDS
    await stage.tokens.verify(token)  # within the leeway
    stage.now += 60
    with pytest.raises(UserError, match="expired"):
        await stage.tokens.verify(token)


async def test_a_directory_that_does_not_answer_is_no_refusal(stage: Stage) -> None:
    stage.silent = True
    answer = await stage.post(
        "/token", grant_type="password", username="li.na", password=stage.password
    )
    assert (answer.status_code, answer.json()) == (503, {"error": "temporarily_unavailable"})


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "li.na"}, "invalid_grant"),
        ({"grant_type": "password", "username": "li.na", "password": "guess"}, "invalid_grant"),
        ({"grant_type": "password", "username": "x" * 20_000}, "unsupported_grant_type"),
    ],
)
async def test_who_does_not_know_the_password_gets_nothing(
    stage: Stage, form: dict[str, str], error: str
) -> None:
    answer = await stage.post("/token", **form)
    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert (await stage.post("/rotate", **form)).status_code == 400


async def test_somebody_who_is_not_in_the_directory_gets_nothing(stage: Stage) -> None:
    answer = await stage.post(
        "/token", grant_type="password", username="ghost", password=stage.password
    )
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})


async def test_nothing_private_is_published_and_files_are_the_owners_alone(stage: Stage) -> None:
    await stage.token()
    for key in (await stage.fetch(f"{ADDRESS}/jwks.json"))["keys"]:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    for path in stage.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_key_is_changed_without_a_moment_in_which_tokens_are_refused(stage: Stage) -> None:
    assert EARLY_SECONDS > REFRESH_SECONDS
    old = await stage.token()
    await stage.tokens.verify(old)
    await stage.post("/rotate", password=stage.password)
    (first, second) = await stage.kids()
    kids = set()
    for _ in range(0, 3 * EARLY_SECONDS, 10):
        token = await stage.token()
        await stage.tokens.verify(token)
        await stage.tokens.verify(old)
        kids.add(jwt.decode(token, stage.issuer.keys.at(stage.now)).header["kid"])
        stage.now += 10
    assert kids == {first, second}
    stage.now += TOKEN_SECONDS
    await stage.post("/rotate", password=stage.password)
    assert first not in await stage.kids()


async def test_keys_and_password_stay_over_a_restart_and_an_old_key_gets_a_successor(
    stage: Stage,
) -> None:
    old = await stage.token()
    again = Stage(stage.folder)
    async with again.http:
        assert again.password == stage.password
        assert await again.kids() == await stage.kids()
        await again.tokens.verify(old)
        again.now += MOST_AGE_SECONDS + 1
        assert len(await again.kids()) == 2
