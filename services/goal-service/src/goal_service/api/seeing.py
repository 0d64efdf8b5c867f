"""Which goals a caller sees: the one rule of visibility, over the directory as it stands."""

from collections.abc import Iterable
from dataclasses import dataclass

from goal_service.adapters.directory import DirectoryReader
from goal_service.adapters.goals import GoalReader
from goal_service.domain.drafts import Draft
from goal_service.domain.goals import GoalVersion
from goal_service.domain.people import NOBODY
from goal_service.handlers import goal_unknown, parent_unknown
from service_kit.store import Store
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


class Seeing:
    """What every route of goals asks before it shows or changes one."""

    def __init__(self, store: Store) -> None:
        self._goals = GoalReader(store)
        self._people = DirectoryReader(store)

    async def sight(self, caller: Caller) -> Sight:
        """Return the caller's eyes; a person's team is that of the directory, not of the token.

        A machine sees what is the organisation's, unless its key says goals:read-all.
        """
        everything = caller.allows("goals:read-all")
        if everything or not caller.person:
            return Sight(Viewer(everything=everything), NOBODY)
        lines = (await self._people.whole(caller.tenant)).lines
        return Sight(Viewer(caller.person, lines.teams.get(caller.person, "")), lines)

    async def current(self, caller: Caller, goal: str) -> GoalVersion:
        """Return the goal as it stands; raises UserError 404 for none, and for one not seen."""
        found = await self._goals.current(caller.tenant, goal)
        if found is None or not (await self.sight(caller)).sees(found):
            raise goal_unknown(goal)
        return found

    async def check_parent(
        self, caller: Caller, draft: Draft, before: GoalVersion | None = None
    ) -> None:
        """Raise UserError when the draft names a parent that the caller does not see.

        A link that somebody else has made may stay, but no share of that parent be taken anew,
        which would tell its target.
        """
        stays = before is not None and before.goal.parent == draft.parent and draft.share is None
        if stays or not draft.parent:
            return
        found = await self._goals.current(caller.tenant, draft.parent)
        if found is None or not (await self.sight(caller)).sees(found):
            raise parent_unknown(draft.parent)
