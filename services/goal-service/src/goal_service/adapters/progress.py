"""Goals' days: those that change in stripes (adapters.hot_days), the others by the month.

    progress  {_id: "tenant|goal|metric|2011-01", tenant, goal, metric, part,
               days: {"2011-01-31": {value, count, version, as_of_ms, goal_version}}}

A part that has a name stands between metric and month. A day stands in both places when it has
changed again; the higher version holds. Whoever reads without a transaction reads the stripe
first: a day that makes room meanwhile is then found twice, never not at all.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import msgspec
from pymongo import UpdateOne

from event_contracts.goals import GoalChanged
from event_contracts.wire import key_of
from goal_service.adapters.held import Held
from goal_service.adapters.hot_days import (
    HOT_DAYS,
    MOST_DAYS,
    HotDay,
    Stripe,
    read_stripe,
    stripe_id,
    stripe_of,
    write_stripe,
)
from goal_service.adapters.watermarks import log_of
from goal_service.domain.amounts import total
from goal_service.domain.cascade import Actual
from goal_service.domain.matching import Use
from goal_service.domain.parts import OVER, OWN, GoalPart, named, parts_of
from goal_service.domain.progress import DayValue
from goal_service.ports import Place
from service_kit.records import Partition
from service_kit.store import Document, Store, Tx, find_ids, portions

PROGRESS = "progress"
Days = dict[date, DayValue]
Spot = tuple[Partition, int]
"""Where a stripe stands: a partition, and which of its stripes."""


class MongoProgress:
    """The ProgressStore port inside one transaction, over the ``stripes`` as last committed.

    ``changed`` are the stripes that are others once this one commits.
    """

    def __init__(
        self, tx: Tx, partition: Partition, stripes: Sequence[Stripe], most: int = MOST_DAYS
    ) -> None:
        self._tx = tx
        self._partition = partition
        self._stripes = stripes
        self._most = most
        self.changed: dict[int, dict[Place, HotDay]] = {}

    async def read(self, places: Collection[Place]) -> dict[Place, DayValue]:
        """Return the values of those places that were ever written."""
        found: dict[Place, DayValue] = {}
        cold: list[Place] = []
        for place in places:
            hot = self._stripe(stripe_of(place.tenant, place.goal)).get(place)
            if hot is None:
                cold.append(place)
            else:
                found[place] = hot.day_value
        return found | await self._cold(cold)

    async def of_use(self, use: Use) -> dict[date, DayValue]:
        """Return all days of a part of a goal by one metric."""
        months = await self._tx[PROGRESS].find({"tenant": use.tenant, "goal": use.goal})
        stripe = self._stripe(stripe_of(use.tenant, use.goal))
        return _joined(months, stripe, Place(use.tenant, use.goal, use.metric, date.min, use.part))

    async def write(self, values: Mapping[Place, DayValue]) -> dict[Place, DayValue]:
        """Write values that facts have changed; return what made room and was never told."""
        for place, value in values.items():
            stripe = self._own(stripe_of(place.tenant, place.goal))
            stripe.pop(place, None)  # what changes stands last
            stripe[place] = HotDay.of(place, value)
        cold = [day for stripe in self.changed.values() for day in _over(stripe, self._most)]
        await self._write_months({day.place: day.day_value for day in cold})
        return {day.place: day.day_value for day in cold if not day.told}

    async def replace(self, values: Mapping[Place, DayValue]) -> None:
        """Write values that a back-fill found: many, and few of them will change again."""
        for place in values:
            number = stripe_of(place.tenant, place.goal)
            if place in self._stripe(number):
                del self._own(number)[place]
        await self._write_months(values)

    @property
    def waiting(self) -> int:
        """How many values were never told."""
        stripes = map(self._stripe, range(len(self._stripes)))
        return sum(not day.told for stripe in stripes for day in stripe.values())

    def untold(self) -> dict[Place, DayValue]:
        """Return all values that were never told; from now on they are."""
        found: dict[Place, DayValue] = {}
        for number in range(len(self._stripes)):
            fresh = [day for day in self._stripe(number).values() if not day.told]
            for day in fresh:
                self._own(number)[day.place] = msgspec.structs.replace(day, told=True)
                found[day.place] = day.day_value
        return found

    async def save(self) -> None:
        """Write the stripes that have changed."""
        await self._tx[HOT_DAYS].bulk_write(
            [
                UpdateOne(
                    {"_id": stripe_id(self._partition, number)},
                    {"$set": {"body": write_stripe(stripe.values())}},
                    upsert=True,
                )
                for number, stripe in sorted(self.changed.items())
            ]
        )

    def _stripe(self, number: int) -> Stripe:
        own = self.changed.get(number)
        return self._stripes[number] if own is None else own

    def _own(self, number: int) -> dict[Place, HotDay]:
        if number not in self.changed:
            self.changed[number] = dict(self._stripes[number])
        return self.changed[number]

    async def _cold(self, places: Collection[Place]) -> dict[Place, DayValue]:
        ids = dict.fromkeys(map(_month, places))
        found = await self._tx[PROGRESS].find_ids(ids)
        months = {document["_id"]: document["days"] for document in found}
        days = {place: months.get(_month(place), {}).get(_name(place.day)) for place in places}
        return {place: DayValue(**day) for place, day in days.items() if day is not None}

    async def _write_months(self, values: Mapping[Place, DayValue]) -> None:
        months: dict[str, dict[str, Any]] = {}
        for place, value in values.items():
            fields = months.setdefault(_month(place), _fields(place))
            fields[f"days.{_name(place.day)}"] = asdict(value)
        await self._tx[PROGRESS].bulk_write(
            [UpdateOne({"_id": i}, {"$set": each}, upsert=True) for i, each in months.items()]
        )


class ProgressReader:
    """Reads goals' days outside of a transaction.

    The hot days of a partition that this process holds are taken from memory.
    """

    def __init__(self, store: Store, held: Held, partitions: int) -> None:
        self._store = store
        self._held = held
        self._partitions = partitions

    async def days(self, goal: GoalChanged, parts: Iterable[GoalPart]) -> list[Days]:
        """Return the days of the goal's period, in order, by each of the parts."""
        places = [_place(goal, part) for part in parts]
        return (await self._days([(goal, places)], {}))[0]

    async def actuals(self, goals: Iterable[GoalChanged]) -> dict[str, Actual]:
        """Return what the own sums of a tenant's goals and their denominators have come to, by id.

        They are read some at a time: of a thousand goals a year there are too many days for once.
        """
        found: dict[str, Actual] = {}
        stripes: dict[Spot, Stripe] = {}
        for portion in portions(goals):
            wanted = [
                (goal, [_place(goal, part) for part in parts_of(goal) if part.part in (OWN, OVER)])
                for goal in portion
            ]
            for (goal, _), days in zip(wanted, await self._days(wanted, stripes), strict=True):
                sums = [total(value.value for value in each.values()) for each in days]
                found[goal.goal] = Actual(sums[0], sums[1] if len(sums) > 1 else None)
        return found

    async def _days(
        self, wanted: Sequence[tuple[GoalChanged, Sequence[Place]]], stripes: dict[Spot, Stripe]
    ) -> list[list[Days]]:
        """Return the days by each place of each goal: of one tenant, as many as a query may name.

        ``stripes`` are those read so far, and get what was not among them.
        """
        await self._read_stripes((place for _, places in wanted for place in places), stripes)
        months: dict[str, list[Document]] = {goal.goal: [] for goal, _ in wanted}
        query = {"tenant": wanted[0][0].tenant, "goal": {"$in": list(months)}}
        for month in await self._store.db[PROGRESS].find(query).to_list(None):
            months[month["goal"]].append(month)
        return [
            [
                _within(goal, _joined(months[goal.goal], stripes[self._spot(place)], place))
                for place in places
            ]
            for goal, places in wanted
        ]

    async def _read_stripes(self, places: Iterable[Place], stripes: dict[Spot, Stripe]) -> None:
        missing = {}
        for spot in dict.fromkeys(map(self._spot, places)):
            held = self._held.stripes(spot[0])
            if held is not None:
                stripes[spot] = held[spot[1]]
            elif spot not in stripes:
                missing[stripe_id(*spot)] = spot
        stripes |= {spot: {} for spot in missing.values()}
        for found in await find_ids(self._store.db[HOT_DAYS], missing):
            stripes[missing[found["_id"]]] = read_stripe(found["body"])

    def _spot(self, place: Place) -> Spot:
        log = log_of(self._partitions, place.tenant, place.metric)
        return log, stripe_of(place.tenant, place.goal)


def _place(goal: GoalChanged, part: GoalPart) -> Place:
    return Place(goal.tenant, goal.goal, part.metric, date.min, part.part)


def _within(goal: GoalChanged, days: Days) -> Days:
    return {day: days[day] for day in sorted(days) if goal.start <= day <= goal.end}


def _over(stripe: dict[Place, HotDay], most: int) -> list[HotDay]:
    """Take the days out that have not changed for longest, so that at most ``most`` stay."""
    oldest = [place for place, _ in zip(stripe, range(len(stripe) - most), strict=False)]
    return [stripe.pop(place) for place in oldest]


def _joined(months: Iterable[Document], stripe: Stripe, like: Place) -> dict[date, DayValue]:
    """Return the days of one part by one metric, whatever day ``like`` names."""
    days: dict[date, DayValue] = {}
    for month in months:
        if (month["metric"], month["part"]) == (like.metric, like.part):
            for day, value in month["days"].items():
                days[date.fromisoformat(day)] = DayValue(**value)
    for place, hot in stripe.items():
        if place[:3] == like[:3] and place.part == like.part:
            known = days.get(place.day)
            if known is None or known.version < hot.version:
                days[place.day] = hot.day_value
    return days


def _month(place: Place) -> str:
    month = _name(place.day)[:7]
    return key_of(place.tenant, place.goal, place.metric, *named(place.part), month)


def _name(day: date) -> str:
    return day.isoformat()


def _fields(place: Place) -> dict[str, Any]:
    return {
        "tenant": place.tenant,
        "goal": place.goal,
        "metric": place.metric,
        "part": place.part,
    }
