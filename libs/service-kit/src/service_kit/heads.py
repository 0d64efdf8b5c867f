"""Head documents: two transactions of which each reads what the other writes must collide.

Snapshot isolation lets both commit (a back-fill and a fact batch: the goal misses five for ever).
So whatever is decided by reading a group of documents also increments the group's head, and so
does whatever changes them.
"""

from collections.abc import Iterable

from pymongo import UpdateOne

from service_kit.guards import Guards
from service_kit.store import Tx


async def touch(tx: Tx, collection: str, ids: Iterable[str], guards: Guards) -> None:
    """Increment the heads ``ids`` in ``collection``; a concurrent toucher's transaction aborts."""
    if guards.head:
        await tx[collection].bulk_write(
            [UpdateOne({"_id": i}, {"$inc": {"rev": 1}}, upsert=True) for i in sorted(set(ids))]
        )
