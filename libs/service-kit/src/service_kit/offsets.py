"""The offset document: where a consumer group stands in a partition, and its lanes' counters.

    {_id: "group|topic|partition", next, topic_id, lanes: {"facts:2": 17}, bundles: 9,
     halted: null | {...}}

``next`` is the only start offset there is; what Kafka has committed is for lag displays.
"""

from collections.abc import Mapping, Sequence

from service_kit.errors import Halted, Infrastructure, LogMoved, Moved
from service_kit.guards import Guards
from service_kit.outbox import Outbox
from service_kit.records import Partition, Slice
from service_kit.store import Document, Store, Tx


def offset_id(group: str, partition: Partition) -> str:
    """Return the document's id."""
    return f"{group}|{partition.topic}|{partition.number}"


async def seed(store: Store, group: str, partition: Partition, start: int, topic_id: str) -> None:
    """Write the document of a partition that this group has never read; keep an existing one."""
    fresh = {"next": start, "topic_id": topic_id, "lanes": {}, "halted": None}
    await store.db["offsets"].update_one(
        {"_id": offset_id(group, partition)}, {"$setOnInsert": fresh}, upsert=True
    )


async def read(store: Store, group: str, partition: Partition) -> Document:
    """Return the document; raises Infrastructure when the partition was never seeded."""
    document: Document | None = await store.db["offsets"].find_one(
        {"_id": offset_id(group, partition)}
    )
    if document is None:
        raise Infrastructure(f"no offset document for {group} {partition}: run topics apply")
    return document


async def mark_halted(store: Store, group: str, halted: Halted, at_ms: int) -> None:
    """Mark the partition; the first mark stays."""
    await store.db["offsets"].update_one(
        {"_id": offset_id(group, halted.partition), "halted": None},
        {"$set": {"halted": {"reason": halted.reason, "detail": halted.detail, "at_ms": at_ms}}},
    )


def check_log(partition: Partition, document: Document, topic_id: str, low: int, high: int) -> None:
    """Raise LogMoved unless ``next`` lies in this very log."""
    position = document["next"]
    if document["topic_id"] != topic_id:
        raise LogMoved(partition, f"topic id {topic_id}, position is of {document['topic_id']}")
    if not low <= position <= high:
        raise LogMoved(partition, f"next {position} is outside {low}..{high}")


async def open_slices(
    tx: Tx, group: str, slices: Sequence[Slice], known: Mapping[Partition, Document], guards: Guards
) -> list[Outbox]:
    """Return an outbox for every slice, whose origin is the group's input partition.

    ``known`` are the documents as this worker last saw or wrote them: nobody else writes them while
    it holds the partition, and :func:`close_slices` compares. Raises Moved.
    """
    if not guards.cas:  # nothing will compare: a zombie's ids must not meet its successor's
        known = await _as_they_are(tx, group, slices)
    if missing := [one.partition for one in slices if one.partition not in known]:
        raise Moved(missing)
    return [
        Outbox.over(f"{group}:{one.partition}", known[one.partition], one.start, one.end)
        for one in slices
    ]


async def close_slices(
    tx: Tx,
    group: str,
    closing: Sequence[tuple[Slice, Outbox]],
    known: Mapping[Partition, Document],
    guards: Guards,
) -> dict[Partition, Document]:
    """Compare-and-set positions and counters, and write the rows; raises Moved.

    Returns what of the documents has changed. ``bundles`` moves with every row, so it tells apart
    two workers at the same position of which one has sent something by a tick.
    """
    changed: dict[Partition, Document] = {}
    for batch, outbox in closing:
        expected = {}
        if guards.cas:
            bundles = known[batch.partition].get("bundles")
            expected = {"next": batch.start, "bundles": bundles, "halted": None}
        await outbox.write(tx)
        changed[batch.partition] = {"next": batch.end} | outbox.counters
        await tx["offsets"].update_one(
            {"_id": offset_id(group, batch.partition)} | expected,
            {"$set": changed[batch.partition]},
        )
    # First of all: what somebody else has written would meet the rows as a duplicate.
    if await tx["offsets"].flush() != len(closing):
        raise Moved([batch.partition for batch, _ in closing])
    return changed


async def _as_they_are(tx: Tx, group: str, slices: Sequence[Slice]) -> dict[Partition, Document]:
    ids = {offset_id(group, one.partition): one.partition for one in slices}
    return {ids[row["_id"]]: row for row in await tx["offsets"].find_ids(list(ids))}
