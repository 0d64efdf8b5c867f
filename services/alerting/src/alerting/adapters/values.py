"""Values of days, one document per goal, metric, part and month; signs of life; watermarks."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from pymongo import UpdateOne

from alerting.domain.goal import Goal, GoalKey, Source
from alerting.domain.sums import Days, DayValue
from alerting.ports import DayPlace, DayState, MetricDay, Quarters
from event_contracts.wire import key_of
from service_kit.store import Document, Store, Tx, find_ids


class MongoValues:
    """The Values port inside one transaction."""

    def __init__(self, tx: Tx, partition: int) -> None:
        self._tx = tx
        self._partition = partition

    async def read(self, places: Iterable[DayPlace]) -> dict[DayPlace, DayState]:
        """Return what is known of the days."""
        wanted = set(places)
        ids = sorted({_month(place) for place in wanted})
        months = {
            document["_id"]: document["days"]
            for document in await self._tx["progress"].find_ids(ids)
        }
        found: dict[DayPlace, DayState] = {}
        for place in wanted:
            day = months.get(_month(place), {}).get(place.day.isoformat())
            if day is not None:
                found[place] = DayState(DayValue(day["value"], day["count"]), day["version"])
        return found

    async def write(self, values: Mapping[DayPlace, DayState]) -> None:
        """Set the days."""
        months: dict[str, dict[str, Any]] = defaultdict(dict)
        for place, state in values.items():
            fields = months[_month(place)]
            fields["tenant"], fields["goal"] = place.key
            fields["part"], fields["metric"] = place.source
            fields[f"days.{place.day.isoformat()}"] = {
                "value": state.value.value,
                "count": state.value.count,
                "version": state.version,
            }
        await self._tx["progress"].bulk_write(
            [UpdateOne({"_id": i}, {"$set": f}, upsert=True) for i, f in sorted(months.items())]
        )

    async def of_goal(self, goal: Goal) -> dict[str, Days]:
        """Return all days of the goal's sums, by part."""
        return parts_of(goal, await self._tx["progress"].find(_months(goal.key)))

    async def back_filled(self, goal: Goal) -> int:
        """Return the goal version whose days are all there, of every sum of this one; 0: none."""
        ids = [_source_id(goal.key, source) for source in goal.sources]
        rows = await self._tx["back_filled"].find_ids(ids)
        known = {row["_id"]: int(row["version"]) for row in rows}
        return min(known.get(i, 0) for i in ids)

    async def note_back_filled(self, key: GoalKey, source: Source, version: int) -> None:
        """Note that the days of one of a goal version's sums are all there."""
        await self._tx["back_filled"].update_one(
            {"_id": _source_id(key, source)}, {"$max": {"version": version}}, upsert=True
        )

    async def alive(self, tenant: str, metric: str, start: date, end: date) -> dict[date, int]:
        """Return the source's quarter hours by UTC day, both days inclusive."""
        ids = _alive_ids(self._partition, tenant, metric, start, end)
        rows = await self._tx["alive"].find_ids(list(ids))
        return {ids[row["_id"]]: int(row["quarters"], 16) for row in rows}

    async def join_alive(self, quarters: Mapping[MetricDay, Quarters]) -> dict[MetricDay, int]:
        """Keep the quarter hours whose version is new; return those known before."""
        ids = {_alive_id(self._partition, place): place for place in quarters}
        rows = await self._tx["alive"].find_ids(sorted(ids))
        known = {
            ids[row["_id"]]: Quarters(int(row["quarters"], 16), row["version"]) for row in rows
        }
        news = []
        for identity, place in sorted(ids.items()):
            now, before = quarters[place], known.get(place, Quarters(0, -1))
            if before.version < now.version:
                fields = {"quarters": f"{now.bits | before.bits:x}", "version": now.version}
                news.append(UpdateOne({"_id": identity}, {"$set": fields}, upsert=True))
        await self._tx["alive"].bulk_write(news)
        return {place: before.bits for place, before in known.items()}

    async def watermark_ms(self, partition: int, origins: Iterable[str]) -> int:
        """Return until when everything of the origins is known; -1 before each had its word."""
        ids = [f"{partition}|{origin}" for origin in origins]
        rows = await self._tx["watermarks"].find_ids(ids)
        known = {row["_id"]: int(row["at_ms"]) for row in rows}
        return min(known.get(i, -1) for i in ids)

    async def note_watermarks(self, partition: int, at_ms: Mapping[str, int]) -> None:
        """Raise the origins' watermarks."""
        for origin, one in sorted(at_ms.items()):
            await self._tx["watermarks"].update_one(
                {"_id": f"{partition}|{origin}"}, {"$max": {"at_ms": one}}, upsert=True
            )


async def watermarks(store: Store) -> dict[tuple[int, str], int]:
    """Return every watermark by partition and origin, outside of any transaction."""
    rows: list[Document] = await store.db["watermarks"].find({}).to_list(None)
    found: dict[tuple[int, str], int] = {}
    for row in rows:
        number, _, origin = row["_id"].partition("|")
        found[int(number), origin] = row["at_ms"]
    return found


async def alive_in(
    store: Store, partition: int, tenant: str, metric: str, start: date, end: date
) -> dict[date, int]:
    """Return the source's quarter hours as one progress partition knows them, like ``alive``."""
    ids = _alive_ids(partition, tenant, metric, start, end)
    rows = await find_ids(store.db["alive"], list(ids))
    return {ids[row["_id"]]: int(row["quarters"], 16) for row in rows}


async def parts_in(store: Store, goal: Goal) -> dict[str, Days]:
    """Return all days of the goal's sums, by part, outside of any transaction."""
    return parts_of(goal, await store.db["progress"].find(_months(goal.key)).to_list(None))


def parts_of(goal: Goal, months: Iterable[Document]) -> dict[str, Days]:
    """Return the days of those month documents that are of the goal's sums, by part.

    Another version may have fed a part from another metric, or had other parts.
    """
    parts: dict[str, dict[date, DayValue]] = {source.part: {} for source in goal.sources}
    for month in months:
        if Source(month["part"], month["metric"]) in goal.sources:
            for day, state in month["days"].items():
                value = DayValue(state["value"], state["count"])
                parts[month["part"]][date.fromisoformat(day)] = value
    return dict(parts)


def _alive_ids(partition: int, tenant: str, metric: str, start: date, end: date) -> dict[str, date]:
    days = (start + timedelta(days=number) for number in range((end - start).days + 1))
    return {_alive_id(partition, MetricDay(tenant, metric, day)): day for day in days}


def _alive_id(partition: int, place: MetricDay) -> str:
    # Every partition hears of it by itself, and has goals of its own to correct.
    return key_of(str(partition), place.tenant, place.metric, place.day.isoformat())


def _month(place: DayPlace) -> str:
    return f"{_source_id(place.key, place.source)}|{place.day.isoformat()[:7]}"


def _source_id(key: GoalKey, source: Source) -> str:
    return key_of(*key, source.metric, *([source.part] if source.part else []))


def _months(key: GoalKey) -> Document:
    # By an index: a range of ids is a walk over the collection on one of the servers in use.
    return {"tenant": key.tenant, "goal": key.goal}
