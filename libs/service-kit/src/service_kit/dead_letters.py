"""Records that nothing can apply: kept with their cause, written in the batch's own transaction.

    {_id, tenant, source, cause, detail, at_ms, topic, partition, offset, body, state}

``_id`` comes from where the record stands, so a batch that runs twice keeps one row. ``state`` is
``new`` until a replay marks it ``replayed``.
"""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from pymongo import UpdateOne

from service_kit.records import Record
from service_kit.store import Document, Tx

NEW = "new"
REPLAYED = "replayed"
MAX_DETAIL = 1000

_written: WeakKeyDictionary[Tx, int] = WeakKeyDictionary()


def row(
    record: Record,
    *,
    tenant: str,
    source: str,
    cause: str,
    detail: str,
    at_ms: int,
    body: bytes | None = None,
    ordinal: int = 0,
) -> Document:
    """Return the row of a record; ``body`` is what is to be kept of it, by default its value.

    ``cause`` is a short stable word; ``ordinal`` tells several rows of one record apart.
    """
    partition = record.partition
    end = f".{ordinal}" if ordinal else ""
    return {
        "_id": f"{partition.topic}/{partition.number}/{record.offset}{end}",
        "tenant": tenant,
        "source": source,
        "cause": cause,
        "detail": detail[:MAX_DETAIL],
        "at_ms": at_ms,
        "topic": partition.topic,
        "partition": partition.number,
        "offset": record.offset,
        "body": record.value if body is None else body,
        "state": NEW,
    }


async def write(tx: Tx, rows: Sequence[Document]) -> None:
    """Write the rows that are not there yet; a replayed one stays replayed."""
    await tx["dead_letters"].bulk_write(
        [
            UpdateOne(
                {"_id": each["_id"]},
                {"$setOnInsert": {name: v for name, v in each.items() if name != "_id"}},
                upsert=True,
            )
            for each in rows
        ]
    )
    _written[tx] = written(tx) + len(rows)


def written(tx: Tx) -> int:
    """Return how many rows were written in this transaction so far; for the metrics."""
    return _written.get(tx, 0)
