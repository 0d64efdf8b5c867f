"""Row I1: praise on a live metric, once per deed."""

from datetime import timedelta
from typing import Any

import pytest

from paceline.trial.stage import Stage, noon
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
    await team.api.call("POST", "incentives", "/v1/rules", rule)
    first = team.event(noon(monday), 60, channel="article-7")
    await team.send(first, team.event(noon(monday), 99, channel="article-8"))
    await team.send(first, team.event(noon(monday), 40, channel="article-7"))

    async def awards() -> list[dict[str, Any]]:
        return await team.api.all("incentives", "/v1/awards")

    await until(awards, 30, "an award")
    await team.send(team.event(noon(monday), 500, channel="article-7"))
    await team.send(team.event(noon(monday + timedelta(days=1)), 99, channel="article-7"))
    await team.settled()

    assert [(a["value"], a["window_start"]) for a in await awards()] == [("article-7", str(monday))]
