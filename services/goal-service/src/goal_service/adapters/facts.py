"""The fact store: what slices brought (adapters.loose_facts), later one document per block.

    facts  {_id: "tenant|metric|block|000021456000", head, first, last: UTC epoch minutes,
            cells: their weight, as_of_ms, body}
    heads  {_id: "facts/2", folds: how many compactions there were}

``head`` is the key of (tenant, metric). A block's ``first`` and ``last`` are the bounds of its
range, whether or not a cell lies there. ``body`` is a tuple of sheets in MessagePack: a thousand
cells cost one value to the driver, not thousands.

Facts and back-fills of a metric meet in one log, so the log's offset document is the head that
keeps them apart: two transactions that read what the other writes cannot both move it.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from event_contracts import topics
from event_contracts.wire import partition_of
from goal_service.adapters.loose_facts import (
    LOOSE,
    facts_of,
    head_of,
    loose_documents,
    read_sheets,
)
from goal_service.domain.days import MARGIN_MINUTES
from goal_service.domain.sheets import Sheet
from goal_service.ports import Facts, MetricKey
from service_kit.records import Partition
from service_kit.store import Document, Store, Tx

FACTS = "facts"
HEADS = "heads"
STRETCH_MINUTES = 31 * 1_440


def read_block(document: Document) -> Facts:
    """Return a block's cells."""
    return Facts(read_sheets(document["body"]), document["as_of_ms"])


def fold_head(partition: int) -> str:
    """Return the id of the document that counts a facts partition's compactions."""
    return str(Partition(topics.FACTS.name, partition))


class MongoFacts:
    """The FactStore port inside one transaction. ``origin`` is unique to the slice applied."""

    def __init__(self, tx: Tx, partition: int, origin: str) -> None:
        self._tx = tx
        self._partition = partition
        self._origin = origin
        self._appended = 0

    async def append(self, facts: Mapping[MetricKey, Facts]) -> None:
        """Add facts to their metrics; a control record cuts a slice into several calls."""
        origin = f"{self._origin}|{self._appended}"
        self._appended += 1
        await self._tx[LOOSE].insert_many(list(loose_documents(self._partition, origin, facts)))

    async def between(self, metric: MetricKey, begin: int, end: int) -> Sequence[Facts]:
        """Return facts that hold all cells of the minutes ``begin`` <= m < ``end``, and others."""
        blocks = await self._tx[FACTS].find(_overlapping(metric, begin, end))
        loose = await self._tx[LOOSE].find({"partition": self._partition})
        return _joined(metric, blocks, loose)


class FactReader:
    """Reads facts outside of a transaction, yet never half of a compaction."""

    def __init__(self, store: Store, partitions: int) -> None:
        self._db = store.db
        self._partitions = partitions

    async def between(self, metric: MetricKey, begin: int, end: int) -> Sequence[Facts]:
        """Return facts that hold all cells of the time, each cell once, and others."""
        while True:
            before = await self._folds(metric)
            query = _overlapping(metric, begin, end)
            blocks: list[Document] = await self._db[FACTS].find(query).to_list(None)
            loose = await self._loose(metric)
            if await self._folds(metric) == before:
                return _joined(metric, blocks, loose)

    async def sheets(self, metric: MetricKey, begin: int, end: int) -> list[Sheet]:
        """Return sheets that hold all cells of the time, day-grain ones of any zone among them."""
        found = await self.between(metric, begin - MARGIN_MINUTES, end + MARGIN_MINUTES)
        return [sheet for facts in found for sheet in facts.sheets]

    async def stretches(self, metric: MetricKey, end: int) -> AsyncIterator[tuple[int, int]]:
        """Yield all the time before ``end`` that may hold cells, in stretches of bounded length.

        Time without facts is passed over: one event of 1970 does not cost half a century.
        """
        loose = _joined(metric, [], await self._loose(metric))
        minutes = sorted({c.minute for facts in loose for s in facts.sheets for c in s.cells})
        begin = -(2**40)
        while begin < end:
            query = {"head": head_of(metric), "last": {"$gte": begin - MARGIN_MINUTES}}
            block = await self._db[FACTS].find_one(query, sort=[("first", 1)])
            starts = [minute for minute in minutes if minute >= begin - MARGIN_MINUTES][:1]
            starts += [block["first"]] if block else []
            if not starts:
                return
            begin = max(begin, min(starts) - MARGIN_MINUTES)
            if begin < end:
                yield begin, min(end, begin + STRETCH_MINUTES)
            begin += STRETCH_MINUTES

    async def _loose(self, metric: MetricKey) -> list[Document]:
        query = {"partition": self._log(metric)}
        found: list[Document] = await self._db[LOOSE].find(query).to_list(None)
        return found

    async def _folds(self, metric: MetricKey) -> int:
        """Return how many compactions there were: one in between may show cells twice."""
        head = await self._db[HEADS].find_one({"_id": fold_head(self._log(metric))})
        return int((head or {}).get("folds", 0))

    def _log(self, metric: MetricKey) -> int:
        return partition_of(self._partitions, metric.tenant, metric.metric)


def _overlapping(metric: MetricKey, begin: int, end: int) -> Document:
    """Return the query for blocks that may hold cells of ``begin`` <= minute < ``end``."""
    return {"head": head_of(metric), "last": {"$gte": begin}, "first": {"$lt": end}}


def _joined(
    metric: MetricKey, blocks: Iterable[Document], loose: Iterable[Document]
) -> list[Facts]:
    found = (facts_of(document, metric) for document in loose)
    return [*map(read_block, blocks), *(facts for facts in found if facts is not None)]
