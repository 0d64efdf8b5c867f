"""Plays the year on a running system, and keeps the picture up to date from the services' APIs."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from paceline.demo.shop.model import Goal, Light, News, Picture, Praise
from paceline.demo.shop.year import Year
from paceline.trial import retail
from paceline.trial.api import Api
from paceline.trial.oracle import working
from paceline.trial.replay import BATCH, Shop
from paceline.trial.retail import Invoice, local
from paceline.trial.system import System, until

LOOK_EVERY = 0.25
KNOWN_WITHIN = 60.0
MOST_DAYS_AHEAD = 5
LOOK_BACK = timedelta(days=45)  # more than 20 working days, and what a late order restates
SLICE_SECONDS = 0.4  # a day that takes longer is sent in parts, so that it can be seen to grow
MOST_SLICES = 12
OPENS, CLOSES, JUDGED = 8, 22, 1  # hours of the day; freshness is one hour after midnight
Tell = Callable[[Sequence[News]], None]


def first_picture(year: Year) -> Picture:
    """Return the picture before anything has been sent."""
    goals = {
        goal: Goal(goal, "" if goal == "orders" else "GBP", wanted=retail.wanted(goal))
        for goal in retail.DAILY
    }
    days = list(year.days)
    return Picture(goals, days, year.generated, today=days[0])


class Player:
    """Sends each day's events and steps the clock once all of them are acknowledged."""

    def __init__(
        self, system: System, shop: Shop, year: Year, picture: Picture, tell: Tell
    ) -> None:
        self._system = system
        self._shop = shop
        self._year = year
        self._picture = picture
        self._tell = tell

    async def play(self, seconds_per_day: float) -> None:
        """Play all days, none faster than asked; return when the last one has been judged."""
        slices = min(MOST_SLICES, max(1, int(seconds_per_day / SLICE_SECONDS)))
        for day in self._year.days:
            await until(lambda day=day: self._follows(day), 180, f"lights of the days before {day}")
            await self._introduce(day)
            await self._send(day, slices, seconds_per_day)
            self._step(day + timedelta(days=1), JUDGED)
        last = working(min(self._year.days), max(self._year.days))
        if last:
            await until(lambda: self._shop.judged_through(last[-1]), 180, f"{last[-1]} judged", 0.2)

    async def _follows(self, day: date) -> bool:
        """Whether the lights are close enough behind to be watched; a slow machine plays slower."""
        complete = self._picture.pace.complete_to
        return complete is not None and complete >= local(day, 0) - MOST_DAYS_AHEAD * 86_400

    async def _introduce(self, day: date) -> None:
        """Say what is special about the day; late orders wait for the light that they correct."""
        self._picture.today = day
        year = self._year
        if day == year.late:
            self._say(day, key="held")
        if year.late is not None and year.arrives(day):
            late = year.late
            await until(lambda: self._shop.judged_through(late), 180, f"{late} judged")
            self._say(day, key="arrived", late=late)

    def _say(self, day: date, **values: Any) -> None:
        news = News(day, "demo", values=values)
        self._picture.news.append(news)
        self._tell([news])

    async def _send(self, day: date, slices: int, seconds: float) -> None:
        parts = sliced(self._year.due(day), slices)
        begin = time.monotonic()
        for number, part in enumerate(parts, 1):
            self._step(day, OPENS + (CLOSES - OPENS) * number // slices)
            await self._deliver(part)
            await asyncio.sleep(max(0.0, begin + seconds * number / slices - time.monotonic()))

    async def _deliver(self, part: Sequence[Invoice]) -> None:
        for start in range(0, len(part), BATCH):
            events = [invoice.cloud_event() for invoice in part[start : start + BATCH]]
            await self._shop.api.send(events, retail.SOURCE)
            self._picture.pace.sent += len(events)

    def _step(self, day: date, hour: int) -> None:
        # One second more, because a span is judged once the clock has passed its freshness.
        at = local(day, hour, 0, 1)
        self._system.step_clock(at)
        self._picture.pace.stepped(time.monotonic(), at)
        self._picture.hour = hour if hour != JUDGED else CLOSES


def sliced(events: Sequence[Invoice], slices: int) -> list[list[Invoice]]:
    """Return the events in the order of their hours, in ``slices`` parts."""
    parts: list[list[Invoice]] = [[] for _ in range(slices)]
    for event in sorted(events, key=lambda event: str(event.body["occurred_at"])[11:]):
        hour = int(str(event.body["occurred_at"])[11:13])
        part = (hour - OPENS) * slices // (CLOSES - OPENS)
        parts[min(slices - 1, max(0, part))].append(event)
    return parts


class Watcher:
    """Reads what a subscriber would read, again and again."""

    def __init__(self, api: Api, picture: Picture, tell: Tell) -> None:
        self._api = api
        self._picture = picture
        self._tell = tell
        self._deeds_after: dict[str, str] = {}
        self._awards_after: dict[str, str] = {}

    async def ready(self) -> None:
        """Wait until alerting has heard of every goal."""
        await until(self._known, KNOWN_WITHIN, "alerting knows the goals")

    async def _known(self) -> bool:
        rows = await self._api.all("alerting", "/v1/lights")
        return {row["goal"] for row in rows} >= self._picture.goals.keys()

    async def watch(self) -> None:
        """Keep the picture up to date until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Read everything once."""
        goals = self._picture.goals.values()
        await asyncio.gather(*map(self._look_at, goals), self._deeds(), self._awards())

    async def _look_at(self, goal: Goal) -> None:
        since = self._picture.today - LOOK_BACK
        lights = await self._api.get(
            "alerting", "/v1/lights", goal=goal.id, limit=100, **{"from": since.isoformat()}
        )
        goal.lights = [Light.read(row) for row in lights["items"]]
        if lights["complete_to_ms"] >= 0:
            self._picture.pace.complete(goal.id, lights["complete_to_ms"] / 1000)
        path = f"/v1/goals/{goal.id}/progress"
        progress = await self._api.get("goal-service", path, limit=1)
        goal.total = Decimal(progress["total"])

    async def _deeds(self) -> None:
        rows = await self._new("alerting", "/v1/goal-events", self._deeds_after)
        self._tell(self._picture.tell(rows))

    async def _awards(self) -> None:
        rows = await self._new("incentives", "/v1/awards", self._awards_after)
        self._picture.praise(
            [
                Praise(
                    date.fromisoformat(row["window_start"]),
                    row["value"],
                    Decimal(row["threshold"]),
                    Decimal(row["actual"]),
                )
                for row in rows
            ]
        )

    async def _new(self, service: str, path: str, after: dict[str, str]) -> list[Any]:
        """Return what came to the list since the last look."""
        page = await self._api.get(service, path, limit=1000, **after)
        if page["next"]:
            after["after"] = page["next"]
        rows: list[Any] = page["items"]
        return rows
