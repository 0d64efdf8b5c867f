"""Reads what a subscriber would read, again and again, into the picture."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from paceline.demo.firm.picture import News, Picture, Praise
from paceline.trial.api import Api

Tell = Callable[[Sequence[News]], None]
PAGE = 1000


class Watcher:
    """Keeps a picture up to date; ``tell`` hears of news."""

    def __init__(self, api: Api, picture: Picture, tell: Tell) -> None:
        self._api = api
        self._picture = picture
        self._tell = tell
        self._after: dict[str, str] = {}

    async def knows_all(self) -> bool:
        """Whether alerting has heard of every goal."""
        rows = await self._api.all("alerting", "/v1/lights")
        return {row["goal"] for row in rows} >= {
            goal.aim.id for goal in self._picture.goals.values() if goal.aim.start <= self._first
        }

    @property
    def _first(self) -> date:
        return self._picture.days[0]

    async def look(self) -> None:
        """Read everything once."""
        await asyncio.gather(self._lights(), self._deeds(), self._awards(), self._letters())

    async def keep(self, every: float) -> None:
        """Keep the picture up to date until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(every)

    async def _lights(self) -> None:
        self._picture.look(await self._api.all("alerting", "/v1/lights"))

    async def _deeds(self) -> None:
        rows = await self._new("alerting", "/v1/goal-events")
        for goal in {row["goal"] for row in rows if row["kind"] == "goal.restated"}:
            self._picture.look(await self._api.all("alerting", "/v1/lights", goal=goal))
        self._tell(self._picture.tell(rows))

    async def _awards(self) -> None:
        rows = await self._new("incentives", "/v1/awards")
        self._picture.praises += map(_praise, rows)

    async def _letters(self) -> None:
        page = await self._api.get("metrics-ingest", "/v1/dead-letters", limit=1)
        self._picture.letters = sum(group["letters"] for group in page["groups"])

    async def _new(self, service: str, path: str) -> list[Any]:
        """Return what came to the list since the last look."""
        after = {"after": self._after[path]} if path in self._after else {}
        page = await self._api.get(service, path, limit=PAGE, **after)
        if page["next"]:
            self._after[path] = page["next"]
        rows: list[Any] = page["items"]
        return rows


def _praise(row: Mapping[str, Any]) -> Praise:
    return Praise(
        date.fromisoformat(row["window_start"]),
        row["value"],
        Decimal(row["actual"]),
        row["state"],
    )
