"""Goals' days.

{_id: "tenant|goal|metric|2011-01-31", value, count, version, as_of_ms, goal_version}
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import date

from pymongo import UpdateOne

from event_contracts.wire import key_of
from goal_service.domain.progress import DayValue
from goal_service.ports import Place
from service_kit.store import Document, Store, Tx

PROGRESS = "progress"


class MongoProgress:
    """The ProgressStore port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def read(self, places: Collection[Place]) -> dict[Place, DayValue]:
        """Return the values of those places that were ever written."""
        if not places:
            return {}
        by_id = {_id(place): place for place in places}
        found = await self._tx[PROGRESS].find({"_id": {"$in": list(by_id)}})
        return {by_id[document["_id"]]: _value(document) for document in found}

    async def of_goal(self, tenant: str, goal: str, metric: str) -> dict[date, DayValue]:
        """Return all days of a goal by one metric."""
        return _by_day(await self._tx[PROGRESS].find(_of_goal(tenant, goal, metric)))

    async def write(self, values: Mapping[Place, DayValue]) -> None:
        """Write the values, one write each."""
        await self._tx[PROGRESS].bulk_write(
            [
                UpdateOne({"_id": _id(place)}, {"$set": asdict(value)}, upsert=True)
                for place, value in values.items()
            ]
        )


async def read_days(store: Store, tenant: str, goal: str, metric: str) -> dict[date, DayValue]:
    """Return all days of a goal by one metric, outside of a transaction."""
    return _by_day(await store.db[PROGRESS].find(_of_goal(tenant, goal, metric)).to_list(None))


def _id(place: Place) -> str:
    return key_of(place.tenant, place.goal, place.metric, place.day.isoformat())


def _of_goal(tenant: str, goal: str, metric: str) -> Document:
    prefix = key_of(tenant, goal, metric)
    return {"_id": {"$gt": f"{prefix}|", "$lt": f"{prefix}}}"}}  # "}" follows "|"


def _by_day(documents: list[Document]) -> dict[date, DayValue]:
    return {date.fromisoformat(document["_id"][-10:]): _value(document) for document in documents}


def _value(document: Document) -> DayValue:
    return DayValue(
        value=document["value"],
        count=document["count"],
        version=document["version"],
        as_of_ms=document["as_of_ms"],
        goal_version=document["goal_version"],
    )
