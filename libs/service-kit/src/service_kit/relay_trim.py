"""Removes rows of the outbox that were sent long ago, a few at a time."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from service_kit.outbox import place_of, row_id
from service_kit.store import Store, find_ids, portions

KEEP = timedelta(days=7)
EVERY_SECONDS = 1.0
STEP = 1000


def _now() -> datetime:
    return datetime.now(UTC)


class Trimmer:
    """Remembers per lane up to which seq its rows are gone (``trimmed`` beside the cursors).

    Only the relay that holds the lease trims; a second one at work does no harm, rows at or below
    the cursor are nobody's any more.
    """

    def __init__(self, store: Store, now: Callable[[], datetime] = _now) -> None:
        self._db = store.db
        self._now = now
        self._trimmed: dict[str, int] = {}
        self._turn = 0
        self._due_at = 0.0

    def begin(self, trimmed: Mapping[str, int]) -> None:
        """Take over what the ``relay`` documents say."""
        self._trimmed = dict(trimmed)

    async def step(self, cursors: Mapping[str, int]) -> int:
        """Look at one lane, at most once a second; return how many rows went.

        When a whole step of rows went, the next call looks at once again.
        """
        now = asyncio.get_running_loop().time()
        if now < self._due_at or not cursors:
            return 0
        lane = sorted(cursors)[self._turn % len(cursors)]
        gone = await self._trim(lane, cursors[lane])
        if gone < STEP:
            self._turn += 1
            self._due_at = now + EVERY_SECONDS
        return gone

    async def _trim(self, lane: str, cursor: int) -> int:
        first = self._trimmed.get(lane, 0) + 1
        if first > cursor or not await self._all_old([row_id(lane, first)]):
            return 0
        ids = [row_id(lane, seq) for seq in range(first, min(cursor, first + STEP - 1) + 1)]
        while not await self._all_old(ids):
            ids = ids[: max(len(ids) // 2, 1)]
        for portion in portions(ids):
            await self._db["outbox"].delete_many({"_id": {"$in": portion}})
        last = first + len(ids) - 1
        origin, counter = place_of(lane)
        await self._db["relay"].update_one({"_id": origin}, {"$set": {f"trimmed.{counter}": last}})
        self._trimmed[lane] = last
        return len(ids)

    async def _all_old(self, ids: list[str]) -> bool:
        """Whether none of the rows is younger; one that a killed relay removed is old."""
        rows = await find_ids(self._db["outbox"], ids, projection=["at"])
        limit = self._now() - KEEP
        return all("at" not in row or row["at"] < limit for row in rows)
