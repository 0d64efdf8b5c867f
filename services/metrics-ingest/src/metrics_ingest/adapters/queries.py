"""What the HTTP door reads, outside of transactions: lists in pages, one document, counters."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from event_contracts.wire import key_of
from metrics_ingest.adapters.definitions import METRICS, SOURCES, read
from metrics_ingest.adapters.drift import DRIFT
from metrics_ingest.adapters.hooks import HOOKS
from metrics_ingest.adapters.letters import LETTERS, letter_of
from metrics_ingest.adapters.rates import RATES, stored_rates
from metrics_ingest.adapters.records import RECORDS, Place, read_records
from metrics_ingest.adapters.tallies import STATS, tally_of
from metrics_ingest.domain.definitions import BY_HAND, Metric, Source
from metrics_ingest.domain.letters import KeptLetter
from metrics_ingest.domain.money.rates import Rate
from service_kit.store import Document, Store

# Groups are counted over at most so many letters.
_SCANNED = 100_000
_SCANNED_RECORDS = 1_000

INDEXES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (SOURCES, ("tenant", "current")),
    (METRICS, ("tenant", "current")),
    (RECORDS, ("tenant", "source", "width_ms", "first_ms")),
    (LETTERS, ("tenant", "state", "at_ms", "_id")),
    (LETTERS, ("topic", "partition", "state")),
    (LETTERS, ("key",)),
    (STATS, ("stripe",)),
    (RATES, ("tenant", "quote")),
    (HOOKS, ("tenant", "source")),
    (DRIFT, ("partition",)),
    (DRIFT, ("tenant", "source")),
)


async def make_indexes(store: Store) -> None:
    """Create the indexes that the queries need; one that is there is left."""
    for collection, fields in INDEXES:
        await store.db[collection].create_index([(field, 1) for field in fields])


class Queries:
    """Reads of one tenant at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._db = store.db

    async def sources(self, tenant: str, after: str, limit: int) -> list[Source]:
        """Return current sources by name."""
        return [read(each, Source) for each in await self._current(SOURCES, tenant, after, limit)]

    async def metrics(self, tenant: str, after: str, limit: int) -> list[Metric]:
        """Return current metrics by name."""
        return [read(each, Metric) for each in await self._current(METRICS, tenant, after, limit)]

    async def _current(
        self, collection: str, tenant: str, after: str, limit: int
    ) -> list[Document]:
        query = {"tenant": tenant, "current": True, "name": {"$gt": after}}
        found: list[Document] = await (
            self._db[collection].find(query, sort=[("name", 1)], limit=limit).to_list(None)
        )
        return found

    async def source(self, tenant: str, name: str) -> Source | None:
        """Return a source."""
        found = await self._db[SOURCES].find_one({"_id": key_of(tenant, name)})
        return None if found is None else read(found, Source)

    async def metric(self, tenant: str, name: str) -> Metric | None:
        """Return a metric."""
        found = await self._db[METRICS].find_one({"_id": key_of(tenant, name)})
        return None if found is None else read(found, Metric)

    async def rates(self, tenant: str, quotes: Collection[str]) -> list[Rate]:
        """Return all versions of the tenant's rates into these currencies."""
        return await stored_rates(self._store, tenant, quotes)

    async def stats(self, tenant: str, source: str) -> dict[str, int | None]:
        """Return the source's counters over all partitions, and when it was last folded."""
        tally = await tally_of(self._store, (tenant, source))
        return msgspec.structs.asdict(tally) | {"last_ms": tally.last_ms or None}

    async def records(
        self, tenant: str, source: str, span: tuple[int, int], after: Place | None, limit: int
    ) -> list[Document]:
        """Return records with from <= event time < to, by event time."""
        query = {"tenant": tenant, "source": source}
        return await read_records(self._store, query, span, after, limit)

    async def numbers(
        self, tenant: str, metric: str, span: tuple[int, int], after: Place | None, limit: int
    ) -> list[Document]:
        """Return what was typed for a metric, by event time."""
        query = {"tenant": tenant, "source": BY_HAND}
        found: list[Document] = []
        while True:
            rows = await read_records(self._store, query, span, after, _SCANNED_RECORDS)
            found += [row for row in rows if row["fields"].get("metric") == metric]
            if len(found) >= limit or len(rows) < _SCANNED_RECORDS:
                return found[:limit]
            after = (rows[-1]["at_ms"], rows[-1]["_id"])

    async def letters(
        self, tenant: str, wanted: Mapping[str, str], after: Place | None, limit: int
    ) -> list[KeptLetter]:
        """Return letters, the oldest first; ``wanted`` may name source, cause and state."""
        found = await self._page(LETTERS, {"tenant": tenant, **wanted}, after, limit)
        return [letter_of(document) for document in found]

    async def letter(self, tenant: str, identity: str) -> KeptLetter | None:
        """Return one letter."""
        found = await self._db[LETTERS].find_one({"_id": identity, "tenant": tenant})
        return None if found is None else letter_of(found)

    async def letter_groups(self, tenant: str, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return how many letters there are by source, cause and place, the largest group first.

        Each with when its first and its last copy came, and the id of its newest letter.
        """
        names = ("source", "cause", "where")
        cursor = self._db[LETTERS].find(
            {"tenant": tenant, **wanted},
            projection=[*names, "count", "at_ms", "received_ms"],
            limit=_SCANNED,
        )
        groups: dict[tuple[str, ...], dict[str, Any]] = {}
        async for document in cursor:
            key = tuple(document[name] for name in names)
            groups[key] = _counted(groups.get(key), document)
        ordered = sorted(groups.items(), key=lambda item: (-item[1]["letters"], item[0]))
        return [dict(zip(names, key, strict=True)) | group for key, group in ordered]

    async def _page(
        self, collection: str, query: Document, after: Place | None, limit: int
    ) -> list[Document]:
        if after is not None:
            at_ms, identity = after
            query = query | {
                # The bound is implied, but an index can begin there; at an $or it cannot.
                "at_ms": query.get("at_ms", {}) | {"$gte": at_ms},
                "$or": [{"at_ms": {"$gt": at_ms}}, {"at_ms": at_ms, "_id": {"$gt": identity}}],
            }
        found: list[Document] = await (
            self._db[collection]
            .find(query, sort=[("at_ms", 1), ("_id", 1)], limit=limit)
            .to_list(None)
        )
        return found


def _counted(group: dict[str, Any] | None, letter: Document) -> dict[str, Any]:
    """Return the group with one more letter."""
    if group is None:
        group = {"letters": 0, "occurrences": 0, "first_ms": letter["received_ms"], "last_ms": -1}
    newest = letter["at_ms"] >= group["last_ms"]
    return {
        "letters": group["letters"] + 1,
        "occurrences": group["occurrences"] + letter["count"],
        "first_ms": min(group["first_ms"], letter["received_ms"]),
        "last_ms": max(group["last_ms"], letter["at_ms"]),
        "example": letter["_id"] if newest else group["example"],
    }
