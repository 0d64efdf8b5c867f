"""Removes bundles of the outbox that were sent long ago, a few at a time."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from service_kit.outbox import bundle_id
from service_kit.store import Store, find_ids, portions

KEEP = timedelta(days=7)
EVERY_SECONDS = 1.0
STEP = 400


def _now() -> datetime:
    return datetime.now(UTC)


class Trimmer:
    """Remembers per origin up to which bundle its rows are gone (``trimmed`` beside the cursor).

    Only the relay that holds the lease trims; a second one at work does no harm, bundles at or
    below the cursor are nobody's any more.
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
        """Look at one origin, at most once a second; return how many bundles went.

        When a whole step of bundles went, the next call looks at once again.
        """
        now = asyncio.get_running_loop().time()
        if now < self._due_at or not cursors:
            return 0
        origin = sorted(cursors)[self._turn % len(cursors)]
        gone = await self._trim(origin, cursors[origin])
        if gone < STEP:
            self._turn += 1
            self._due_at = now + EVERY_SECONDS
        return gone

    async def _trim(self, origin: str, cursor: int) -> int:
        first = self._trimmed.get(origin, 0) + 1
        if first > cursor or not await self._all_old([bundle_id(origin, first)]):
            return 0
        last = min(cursor, first + STEP - 1)
        ids = [bundle_id(origin, number) for number in range(first, last + 1)]
        while not await self._all_old(ids):
            ids = ids[: max(len(ids) // 2, 1)]
        for portion in portions(ids):
            await self._db["outbox"].delete_many({"_id": {"$in": portion}})
        last = first + len(ids) - 1
        await self._db["relay"].update_one({"_id": origin}, {"$set": {"trimmed": last}})
        self._trimmed[origin] = last
        return len(ids)

    async def _all_old(self, ids: list[str]) -> bool:
        """Whether none of the bundles is younger; one that a killed relay removed is old."""
        rows = await find_ids(self._db["outbox"], ids, projection=["at"])
        limit = self._now() - KEEP
        return all("at" not in row or row["at"] < limit for row in rows)
