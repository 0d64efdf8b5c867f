"""A running system with a small organisation, and a browser that looks at its console.

Monday 2 March to Tuesday 10 March 2026 have been played, it is Wednesday morning in Shanghai: the
SEM leads are red on the third day, the content leads green.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from paceline.trial.api import Api
from paceline.trial.stage import Stage, Tenant, of_channel
from paceline.trial.system import System, until

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

        async def arrived() -> bool:
            morning = await tenant.light(goals[1], NOW.date())
            letters = await api.all("metrics-ingest", "/v1/dead-letters")
            return bool(letters) and morning is not None and Decimal(morning["actual"]) == 12

        await until(arrived, 120, "this morning's events have arrived, and the partner's letter")
        light = await tenant.judged(goals[1], days[-1])
        assert light["light"] == "red"


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


@pytest.fixture
def visits(place: Place, visiting: Callable[..., Any]) -> Callable[..., Any]:
    """Let somebody visit this system's console."""
    return partial(visiting, place)
