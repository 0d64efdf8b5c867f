"""Awards as a list that can be followed: who holds a cursor misses none and sees none twice.

Awards of one facts partition commit in the order of ``n``; partitions commit side by side. A
cursor therefore holds one position per partition, and a page takes a prefix of what each has left.
"""

from collections.abc import Mapping
from typing import Any

from incentives.domain.addresses import NO_CONSENT
from incentives.domain.rules import PERSON
from service_kit.store import Document, Store

Cursor = Mapping[int, int]


async def ensure_indexes(store: Store) -> None:
    """Create what the lists read by; creating it again changes nothing."""
    await store.db["awards"].create_index([("tenant", 1), ("n", 1), ("partition", 1)])
    await store.db["rules"].create_index([("tenant", 1), ("id", 1)])
    await store.db["directory"].create_index([("tenant", 1)])


async def list_awards(
    store: Store,
    tenant: str,
    cursor: Cursor,
    limit: int,
    rule: str | None = None,
    *,
    unposted_of: str | None = None,
) -> list[Document]:
    """Return at most ``limit`` awards behind the cursor, in the order in which it may move on.

    ``unposted_of``: of those that were not posted only that person's; None: all.
    """
    query: dict[str, Any] = {"tenant": tenant} | ({"rule": rule} if rule else {})
    parts: list[dict[str, Any]] = []
    if cursor:
        seen = [{"partition": p, "n": {"$gt": n}} for p, n in sorted(cursor.items())]
        parts.append({"$or": [*seen, {"partition": {"$nin": sorted(cursor)}}]})
    if unposted_of is not None:
        own = {"dim_is": PERSON, "value": unposted_of}
        parts.append({"$or": [{"state": {"$ne": NO_CONSENT}}, own]})
    if parts:
        query["$and"] = parts
    order = [("n", 1), ("partition", 1)]
    found: list[Document] = (
        await store.db["awards"].find(query, sort=order, limit=limit).to_list(None)
    )
    return found


def moved(cursor: Cursor, page: list[Document]) -> dict[int, int]:
    """Return the cursor behind the page."""
    position = dict(cursor)
    for document in page:
        position[document["partition"]] = document["n"]
    return position
