"""A browser for tests that look at the console as people do."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

ROOT = Path(__file__).resolve().parents[1]
AXE = ROOT / ".cache" / "axe" / "axe.min.js"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SHOWN_MS = 60_000  # only a failure, or a crowded machine, lets a page or a click wait as long
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


class Place(Protocol):
    """Where a console is, and how one signs in there."""

    @property
    def console(self) -> str:
        """The console's address."""
        ...

    @property
    def password(self) -> str:
        """The local issuer's password, the same for everybody."""
        ...


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
    expect.set_options(timeout=SHOWN_MS)
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


Visiting = Callable[..., Visitor]


@pytest.fixture
def visiting(browser: Browser) -> Iterator[Visiting]:
    """Let somebody visit a place's console; at the end nothing may have gone wrong on any page."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def visit(place: Place, person: str, language: str = "en-GB", width: int = 1440) -> Visitor:
        size: ViewportSize = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=size, locale=language))
        contexts[-1].set_default_timeout(SHOWN_MS)
        visitors.append(Visitor(place, contexts[-1], person))
        return visitors[-1]

    yield visit
    for context in contexts:
        context.close()
    assert [wrong for visitor in visitors for wrong in visitor.wrong] == []
