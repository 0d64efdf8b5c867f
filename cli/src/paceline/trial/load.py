"""The drill's load: days of events over HTTP, each day acknowledged before the next."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time

from paceline.trial.api import Api
from paceline.trial.events import SOURCES, Event
from paceline.trial.journal import ALL, Journal
from paceline.trial.oracle import working
from paceline.trial.system import System, TrialFailed, until
from paceline.trial.world import COMPANY, LATE_DAYS, REGIONS, START, World

BATCH = 100
SENDERS = 8
AGAIN_SHARE = 50  # one batch in so many is sent a second time
LATE_BY = timedelta(days=LATE_DAYS)


class Load:
    """Sends the world's days in order, late events two days after their own.

    With a guard switched off (not ``intact``) a light may never come: it is not waited for as long,
    and the comparison says what is missing.
    """

    def __init__(
        self, system: System, api: Api, world: World, rate: int, *, intact: bool = True
    ) -> None:
        self._system = system
        self._api = api
        self._world = world
        self._rate = rate
        self.intact = intact
        self.journal = Journal()
        self.sent = 0
        self.seconds = 0.0
        self.done = False

    async def run(self) -> None:
        """Send everything and leave the clock so that every span can be judged."""
        held: dict[date, list[Event]] = {}
        days = self._world.days
        for day in [*days, *(days[-1] + timedelta(days=n) for n in (1, 2, 3))]:
            events = self._world.events(day) if day in days else []
            late = held.pop(day - LATE_BY, [])
            if late:
                await self._judged_before(late[0].at.date())
            held[day] = [event for event in events if event.late]
            await self._send([e for e in events if not e.late] + late)
            self._system.step_clock(_at(day + timedelta(days=1), 1, 1))
        # From here on time passes: a correction waits for a moment after it.
        self._system.step_clock(_at(days[-1] + timedelta(days=5), 1, 1), rate=1.0)
        self.done = True

    async def _send(self, events: Sequence[Event]) -> None:
        began = time.monotonic()
        batches = _batches(events)
        batches += batches[::AGAIN_SHARE]  # re-sent as they were: the same ids
        waiting: asyncio.Queue[tuple[float, Sequence[Event]]] = asyncio.Queue()
        for number, batch in enumerate(batches):
            waiting.put_nowait((began + number * BATCH / self._rate, batch))
        await asyncio.gather(*(self._sender(waiting) for _ in range(SENDERS)))
        self.seconds += time.monotonic() - began

    async def _sender(self, waiting: "asyncio.Queue[tuple[float, Sequence[Event]]]") -> None:
        while not waiting.empty():
            due, batch = waiting.get_nowait()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._api.send([event.cloud_event() for event in batch], batch[0].source)
            self.sent += len(batch)
            self.journal.add(batch)

    async def _all_judged(self, day: date) -> None:
        """Wait until every goal's light of the day is judged: what comes now is a correction."""

        async def judged() -> bool:
            for goal in (*COMPANY, *REGIONS):
                page = await self._api.lights(goal, **{"from": str(day), "to": str(day)})
                if page is None or all(row["provisional"] for row in page["items"]):
                    return False
            return True

        await until(judged, 180 if self.intact else 10, f"{day} judged")

    async def _judged_before(self, day: date) -> None:
        try:
            await self._all_judged(day)
        except TrialFailed:
            if self.intact:
                raise

    async def drained(self, within: float) -> None:
        """Wait until all that was acknowledged is in progress, judged and sent; then settle."""
        last = working(self._world.days[0], self._world.days[-1])[-1]
        wanted = self.journal.counting()

        async def complete() -> bool:
            return all([await self._count(goal) >= count for goal, count in wanted.items()])

        try:
            await until(complete, within, "progress complete", every=0.3)
            await self._all_judged(last)
        except TrialFailed:
            return  # the comparison says what is missing
        await asyncio.sleep(3)

    async def applied(self) -> int:
        """Return how many events the company's first goal has counted."""
        return await self._count(ALL)

    async def _count(self, goal: str) -> int:
        page = await self._api.get("goal-service", f"/v1/goals/{goal}/progress", limit=1)
        return int(page["count"])


def _batches(events: Sequence[Event]) -> list[Sequence[Event]]:
    """Return batches of one source each, as full as they come in the order of the events."""
    filling: dict[str, list[Event]] = {source: [] for source in SOURCES}
    found: list[Sequence[Event]] = []
    for event in events:
        batch = filling[event.source]
        batch.append(event)
        if len(batch) == BATCH:
            found.append(batch)
            filling[event.source] = []
    return found + [batch for batch in filling.values() if batch]


def _at(day: date, hour: int, minute: int) -> float:
    return datetime.combine(day, clock_time(hour, minute), UTC).timestamp()


def first_moment() -> float:
    """Return the clock's start: the first day at noon, epoch seconds."""
    return _at(START, 12, 0)
