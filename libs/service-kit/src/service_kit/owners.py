"""Who holds what: taking over without waiting for a dead predecessor's open transaction.

A worker killed inside a transaction leaves it open on the server; its documents stay locked until
the server's transaction lifetime (57.5 s measured; 0.4 s with this rule). So every session that
writes for a partition or a timer stands in the ``owners`` document of it. The order below is safe
at every kill point: add oneself, kill the others, and only then may positions be read.
"""

from collections.abc import Iterable
from typing import Any

from pymongo import UpdateOne

from service_kit.errors import Infrastructure
from service_kit.store import Session, Store, find_ids


async def take_over(store: Store, session: Session, names: Iterable[str]) -> None:
    """Make ``session`` the only one that writes for the owned ``names``."""
    ids = sorted(names)
    if not ids:
        return
    owners = store.db["owners"]
    await owners.bulk_write(
        [UpdateOne({"_id": i}, {"$addToSet": {"sessions": session.id}}, upsert=True) for i in ids]
    )
    documents = await find_ids(owners, ids)
    others = _others(documents, session.id)
    if others:
        await store.client.admin.command({"killSessions": [{"id": other} for other in others]})
        await owners.update_many({"_id": {"$in": ids}}, {"$pull": {"sessions": {"$in": others}}})


def _others(documents: list[dict[str, Any]], me: Any) -> list[Any]:
    found = [other for document in documents for other in document["sessions"] if other != me]
    return list(dict.fromkeys(found))


class Fence:
    """One process per instance name: the last one to start wins, an earlier twin leaves.

    aiokafka does not fence twins with one instance id; this does, when partitions are taken.
    """

    def __init__(self, store: Store, instance: str, boot: str) -> None:
        self._boots = store.db["boots"]
        self._instance = instance
        self._boot = boot

    async def raise_flag(self) -> None:
        """Note this process as the instance's newest; call once at start."""
        await self._boots.update_one(
            {"_id": self._instance}, {"$set": {"boot": self._boot}}, upsert=True
        )

    async def check(self) -> None:
        """Raise Infrastructure when a newer process runs under the same instance name."""
        document = await self._boots.find_one({"_id": self._instance})
        if document is None or document["boot"] != self._boot:
            raise Infrastructure(f"instance {self._instance} was taken over by another process")
