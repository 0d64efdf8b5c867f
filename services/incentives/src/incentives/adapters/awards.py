"""Awards as a list that can be followed: who holds a cursor misses none.

Awards of one facts partition commit in the order of ``n``; partitions commit side by side. A
cursor therefore holds one position per partition, and a page takes a prefix of what each has left.
An award that waited moves to the end of its partition when it is decided: who saw it wait sees it
again, and nobody else sees any twice.
"""

from collections.abc import Mapping
from typing import Any

from event_contracts.wire import key_of
from incentives.domain.addresses import NO_CONSENT, WAITING, Address
from incentives.domain.praise import Award
from incentives.domain.rules import PERSON
from service_kit.store import Document, Store, Tx

Cursor = Mapping[int, int]


async def ensure_indexes(store: Store) -> None:
    """Create what the lists read by; creating it again changes nothing."""
    await store.db["awards"].create_index([("tenant", 1), ("n", 1), ("partition", 1)])
    await store.db["awards"].create_index([("tenant", 1), ("waits_for", 1)])
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
        parts.append({"$or": [{"state": {"$nin": [NO_CONSENT, WAITING]}}, own]})
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


async def numbers(tx: Tx, tenant: str, partition: int, count: int) -> range:
    """Return the next ``count`` numbers of the awards of a facts partition; they are taken then.

    Who takes numbers at the same time collides on the head, so they commit in their order.
    """
    heads, identity = tx["award_heads"], key_of(tenant, str(partition))
    head = await heads.find_one({"_id": identity})
    last = head["n"] if head else 0
    await heads.update_one({"_id": identity}, {"$set": {"n": last + count}}, upsert=True)
    return range(last + 1, last + count + 1)


def document_of(award: Award) -> Document:
    """Return the award as it is kept, without its place in the list."""
    rule, window = award.rule, award.window
    return {
        "_id": window.deed,
        "tenant": rule.tenant,
        "rule": rule.id,
        "rule_version": rule.version,
        "name": rule.name,
        "metric": rule.metric,
        "dim": rule.dim,
        "value": window.value,
        "day": window.day.isoformat(),
        "threshold": rule.threshold,
        "actual": award.actual,
        "at_ms": award.at_ms,
        "dim_is": rule.dim_is,
    } | address_fields(award.address)


def address_fields(address: Address) -> Document:
    """Return what a decision changes of an award. ``waits_for`` is empty when nothing is."""
    return {
        "state": address.state,
        "team": address.team,
        "group": address.group,
        "ceo_channel": address.ceo_channel,
        "people": list(address.people),
        "waits_for": key_of(*address.waits_for) if address.waits_for else "",
    }
