"""Row M1: the metrics of docs/metrics.md, written by the command, each to the digit."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from paceline.trial.replay import make_key
from paceline.trial.stage import Stage, Tenant, noon
from paceline.trial.system import until

ROOT = Path(__file__).resolve().parents[2]
ZONE = "Asia/Shanghai"


class Site:
    """A tenant's site, with the metrics of the documentation."""

    def __init__(self, team: Tenant, key: str, file: Path, monday: date) -> None:
        self.team = team
        self.key = key
        self.file = file
        self.monday = monday
        self._ids: Iterator[int] = count(1)

    def event(self, kind: str, day: int = 0, **data: Any) -> dict[str, Any]:
        at: datetime = noon(self.monday + timedelta(days=day))
        head = {"specversion": "1.0", "id": f"s{next(self._ids)}", "source": "/site"}
        return head | {"type": kind, "time": at.isoformat(), "data": data}

    async def send(self, *events: dict[str, Any]) -> None:
        await self.team.api.send(events, "site")

    async def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        facts = self.team.stage.system.facts()
        url, key = facts["services"]["metrics-ingest"], self.key
        words = [sys.executable, "-m", "paceline", "metrics", *arguments]
        return await asyncio.to_thread(
            subprocess.run,
            [*words, "--url", url, "--key", key],
            capture_output=True,
            text=True,
            timeout=60,
        )

    async def series(self, metric: str, grain: str = "day", **more: str) -> list[dict[str, Any]]:
        """Return the points of the site's first week."""
        span = {"from": str(self.monday), "to": str(self.monday + timedelta(days=6))}
        path = f"/v1/metrics/{metric}/series"
        asked = span | {"zone": ZONE, "grain": grain} | more
        return await self.team.api.all("goal-service", path, **asked)

    async def becomes(self, metric: str, events: int, **more: str) -> list[dict[str, Any]]:
        """Wait until so many events stand behind the metric's week; return its points."""

        async def look() -> list[dict[str, Any]]:
            points = await self.series(metric, **more)
            return points if sum(int(p["count"]) for p in points) == events else []

        return list(await until(look, 60, f"{events} events of {metric}"))


@pytest.fixture
async def site(stage: Stage, tmp_path: Path) -> Site:
    monday = stage.weeks(3)
    stage.clock(noon(monday))
    team = await stage.tenant(ZONE)
    file = tmp_path / "site.yaml"
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    file.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    made = Site(team, await make_key(stage.system, team.name), file, monday)
    done = await made.command("apply", str(file))
    assert done.returncode == 0, done.stderr
    names = {metric["name"] for metric in yaml.safe_load(file.read_text("utf-8"))["metrics"]}

    async def known() -> bool:
        listed = await team.api.all("goal-service", "/v1/metrics")
        return names <= {metric["name"] for metric in listed}

    await until(known, 60, "goal-service knows the site's metrics")
    return made


def values(points: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [
        tuple(p[n] if n in ("at", "by", "state") else Decimal(p[n]) for n in names) for p in points
    ]


@pytest.mark.row("M1", "page-views-and-visitors")
async def test_page_views_count_each_and_visitors_once_however_the_week_is_cut(site: Site) -> None:
    await site.send(
        *(site.event("page.viewed", 0, visitor=v, channel="sem") for v in "aab"),
        *(site.event("page.viewed", 0, visitor=v, channel="content") for v in "bc"),
        *(site.event("page.viewed", 1, visitor=v, channel="sem") for v in "ad"),
    )
    await site.becomes("pv", 7)
    points = await site.becomes("uv", 7)
    assert values(points, "value", "low", "high") == [(3, 3, 3), (2, 2, 2)]
    assert values(await site.series("uv", "week"), "value") == [(4,)]
    assert values(await site.series("uv", "week", by="channel"), "by", "value") == [
        ("content", 2),
        ("sem", 3),
    ]
    assert values(await site.series("pv", "week", by="channel"), "by", "value") == [
        ("content", 2),
        ("sem", 5),
    ]


@pytest.mark.row("M1", "ratio")
async def test_ratios_of_days_and_channels_add_up_by_their_parts(site: Site) -> None:
    await site.send(
        *(site.event("read.started", 0, channel="content") for _ in range(40)),
        *(site.event("read.finished", 0, channel="content") for _ in range(10)),
        *(site.event("read.started", 1, channel="content") for _ in range(10)),
        *(site.event("read.finished", 1, channel="content") for _ in range(5)),
        *(site.event("page.viewed", 0, visitor=f"v{n}", channel="sem") for n in range(50)),
        *(site.event("form.sent", 0, visitor=f"v{n}", channel="sem") for n in range(3)),
        *(site.event("call.made", 0, connected=c) for c in ("yes", "yes", "no", "yes")),
    )
    points = await site.becomes("read_completion", 65)
    assert values(points, "value", "numerator", "denominator") == [
        (Decimal("0.25"), 10, 40),
        (Decimal("0.5"), 5, 10),
    ]
    # Not the mean of 25 % and 50 %.
    assert values(await site.series("read_completion", "week"), "value") == [(Decimal("0.3"),)]
    assert values(await site.becomes("capture_rate", 53), "value") == [(Decimal("0.06"),)]
    assert values(await site.becomes("connect_rate", 4), "value", "denominator") == [
        (Decimal("0.75"), 4)
    ]


@pytest.mark.row("M1", "goal-on-a-ratio")
async def test_a_goal_on_a_ratio_metric_is_judged_by_its_own_denominators(site: Site) -> None:
    team, monday = site.team, site.monday
    goal = await team.goal(
        monday,
        monday + timedelta(days=11),
        metric="connect_rate",
        form="ratio",
        target="0.8",
        policy={"ratio_least": 4},
    )
    await site.send(*(site.event("call.made", 0, connected=c) for c in ("yes", "no", "yes", "yes")))
    await team.total_becomes(goal, 3)

    async def whole() -> Any:  # the call that was not connected moves the denominator alone
        page = await team.api.get("goal-service", f"/v1/goals/{goal}/progress")
        return page if Decimal(page["parts"]["over"]["total"]) == 4 else None

    shown = await until(whole, 60, "all four calls are under the ratio")
    assert Decimal(shown["value"]) == Decimal("0.75")
    team.close(monday)
    light = await team.judged(goal, monday)
    # 0.75 of 0.8 is 93.75 %: yellow.
    assert (light["light"], Decimal(light["ratio"])) == ("yellow", Decimal("0.9375"))


@pytest.mark.row("M1", "quantile")
async def test_the_median_contract_is_one_of_the_contracts(site: Site) -> None:
    signed = [
        *(site.event("contract.signed", 0, amount=a) for a in ("80000", "20000.50", "38000")),
        *(site.event("contract.signed", 1, amount=a) for a in ("50000", "20000")),
    ]
    await site.send(*signed)
    assert values(await site.becomes("contract_value", 5), "value") == [(38_000,), (20_000,)]
    assert values(await site.series("contract_value", "week"), "value", "sum") == [
        (38_000, Decimal("208000.50"))
    ]


@pytest.mark.row("M1", "working-time")
async def test_a_first_response_counts_working_hours_alone(site: Site) -> None:
    # The page's metric has days off and a working Saturday in May: these weekends are none of them.
    fridays = (site.monday + timedelta(days=days) for days in (4, 11, 18))
    friday = next(day for day in fridays if day not in (date(2026, 5, 1), date(2026, 5, 8)))
    asked = f"{friday}T22:00:00+08:00"
    answered = site.event("question.answered", 0, asked=asked)
    answered["time"] = f"{friday + timedelta(days=3)}T09:20:00+08:00"
    site.team.stage.clock(noon(friday + timedelta(days=3)))
    await site.send(answered)
    span = {"to": str(friday + timedelta(days=3))}
    assert values(await site.becomes("first_response", 1, **span), "value") == [(20,)]


@pytest.mark.row("M1", "conversion")
async def test_leads_become_customers_on_the_day_of_the_lead(site: Site) -> None:
    site.team.stage.clock(noon(site.monday + timedelta(days=6)))
    await site.send(
        *(site.event("form.sent", 0, visitor=f"v{n}") for n in range(4)),
        site.event("contract.signed", 3, visitor="v1", amount="100"),
        site.event("contract.signed", 5, visitor="v2", amount="100"),
        site.event("contract.signed", 5, visitor="stranger", amount="100"),
        site.event("contract.signed", -1, visitor="v3", amount="100"),
    )

    async def look() -> list[dict[str, Any]]:
        points = await site.series("lead_to_customer")
        return points if values(points, "numerator", "denominator") == [(2, 4)] else []

    (point,) = list(await until(look, 60, "2 of 4 leads became customers"))
    assert (Decimal(point["value"]), point["maturing"]) == (Decimal("0.5"), True)
    assert point["at"] == str(site.monday)


@pytest.mark.row("M1", "cumulative")
async def test_revenue_so_far_runs_on_from_before_the_week(site: Site) -> None:
    site.team.stage.clock(noon(site.monday + timedelta(days=2)))
    await site.send(
        site.event("contract.signed", -40, amount="1000.25"),
        site.event("contract.signed", 0, amount="10"),
        site.event("contract.signed", 2, amount="-0.25"),
    )
    # 2 events stand behind the first point, all 3 behind the second.
    points = await site.becomes("revenue_so_far", 2 + 3)
    assert values(points, "value") == [(Decimal("1010.25"),), (1010,)]
    assert values(await site.series("revenue_so_far", "week"), "value") == [(1010,)]


@pytest.mark.row("M1", "tried-before-it-counts")
async def test_a_metric_is_tried_on_samples_and_the_same_file_again_changes_nothing(
    site: Site, tmp_path: Path
) -> None:
    samples = tmp_path / "samples.jsonl"
    events = [site.event("call.made", connected="yes"), site.event("call.made", connected="no")]
    samples.write_bytes(b"\n".join(map(msgspec.json.encode, [*events, site.event("page.viewed")])))
    done = await site.command(
        "try", str(site.file), "--events", str(samples), "--metric", "connect_rate"
    )
    assert done.returncode == 0, done.stderr
    assert "1 / 2 (2 " in done.stdout
    again = await site.command("apply", str(site.file))
    assert again.returncode == 0, again.stderr
    assert "created" not in again.stdout
    assert await site.series("connect_rate") == []


@pytest.mark.row("M1", "provisional-then-final")
async def test_a_day_is_provisional_until_it_is_over_and_all_of_it_is_in(site: Site) -> None:
    await site.send(site.event("page.viewed", 0, visitor="a", channel="sem"))
    (point,) = await site.becomes("pv", 1)
    assert point["state"] == "provisional"
    site.team.close(site.monday)

    async def final() -> bool:
        (found,) = await site.series("pv")
        return bool(found["state"] == "final")

    await until(final, 60, "the day is final")
