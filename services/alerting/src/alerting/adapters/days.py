"""Values of days: the hot ones in stripes, the others in a document per sum and month.

progress: {_id: "tenant|goal|metric|[part|]2026-06", tenant, goal, part, metric,
           days: {"2026-06-01": {value, count, version}}}

A day that a stripe has no room for is written to its month, and stays there when it is hot again:
who reads both takes the higher version. Readers outside of a transaction ask the stripe first, so
that a day which leaves it meanwhile is found in its month.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from pymongo import UpdateOne

from alerting.adapters.stripes import MOST, MongoStripes, stripes_in
from alerting.domain.goal import Goal, GoalKey, Source
from alerting.domain.stripes import DayPlace, DayState, Stripe
from alerting.domain.sums import Days, DayValue
from event_contracts.wire import key_of
from service_kit.guards import Guards
from service_kit.store import Document, Store, Tx, portions


class MongoDays:
    """The DayBook port inside one transaction."""

    def __init__(self, tx: Tx, partition: int, guards: Guards, most: int = MOST) -> None:
        """``most``: how many days a stripe holds."""
        self._months = tx["progress"]
        self._stripes = MongoStripes(tx, partition, guards)
        self._most = most

    async def read(self, places: Iterable[DayPlace]) -> dict[DayPlace, DayState]:
        """Return what is known of the days."""
        wanted = set(places)
        found: dict[DayPlace, DayState] = {}
        for stripe in (await self._stripes.read(place.key for place in wanted)).values():
            found |= {place: stripe.days[place] for place in wanted & stripe.days.keys()}
        return found | await self._read_months(wanted - found.keys())

    async def _read_months(self, places: Collection[DayPlace]) -> dict[DayPlace, DayState]:
        rows = await self._months.find_ids(sorted({_month(place) for place in places}))
        months = {row["_id"]: row["days"] for row in rows}
        days = {p: months.get(_month(p), {}).get(p.day.isoformat()) for p in places}
        return {place: _state(day) for place, day in days.items() if day is not None}

    async def judged(self, keys: Collection[GoalKey]) -> dict[GoalKey, date]:
        """Return how far those goals are judged of which that stands beside their hot days."""
        stripes = (await self._stripes.read(keys)).values()
        return {key: one.judged[key] for one in stripes for key in one.judged.keys() & set(keys)}

    async def write(
        self, days: Mapping[DayPlace, DayState], judged: Mapping[GoalKey, date]
    ) -> None:
        """Set the days; ``judged``: how far all of their goals are."""
        stripes = await self._stripes.read(place.key for place in days)
        mine: dict[str, dict[DayPlace, DayState]] = defaultdict(dict)
        for place, state in days.items():
            mine[self._stripes.id_of(place.key)][place] = state
        cold: dict[DayPlace, DayState] = {}
        for identity, stripe in stripes.items():
            keys = {place.key for place in mine[identity]}
            known = {key: judged[key] for key in keys}
            kept, rest = stripe.with_days(mine[identity], known, self._most)
            await self._stripes.write(identity, kept)
            cold |= rest
        await self._write_months(cold)

    async def _write_months(self, days: Mapping[DayPlace, DayState]) -> None:
        months: dict[str, dict[str, Any]] = defaultdict(dict)
        for place, state in days.items():
            fields = months[_month(place)]
            fields["tenant"], fields["goal"] = place.key
            fields["part"], fields["metric"] = place.source
            fields[f"days.{place.day.isoformat()}"] = {
                "value": state.value.value,
                "count": state.value.count,
                "version": state.version,
            }
        await self._months.bulk_write(
            [UpdateOne({"_id": i}, {"$set": f}, upsert=True) for i, f in sorted(months.items())]
        )

    async def note_judged(self, through: Mapping[GoalKey, date]) -> None:
        """Note how far goals are judged by their days; who keeps one at once meets this."""
        await self._stripes.note_judged(through)

    async def of_goals(self, goals: Iterable[Goal]) -> dict[GoalKey, dict[str, Days]]:
        """Return all days of the goals' sums, by part."""
        whole = list(goals)
        known = await self._stripes.read(goal.key for goal in whole)
        stripes = {goal.key: known[self._stripes.id_of(goal.key)] for goal in whole}
        rows: list[Document] = []
        for query in _of_all(goal.key for goal in whole):
            rows += await self._months.find(query)
        return _parts_of_all(whole, stripes, rows)


async def parts_in(store: Store, partition: int, goal: Goal) -> dict[str, Days]:
    """Return all days of the goal's sums, by part, outside of any transaction."""
    return (await parts_of_all(store, [(partition, goal)]))[goal.key]


async def parts_of_all(
    store: Store, places: Collection[tuple[int, Goal]]
) -> dict[GoalKey, dict[str, Days]]:
    """Return all days of the sums of goals, each of a partition, outside of any transaction."""
    stripes = await stripes_in(store, {goal.key: partition for partition, goal in places})
    rows: list[Document] = []
    for query in _of_all(goal.key for _, goal in places):
        rows += await store.db["progress"].find(query).to_list(None)
    return _parts_of_all([goal for _, goal in places], stripes, rows)


def _parts_of_all(
    goals: Iterable[Goal], stripes: Mapping[GoalKey, Stripe], rows: Iterable[Document]
) -> dict[GoalKey, dict[str, Days]]:
    months: dict[GoalKey, list[Document]] = defaultdict(list)
    for row in rows:
        months[GoalKey(row["tenant"], row["goal"])].append(row)
    hot: dict[int, dict[GoalKey, dict[DayPlace, DayState]]] = {}
    for stripe in stripes.values():
        if id(stripe) not in hot:
            hot[id(stripe)] = _by_goal(stripe)
    return {
        goal.key: _parts(goal, hot[id(stripes[goal.key])].get(goal.key, {}), months[goal.key])
        for goal in goals
    }


def _by_goal(stripe: Stripe) -> dict[GoalKey, dict[DayPlace, DayState]]:
    found: dict[GoalKey, dict[DayPlace, DayState]] = defaultdict(dict)
    for place, state in stripe.days.items():
        found[place.key][place] = state
    return found


def _parts(
    goal: Goal, hot: Mapping[DayPlace, DayState], months: Iterable[Document]
) -> dict[str, Days]:
    """Return those days that are of the goal's sums, by part, each at its highest version.

    Another version may have fed a part from another metric, or had other parts.
    """
    newest = dict(hot)
    for place, state in _in_months(goal.key, months):
        if place not in newest or newest[place].version < state.version:
            newest[place] = state
    sources = set(goal.sources)
    parts: dict[str, dict[date, DayValue]] = {source.part: {} for source in sources}
    for place, state in newest.items():
        if place.source in sources:
            parts[place.source.part][place.day] = state.value
    return dict(parts)


def _in_months(key: GoalKey, months: Iterable[Document]) -> Iterator[tuple[DayPlace, DayState]]:
    for month in months:
        source = Source(month["part"], month["metric"])
        for day, state in month["days"].items():
            yield DayPlace(key, source, date.fromisoformat(day)), _state(state)


def _state(day: Document) -> DayState:
    return DayState(DayValue(day["value"], day["count"]), day["version"])


def _month(place: DayPlace) -> str:
    part, metric = place.source
    sum_of_goal = key_of(*place.key, metric, *([part] if part else []))
    return f"{sum_of_goal}|{place.day.isoformat()[:7]}"


def _of_all(keys: Iterable[GoalKey]) -> Iterator[Document]:
    # By an index: a range of ids is a walk over the collection on one of the servers in use, and so
    # is `$in` on a field without one. Here the tenant stands before it, so the index is read id by
    # id. Months by their own ids would be dearer: a goal of a year has thirteen.
    goals: dict[str, list[str]] = defaultdict(list)
    for tenant, goal in keys:
        goals[tenant].append(goal)
    for tenant, mine in goals.items():
        for portion in portions(mine):
            yield {"tenant": tenant, "goal": {"$in": portion}}
