"""Row I1: praise on a live metric, once per deed."""

from datetime import date, timedelta
from typing import Any

import pytest

from paceline.trial.api import Refused
from paceline.trial.stage import Stage, Tenant, noon
from paceline.trial.system import until


@pytest.mark.row("I1", "article-passes-100")
async def test_an_article_that_passes_100_leads_is_praised_once(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    rule = {
        "name": "an article passes 100 leads",
        "metric": "leads",
        "dim": "channel",
        "threshold": 100,
        "window": "day",
        "zone": "UTC",
        "start": str(monday),
    }
    await team.api.rule(rule)
    first = team.event(noon(monday), 60, channel="article-7")
    await team.send(first, team.event(noon(monday), 99, channel="article-8"))
    await team.send(first, team.event(noon(monday), 40, channel="article-7"))

    async def awards() -> list[dict[str, Any]]:
        return await team.api.all("incentives", "/v1/awards")

    await until(awards, 60, "an award")
    await team.send(team.event(noon(monday), 500, channel="article-7"))
    await team.send(team.event(noon(monday + timedelta(days=1)), 99, channel="article-7"))
    await team.settled()

    assert [(a["value"], a["window_start"]) for a in await awards()] == [("article-7", str(monday))]


@pytest.mark.row("I1", "kinds-that-add-up")
async def test_a_rule_is_on_what_adds_up_and_refused_on_what_does_not(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    await team.api.call("POST", "metrics-ingest", "/v1/sources", SITE)
    for name, fields in REFUSED.items():
        await define(team, name, **fields)
    units = {"kind": "unit-threshold", "of": "article", "threshold": 2, "dims": ["channel"]}
    await define(team, "strong", **units)
    await define(team, "so_far", kind="cumulative", dims=["channel"])

    for name in REFUSED:
        with pytest.raises(Refused) as caught:
            await rule_on(team, name, 1, monday)
        assert caught.value.status == 422
        assert "metric-not-additive" in caught.value.text
    await rule_on(team, "strong", 2, monday)
    await rule_on(team, "so_far", 5, monday)

    def form(article: str, editor: str) -> dict[str, Any]:
        data = {"article": article, "channel": editor, "visitor": "v"}
        return team.event(noon(monday), None, data=data, type="form.sent")

    sent = [form(article, "anna") for article in "aabbc"] + [form(a, "bo") for a in "xxy"]
    await team.api.send(sent, "site")

    async def awards() -> list[tuple[str, str, str]]:
        found = await team.api.all("incentives", "/v1/awards")
        return sorted((a["rule"], a["value"], a["actual"]) for a in found)

    async def both() -> bool:
        return len(await awards()) == 2

    await until(both, 60, "an award by each rule")
    await team.settled()
    assert await awards() == [("so_far", "anna", "5"), ("strong", "anna", "2")]


SITE = {
    "name": "site",
    "zone": "UTC",
    "doors": {
        "http": {
            "id": ["id"],
            "type": ["type"],
            "time": ["time"],
            "fields": {n: {"paths": [f"data.{n}"]} for n in ("article", "channel", "visitor")},
        }
    },
}
REFUSED: dict[str, dict[str, Any]] = {
    "share": {"kind": "ratio", "over": {"types": ["page.viewed"]}},
    "visitors": {"kind": "unique", "of": "visitor"},
    "came_back": {
        "kind": "conversion",
        "over": {"types": ["form.sent"]},
        "of": "visitor",
        "window_days": 30,
    },
}


async def define(team: Tenant, name: str, **fields: Any) -> None:
    document = {"name": name, "source": "site", "types": ["form.sent"]} | fields
    await team.api.call("POST", "metrics-ingest", "/v1/metrics", document)


async def rule_on(team: Tenant, metric: str, threshold: int, day: date) -> None:
    rule = {"id": metric, "name": metric, "metric": metric, "dim": "channel"}
    more = {"threshold": threshold, "zone": "UTC", "start": str(day)}
    await team.api.rule(rule | more)
