"""The fact store: cells as binary, one document per metric and flush, later one per block.

    loose  {_id: "tenant|metric|loose|facts/2|000000000017|0", head, kind: "loose", ...}
    block  {_id: "tenant|metric|block|000021456000", head, kind: "block", ...}
    both   {first, last: UTC epoch minutes, cells: their weight, as_of_ms, body}

``head`` is the key of (tenant, metric). A block's ``first`` and ``last`` are the bounds of its
range, whether or not a cell lies there. ``body`` is a tuple of sheets in MessagePack, decimals as
text: a thousand cells cost one value to the driver, not thousands.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

import msgspec

from event_contracts.wire import key_of
from goal_service.domain.blocks import BLOCK_CELLS
from goal_service.domain.days import MARGIN_MINUTES
from goal_service.domain.sheets import Sheet
from goal_service.ports import Facts, MetricKey
from service_kit.store import Document, Store, Tx

FACTS = "facts"
HEADS = "heads"
LOOSE = "loose"
BLOCK = "block"
STRETCH_MINUTES = 31 * 1_440
_encoder = msgspec.msgpack.Encoder(decimal_format="string")
_decoder = msgspec.msgpack.Decoder(tuple[Sheet, ...])


def write_body(sheets: Sequence[Sheet]) -> bytes:
    """Return the sheets as a document keeps them."""
    return _encoder.encode(tuple(sheets))


def read_facts(document: Document) -> Facts:
    """Return the document's cells."""
    return Facts(_decoder.decode(document["body"]), document["as_of_ms"])


def head_of(metric: MetricKey) -> str:
    """Return the id of the metric's head document."""
    return key_of(metric.tenant, metric.metric)


def overlapping(metric: MetricKey, begin: int, end: int) -> Document:
    """Return the query for documents that may hold cells of ``begin`` <= minute < ``end``."""
    return {"head": head_of(metric), "last": {"$gte": begin}, "first": {"$lt": end}}


class MongoFacts:
    """The FactStore port inside one transaction. ``origin`` is unique to the slice applied."""

    def __init__(self, tx: Tx, origin: str) -> None:
        self._tx = tx
        self._origin = origin
        self._written = 0

    async def append(self, facts: Mapping[MetricKey, Facts]) -> None:
        """Add facts to their metrics, one document each unless they are very many."""
        documents = [
            self._document(metric, sheets, found.as_of_ms)
            for metric, found in facts.items()
            for sheets in _portions(found.sheets)
        ]
        await self._tx[FACTS].insert_many(documents)

    async def between(self, metric: MetricKey, begin: int, end: int) -> Sequence[Facts]:
        """Return the facts of documents that overlap the time."""
        found = await self._tx[FACTS].find(overlapping(metric, begin, end))
        return [read_facts(document) for document in found]

    def _document(self, metric: MetricKey, sheets: Sequence[Sheet], as_of_ms: int) -> Document:
        minutes = [cell.minute for sheet in sheets for cell in sheet.cells]
        number, self._written = self._written, self._written + 1
        return {
            "_id": key_of(metric.tenant, metric.metric, LOOSE, self._origin, str(number)),
            "head": head_of(metric),
            "kind": LOOSE,
            "first": min(minutes),
            "last": max(minutes),
            "cells": sum(sheet.weight for sheet in sheets),
            "as_of_ms": as_of_ms,
            "body": write_body(sheets),
        }


def _portions(sheets: Sequence[Sheet]) -> Iterator[Sequence[Sheet]]:
    """Split sheets so that a document stays far below MongoDB's limit of 16 MB.

    One sheet comes from one record of at most 512 KB.
    """
    portion: list[Sheet] = []
    cells = 0
    for sheet in sheets:
        portion.append(sheet)
        cells += sheet.weight
        if cells >= BLOCK_CELLS:
            yield portion
            portion, cells = [], 0
    if portion:
        yield portion


class FactReader:
    """Reads facts outside of a transaction, yet never half of a compaction."""

    def __init__(self, store: Store) -> None:
        self._db = store.db

    async def between(self, metric: MetricKey, begin: int, end: int) -> Sequence[Facts]:
        """Return the facts of documents that overlap the time, each cell once."""
        while True:
            before = await self._folds(metric)
            query = overlapping(metric, begin, end)
            found: list[Document] = await self._db[FACTS].find(query).to_list(None)
            if await self._folds(metric) == before:
                return [read_facts(document) for document in found]

    async def sheets(self, metric: MetricKey, begin: int, end: int) -> list[Sheet]:
        """Return sheets that hold all cells of the time, day-grain ones of any zone among them."""
        found = await self.between(metric, begin - MARGIN_MINUTES, end + MARGIN_MINUTES)
        return [sheet for facts in found for sheet in facts.sheets]

    async def stretches(self, metric: MetricKey, end: int) -> AsyncIterator[tuple[int, int]]:
        """Yield all the time before ``end`` that may hold cells, in stretches of bounded length.

        Time without facts is passed over: one event of 1970 does not cost half a century.
        """
        begin = -(2**40)
        while begin < end:
            query = {"head": head_of(metric), "last": {"$gte": begin - MARGIN_MINUTES}}
            found = await self._db[FACTS].find_one(query, sort=[("first", 1)])
            if found is None:
                return
            begin = max(begin, found["first"] - MARGIN_MINUTES)
            if begin < end:
                yield begin, min(end, begin + STRETCH_MINUTES)
            begin += STRETCH_MINUTES

    async def _folds(self, metric: MetricKey) -> int:
        """Return how many compactions there were: one in between may show cells twice."""
        head = await self._db[HEADS].find_one({"_id": head_of(metric)})
        return int((head or {}).get("folds", 0))
