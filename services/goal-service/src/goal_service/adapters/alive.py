"""When sources delivered, a month to a document:

{_id: "tenant|metric|2011-01", days: {"2011-01-31": {quarters: hexadecimal, version}}}
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import timedelta

from pymongo import UpdateOne

from event_contracts.wire import key_of
from goal_service.domain.alive import Days, MetricDay, Quarters
from goal_service.ports import MetricKey
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
        months: dict[str, Document] = defaultdict(dict)
        for day, now in changed.items():
            fields = {"quarters": now.hexadecimal, "version": now.version}
            months[_month(day)][f"days.{day.day.isoformat()}"] = fields
        await self._tx[ALIVE].bulk_write(
            [UpdateOne({"_id": i}, {"$set": f}, upsert=True) for i, f in sorted(months.items())]
        )
        return changed

    async def between(self, metric: MetricKey, days: Days) -> dict[MetricDay, Quarters]:
        """Return the days of a metric on which its source delivered."""
        count = (days.last - days.first).days + 1
        wanted = (days.first + timedelta(days=number) for number in range(count))
        return await self._read([MetricDay(*metric, day) for day in wanted])

    def _is_news(self, day: MetricDay, bits: int) -> bool:
        known = self.learnt.get(day) or self._known.get(day, Quarters())
        return known.bits | bits != known.bits

    async def _read(self, days: Collection[MetricDay]) -> dict[MetricDay, Quarters]:
        found = await self._tx[ALIVE].find_ids(sorted({_month(day) for day in days}))
        months = {document["_id"]: document["days"] for document in found}
        known = {day: months.get(_month(day), {}).get(day.day.isoformat()) for day in days}
        return {day: _quarters(fields) for day, fields in known.items() if fields is not None}


def _month(day: MetricDay) -> str:
    return key_of(day.tenant, day.metric, day.day.isoformat()[:7])


def _quarters(fields: Document) -> Quarters:
    return Quarters(int(fields["quarters"], 16), fields["version"])
