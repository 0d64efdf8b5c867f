"""What the miniature's stages share: partitions, goals, encoding, and where faults may strike."""

import json
from collections.abc import Callable
from typing import Any

from service_kit.errors import Infrastructure
from service_kit.outbox import Message
from service_kit.records import Partition, Record

RAW = tuple(Partition("raw", number) for number in range(2))
FACTS = tuple(Partition("facts", number) for number in range(2))
PROGRESS = tuple(Partition("progress", number) for number in range(2))
DEEDS = Partition("deeds", 0)
GOALS = ("g0", "g1", "g2", "g3")
THRESHOLD = 10
APART = "g3"
"""The goal whose events may come by a foreign topic that stands still now and then."""

Disturb = Callable[[str], Any]


def facts_of(goal: str) -> Partition:
    """Return the facts partition of a goal."""
    return FACTS[int(goal[1:]) % 2]


def progress_of(goal: str) -> Partition:
    """Return the progress partition of a goal."""
    return PROGRESS[int(goal[1:]) // 2]


def body_of(record: Record) -> dict[str, Any]:
    """Decode a record."""
    decoded: dict[str, Any] = json.loads(record.value or b"")
    return decoded


def message(to: Partition, body: dict[str, Any]) -> Message:
    """Encode a message."""
    return Message(to, b"", json.dumps(body).encode())


class Disturbed:
    """Where a handler may meet a fault of its own."""

    def __init__(self, disturb: Disturb) -> None:
        self._disturb = disturb

    async def disturb(self) -> None:
        """Raise Infrastructure when the seed says so."""
        if await self._disturb("handler"):
            raise Infrastructure("injected into the handler")
