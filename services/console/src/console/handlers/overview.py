"""Today and the goals: every goal that the person sees, with both lights."""

import asyncio
from typing import NamedTuple

from console.domain import overview
from console.domain.answers import Deed, Goal, Letters, Light, Lights, Person, Source, Team
from console.domain.overview import Row
from console.handlers.notices import Notices
from console.ports import ALERTING, GOALS, INGEST, Api

MOST_TOLD = 12
MOST_ASKED = 8
PAGE = 1000


class Names(NamedTuple):
    """What people and teams are called."""

    people: dict[str, str]
    teams: dict[str, str]

    def person(self, identity: str) -> str:
        """Return the person's name, or the id of one who is not known."""
        return self.people.get(identity, identity)

    def team(self, identity: str) -> str:
        """Return the team's name, or the id of one that is not known."""
        return self.teams.get(identity, identity)


class Goals(NamedTuple):
    """The tree of goals. ``complete_ms``: everything accepted before it is in the lights."""

    rows: list[Row]
    counts: dict[str, int]
    complete_ms: int
    names: Names
    notices: Notices
    zone: str
    text: str = ""


class Today(NamedTuple):
    """What needs somebody now."""

    goals: Goals
    urgent: list[Row]
    mine: list[Row]
    team: list[Row]
    told: list[Deed]
    letters: int
    paused: list[Source]

    def goal(self, identity: str) -> Goal | None:
        """Return the goal of which something is told."""
        return next((row.goal for row in self.urgent if row.goal.id == identity), None)


async def goals_page(api: Api, text: str = "") -> Goals:
    """Return the tree of goals; raises like the API when there are no goals to be had."""
    notices = Notices()
    goals, lights, names = await asyncio.gather(
        api.all(GOALS, "/v1/goals", Goal),
        notices.unless(lights_of(api), Lights(items=())),
        names_of(api, notices),
    )
    running = [goal for goal in goals if not goal.stopped]
    rows = overview.tree(running, overview.looks(lights.items))
    found = overview.matching(rows, text)
    return Goals(
        rows=found,
        counts=overview.counts(rows),
        complete_ms=lights.complete_to_ms,
        names=names,
        notices=notices,
        zone=overview.common_zone(running),
        text=text.strip(),
    )


async def today_page(api: Api, person: str, team: str, scopes: frozenset[str]) -> Today:
    """Return what a person should see first; raises like :func:`goals_page`."""
    goals = await goals_page(api)
    urgent = overview.urgent(goals.rows)
    told, letters, paused = await asyncio.gather(
        _told(api, urgent, goals.notices),
        _letters(api, goals.notices, scopes),
        _paused(api, goals.notices, scopes),
    )
    mine = overview.flat(row for row in goals.rows if row.goal.owner == person)
    others = overview.flat(row for row in goals.rows if team and row.goal.owner_team == team)
    return Today(
        goals, urgent, mine, [row for row in others if row not in mine], told, letters, paused
    )


async def lights_of(api: Api, goal: str | None = None) -> Lights:
    """Return all spans of a goal, judged and running; without one the last ones of every goal.

    They are complete to where those of the least complete goal are.
    """
    items: list[Light] = []
    complete: list[int] = []
    after: str | None = None
    while True:
        found = await api.get(ALERTING, "/v1/lights", Lights, goal=goal, limit=PAGE, after=after)
        items += found.items
        complete += [found.complete_to_ms] if found.items else []
        after = found.next
        if after is None:
            return Lights(
                items=tuple(items),
                complete_to_ms=min(complete, default=found.complete_to_ms),
                needed_per_day=found.needed_per_day,
            )


async def names_of(api: Api, notices: Notices) -> Names:
    """Return what people and teams are called."""
    people, teams = await asyncio.gather(
        notices.unless(api.all(GOALS, "/v1/people", Person), []),
        notices.unless(api.all(GOALS, "/v1/teams", Team), []),
    )
    return Names({p.id: p.name for p in people}, {t.id: t.name for t in teams})


async def zone_of(api: Api, notices: Notices) -> str:
    """Return the organisation's zone: that of most of the goals that the person sees."""
    return overview.common_zone(await notices.unless(api.all(GOALS, "/v1/goals", Goal), []))


async def _told(api: Api, rows: list[Row], notices: Notices) -> list[Deed]:
    """Return the newest deeds of the most urgent goals."""
    found = await asyncio.gather(
        *(deeds_of(api, row.goal.id, notices) for row in rows[:MOST_ASKED])
    )
    newest = sorted((deed for deeds in found for deed in deeds), key=lambda deed: deed.as_of)
    return newest[: -MOST_TOLD - 1 : -1]


async def deeds_of(api: Api, goal: str, notices: Notices) -> list[Deed]:
    """Return all that has happened to a goal, in its order."""
    found = await notices.unless(api.all(ALERTING, "/v1/goal-events", Deed, goal=goal), [])
    return sorted(found, key=lambda deed: deed.seq)


async def _letters(api: Api, notices: Notices, scopes: frozenset[str]) -> int:
    if "dead-letters:read" not in scopes:
        return 0
    none = Letters(items=())
    found = await notices.unless(api.get(INGEST, "/v1/dead-letters", Letters, limit=1), none)
    return sum(group.letters for group in found.groups)


async def _paused(api: Api, notices: Notices, scopes: frozenset[str]) -> list[Source]:
    if "sources:read" not in scopes:
        return []
    sources: list[Source] = await notices.unless(api.all(INGEST, "/v1/sources", Source), [])
    return [source for source in sources if source.paused]
