"""What has been received and is not yet applied: it goes on filling while something is applied."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any


class Gathered:
    """Events in the order of their arrival, for one who puts and one who takes."""

    def __init__(
        self,
        most: int,
        within: float,
        most_bytes: int = 0,
        weigh: Callable[[Any], int] = lambda _: 0,
    ) -> None:
        """At most ``most`` at once; the first of them waits ``within`` seconds for company.

        With ``most_bytes``, what ``weigh`` finds in them comes to little more than that.
        """
        self._most = most
        self._within = within
        self._most_bytes = most_bytes
        self._weigh = weigh
        self._events: list[Any] = []
        self._bytes = 0
        self._some = asyncio.Event()
        self._full = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, event: Any) -> None:
        """Add an event, as soon as there is room."""
        await self._room.wait()
        self._events.append(event)
        self._bytes += self._weigh(event)
        self._some.set()
        heavy = 0 < self._most_bytes <= self._bytes
        if heavy or len(self._events) >= self._most:
            self._full.set()
            self._room.clear()

    async def take(self) -> list[Any]:
        """Return what is there, once something is and company has had its time."""
        await self._some.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._full.wait(), self._within)
        taken, self._events, self._bytes = self._events, [], 0
        self._some.clear()
        self._full.clear()
        self._room.set()
        return taken
