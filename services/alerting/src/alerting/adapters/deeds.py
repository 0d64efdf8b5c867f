"""Goal events as a list that can be followed: who holds a cursor misses none and sees none twice.

Deeds of one progress partition commit in the order of ``n``; partitions commit side by side. A
cursor therefore holds one position per partition, and a page takes a prefix of what each has left.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from service_kit.store import Document, Store

Cursor = Mapping[int, int]


async def list_deeds(
    store: Store, tenant: str, cursor: Cursor, limit: int, kind: str | None, goal: str | None
) -> list[Document]:
    """Return at most ``limit`` deeds behind the cursor, in the order in which it may move on."""
    query: dict[str, Any] = {"tenant": tenant}
    query |= {"kind": kind} if kind else {}
    query |= {"goal": goal} if goal else {}
    if cursor:
        seen = [{"partition": p, "n": {"$gt": n}} for p, n in sorted(cursor.items())]
        query["$or"] = [*seen, {"partition": {"$nin": sorted(cursor)}}]
    order = [("n", 1), ("partition", 1)]
    found: list[Document] = (
        await store.db["deeds"].find(query, sort=order, limit=limit).to_list(None)
    )
    return found


def moved(cursor: Cursor, page: Sequence[Document]) -> dict[int, int]:
    """Return the cursor behind the page."""
    position = dict(cursor)
    for document in page:
        position[document["partition"]] = document["n"]
    return position


async def make_indexes(store: Store) -> None:
    """Create what lists and judge read by; creating it again changes nothing."""
    await store.db["deeds"].create_index([("tenant", 1), ("n", 1), ("partition", 1)])
    await store.db["lights"].create_index([("tenant", 1), ("goal", 1), ("start", 1)])
    await store.db["due"].create_index([("partition", 1), ("at_ms", 1)])
    await store.db["progress"].create_index([("tenant", 1), ("goal", 1)])
    await store.db["goals"].create_index([("tenant", 1)])
