"""Goals' days.

{_id: "tenant|goal|metric|2011-01-31", value, count, version, as_of_ms, goal_version}

A part that has a name stands between metric and day.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import date, timedelta

from pymongo import UpdateOne

from event_contracts.goals import GoalChanged
from event_contracts.wire import key_of
from goal_service.domain.amounts import total
from goal_service.domain.cascade import Actual
from goal_service.domain.matching import Use
from goal_service.domain.parts import OVER, OWN, GoalPart, named, parts_of
from goal_service.domain.progress import DayValue
from goal_service.ports import Place
from service_kit.store import Document, Store, Tx, find_ids

PROGRESS = "progress"


class MongoProgress:
    """The ProgressStore port inside one transaction.

    Only the worker that holds the metric's facts partition writes its goals' days, so what it has
    written or read once is ``known``, as long as its compare-and-set matches; ``learnt`` is what
    that takes in after the commit. None: never written.
    """

    def __init__(self, tx: Tx, known: Mapping[Place, DayValue | None]) -> None:
        self._tx = tx
        self._known = known
        self.learnt: dict[Place, DayValue | None] = {}

    async def read(self, places: Collection[Place]) -> dict[Place, DayValue]:
        """Return the values of those places that were ever written."""
        unknown = {_id(p): p for p in places if p not in self._known and p not in self.learnt}
        if unknown:
            self.learnt |= dict.fromkeys(unknown.values())
            for document in await self._tx[PROGRESS].find_ids(list(unknown)):
                self.learnt[unknown[document["_id"]]] = _value(document)
        found = {p: self.learnt[p] if p in self.learnt else self._known[p] for p in places}
        return {place: value for place, value in found.items() if value is not None}

    async def of_use(self, use: Use) -> dict[date, DayValue]:
        """Return all days of a part of a goal by one metric."""
        query = _of_part(use.tenant, use.goal, use.metric, use.part)
        return _by_day(await self._tx[PROGRESS].find(query))

    async def write(self, values: Mapping[Place, DayValue]) -> None:
        """Write the values, one write each."""
        await self._tx[PROGRESS].bulk_write(
            [
                UpdateOne({"_id": _id(place)}, {"$set": asdict(value)}, upsert=True)
                for place, value in values.items()
            ]
        )
        self.learnt.update(values)


async def read_days(store: Store, goal: GoalChanged, part: GoalPart) -> dict[date, DayValue]:
    """Return the days of the goal's period by one of its parts, outside of a transaction."""
    length = (goal.end - goal.start).days + 1
    period = [goal.start + timedelta(days=number) for number in range(length)]
    places = [Place(goal.tenant, goal.goal, part.metric, day, part.part) for day in period]
    # By name: a range of ids is a walk over everybody's days on one of the servers in use.
    days = _by_day(await find_ids(store.db[PROGRESS], map(_id, places)))
    return dict(sorted(days.items()))


async def read_actual(store: Store, goal: GoalChanged) -> Actual:
    """Return what the goal's own sum and its denominator have come to."""
    sums = {
        part.part: total(day.value for day in (await read_days(store, goal, part)).values())
        for part in parts_of(goal)
        if part.part in (OWN, OVER)
    }
    return Actual(sums[OWN], sums.get(OVER))


def _id(place: Place) -> str:
    day = place.day.isoformat()
    return key_of(place.tenant, place.goal, place.metric, *named(place.part), day)


def _of_part(tenant: str, goal: str, metric: str, part: str) -> Document:
    # A day begins with a digit, the name of a further part with a letter; ":" follows "9".
    prefix = key_of(tenant, goal, metric, *named(part))
    return {"_id": {"$gt": f"{prefix}|0", "$lt": f"{prefix}|:"}}


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
