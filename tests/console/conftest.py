"""A running system with a small organisation, and a browser that looks at its console.

Monday 2 March to Tuesday 10 March 2026 have been played, it is Wednesday morning in Shanghai: the
SEM leads are red on the third day, the content leads green.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from paceline.trial.api import Api
from paceline.trial.stage import Stage, Tenant, of_channel
from paceline.trial.system import System, until

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / ".cache" / "axe" / "axe.min.js"
FIRST = date(2026, 3, 2)  # a Monday
NOW = datetime(2026, 3, 11, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai
PEOPLE = """\
id,name,team,team_name,team_parent,team_lead,roles,manager,language,consent
wang.wei,王伟 Wang Wei,marketing,Marketing,,wang.wei,admin lead,,zh,yes
li.na,李娜 Li Na,growth,Growth 增长,marketing,li.na,lead,wang.wei,zh,yes
zhao.min,赵敏 Zhao Min,growth,,,,member,li.na,en,no
chen.jie,陈洁 Chen Jie,content,Content 内容,marketing,chen.jie,lead,wang.wei,zh,yes
sun.yue,孙悦 Sun Yue,content,,,,member,chen.jie,zh,yes
qian.fang,钱芳 Qian Fang,,,,,viewer finance,,zh,no
"""
# Leads per working day: SEM is to bring 40, content 60.
SEM = (41, 39, 36, 30, 26, 24, 21)
CONTENT = (66, 58, 70, 62, 71, 64, 69)
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Place:
    """Where the console is, and how one signs in there."""

    system: System
    console: str
    password: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    data: Path = tmp_path_factory.mktemp("console")
    port = int(os.environ.get("PACELINE_CONSOLE_PORT", "9400"))
    opening = datetime.combine(FIRST, datetime.min.time(), UTC).timestamp()
    fast = {"PACELINE_WATERMARK_SECONDS": "0.5"}
    with System(data, port, opening, fast) as system:
        asyncio.run(play(system))
        facts = system.facts()
        yield Place(system, facts["services"]["console"], facts["issuer_password"])


async def play(system: System) -> None:
    """Make the organisation and let seven working days pass."""
    async with Api(system, system.facts()["api_key"]) as api:
        tenant = Tenant(Stage(system), "demo", api, "Asia/Shanghai")
        await api.call("POST", "goal-service", "/v1/people/import", PEOPLE.encode())
        await tenant.declare()
        goals = await _goals(tenant)
        days = [FIRST + timedelta(days=n) for n in (0, 1, 2, 3, 4, 7, 8)]
        for number, day in enumerate(days):
            await tenant.day(goals[1:3], day, *_events(tenant, day, number))
        system.step_clock(NOW.timestamp(), 1.0)
        await tenant.send(*_events(tenant, NOW.date(), 0, "this morning", 12, 21))
        # A partner writes "count" where the mapping knows "amount" only.
        await tenant.send(tenant.event(NOW, None, data={"count": 5, "channel": "sem"}))

        async def lit() -> bool:
            light = await tenant.light(goals[1], days[-1])
            return light is not None and light["light"] == "red"

        await until(lit, 120, "the SEM goal is red")


async def _goals(tenant: Tenant) -> list[str]:
    end = FIRST + timedelta(days=29)
    company = await tenant.goal(
        FIRST, end, id="leads", name="Leads of March 三月线索", target="1,800 to 2,400",
        plan="straight", visibility="organisation",
    )  # fmt: skip
    sem = await tenant.goal(
        FIRST, end, 40, id="leads-sem", name="Leads by SEM 搜索线索", parent=company, level="team",
        owner_team="growth", owner="li.na", where=of_channel("sem"),
    )  # fmt: skip
    content = await tenant.goal(
        FIRST, end, 60, id="leads-content", name="Leads by content 内容线索", parent=company,
        level="team", owner_team="content", owner="chen.jie", where=of_channel("content"),
    )  # fmt: skip
    await tenant.goal(
        FIRST, end, 15, id="leads-zhao", name="SEM leads of Zhao Min 赵敏的线索", parent=sem,
        level="individual", owner_team="growth", owner="zhao.min", where=of_channel("sem"),
    )  # fmt: skip
    return [company, sem, content]


def _events(
    tenant: Tenant, day: date, number: int, _: str = "", *amounts: int
) -> list[dict[str, Any]]:
    at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=1)
    sem, content = amounts or (SEM[number], CONTENT[number])
    return [
        tenant.event(at, sem, channel="sem"),
        tenant.event(at, content, channel="content"),
    ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; a machine without it skips, unless PACELINE_REQUIRE names it.

    A module's, not the session's: Playwright's loop counts as running in this thread as long as
    the browser lives, and every later test that wants a loop of its own would fail.
    """
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        missing = f"there is none of {', '.join(CHROMIUM)}"
        if "chromium" in os.environ.get("PACELINE_REQUIRE", ""):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


class Visitor:
    """Somebody with a browser, signed in at the console; what goes wrong on a page is noted."""

    def __init__(self, place: Place, context: BrowserContext, person: str) -> None:
        self.place = place
        self.page = context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto(place.console)
        self.page.fill("#username", person)
        self.page.fill("#password", place.password)
        self.page.click("button")
        self.page.wait_for_url(f"{place.console}/")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def open(self, path: str, status: int = 200) -> Page:
        """Open a page of the console."""
        answer = self.page.goto(self.place.console + path)
        assert answer is not None
        assert answer.status == status, self.page.inner_text("main")
        return self.page

    def violations(self) -> list[str]:
        """Return what axe finds against WCAG 2.2 A and AA on the page."""
        self.page.evaluate(AXE.read_text())
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        found = self.page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
        return [f"{v['id']}: {v['nodes'][0]['html']}" for v in found["violations"]]


Visits = Callable[..., Visitor]


@pytest.fixture
def visits(place: Place, browser: Browser) -> Iterator[Visits]:
    """Let somebody visit the console; at the end nothing may have gone wrong on any page."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def visit(person: str, language: str = "en-GB", width: int = 1440) -> Visitor:
        size = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=size, locale=language))  # type: ignore[arg-type]
        visitors.append(Visitor(place, contexts[-1], person))
        return visitors[-1]

    yield visit
    for context in contexts:
        context.close()
    assert [wrong for visitor in visitors for wrong in visitor.wrong] == []
