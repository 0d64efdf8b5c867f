"""A goal has a new version, or one of its sums has been told whole: the judge is to look at it."""

from dataclasses import dataclass

from alerting.domain.goal import Goal, GoalKey, Source
from alerting.domain.schedule import redone_by
from alerting.handlers.heads import goal_head
from alerting.ports import Books, Correction


@dataclass(frozen=True, slots=True)
class KeepGoal:
    """A goal has a new version, which has been kept."""

    goal: Goal
    partition: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class NoteBackFilled:
    """All days of one of the sums of a goal's version have been told."""

    key: GoalKey
    source: Source
    version: int


async def keep_goal(command: KeepGoal, books: Books) -> None:
    """Have the judge look at a goal whose version was kept just now.

    A version that comes after spans were judged that are its own to judge has them judged again,
    and so has one that restates days that were judged.
    """
    key = command.goal.key
    await books.heads.touch([goal_head(key)])
    await books.dockets.open(command.goal, command.partition)
    docket = (await books.dockets.find([key]))[key]
    versions = (await books.goals.versions([key]))[key]
    redo = redone_by(versions, docket.position, command.goal)
    if redo:
        await books.dockets.correct({key: Correction.at(min(redo), command.now_ms)})


async def note_back_filled(command: NoteBackFilled, books: Books) -> None:
    """Note it and have the judge look at the goal."""
    await books.heads.touch([goal_head(command.key)])
    await books.values.note_back_filled(command.key, command.source, command.version)
    await books.dockets.call([command.key])
