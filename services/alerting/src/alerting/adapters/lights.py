"""Judged spans, one document each."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from pymongo import ReplaceOne

from alerting.domain.goal import GoalKey
from alerting.domain.judged import Verdict
from alerting.domain.lights import Colour
from alerting.domain.schedule import NEVER
from alerting.ports import Docket, Stored
from event_contracts.wire import key_of
from service_kit.store import Document, Store, Tx, find_ids


class MongoLights:
    """The Lights port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._lights = tx["lights"]

    async def since(self, key: GoalKey, first: date) -> Stored:
        """Return the judged spans from a day on, and what stands before them."""
        mine: Document = {"tenant": key.tenant, "goal": key.goal}
        day = first.isoformat()
        rows = await self._lights.find(mine | {"start": {"$gte": day}}, sort=[("start", 1)])
        earlier = await self._lights.find(
            mine | {"start": {"$lt": day}}, sort=[("start", -1)], limit=1
        )
        spans = {judged.span.start: judged for judged in map(judged_of, rows)}
        alarms = sorted({one.run.alarm for one in spans.values() if one.run.alarm})
        standing: list[Document] = []
        if alarms:
            red = {"start": {"$lt": day}, "colour": str(Colour.RED), "alarm": {"$in": alarms}}
            standing = await self._lights.find(mine | red)
        return Stored(
            spans,
            judged_of(earlier[0]) if earlier else None,
            frozenset(row["alarm"] for row in standing),
        )

    async def at(self, starts: Mapping[GoalKey, date]) -> dict[GoalKey, Verdict]:
        """Return those judged spans that are there, of each goal the one that starts on a day."""
        rows = await self._lights.find_ids(_id(key, start) for key, start in starts.items())
        return _by_goal(rows)

    async def write(self, key: GoalKey, spans: Sequence[Verdict]) -> None:
        """Write spans, new or changed."""
        rows = [_row(key, judged) for judged in spans]
        await self._lights.bulk_write(
            [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in rows]
        )


async def judged_between(
    store: Store, key: GoalKey, start: str, end: str, limit: int
) -> list[Verdict]:
    """Return judged spans that start within the days, both inclusive, in order."""
    query = {"tenant": key.tenant, "goal": key.goal, "start": {"$gte": start, "$lte": end}}
    rows = await store.db["lights"].find(query, sort=[("start", 1)], limit=limit).to_list(None)
    return [judged_of(row) for row in rows]


async def last_judged(store: Store, key: GoalKey, until: date = date.max) -> Verdict | None:
    """Return the last judged span that starts until a day."""
    start = {"$lte": until.isoformat()}
    query = {"tenant": key.tenant, "goal": key.goal, "start": start}
    rows = await store.db["lights"].find(query, sort=[("start", -1)], limit=1).to_list(None)
    return judged_of(rows[0]) if rows else None


async def last_of_all(store: Store, dockets: Collection[Docket]) -> dict[GoalKey, Verdict]:
    """Return the last judged span of each goal that has one.

    Its row names it; rows of earlier releases may name none, or an older one.
    """
    through = {one.key: one.position.judged_through for one in dockets}
    starts = {one.key: one.standing.start for one in dockets}
    found = _by_goal(await find_ids(store.db["lights"], [_id(*one) for one in starts.items()]))
    for key in through:
        if through[key] > NEVER and (key not in found or found[key].span.end != through[key]):
            last = await last_judged(store, key)
            found |= {} if last is None else {key: last}
    return found


def judged_of(row: Document) -> Verdict:
    """Return the span as the judge knows it."""
    return msgspec.convert(row["judged"], Verdict)


def _by_goal(rows: Iterable[Document]) -> dict[GoalKey, Verdict]:
    return {GoalKey(row["tenant"], row["goal"]): judged_of(row) for row in rows}


def _id(key: GoalKey, start: date) -> str:
    return key_of(*key, start.isoformat())


def _row(key: GoalKey, judged: Verdict) -> Document:
    body: Any = msgspec.to_builtins(judged)
    return {
        "_id": _id(key, judged.span.start),
        "tenant": key.tenant,
        "goal": key.goal,
        "start": judged.span.start.isoformat(),
        "colour": str(judged.run.light.colour),
        "alarm": judged.run.alarm,
        "judged": body,
    }
