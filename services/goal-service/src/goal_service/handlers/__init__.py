"""One function per command; the ports hold one transaction, which commits all of it or nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

from goal_service.domain.commands import (
    ChangeDirectory,
    ChangeGoal,
    CreateGoal,
    DefineMetric,
    FollowLeave,
    FollowPolicy,
    NoteView,
    RecordFacts,
    SetPolicy,
    SplitGoal,
    StopGoal,
    TellDays,
    UseMetric,
)
from goal_service.handlers.facts import record_facts, tell_days, use_metric
from goal_service.handlers.goals import (
    change_goal,
    create_goal,
    define_metric,
    goal_unknown,
    parent_unknown,
    stop_goal,
)
from goal_service.handlers.leave import follow_leave
from goal_service.handlers.people import (
    DirectoryMoved,
    change_directory,
    note_view,
    person_unknown,
)
from goal_service.handlers.policies import follow_policy, policy_unknown, set_policy
from goal_service.handlers.splits import split_goal

__all__ = [
    "HANDLERS",
    "DirectoryMoved",
    "goal_unknown",
    "handle",
    "parent_unknown",
    "person_unknown",
    "policy_unknown",
]


async def handle(command: Any, books: Any) -> Any:
    """Run the command's handler on the books of one transaction; return what it returns."""
    return await HANDLERS[type(command)](command, books)


HANDLERS: dict[type, Callable[[Any, Any], Awaitable[Any]]] = {
    RecordFacts: record_facts,
    TellDays: tell_days,
    UseMetric: use_metric,
    DefineMetric: define_metric,
    CreateGoal: create_goal,
    ChangeGoal: change_goal,
    StopGoal: stop_goal,
    SplitGoal: split_goal,
    SetPolicy: set_policy,
    FollowPolicy: follow_policy,
    FollowLeave: follow_leave,
    ChangeDirectory: change_directory,
    NoteView: note_view,
}
