"""When sources delivered: {_id: "tenant|metric|2011-01-31", quarters: hexadecimal, version}."""

from collections.abc import Mapping

from pymongo import UpdateOne

from event_contracts.wire import key_of
from goal_service.domain.alive import MetricDay, Quarters
from service_kit.store import Document, Tx

ALIVE = "alive"


class MongoAlive:
    """The AliveBook port inside one transaction.

    ``known`` is memory of what is stored; ``learnt`` is what it takes in after the commit.
    """

    def __init__(self, tx: Tx, known: Mapping[MetricDay, Quarters]) -> None:
        self._tx = tx
        self._known = known
        self.learnt: dict[MetricDay, Quarters] = {}

    async def join(self, bits: Mapping[MetricDay, int]) -> dict[MetricDay, Quarters]:
        """Add quarter hours; return the days to which they were new. Nothing new reads nothing."""
        fresh = {day: more for day, more in bits.items() if self._is_news(day, more)}
        if not fresh:
            return {}
        stored = await self._read(fresh)
        joined = {day: stored.get(day, Quarters()).joined(more) for day, more in fresh.items()}
        self.learnt.update(joined)
        changed = {day: now for day, now in joined.items() if now != stored.get(day, Quarters())}
        await self._tx[ALIVE].bulk_write(
            [
                UpdateOne(
                    {"_id": _id(day)},
                    {"$set": {"quarters": now.hexadecimal, "version": now.version}},
                    upsert=True,
                )
                for day, now in changed.items()
            ]
        )
        return changed

    def _is_news(self, day: MetricDay, bits: int) -> bool:
        known = self.learnt.get(day) or self._known.get(day, Quarters())
        return known.bits | bits != known.bits

    async def _read(self, days: Mapping[MetricDay, int]) -> dict[MetricDay, Quarters]:
        by_id = {_id(day): day for day in days}
        found = await self._tx[ALIVE].find_ids(list(by_id))
        return {by_id[document["_id"]]: _quarters(document) for document in found}


def _id(day: MetricDay) -> str:
    return key_of(day.tenant, day.metric, day.day.isoformat())


def _quarters(document: Document) -> Quarters:
    return Quarters(int(document["quarters"], 16), document["version"])
