"""The hook that every call of the fake passes through; the simulator stands behind it."""

from collections.abc import Awaitable, Callable
from enum import Enum


class Fault(Enum):
    """The connection breaks: the client cannot know which of the two it was."""

    NOT_DONE = "the server never got the call"
    DONE = "the server did it, the answer was lost"


Point = Callable[[str], Awaitable[Fault | None]]
