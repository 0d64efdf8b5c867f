"""Which goals a caller sees: the one rule of visibility, over the directory as it stands."""

from collections.abc import Iterable
from dataclasses import dataclass

from goal_service.adapters.directory import DirectoryReader
from goal_service.domain.goals import GoalVersion
from goal_service.domain.people import NOBODY
from goal_service.handlers import goal_unknown
from service_kit.visibility import Lines, Viewer, may_see
from service_kit.web import Caller


@dataclass(frozen=True, slots=True)
class Sight:
    """A caller's eyes: whom they belong to, and who stands where."""

    viewer: Viewer
    lines: Lines

    def sees(self, version: GoalVersion) -> bool:
        """Whether the caller sees the goal."""
        goal = version.goal
        return may_see(self.viewer, goal.visibility, goal.owner, goal.owner_team, self.lines)

    def of(self, versions: Iterable[GoalVersion]) -> list[GoalVersion]:
        """Return those that the caller sees."""
        return [version for version in versions if self.sees(version)]


async def sight_of(reader: DirectoryReader, caller: Caller) -> Sight:
    """Return the caller's eyes; a person's team is that of the directory, not of the token.

    A machine sees what is the organisation's, unless its key says goals:read-all.
    """
    everything = caller.allows("goals:read-all")
    if everything or not caller.person:
        return Sight(Viewer(everything=everything), NOBODY)
    lines = (await reader.whole(caller.tenant)).lines
    return Sight(Viewer(caller.person, lines.teams.get(caller.person, "")), lines)


async def check_seen(
    reader: DirectoryReader, caller: Caller, goal: str, version: GoalVersion | None
) -> GoalVersion:
    """Return the version; raises UserError 404 when there is none or the caller may not see it."""
    if version is None or not (await sight_of(reader, caller)).sees(version):
        raise goal_unknown(goal)
    return version
