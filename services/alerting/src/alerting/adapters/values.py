"""How complete the days are: back-fills, signs of life, watermarks.

alive: {_id: "PARTITION|tenant|metric|2026-06", days: {"2026-06-01": {quarters, version}}}
watermarks: {_id: "PARTITION", at_ms: {ORIGIN: until when everything of it is known},
             held: {ORIGIN: [[TENANT, ms]]}}: of these tenants only until then
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from urllib.parse import quote, unquote

from pymongo import UpdateOne

from alerting.domain.goal import Goal, GoalKey, Source
from alerting.ports import MetricDay, MetricDays, Quarters
from event_contracts.wire import key_of
from service_kit.marks import UNKNOWN, Mark
from service_kit.store import Document, Store, Tx, find_ids

Marks = Mapping[int, Mapping[str, Mark]]


class MongoValues:
    """The Values port inside one transaction."""

    def __init__(self, tx: Tx, partition: int) -> None:
        self._tx = tx
        self._partition = partition

    async def back_filled(self, goals: Iterable[Goal]) -> dict[GoalKey, int]:
        """Return the goals' versions whose days are all there, of every sum of these; 0: none."""
        ids = {
            goal.key: [_source_id(goal.key, source) for source in goal.sources] for goal in goals
        }
        rows = await self._tx["back_filled"].find_ids(i for mine in ids.values() for i in mine)
        known = {row["_id"]: int(row["version"]) for row in rows}
        return {key: min(known.get(i, 0) for i in mine) for key, mine in ids.items()}

    async def note_back_filled(self, key: GoalKey, source: Source, version: int) -> None:
        """Note that the days of one of a goal version's sums are all there."""
        await self._tx["back_filled"].update_one(
            {"_id": _source_id(key, source)}, {"$max": {"version": version}}, upsert=True
        )

    async def alive(self, asked: Collection[MetricDays]) -> dict[MetricDays, dict[date, int]]:
        """Return the sources' quarter hours by UTC day."""
        ids = {one: _months(self._partition, *one) for one in asked}
        rows = await self._tx["alive"].find_ids(i for mine in ids.values() for i in mine)
        months = {row["_id"]: row for row in rows}
        return {
            one: _between((months[i] for i in mine if i in months), one.start, one.end)
            for one, mine in ids.items()
        }

    async def join_alive(self, quarters: Mapping[MetricDay, Quarters]) -> dict[MetricDay, int]:
        """Keep the quarter hours whose version is new; return those known before."""
        ids = {place: _month(self._partition, place) for place in quarters}
        rows = await self._tx["alive"].find_ids(sorted(set(ids.values())))
        days = {row["_id"]: row["days"] for row in rows}
        known: dict[MetricDay, int] = {}
        news: dict[str, Document] = defaultdict(dict)
        for place, now in sorted(quarters.items()):
            day, version = days.get(ids[place], {}).get(place.day.isoformat()), -1
            if day is not None:
                known[place], version = int(day["quarters"], 16), day["version"]
            if version < now.version:
                joined = f"{now.bits | known.get(place, 0):x}"
                fields = {"quarters": joined, "version": now.version}
                news[ids[place]][f"days.{place.day.isoformat()}"] = fields
        await self._tx["alive"].bulk_write(
            [UpdateOne({"_id": i}, {"$set": f}, upsert=True) for i, f in sorted(news.items())]
        )
        return known

    async def watermark_ms(self, partition: int, tenant: str, origins: Iterable[str]) -> int:
        """Return until when all the tenant has of the origins is known; -1 before all told."""
        row = await self._tx["watermarks"].find_one({"_id": str(partition)})
        return lowest(
            {} if row is None else {partition: _marks_of(row)}, partition, tenant, origins
        )

    async def note_watermarks(self, partition: int, marks: Mapping[str, Mark]) -> None:
        """Raise the origins' watermarks: nobody's goes back.

        A relay that was killed sends old ones again behind newer ones.
        """
        if not marks:
            return
        row = await self._tx["watermarks"].find_one({"_id": str(partition)})
        known = {} if row is None else _marks_of(row)
        fields: Document = {}
        for origin, mark in sorted(marks.items()):
            joined = known.get(origin, UNKNOWN).joined(mark)
            if joined != known.get(origin):
                fields[f"at_ms.{_field(origin)}"] = joined.at_ms
                fields[f"held.{_field(origin)}"] = joined.rows()
        if fields:
            await self._tx["watermarks"].update_one(
                {"_id": str(partition)}, {"$set": fields}, upsert=True
            )


async def watermarks(store: Store) -> Marks:
    """Return every partition's watermarks by origin, outside of any transaction."""
    rows: list[Document] = await store.db["watermarks"].find({}).to_list(None)
    # Earlier releases had a document for each origin: they are told anew every second.
    return {int(row["_id"]): _marks_of(row) for row in rows if row["_id"].isdigit()}


def lowest(marks: Marks, partition: int, tenant: str, origins: Iterable[str]) -> int:
    """Return until when all the tenant has of the origins is known to a partition; else -1."""
    known = marks.get(partition, {})
    return min(known.get(origin, UNKNOWN).of(tenant) for origin in origins)


def _marks_of(row: Document) -> dict[str, Mark]:
    held = row.get("held", {})
    return {
        unquote(field): Mark.of_rows(at_ms, held.get(field, ()))
        for field, at_ms in row["at_ms"].items()
    }


async def alive_in(
    store: Store, partition: int, tenant: str, metric: str, start: date, end: date
) -> dict[date, int]:
    """Return the source's quarter hours as one progress partition knows them, like ``alive``."""
    ids = _months(partition, tenant, metric, start, end)
    return _between(await find_ids(store.db["alive"], ids), start, end)


def _between(months: Iterable[Document], start: date, end: date) -> dict[date, int]:
    found = {
        date.fromisoformat(day): int(fields["quarters"], 16)
        for month in months
        for day, fields in month["days"].items()
    }
    return {day: bits for day, bits in found.items() if start <= day <= end}


def _months(partition: int, tenant: str, metric: str, start: date, end: date) -> list[str]:
    days = (start + timedelta(days=number) for number in range((end - start).days + 1))
    return sorted({_month(partition, MetricDay(tenant, metric, day)) for day in days})


def _month(partition: int, place: MetricDay) -> str:
    # Every partition hears of it by itself, and has goals of its own to correct.
    return key_of(str(partition), place.tenant, place.metric, place.day.isoformat()[:7])


def _source_id(key: GoalKey, source: Source) -> str:
    return key_of(*key, source.metric, *([source.part] if source.part else []))


def _field(origin: str) -> str:
    # A dot would make a path of it, a dollar an operator.
    return quote(origin, safe="").replace(".", "%2E")
