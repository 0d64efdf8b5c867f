"""Row P3: what one sees of others' goals, and a person's red on its way up, signed in as people."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import httpx
import pytest

from paceline.trial.api import Api, Refused
from paceline.trial.stage import Stage, Tenant, noon
from paceline.trial.system import until

PEOPLE = b"""id,name,team,team_name,team_lead,roles,manager
anna,Anna,content,Content,cleo,member,cleo
cleo,Cleo,content,Content,cleo,lead,
dora,Dora,sales,Sales,,member,
"""


async def signed_in(stage: Stage, person: str) -> Api:
    """Return the system as the person sees it: a token of the local issuer."""
    facts = stage.system.facts()
    form = {"grant_type": "password", "username": person, "password": facts["issuer_password"]}
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{facts['issuer']}/token", data=form)
    return Api(stage.system, answer.raise_for_status().json()["access_token"])


async def company(stage: Stage) -> Tenant:
    """Load the people into the system's own tenant, the only one that its issuer signs for."""
    facts = stage.system.facts()
    team = Tenant(stage, facts["tenant"], Api(stage.system, facts["api_key"]), "UTC")
    await team.declare()
    await team.api.call("POST", "goal-service", "/v1/people/import", PEOPLE)
    return team


async def red_kinds(api: Api, goal: str) -> list[str]:
    found = await api.all("alerting", "/v1/goal-events", goal=goal)
    return [deed["kind"] for deed in found if deed["light"] == "red"]


async def read_on(api: Api, goal: str, after: str) -> tuple[list[str], str]:
    """Return the kinds of red deeds behind a position, and the position behind them."""
    found: list[str] = []
    while True:
        page = await api.get("alerting", "/v1/goal-events", goal=goal, after=after, limit=2)
        found += [deed["kind"] for deed in page["items"] if deed["light"] == "red"]
        if page["next"] is None:
            return found, after
        after = page["next"]


async def lights(api: Api, goal: str) -> list[str]:
    rows: list[dict[str, Any]] = await api.all("alerting", "/v1/lights", goal=goal)
    return [row["light"] for row in rows if not row["provisional"]]


@pytest.mark.row("P3", "red-to-the-person-first")
async def test_a_persons_red_is_the_persons_first_and_the_leads_at_the_end_of_the_day(
    stage: Stage,
) -> None:
    monday = stage.weeks(2)
    stage.clock(noon(monday))
    team = await company(stage)
    own = {"level": "individual", "owner": "anna", "visibility": "private"}
    goal = await team.goal(monday, monday + timedelta(days=11), 100, **own)
    anna, cleo, dora = [await signed_in(stage, name) for name in ("anna", "cleo", "dora")]
    async with team.api, anna, cleo, dora:
        days = [monday + timedelta(days=n) for n in range(5)]
        played = await team.play(goal, zip(days, (100, 100, 65, 60, 69), strict=True))
        assert played == ["green", "green", "yellow", "yellow", "red"]

        # Friday is judged red at 01:00 of Saturday: the working day ends on Monday at 18:00.
        end = datetime.combine(monday + timedelta(days=7), time(18), UTC)

        async def told() -> list[str]:
            return await red_kinds(anna, goal)

        await until(told, 60, "anna hears of the red")
        assert "goal.off_track" in await red_kinds(anna, goal)
        assert await lights(anna, goal) == played
        stage.clock(end - timedelta(seconds=1))
        held, position = await read_on(cleo, goal, "")
        assert held == await red_kinds(cleo, goal) == []
        assert await lights(cleo, goal) == played[:4]
        stage.clock(end)

        async def given_to_the_lead() -> list[str]:
            return await red_kinds(cleo, goal)

        # A service looks at the clock's file only so often.
        assert await until(given_to_the_lead, 60, "cleo hears of it") == await red_kinds(anna, goal)
        given, position = await read_on(cleo, goal, position)
        assert given == await red_kinds(anna, goal)
        assert await read_on(cleo, goal, position) == ([], position)
        assert await lights(cleo, goal) == played
        (off,) = await team.deeds(goal, "goal.off_track")
        stamp = end.isoformat().replace("+00:00", "Z")
        assert (off["escalated_to"], off["lead_from"], off["due"]) == ("lead", stamp, stamp)
        assert "owner" not in off  # the organisation lets events name nobody

        assert await dora.all("alerting", "/v1/goal-events", goal=goal) == []
        for service, path in (("goal-service", f"/v1/goals/{goal}"), ("alerting", "/v1/lights")):
            with pytest.raises(Refused, match="404"):
                await dora.get(service, path, goal=goal)
