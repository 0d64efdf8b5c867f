"""What a caller sees of goals: the one rule of visibility, over the directory as it is known here.

Answers are those of goal-service: a goal that somebody does not see is not there.
"""

from dataclasses import dataclass
from datetime import date

from alerting.adapters.deeds import is_held, seen_to
from alerting.adapters.directory import lines_of, names_people
from alerting.adapters.goals import versions_of
from alerting.domain.goal import Goal, GoalKey
from service_kit.clock import Clock
from service_kit.errors import UserError
from service_kit.store import Document, Store
from service_kit.visibility import Lines, Viewer, may_see
from service_kit.web import Caller

NOBODY = Lines()


@dataclass(frozen=True, slots=True)
class Sight:
    """A caller's eyes. ``named``: the organisation lets goal events name people."""

    viewer: Viewer
    lines: Lines
    named: bool = False

    def sees(self, goal: Goal | None) -> bool:
        """Whether the caller sees the goal; of one not known here nothing is known."""
        if goal is None:
            return self.viewer.everything
        return may_see(self.viewer, goal.visibility, goal.owner, goal.owner_team, self.lines)

    def waits_for(self, owner: str) -> bool:
        """Whether a red light of the owner's comes to the caller only when its time has come."""
        return not self.viewer.everything and self.viewer.person != owner

    def comes_second(self, goal: Goal) -> bool:
        """Whether a red light of the goal is somebody else's first."""
        return goal.is_a_persons and self.waits_for(goal.owner)

    def shows(self, row: Document, goal: Goal | None, now_ms: int) -> bool:
        """Whether the caller is shown a deed that its cursor comes to now."""
        waits = self.waits_for(row.get("owner", ""))
        return self.sees(goal) and not (waits and is_held(row, now_ms))


class Seeing:
    """What every route of goals asks before it shows one."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def sight(self, caller: Caller) -> Sight:
        """Return the caller's eyes; a person's team is that of the directory, not of the token.

        A machine sees what is the organisation's, unless its key says goals:read-all.
        """
        named = await names_people(self._store, caller.tenant)
        everything = caller.allows("goals:read-all")
        if everything or not caller.person:
            return Sight(Viewer(everything=everything), NOBODY, named)
        lines = await lines_of(self._store, caller.tenant)
        return Sight(Viewer(caller.person, lines.teams.get(caller.person, "")), lines, named)

    async def versions(self, sight: Sight, key: GoalKey, where: str) -> list[Goal]:
        """Return the goal's versions; raises UserError 404 for none, and for one not seen.

        ``where`` names the place of the goal in the request.
        """
        versions = await versions_of(self._store, key)
        if not versions or not sight.sees(versions[-1]):
            raise unknown(key.goal, where)
        return versions

    async def seen_to(self, sight: Sight, goal: Goal) -> date:
        """Return the last day whose lights the caller sees now, as if none had come since."""
        if not sight.comes_second(goal):
            return date.max
        return await seen_to(self._store, goal.key, sight.viewer.person, self._clock.now_ms())


def unknown(goal: str, where: str) -> UserError:
    """Return the error for a goal that is not there, or not for the caller."""
    return UserError(
        "unknown-goal",
        where,
        f"there is no goal {goal!r} here yet; a new goal appears within a second",
        f"这里还没有目标 {goal!r}；新目标会在一秒内出现",
        404,
    )
