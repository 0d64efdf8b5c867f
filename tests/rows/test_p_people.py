"""Row P1: a whole company by one file. Row I1: praise before the team and the CEO."""

from datetime import date
from typing import Any

import pytest

from paceline.trial.stage import Stage, Tenant, noon
from paceline.trial.system import until

COLUMNS = "id,name,mail,team,team_name,team_lead,team_group,roles,manager,language,consent"


def company() -> bytes:
    """600 people in 14 teams: a lead each under one head, everybody else under the lead."""
    return "\n".join([COLUMNS, *map(_line, range(600))]).encode("gb18030")


def _line(number: int) -> str:
    team, leads = number % 14, number < 14
    manager = "" if number == 0 else "p000" if leads else f"p{team:03d}"
    cells = (
        f"p{number:03d}",
        f"员工 {number}",
        f"p{number:03d}@shop.example",
        f"t{team:02d}",
        f"团队 {team}" if leads else "",
        f"p{team:03d}" if leads else "",
        f"oc_{team}" if leads else "",
        "lead" if leads else "member",
        manager,
        "zh",
        "yes" if number % 2 else "no",
    )
    return ",".join(cells)


@pytest.mark.row("P1", "six-hundred-people")
async def test_600_people_in_14_teams_load_by_one_file_and_a_second_run_changes_nothing(
    stage: Stage,
) -> None:
    stage.clock(noon(stage.weeks(1)))
    team = await stage.tenant()

    async def load() -> dict[str, Any]:
        done: dict[str, Any] = await team.api.call(
            "POST", "goal-service", "/v1/people/import", company()
        )
        return done

    first = await load()
    assert (first["people"]["created"], first["teams"]["created"]) == (600, 14)
    again = await load()
    assert again["people"] == {"created": 0, "changed": 0, "unchanged": 600}
    assert again["teams"] == {"created": 0, "changed": 0, "unchanged": 14}
    people = await team.api.all("goal-service", "/v1/people")
    assert len(people) == 600
    assert {p["version"] for p in people} == {1}
    assert len(await team.api.all("goal-service", "/v1/teams")) == 14


@pytest.mark.row("I1", "team-group-and-ceo")
async def test_praise_names_the_teams_group_and_the_ceos_channel_with_consent_only(
    stage: Stage,
) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    settings = {"ceo_channel": "oc_ceo"}
    await team.api.call("PUT", "goal-service", "/v1/organisation", settings)
    await team.api.call("POST", "goal-service", "/v1/people/import", company())
    # The directory comes by a topic of its own, in order: the last person is there, so all are.
    probes = (await praised(team, f"probe-{n}", monday, "p599") for n in range(60))
    async for found in probes:
        if found["state"] == "posted":
            break

    with_consent = await praised(team, "author-100", monday, "p017")
    assert with_consent["actual"] == "104"
    assert (with_consent["state"], with_consent["group"]) == ("posted", "oc_3")
    assert (with_consent["ceo_channel"], with_consent["people"]) == ("oc_ceo", ["p017"])
    without = await praised(team, "author-100-too", monday, "p018")
    assert (without["state"], without["group"], without["people"]) == ("no-consent", "", [])


@pytest.mark.row("I1", "waits-for-the-directory")
async def test_praise_of_who_is_not_known_yet_waits_and_the_entry_decides_it_once(
    stage: Stage,
) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    for person in ("p017", "p018"):
        waiting = await praised(team, f"early-{person}", monday, person)
        assert (waiting["state"], waiting["group"]) == ("waiting", "")
    await team.api.call("PUT", "goal-service", "/v1/organisation", {"ceo_channel": "oc_ceo"})
    await team.api.call("POST", "goal-service", "/v1/people/import", company())

    async def decided() -> list[dict[str, Any]]:
        found = await team.api.all("incentives", "/v1/awards")
        return [] if any(award["state"] == "waiting" for award in found) else found

    found = await until(decided, 60, "both are decided")
    awards = {(award["rule"], award["value"]): award for award in found}
    with_consent, without = awards["early-p017", "p017"], awards["early-p018", "p018"]
    assert (with_consent["state"], with_consent["group"]) == ("posted", "oc_3")
    assert (with_consent["ceo_channel"], with_consent["people"]) == ("oc_ceo", ["p017"])
    assert (without["state"], without["group"]) == ("no-consent", "")
    # The second rule's event passed the first rule, too.
    assert (with_consent["actual"], len(found), len(awards)) == ("104", 3, 3)


async def praised(team: Tenant, rule: str, day: date, person: str) -> dict[str, Any]:
    """Make a rule on authors, let the person pass it, and return the award."""
    wanted = {
        "id": rule,
        "name": "an author's articles bring 100 leads",
        "metric": "leads",
        "dim": "channel",
        "dim_is": "person",
        "threshold": 100,
        "zone": "UTC",
        "start": str(day),
    }
    await team.api.rule(wanted)
    await team.send(team.event(noon(day), 104, channel=person))

    async def awards() -> list[dict[str, Any]]:
        found = await team.api.all("incentives", "/v1/awards", rule=rule)
        return [award for award in found if award["value"] == person]

    found: list[dict[str, Any]] = await until(awards, 60, "an award")
    return found[0]
