"""What alerting does with what it hears, and how a goal is judged.

Applying progress decides nothing: it keeps values and marks judged days that changed. The judge
alone decides lights and deeds, once its clock and the watermark have passed.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from alerting.handlers.days import KeepDays, keep_days
from alerting.handlers.directory import KeepEntry, keep_entry
from alerting.handlers.goals import KeepGoal, NoteBackFilled, keep_goal, note_back_filled
from alerting.handlers.judging import JudgeGoals, judge
from alerting.handlers.sources import NoteAlive, NoteWatermarks, note_alive, note_watermarks
from alerting.ports import Books

HANDLERS: dict[type, Callable[[Any, Books], Awaitable[Any]]] = {
    KeepGoal: keep_goal,
    KeepDays: keep_days,
    NoteBackFilled: note_back_filled,
    NoteAlive: note_alive,
    NoteWatermarks: note_watermarks,
    KeepEntry: keep_entry,
    JudgeGoals: judge,
}


async def handle(command: Any, books: Books) -> Any:
    """Carry the command out."""
    return await HANDLERS[type(command)](command, books)
