"""People and teams: the lists, one's own page, and a directory from a file."""

import asyncio
from typing import Any, NamedTuple

from console.domain.answers import Page, Person, Team, View
from console.domain.faults import Fault, Faults
from console.handlers.notices import Notices
from console.handlers.overview import Names, names_of, zone_of
from console.ports import GOALS, Api, Refused, at


class PeoplePage(NamedTuple):
    """Everybody, by team."""

    people: list[Person]
    teams: list[Team]

    @property
    def team_names(self) -> dict[str, str]:
        """What the teams are called, by id."""
        return {team.id: team.name for team in self.teams}


class PersonPage(NamedTuple):
    """One person's page; ``views``: who has looked at it, for that person alone."""

    page: Page
    team: Team | None
    views: list[View]
    names: Names
    zone: str
    notices: Notices


async def people_page(api: Api) -> PeoplePage:
    """Return everybody."""
    people, teams = await asyncio.gather(
        api.all(GOALS, "/v1/people", Person, most=100_000), api.all(GOALS, "/v1/teams", Team)
    )
    return PeoplePage(people, teams)


async def person_page(api: Api, identity: str, own: bool) -> PersonPage:
    """Return a person's page; looking at somebody else's is noted by the service."""
    notices = Notices()
    page = await api.get(GOALS, at("people", identity), Page)
    teams, names, zone = await asyncio.gather(
        notices.unless(api.all(GOALS, "/v1/teams", Team), []),
        names_of(api, notices),
        zone_of(api, notices),
    )
    path = at("people", identity, "views")
    views = await notices.unless(api.all(GOALS, path, View), []) if own else []
    team = next((team for team in teams if team.id == page.team), None)
    return PersonPage(page, team, views[::-1], names, zone, notices)


async def load_people(api: Api, content: bytes, *, dry: bool) -> dict[str, Any]:
    """Load a directory, or say what loading it would do; raises Faults with its wrong lines."""
    wish = {"dry_run": "true"} if dry else {}
    headers = {"Content-Type": "text/csv"}
    try:
        answer: dict[str, Any] = await api.send(
            "POST", GOALS, "/v1/people/import", content, headers, **wish
        )
    except Refused as error:
        problems = error.body.get("problems", []) if isinstance(error.body, dict) else []
        if not problems:
            raise
        raise Faults(
            [Fault(p["column"], p["message"], p["message"], p["line"]) for p in problems]
        ) from None
    return answer


async def set_consent(api: Api, person: str, praise: bool) -> None:
    """Say whether the person agrees to be praised."""
    await api.send("PUT", GOALS, at("people", person, "consent"), {"praise": praise})
