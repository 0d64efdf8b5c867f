"""A running system that Prometheus scrapes, with goals, a correction, praise and a dead letter."""

import asyncio
import html
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from paceline.trial.api import Api
from paceline.trial.stage import Stage, Tenant, noon
from paceline.trial.system import System, until

FIRST = date(2026, 3, 2)  # a Monday
AMOUNTS = (120, 60, 60, 60)  # red on the third low day
WITHIN = 120.0


def program(name: str) -> str:
    """Return where a program of Prometheus is; a machine without it skips, unless it must not."""
    found = shutil.which(name)
    if found is None:
        missing = f"there is no {name}: apt-get install prometheus prometheus-alertmanager"
        if "prometheus" in os.environ.get("PACELINE_REQUIRE", "").split(","):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@dataclass(frozen=True)
class Scraped:
    """A system, and the Prometheus that scrapes it."""

    system: System
    prometheus: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return what the expression comes to now."""
        answer = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": expression})
        assert answer.is_success, answer.text
        return list(answer.json()["data"]["result"])

    def becomes(self, expression: str, within: float = 60.0) -> list[dict[str, Any]]:
        """Wait until the expression has data; return it, or nothing when the time is over."""

        async def look() -> list[dict[str, Any]]:
            deadline = asyncio.get_running_loop().time() + within
            while not (found := self.query(expression)):
                if asyncio.get_running_loop().time() > deadline:
                    return []
                await asyncio.sleep(0.5)
            return found

        return asyncio.run(look())

    def becomes_so(self, expression: str, label: str, wanted: dict[str, str]) -> dict[str, str]:
        """Wait until the values by label are these; return them, or what they are in the end."""
        deadline = time.monotonic() + 60.0
        while True:
            found = {row["metric"][label]: row["value"][1] for row in self.query(expression)}
            if found == wanted or time.monotonic() > deadline:
                return found
            time.sleep(0.5)


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    program("prometheus")
    data: Path = tmp_path_factory.mktemp("boards")
    port = int(os.environ.get("PACELINE_BOARDS_PORT", "9300"))
    opening = noon(FIRST).timestamp()
    with System(data, port, opening, prometheus=True) as system:
        asyncio.run(play(system))
        facts = system.facts()
        yield Scraped(system, facts["prometheus"])


async def play(system: System) -> None:
    """Let four days pass, correct one of them, and leave the clock running on Friday morning."""
    async with Api(system, system.facts()["api_key"]) as api:
        tenant = Tenant(Stage(system), "demo", api, "UTC")
        await tenant.declare()
        end = FIRST + timedelta(days=11)
        for name, level in (("whole", "company"), ("sem", "team"), ("own", "individual")):
            await tenant.goal(FIRST, end, 100, id=name, level=level)
        hidden = {"level": "team", "visibility": "private", "owner_team": "sales"}
        await tenant.goal(FIRST, end, 100, id="hidden", **hidden)
        await api.rule(praise())
        for number, amount in enumerate(AMOUNTS):
            day = FIRST + timedelta(days=number)
            event = tenant.event(noon(day), amount)
            await tenant.day(["whole", "sem"], day, event, event)
        friday = datetime.combine(FIRST + timedelta(days=4), datetime.min.time(), UTC)
        system.step_clock((friday + timedelta(hours=9)).timestamp(), 1.0)
        await tenant.on(FIRST, 40)
        await tenant.send(tenant.event(friday, None, data={"count": 5}))
        await tenant.deeds_become("whole", "goal.restated", 1)

        async def praised() -> list[Any]:
            return await api.all("incentives", "/v1/awards")

        await until(praised, WITHIN, "an award")
    await look_at_the_console(system.facts())


def praise() -> dict[str, Any]:
    """Return a rule that praises a channel with over 100 leads in a day."""
    return {
        "name": "a channel passes 100 leads",
        "metric": "leads",
        "dim": "channel",
        "threshold": 100,
        "window": "day",
        "zone": "UTC",
        "start": str(FIRST),
    }


async def look_at_the_console(facts: dict[str, Any]) -> None:
    """Sign in as a person does and open the first page, so that the console asks the services."""
    async with httpx.AsyncClient(follow_redirects=True, timeout=20) as http:
        page = await http.get(f"{facts['services']['console']}/sign-in")
        hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        kept = {name: html.unescape(value) for name, value in hidden}
        form = kept | {"username": "admin", "password": facts["issuer_password"]}
        page = await http.post(str(page.url.copy_with(query=None)), data=form)
        assert page.is_success, page.text
        page = await http.get(facts["services"]["console"])
        assert page.is_success, page.text
