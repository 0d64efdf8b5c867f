"""The console over services that are a table of answers, and a browser without a screen."""

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from console.adapters.sealed import Seal
from console.api import make_api
from console.api.visit import Place
from console.ports import SERVICES
from console.settings import ConsoleSettings

ADDRESS = "http://console"
NOW_MS = 1_773_194_400_000  # 2026-03-11 02:00 UTC, 10:00 in Shanghai
EMPTY: dict[str, Any] = {"items": [], "next": None}

Answer = Any | Callable[[httpx.Request], Any]


class StandingClock:
    """A clock that stands still."""

    def now_ms(self) -> int:
        return NOW_MS


class Services:
    """Four services: an answer per method and path; anything else is an empty list.

    An int is a status, a callable is asked. ``silent`` are services that do not answer.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.silent: set[str] = set()
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.host in self.silent:
            raise httpx.ConnectError("nobody there", request=request)
        answer = self.answers.get(f"{request.method} {request.url.path}", EMPTY)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, tuple):
            status, body = answer
            return httpx.Response(status, json=body)
        return httpx.Response(200, json=answer)

    def bodies(self, address: str) -> list[Any]:
        """Return what was sent to an address."""
        return [
            json.loads(each.content)
            for each in self.asked
            if f"{each.method} {each.url.path}" == address
        ]


def refusal(status: int, code: str, message: str, where: str = "$") -> tuple[int, Any]:
    """Return a service's refusal."""
    return status, {"error": {"code": code, "where": where, "message": message}}


class Desk:
    """The console, its services, and a browser with a session."""

    def __init__(self) -> None:
        self.services = Services()
        self.settings = ConsoleSettings(
            urls={name: f"http://{name}" for name in SERVICES}, address=ADDRESS, secret="s"
        )
        self.place = Place(
            settings=self.settings,
            http=httpx.AsyncClient(transport=httpx.MockTransport(self.services)),
            issuer=None,
            clock=StandingClock(),
            sessions=Seal("s", "session", time.time),
            attempts=Seal("s", "sign-in", time.time),
        )
        transport = httpx.ASGITransport(make_api(self.place), raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url=ADDRESS)

    def come_in(self, *roles: str, person: str = "li.na", team: str = "growth") -> None:
        """Let the browser have a session of a person with these roles."""
        document = {
            "token": "the-token",
            "person": person,
            "name": "Li Na",
            "team": team,
            "roles": list(roles),
            "csrf": "the-csrf",
        }
        text = self.place.sessions.close(document, time.time() + 60)
        self.http.cookies.set("paceline_session_0", text)

    async def get(self, path: str, language: str = "en") -> httpx.Response:
        return await self.http.get(path, headers={"Accept-Language": language})

    async def post(
        self, path: str, csrf: str = "the-csrf", files: Any = None, **fields: Any
    ) -> httpx.Response:
        headers = {"Origin": ADDRESS, "Accept-Language": "en"}
        data = {"csrf": csrf} | fields
        return await self.http.post(path, data=data, files=files, headers=headers)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    async with made.http, made.place.http:
        yield made


@pytest.fixture
def signed(desk: Desk) -> Desk:
    """The console with somebody who leads and administers."""
    desk.come_in("admin", "lead")
    return desk


def goal(identity: str = "g", **fields: Any) -> dict[str, Any]:
    """Return a goal as goal-service shows it."""
    return {
        "id": identity,
        "name": f"Goal {identity}",
        "metric": "leads",
        "unit": "leads",
        "zone": "Asia/Shanghai",
        "start": "2026-03-09",
        "end": "2026-03-13",
        "target": "100",
        "version": 1,
        "plan": {"daily": "20", "days": {}},
        "calendar": {"weekdays": [1, 2, 3, 4, 5], "off": [], "on": []},
        "policy": {"grain": "day"},
    } | fields


def light(identity: str, day: str, colour: str, **fields: Any) -> dict[str, Any]:
    """Return a span's lights as alerting shows them."""
    to_date = {"light": colour, "actual": "30", "plan": "40", "ratio": "0.75", "why": ""}
    return {
        "goal": identity,
        "span": {"kind": "day", "start": day, "end": day},
        "light": colour,
        "actual": "10",
        "plan": "20",
        "ratio": "0.5",
        "to_date": to_date | fields.pop("to_date", {}),
    } | fields


def page_of(*items: Any, **more: Any) -> dict[str, Any]:
    """Return a list as services answer it."""
    return {"items": list(items), "next": None} | more


@pytest.fixture
def make() -> Any:
    """The makers of answers, for tests."""

    class Make:
        goal = staticmethod(goal)
        light = staticmethod(light)
        page_of = staticmethod(page_of)
        refusal = staticmethod(refusal)

    return Make
