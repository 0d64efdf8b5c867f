"""The offset document: where a consumer group stands in a partition, and its lanes' counters.

    {_id: "group|topic|partition", next, topic_id, lanes: {"facts:2": 17}, bundles: 9,
     halted: null | {...}}

``next`` is the only start offset there is; what Kafka has committed is for lag displays.
"""

from collections.abc import Sequence

from service_kit.errors import AlreadyHalted, Halted, Infrastructure, LogMoved, Moved
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


async def open_slices(tx: Tx, group: str, slices: Sequence[Slice], guards: Guards) -> list[Outbox]:
    """Read the documents in the transaction; raises Moved or AlreadyHalted.

    Returns an outbox for every slice, whose origin is the group's input partition.
    """
    ids = [offset_id(group, one.partition) for one in slices]
    found = {row["_id"]: row for row in await tx["offsets"].find_ids(ids)}
    outboxes = []
    for one in slices:
        document = found.get(offset_id(group, one.partition))
        if document is None:
            raise Moved([one.partition])
        if document["halted"]:
            raise AlreadyHalted(one.partition, document["halted"]["reason"])
        if guards.cas and document["next"] != one.start:
            raise Moved([one.partition])
        origin = f"{group}:{one.partition}"
        outboxes.append(Outbox.over(origin, document, one.start, one.end))
    return outboxes


async def close_slices(
    tx: Tx, group: str, closing: Sequence[tuple[Slice, Outbox]], guards: Guards
) -> None:
    """Compare-and-set positions and counters, and write the rows; raises Moved."""
    for batch, outbox in closing:
        await outbox.write(tx)
        expected = {"next": batch.start} if guards.cas else {}
        await tx["offsets"].update_one(
            {"_id": offset_id(group, batch.partition)} | expected,
            {"$set": {"next": batch.end} | outbox.counters},
        )
    if await tx["offsets"].flush() != len(closing):
        raise Moved([batch.partition for batch, _ in closing])
