"""What a receiver keeps: one document per partition, however many lanes end in it.

    lanes_in     {_id: "group|partition", lanes: [{origin, high, missing, watermark_ms, held}],
                  tail: rows, chunk: n}
    lane_ranges  {_id: "group|partition|n", group, partition, rows}

``held``, where it is not empty, has [tenant, ms] of those behind ``watermark_ms``.
``rows`` is {origin: [(seq, start, end)]} in MessagePack: which input each applied row covered. The
newest stand in ``tail``; a full tail becomes a chunk. Every lane of every partition hears a
watermark each second: a document per lane, with its ranges spelt out, was two thirds of what a
batch wrote (decision 0027).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from service_kit.marks import Mark
from service_kit.records import Partition
from service_kit.store import Document, Store, Tx

LANES = "lanes_in"
RANGES = "lane_ranges"
CHUNK_ROWS = 500

Rows = Mapping[str, list[tuple[int, int, int]]]
Known = dict[str, dict[int, tuple[int, int]]]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, list[tuple[int, int, int]]]).decode


@dataclass(frozen=True, slots=True)
class Ranges:
    """What is written of the ranges: the tail, and each chunk's highest seq by origin."""

    tail: Rows = field(default_factory=dict)
    chunks: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    next: int = 0

    def plus(self, fresh: Mapping[str, Mapping[int, tuple[int, int]]]) -> "Ranges":
        """Return them with rows that were applied just now."""
        tail = dict(self.tail)
        for origin, rows in fresh.items():
            if rows:
                tail[origin] = tail.get(origin, []) + [(n, *covered) for n, covered in rows.items()]
        return Ranges(tail, self.chunks, self.next)


def name_of(group: str, partition: Partition) -> str:
    """Return the id of the partition's document."""
    return f"{group}|{partition}"


async def read(
    store: Store, group: str, partition: Partition
) -> tuple[list[Document], Ranges, Known]:
    """Return the lanes of a partition, what is written of their ranges, and all ranges."""
    name = name_of(group, partition)
    document = await store.db[LANES].find_one({"_id": name})
    if document is None:
        return [], Ranges(), {}
    chunks: dict[int, Rows] = {}
    query = {"group": group, "partition": str(partition)}
    for chunk in await store.db[RANGES].find(query).to_list(None):
        chunks[int(chunk["_id"].rpartition("|")[2])] = _decode(chunk["rows"])
    tail = _decode(document["tail"])
    highest = {number: _highest(rows) for number, rows in chunks.items()}
    known = _known([*(chunks[number] for number in sorted(chunks)), tail])
    return document["lanes"], Ranges(tail, highest, document["chunk"]), known


async def write(
    tx: Tx,
    group: str,
    partition: Partition,
    lanes: list[Document],
    ranges: Ranges,
    oldest: Mapping[str, int],
) -> Ranges:
    """Write lanes and ranges; return what is written now.

    A chunk goes once all its rows are at or below ``oldest`` of their origin.
    """
    name = name_of(group, partition)
    if sum(map(len, ranges.tail.values())) >= CHUNK_ROWS:
        ranges = await _close_tail(tx, group, partition, ranges, oldest)
    state = {"lanes": lanes, "tail": _encode(ranges.tail), "chunk": ranges.next}
    await tx[LANES].update_one({"_id": name}, {"$set": state}, upsert=True)
    return ranges


def mark_of(lane: Document) -> Mark:
    """Return a lane's watermark as it is kept."""
    return Mark.of_rows(lane["watermark_ms"], lane.get("held", ()))


async def watermarks(store: Store, group: str, partition: Partition) -> dict[str, Mark]:
    """Return each origin's watermark as it is kept."""
    document = await store.db[LANES].find_one({"_id": name_of(group, partition)}, ["lanes"])
    lanes = [] if document is None else document["lanes"]
    return {lane["origin"]: mark_of(lane) for lane in lanes}


async def _close_tail(
    tx: Tx, group: str, partition: Partition, ranges: Ranges, oldest: Mapping[str, int]
) -> Ranges:
    """Write the tail as a chunk, and drop chunks that nobody asks for any more."""
    name, chunks = name_of(group, partition), dict(ranges.chunks)
    done = [number for number, highest in chunks.items() if _is_old(highest, oldest)]
    if done:
        await tx[RANGES].delete_many({"_id": {"$in": [f"{name}|{number}" for number in done]}})
    for number in done:
        del chunks[number]
    chunk = {"group": group, "partition": str(partition), "rows": _encode(ranges.tail)}
    await tx[RANGES].insert_many([{"_id": f"{name}|{ranges.next}"} | chunk])
    chunks[ranges.next] = _highest(ranges.tail)
    return Ranges({}, chunks, ranges.next + 1)


def _is_old(highest: Mapping[str, int], oldest: Mapping[str, int]) -> bool:
    return all(seq <= oldest.get(origin, 0) for origin, seq in highest.items())


def _highest(rows: Rows) -> dict[str, int]:
    return {origin: max(seq for seq, _, _ in those) for origin, those in rows.items()}


def _known(parts: Iterable[Rows]) -> Known:
    known: Known = {}
    for rows in parts:
        for origin, those in rows.items():
            known.setdefault(origin, {}).update({seq: (start, end) for seq, start, end in those})
    return known
