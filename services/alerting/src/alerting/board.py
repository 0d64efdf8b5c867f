"""The board: gauges of the goals whose partitions this process holds.

Nothing is asked for an event. A partition that is taken is read once; after that only the rows of
goals that the judge has looked at are read again, all at once, every two seconds.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from alerting import metrics
from alerting.adapters.dockets import entries
from alerting.domain.board import Entry, count, level_of, select
from alerting.domain.goal import GoalKey
from alerting.domain.lights import Colour, LightKind
from event_contracts.wire import key_of
from service_kit.store import Document, Store, portions

SECONDS = 2.0
NUMBERS = {Colour.NONE: 0, Colour.GREY: 1, Colour.GREEN: 2, Colour.YELLOW: 3, Colour.RED: 4}

Held = Callable[[], Iterable[int]]
Values = dict[tuple[Any, tuple[str, ...]], float]


class Board:
    """Keeps the gauges of goals as the judge left them."""

    def __init__(self, store: Store, held: Held, most: int) -> None:
        self._store = store
        self._held = held
        self._most = most
        self._entries: dict[GoalKey, Entry] = {}
        self._partitions: set[int] = set()
        self._looked_at: set[GoalKey] = set()
        self._shown: Values = {}

    def looked_at(self, key: GoalKey) -> None:
        """Note that the judge has looked at a goal: its row may have changed."""
        self._looked_at.add(key)

    async def run(self) -> None:
        """Keep the gauges for ever."""
        while True:
            await self.step()
            await asyncio.sleep(SECONDS)

    async def step(self) -> None:
        """Drop what is held no more, read what is new, and show it."""
        held, looked_at = set(self._held()), self._looked_at
        self._looked_at = set()
        lost, taken = self._partitions - held, held - self._partitions
        if not (lost or taken or looked_at):
            return
        self._partitions = held
        for key in [key for key, one in self._entries.items() if one.partition in lost]:
            del self._entries[key]
        if taken:
            await self._read({"partition": {"$in": sorted(taken)}})
        for ids in portions(key_of(*key) for key in sorted(looked_at)):
            await self._read({"_id": {"$in": ids}})
        self._show()

    async def _read(self, query: Document) -> None:
        for one in await entries(self._store, query):
            if one.partition in self._partitions:
                self._entries[one.key] = one

    def _show(self) -> None:
        named, left_out = select(self._entries.values(), self._most)
        values: Values = {}
        for one in named:
            values |= _gauges(one)
        for cell, number in count(self._entries.values()).items():
            values[metrics.GOALS, cell] = number
        for gauge, labels in self._shown.keys() - values.keys():
            gauge.remove(*labels)
        for (gauge, labels), value in values.items():
            if self._shown.get((gauge, labels)) != value:
                gauge.labels(*labels).set(value)
        self._shown = values
        metrics.LEFT_OUT.set(left_out)


def _gauges(one: Entry) -> Values:
    labels, standing = (*one.key, level_of(one.level)), one.standing
    values: Values = {
        (metrics.LIGHT, (*labels, str(LightKind.RUN))): NUMBERS[standing.run],
        (metrics.LIGHT, (*labels, str(LightKind.TO_DATE))): NUMBERS[standing.to_date],
    }
    for gauge, share in (
        (metrics.COMPLETION, standing.completion),
        (metrics.ATTAINMENT, standing.attainment),
    ):
        if share is not None:
            values[gauge, labels] = float(share)
    return values
