"""Plays the plot on a running system: sends a day, steps the clock, waits until all is judged."""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from typing import Any

from paceline.demo.firm.picture import Picture
from paceline.demo.firm.plot import ARRIVES, BROKEN_FROM, LATE, Plot
from paceline.demo.firm.streams import BY_HAND, ZONE, Happening, moment
from paceline.demo.firm.watch import Tell, Watcher
from paceline.trial.api import Api, Refused
from paceline.trial.system import System, until

JUDGED_WITHIN = 120.0
KNOWN_WITHIN = 60.0
LOOK_EVERY = 0.25
DAWN, MORNING, EVENING = clock_time(6), clock_time(10), clock_time(19)
JUDGED = clock_time(1, 0, 1)  # of the next day: midnight, the freshness, and a second
NOON = clock_time(12)
FAIR_METRIC = "fair_leads"
EVIDENCE = "badge scans 胸卡扫描"


class Player:
    """Lets one day after the other pass; what is late or broken says so in the feed."""

    def __init__(
        self, system: System, api: Api, plot: Plot, watcher: Watcher, picture: Picture, tell: Tell
    ) -> None:
        self._system = system
        self._api = api
        self._plot = plot
        self._watcher = watcher
        self._picture = picture
        self._tell = tell

    async def play(self, seconds_per_day: float) -> None:
        """Play all days, none faster than asked; return when the last one has been judged."""
        await until(self._watcher.knows_all, KNOWN_WITHIN, "alerting knows the goals", LOOK_EVERY)
        for day in self._plot.days:
            begin = time.monotonic()
            self._introduce(day)
            due = self._plot.due(day)
            noon = moment(day, NOON)
            self._step(day, MORNING)
            await self.send([h for h in due if h.at < noon and h.day == day])
            await self._watcher.look()
            self._step(day, EVENING)
            await self.send([h for h in due if h.at >= noon or h.day != day])
            self._step(day, JUDGED)
            await until(lambda day=day: self._judged(day), JUDGED_WITHIN, f"{day} judged", 0.1)
            await asyncio.sleep(max(0.0, begin + seconds_per_day - time.monotonic()))

    async def live(self) -> None:
        """Begin the day after the last one: its morning comes in, the clock goes on by itself."""
        today = self._plot.today
        self._picture.living = True
        self._system.step_clock(moment(today, MORNING).timestamp(), 1.0)
        self.strike(moment(today, MORNING))
        await self.send(self._plot.morning)

    def strike(self, at: datetime) -> None:
        """Show the day and hour that the running clock has come to."""
        local = at.astimezone(ZONE)
        self._picture.today, self._picture.hour = local.date(), f"{local:%H:%M}"

    async def send(self, due: Sequence[Happening]) -> None:
        """Send events, each source's as one batch; return when they are accepted."""
        for source in sorted({happening.stream.source for happening in due}):
            mine = [happening for happening in due if happening.stream.source == source]
            if source == BY_HAND:
                await self._type(mine)
            else:
                await self._api.send([happening.cloud_event() for happening in mine], source)
            self._picture.sent += len(mine)

    async def _type(self, due: Sequence[Happening]) -> None:
        """Send numbers as the console does for those who type them."""
        answer = await self._api.call(
            "POST",
            "metrics-ingest",
            "/v1/numbers",
            [typed(happening) for happening in due],
            headers={"Content-Type": "application/cloudevents-batch+json"},
        )
        if answer.get("rejected"):
            raise Refused(202, str(answer["rejected"]))

    async def _judged(self, day: date) -> bool:
        await self._watcher.look()
        return self._picture.judged_through(day)

    def _introduce(self, day: date) -> None:
        self._picture.today = day
        for place, key in ((LATE, "held"), (ARRIVES, "arrived"), (BROKEN_FROM, "renamed")):
            if day == self._plot.day(place):
                self._tell([self._picture.say(key, late=self._plot.day(LATE))])

    def _step(self, day: date, at: clock_time) -> None:
        on = day + timedelta(days=1) if at == JUDGED else day
        self._system.step_clock(moment(on, at).timestamp())
        self._picture.hour = f"{at:%H:%M}"


def typed(happening: Happening) -> dict[str, Any]:
    """Return a number kept by hand: the first of its cell, with the id that the console makes."""
    amount = Decimal(happening.amounts["count"])
    cell = "\x1f".join([FAIR_METRIC, str(happening.day), "1"])
    return {
        "specversion": "1.0",
        "id": hashlib.sha256(cell.encode()).hexdigest(),
        "source": "/console",
        "type": happening.stream.type,
        "time": f"{happening.day}T{NOON}",
        "data": {
            "metric": FAIR_METRIC,
            "day": str(happening.day),
            "amount": str(amount),
            "said": str(amount),
            "revision": 1,
            "evidence": EVIDENCE,
        },
    }
