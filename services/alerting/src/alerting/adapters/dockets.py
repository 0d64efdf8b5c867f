"""The due rows: one per goal, with what has happened to it and when it is to be looked at."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

from pymongo import UpdateOne

from alerting.domain.board import Entry, is_named
from alerting.domain.goal import Goal, GoalKey
from alerting.domain.judged import Guard, Standing, State, Tier, Voice
from alerting.domain.lights import Colour
from alerting.domain.schedule import Position
from alerting.ports import Correction, Docket, MetricDay
from event_contracts.wire import key_of
from service_kit.store import Document, Store, Tx, find_ids

NOW = 0
CLEAN = "9999-99-99"  # later than every day, so that $min takes any day over it
NEVER = 2**53
_URGENT = [("at_ms", 1)]
_MOST = 1000


class MongoDockets:
    """The Dockets port inside one transaction."""

    def __init__(self, tx: Tx, now_ms: int) -> None:
        self._due = tx["due"]
        self._now_ms = now_ms

    async def find(self, keys: Iterable[GoalKey]) -> dict[GoalKey, Docket]:
        """Return the rows that are there."""
        ids = [key_of(*key) for key in keys]
        rows = await self._due.find_ids(ids)
        return {docket.key: docket for docket in map(docket_of, rows)}

    async def call(self, keys: Iterable[GoalKey]) -> None:
        """Have the judge look at the goals; a goal without a row has none."""
        ids = [key_of(*key) for key in keys]
        await self._due.update_many({"_id": {"$in": ids}}, {"$set": {"at_ms": NOW}})

    async def open(self, goal: Goal, partition: int) -> None:
        """Make the goal's row if it has none, and have the judge look at it."""
        fresh = _fields(Docket(goal.key, partition))
        now = {
            "at_ms": NOW,
            "metrics": list(goal.metrics),
            "always_alive": goal.policy.source_always_alive,
            "board": {
                "level": goal.level,
                "named": is_named(goal),
                "end": goal.end.isoformat(),
                "stopped": goal.stopped,
            },
        }
        kept = {name: value for name, value in fresh.items() if name not in now}
        await self._due.update_one(
            {"_id": key_of(*goal.key)}, {"$set": now, "$setOnInsert": kept}, upsert=True
        )

    async def correct(self, corrections: Mapping[GoalKey, Correction]) -> None:
        """Mark judged days as changed, beside what is marked already."""
        await self._due.bulk_write(
            [UpdateOne({"_id": key_of(*key)}, _mark(one)) for key, one in corrections.items()]
        )

    async def correct_silent(self, late: Mapping[MetricDay, int], partition: int) -> None:
        """Mark goals that may have judged a day silent before its first new quarter hour (ms)."""
        if not late:
            return
        first: dict[tuple[str, str], tuple[int, date]] = {}
        for place, quarter_ms in late.items():
            named = place.tenant, place.metric
            first[named] = min((quarter_ms, place.day), first.get(named, (NEVER, date.max)))
        query = {
            "partition": partition,
            "tenant": {"$in": sorted({tenant for tenant, _ in first})},
            "always_alive": False,
            "judged_close_ms": {"$gt": min(late.values())},
        }
        corrections = {}
        for row in await self._due.find(query):
            own = [(row["tenant"], metric) for metric in row["metrics"]]
            quarter_ms, day = min(first.get(one, (NEVER, date.max)) for one in own)
            if quarter_ms < row["judged_close_ms"]:
                # Local days reach over UTC days.
                one = Correction.at(day - timedelta(days=1), self._now_ms)
                corrections[GoalKey(row["tenant"], row["goal"])] = one
        await self.correct(corrections)

    async def close(self, docket: Docket) -> None:
        """Write the row after a judgement."""
        await self._due.update_one({"_id": key_of(*docket.key)}, {"$set": _fields(docket)})


async def waiting(store: Store, partitions: Iterable[int], now_ms: int) -> list[Document]:
    """Return the rows of goals that may have something to be judged, the most urgent first."""
    # Each partition by its name and each reason by an index: asked for several at once, one of the
    # servers in use walks over all rows (35 ms for 1,000 goals of which none waits).
    reasons: list[Document] = [{"at_ms": {"$lte": now_ms}}, {"dirty_from": {"$lt": CLEAN}}]
    rows: dict[str, Document] = {}
    for number, reason in product(sorted(partitions), reasons):
        found = store.db["due"].find({"partition": number} | reason, sort=_URGENT, limit=_MOST)
        rows |= {row["_id"]: row for row in await found.to_list(None)}
    return sorted(rows.values(), key=lambda row: int(row["at_ms"]))[:_MOST]


async def docket_in(store: Store, key: GoalKey) -> Docket | None:
    """Return a goal's row outside of any transaction."""
    return (await dockets_in(store, [key])).get(key)


async def dockets_in(store: Store, keys: Iterable[GoalKey]) -> dict[GoalKey, Docket]:
    """Return those goals' rows that are there, outside of any transaction."""
    rows = await find_ids(store.db["due"], [key_of(*key) for key in keys])
    return {docket.key: docket for docket in map(docket_of, rows)}


def docket_of(row: Mapping[str, Any]) -> Docket:
    """Return the row as the judge knows it."""
    return Docket(
        key=GoalKey(row["tenant"], row["goal"]),
        partition=row["partition"],
        position=Position(
            date.fromisoformat(row["judged_through"]), date.fromisoformat(row["closed"])
        ),
        state=_state(row["state"]),
        correction=_correction(row),
        at_ms=row["at_ms"],
        judged_close_ms=row["judged_close_ms"],
        standing=_standing(row.get("standing")),
    )


async def entries(store: Store, query: Document) -> list[Entry]:
    """Return what boards show of the goals whose rows meet the query."""
    wanted = ["tenant", "goal", "partition", "board", "standing", "state.closed"]
    rows = await store.db["due"].find(query, projection=wanted).to_list(None)
    return [_entry(row) for row in rows if "board" in row]  # rows of earlier releases have none


def _entry(row: Mapping[str, Any]) -> Entry:
    board = row["board"]
    return Entry(
        key=GoalKey(row["tenant"], row["goal"]),
        partition=row["partition"],
        level=board["level"],
        named=board["named"],
        over=board["stopped"] or row["state"]["closed"] >= board["end"],
        standing=_standing(row.get("standing")),
    )


def _standing(row: Mapping[str, Any] | None) -> Standing:
    if row is None:
        return Standing()
    completion, attainment = row["completion"], row["attainment"]
    return Standing(
        date.fromisoformat(row["start"]),
        Colour(row["run"]),
        Colour(row["to_date"]),
        None if completion is None else Decimal(completion),
        None if attainment is None else Decimal(attainment),
    )


def _state(row: Mapping[str, Any]) -> State:
    tiers = {name: Tier(Decimal(t["amount"]), t["ordinal"]) for name, t in row["tiers"].items()}
    return State(
        seq=row["seq"],
        tiers=tiers,
        missed=row["missed"],
        turns=row["turns"],
        guards={name: Guard(g["breached"], g["ordinal"]) for name, g in row["guards"].items()},
        sources={name: Voice(v["silent"], v["ordinal"]) for name, v in row["sources"].items()},
        version=row["version"],
        closed=date.fromisoformat(row["closed"]),
        quiet=frozenset(row.get("quiet", ())),  # rows of earlier releases have none
    )


def _correction(row: Mapping[str, Any]) -> Correction | None:
    if row["dirty_from"] == CLEAN:
        return None
    return Correction(date.fromisoformat(row["dirty_from"]), row["dirty_first"], row["dirty_last"])


def _mark(one: Correction) -> dict[str, Any]:
    return {
        "$min": {"dirty_from": one.since.isoformat(), "dirty_first": one.first_ms},
        "$max": {"dirty_last": one.last_ms},
    }


def _fields(docket: Docket) -> Document:
    correction, state, standing = docket.correction, docket.state, docket.standing
    return {
        "tenant": docket.key.tenant,
        "goal": docket.key.goal,
        "partition": docket.partition,
        "at_ms": docket.at_ms,
        "judged_through": docket.position.judged_through.isoformat(),
        "closed": docket.position.closed.isoformat(),
        "judged_close_ms": docket.judged_close_ms,
        "standing": {
            "start": standing.start.isoformat(),
            "run": str(standing.run),
            "to_date": str(standing.to_date),
            "completion": None if standing.completion is None else str(standing.completion),
            "attainment": None if standing.attainment is None else str(standing.attainment),
        },
        "dirty_from": correction.since.isoformat() if correction else CLEAN,
        "dirty_first": correction.first_ms if correction else NEVER,
        "dirty_last": correction.last_ms if correction else -1,
        "state": {
            "seq": state.seq,
            "tiers": {
                name: {"amount": tier.amount, "ordinal": tier.ordinal}
                for name, tier in state.tiers.items()
            },
            "missed": state.missed,
            "turns": state.turns,
            "guards": {
                name: {"breached": guard.breached, "ordinal": guard.ordinal}
                for name, guard in state.guards.items()
            },
            "sources": {
                name: {"silent": voice.silent, "ordinal": voice.ordinal}
                for name, voice in state.sources.items()
            },
            "version": state.version,
            "closed": state.closed.isoformat(),
            "quiet": sorted(state.quiet),
        },
    }
