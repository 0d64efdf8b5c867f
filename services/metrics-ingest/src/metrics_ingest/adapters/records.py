"""Business records, many to a document: one each took a document server 1.4 ms of its time.

    records  {_id: "raw/0|000000012000|0", tenant, source, width_ms, first_ms, last_ms, body}

``body`` is one BSON document after the other, in the order of event time. They lie within
``width_ms`` of the first, which is one of WIDTHS: so a reader knows how far before a moment a block
may begin that reaches over it. Live events fill narrow blocks, replays of the past wide ones.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from heapq import heappop, heappush
from typing import Any

import bson

from service_kit.store import CODEC, Document, Store

RECORDS = "records"
WIDTHS = (60_000, 86_400_000)
MOST_RECORDS = 1_000
MOST_BYTES = 1_000_000

Place = tuple[int, str]


def blocks(rows: Sequence[Document], prefix: str, number: int = 0) -> list[Document]:
    """Return the documents of one source's records; ``prefix`` and ``number`` begin their ids."""
    return [
        {
            "_id": f"{prefix}|{index}",
            "tenant": block[0]["tenant"],
            "source": block[0]["source"],
            "width_ms": next(w for w in WIDTHS if _span_ms(block) <= w),
            "first_ms": block[0]["at_ms"],
            "last_ms": block[-1]["at_ms"],
            "body": b"".join(bodies),
        }
        for index, (block, bodies) in enumerate(_cut(sorted(rows, key=_place)), number)
    ]


def _cut(rows: Sequence[Document]) -> Iterator[tuple[list[Document], list[bytes]]]:
    block: list[Document] = []
    bodies: list[bytes] = []
    size = 0
    for row in rows:
        body = bson.encode(row, codec_options=CODEC)
        if block and (
            len(block) == MOST_RECORDS
            or size + len(body) > MOST_BYTES
            or row["at_ms"] - block[0]["at_ms"] > WIDTHS[-1]
        ):
            yield block, bodies
            block, bodies, size = [], [], 0
        block.append(row)
        bodies.append(body)
        size += len(body)
    if block:
        yield block, bodies


def _span_ms(block: Sequence[Document]) -> int:
    return int(block[-1]["at_ms"] - block[0]["at_ms"])


def _place(row: Document) -> Place:
    return row["at_ms"], row["_id"]


async def read_records(
    store: Store, query: Document, span: tuple[int, int], after: Place | None, limit: int
) -> list[Document]:
    """Return records with from <= event time < to behind ``after``, by event time."""
    begin = max(span[0], after[0]) if after else span[0]
    waiting: list[tuple[Place, Document]] = []
    found: list[Document] = []
    async with aclosing(_overlapping(store, query, begin, span[1])) as overlapping:
        async for block in overlapping:
            while waiting and waiting[0][0] < (block["first_ms"], "") and len(found) < limit:
                found.append(heappop(waiting)[1])
            if len(found) == limit:
                return found
            for row in bson.decode_all(block["body"], CODEC):
                place = _place(row)
                if begin <= row["at_ms"] < span[1] and (after is None or place > after):
                    heappush(waiting, (place, row))
    while waiting and len(found) < limit:
        found.append(heappop(waiting)[1])
    return found


async def _overlapping(
    store: Store, query: Document, begin: int, end: int
) -> AsyncGenerator[Document]:
    """Yield the blocks that may hold records of the time, by their first."""
    cursors: list[Any] = [
        aiter(
            store.db[RECORDS].find(
                query
                | {
                    "width_ms": width,
                    "first_ms": {"$gte": begin - width, "$lt": end},
                    "last_ms": {"$gte": begin},
                },
                sort=[("first_ms", 1)],
                batch_size=20,
            )
        )
        for width in WIDTHS
    ]
    heads: list[Any] = [await anext(cursor, None) for cursor in cursors]
    while any(heads):
        chosen = min((h["first_ms"], i) for i, h in enumerate(heads) if h is not None)[1]
        yield heads[chosen]
        heads[chosen] = await anext(cursors[chosen], None)
