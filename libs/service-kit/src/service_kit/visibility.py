"""Who sees what belongs to somebody: the organisation, the owner's team, or the owner alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ORGANISATION: Final = "organisation"
TEAM: Final = "team"
PRIVATE: Final = "private"
VISIBILITIES: Final = (ORGANISATION, TEAM, PRIVATE)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks. ``person`` is empty for a machine, ``everything`` sees whatever there is."""

    person: str = ""
    team: str = ""
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Lines:
    """Who stands where: ``managers`` and ``teams`` by person, ``leads`` and ``parents`` by team."""

    managers: Mapping[str, str] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)
    leads: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)

    def above(self, person: str, team: str) -> frozenset[str]:
        """Return everybody up the reporting line: the person's managers, the leads of the teams.

        ``team`` is that of the thing; a person brings the own one. A line that runs in a circle
        is walked once.
        """
        found = set(_climb(person, self.managers))
        for start in {team, self.teams.get(person, "")} - {""}:
            for each in (start, *_climb(start, self.parents)):
                lead = self.leads.get(each, "")
                found |= {lead, *_climb(lead, self.managers)}
        return frozenset(found - {"", person})


def may_see(viewer: Viewer, visibility: str, owner: str, team: str, lines: Lines) -> bool:
    """Whether the viewer sees a thing of ``owner`` (a person, or empty) and of ``team``.

    The organisation's: everybody. The team's: the owner, the members of ``team`` and of the
    owner's team, and the leads up the line. A private one: the owner and the leads up the line; it
    belongs to ``team`` where it has no owner. A visibility that is not known counts as private.
    """
    if viewer.everything or visibility == ORGANISATION:
        return True
    if not viewer.person:
        return False
    if viewer.person == owner or viewer.person in lines.above(owner, team):
        return True
    if visibility == TEAM or not owner:
        return viewer.team in {team, lines.teams.get(owner, "")} - {""}
    return False


def _climb(start: str, up: Mapping[str, str]) -> list[str]:
    seen: list[str] = []
    here = up.get(start, "")
    while here and here != start and here not in seen:
        seen.append(here)
        here = up.get(here, "")
    return seen
