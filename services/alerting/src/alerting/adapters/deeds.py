"""Goal events as a list that can be followed: who holds a cursor misses none and sees none twice.

Deeds of one progress partition commit in the order of ``n``; partitions commit side by side. A
cursor therefore holds one position per partition, and a page takes a prefix of what each has left.

A red light of a person's own goal is held back from everybody else until ``lead_from_ms``. The
cursor passes it by, and ``told`` says up to which of those times a reader has been given what had
been passed by: it comes when its time has come, behind later deeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple

from alerting.adapters.post import nameless
from alerting.domain.calendar import DAY
from alerting.domain.goal import GoalKey
from event_contracts.deeds import GoalEvent
from event_contracts.wire import decoder_of, encode
from service_kit.store import Document, Store

LAST = 2**53
_event = decoder_of(GoalEvent)


class Told(NamedTuple):
    """The place of a held deed: when its time has come, its partition and number."""

    at_ms: int = 0
    partition: int = 0
    n: int = 0


START = Told()


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader has come."""

    positions: Mapping[int, int] = field(default_factory=dict)
    told: Told = START

    def past(self, row: Document, now_ms: int) -> "Cursor":
        """Return the cursor behind a deed read at an instant, all held ones given until then."""
        positions = {**self.positions, row["partition"]: row["n"]}
        return Cursor(positions, max(self.told, Told(now_ms, LAST, LAST)))

    def past_held(self, row: Document) -> "Cursor":
        """Return the cursor behind a held deed whose time has come."""
        return replace(self, told=Told(row["lead_from_ms"], row["partition"], row["n"]))


class Terms(NamedTuple):
    """Which deeds are asked for: all of the tenant's, of one kind, of one goal."""

    tenant: str
    kind: str | None = None
    goal: str | None = None

    def query(self) -> dict[str, Any]:
        """Return the query."""
        return {name: value for name, value in self._asdict().items() if value}


async def list_deeds(store: Store, terms: Terms, cursor: Cursor, limit: int) -> list[Document]:
    """Return at most ``limit`` deeds behind the cursor, in the order in which it may move on."""
    query = terms.query()
    if cursor.positions:
        seen = [{"partition": p, "n": {"$gt": n}} for p, n in sorted(cursor.positions.items())]
        query["$or"] = [*seen, {"partition": {"$nin": sorted(cursor.positions)}}]
    return await _read(store, query, [("n", 1), ("partition", 1)], limit)


async def come_due(
    store: Store, terms: Terms, cursor: Cursor, now_ms: int, limit: int
) -> list[Document]:
    """Return deeds that the cursor passed by while they were held, in the order of their times."""
    if not cursor.positions:
        return []
    at_ms, partition, n = cursor.told
    behind = [
        {"lead_from_ms": {"$gt": at_ms}},
        {"lead_from_ms": at_ms, "partition": {"$gt": partition}},
        {"lead_from_ms": at_ms, "partition": partition, "n": {"$gt": n}},
    ]
    passed = [{"partition": p, "n": {"$lte": n}} for p, n in sorted(cursor.positions.items())]
    query = terms.query() | {
        "lead_from_ms": {"$gte": at_ms, "$lte": now_ms},
        "$and": [{"$or": behind}, {"$or": passed}],
    }
    return await _read(store, query, [("lead_from_ms", 1), ("partition", 1), ("n", 1)], limit)


async def seen_to(store: Store, key: GoalKey, person: str, now_ms: int) -> date:
    """Return the last day of a goal of which nothing is held back from the person."""
    query = {
        "tenant": key.tenant,
        "goal": key.goal,
        "lead_from_ms": {"$gt": now_ms},
        "owner": {"$ne": person},
    }
    held = await _read(store, query, [("start", 1)], 1)
    return date.fromisoformat(held[0]["start"]) - DAY if held else date.max


def is_held(row: Document, now_ms: int) -> bool:
    """Whether the time has not come at which others than the owner are told."""
    return bool(row.get("lead_from_ms", 0) > now_ms)


def body_of(row: Document, *, named: bool) -> bytes:
    """Return the event as it was sent; without the people in it if they may not be named now."""
    body = bytes(row["body"])
    return body if named else encode(nameless(_event(body)))


async def make_indexes(store: Store) -> None:
    """Create what lists and judge read by; creating it again changes nothing."""
    await store.db["deeds"].create_index([("tenant", 1), ("n", 1), ("partition", 1)])
    await store.db["deeds"].create_index([("tenant", 1), ("lead_from_ms", 1)])
    await store.db["lights"].create_index([("tenant", 1), ("goal", 1), ("start", 1)])
    await store.db["due"].create_index([("partition", 1), ("at_ms", 1)])
    await store.db["due"].create_index([("partition", 1), ("dirty_from", 1)])
    await store.db["progress"].create_index([("tenant", 1), ("goal", 1)])
    await store.db["goals"].create_index([("tenant", 1), ("goal", 1)])
    await store.db["goal_versions"].create_index([("of", 1)])
    await store.db["directory"].create_index([("tenant", 1)])


async def _read(
    store: Store, query: Mapping[str, Any], order: Sequence[tuple[str, int]], limit: int
) -> list[Document]:
    found: list[Document] = (
        await store.db["deeds"].find(query, sort=list(order), limit=limit).to_list(None)
    )
    return found
