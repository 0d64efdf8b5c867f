"""What a fold writes, in MongoDB.

seen          {_id: "raw/0|000000012000", at_ms, n, ids}: 24 bytes an id, see domain.seen.window
records       see records.py
dim_sets      {_id: key_of(tenant, metric, day), sets}: 8 bytes a set
source_stats  see tallies.py
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

import msgspec
from bson.binary import Binary
from pymongo import UpdateOne

from event_contracts.wire import key_of
from metrics_ingest.adapters.definitions import MongoDefinitions
from metrics_ingest.adapters.drift import write_drift
from metrics_ingest.adapters.letters import LETTERS, supersede, write_letters
from metrics_ingest.adapters.records import RECORDS, blocks
from metrics_ingest.adapters.tallies import write_tallies
from metrics_ingest.domain.definitions import Definitions
from metrics_ingest.domain.drift import Sampled
from metrics_ingest.domain.folding import BusinessRecord
from metrics_ingest.domain.letters import NEW, KeptLetter
from metrics_ingest.domain.seen.window import Block
from metrics_ingest.domain.tallies import Stripe
from metrics_ingest.ports.folds import DaySet, SourceName
from service_kit.records import Partition
from service_kit.store import Document, Store, Tx

SEEN = "seen"
DIM_SETS = "dim_sets"
_SET_BYTES = 8


class MongoFoldStore:
    """The effect of one slice inside its transaction (ports.folds.FoldStore)."""

    def __init__(self, tx: Tx, partition: Partition, start: int, now_ms: int) -> None:
        """``start`` is the slice's first offset."""
        self._tx = tx
        self._partition = partition
        self._start = start
        self._blocks = 0
        self._definitions = MongoDefinitions(tx, now_ms)

    async def moves(self) -> int:
        """Return how often any tenant's head has been moved."""
        return await self._definitions.moves()

    async def heads(self, tenants: Collection[str]) -> dict[str, int]:
        """Return the versions of the tenants' definitions."""
        return await self._definitions.heads(tenants)

    async def definitions(self, tenants: Collection[str]) -> list[Definitions]:
        """Return all current definitions of these tenants."""
        return await self._definitions.definitions(tenants)

    async def day_sets(self, wanted: Collection[DaySet]) -> dict[DaySet, set[bytes]]:
        """Return the known dimension sets."""
        if not wanted:
            return {}
        names = {_set_id(day_set): day_set for day_set in wanted}
        found = await self._tx[DIM_SETS].find_ids(sorted(names))
        return {names[document["_id"]]: _cut(bytes(document["sets"])) for document in found}

    async def write_day_sets(self, sets: Mapping[DaySet, Collection[bytes]]) -> None:
        """Write whole sets. Two workers that learn at once collide, and one of them runs again."""
        await self._tx[DIM_SETS].bulk_write(
            [
                UpdateOne(
                    {"_id": _set_id(day_set)},
                    {"$set": {"sets": Binary(b"".join(sorted(keys)))}},
                    upsert=True,
                )
                for day_set, keys in sets.items()
            ]
        )

    async def write_seen(self, start: int, block: Block) -> None:
        """Keep the ids of a slice."""
        document = {
            "_id": f"{self._partition}|{start:012d}",
            "partition": str(self._partition),
            "at_ms": block.at_ms,
            "n": len(block),
            "ids": Binary(block.entries),
        }
        await self._tx[SEEN].insert_many([document])

    async def forget_seen(self, before_ms: int) -> None:
        """Delete the blocks that arrived before."""
        query = _blocks(self._partition) | {"at_ms": {"$lt": before_ms}}
        await self._tx[SEEN].delete_many(query)

    async def write_records(self, records: Sequence[BusinessRecord]) -> None:
        """Keep one source's business records."""
        found = blocks(
            [self._record(record) for record in records],
            f"{self._partition}|{self._start:012d}",
            self._blocks,
        )
        self._blocks += len(found)
        await self._tx[RECORDS].insert_many(found)

    def _record(self, record: BusinessRecord) -> Document:
        raw = record.arrival.event
        place = f"{self._partition}/{record.arrival.offset}"
        return {
            "_id": key_of(raw.tenant, raw.source, raw.id, place),
            "tenant": raw.tenant,
            "source": raw.source,
            "id": raw.id,
            "type": record.event.type,
            "at_ms": record.event.at_ms,
            "received_ms": raw.received_ms,
            "subject": record.event.subject,
            "fields": record.event.fields,
        }

    async def write_letters(self, letters: Sequence[KeptLetter]) -> None:
        """Keep dead letters."""
        await write_letters(self._tx, letters)

    async def supersede(self, keys: Collection[bytes]) -> None:
        """Close the new letters of these ids."""
        await supersede(self._tx, keys)

    async def write_tallies(self, stripes: Mapping[int, Stripe]) -> None:
        """Write what became of the sources' records, kept per partition: workers do not meet."""
        await write_tallies(self._tx, self._partition, stripes)

    async def write_drift(self, sources: Mapping[SourceName, Sampled]) -> None:
        """Write what samples of these sources have shown."""
        await write_drift(self._tx, self._partition, sources)

    async def pause(self, tenant: str, source: str, reason: str) -> None:
        """Pause a source: a version of its own, so that the head moves for all workers."""
        found = await self._definitions.source(tenant, source)
        if found is not None and found.paused is None:
            paused = msgspec.structs.replace(found, version=found.version + 1, paused=reason)
            await self._definitions.write_source(tenant, paused)
            await self._definitions.note(
                tenant,
                "metrics-ingest",
                "source.paused",
                source,
                {"version": paused.version, "reason": reason},
            )


async def blocks_of(store: Store, partition: Partition) -> AsyncIterator[Block]:
    """Yield the seen ids of a partition in the order of their arrival."""
    cursor = store.db[SEEN].find(_blocks(partition), sort=[("_id", 1)])
    async for document in cursor:
        yield Block(document["at_ms"], bytes(document["ids"]))


async def letter_keys_of(store: Store, partition: Partition) -> set[bytes]:
    """Return the keys of the ids that have a new letter from this partition."""
    query: dict[str, Any] = {
        "topic": partition.topic,
        "partition": partition.number,
        "state": NEW,
    }
    cursor = store.db[LETTERS].find(query, projection=["key"])
    return {bytes(document["key"]) async for document in cursor}


def _blocks(partition: Partition) -> Document:
    return {"_id": {"$gte": f"{partition}|", "$lt": f"{partition}|:"}}


def _set_id(day_set: DaySet) -> str:
    tenant, metric, day = day_set
    return key_of(tenant, metric, str(day))


def _cut(data: bytes) -> set[bytes]:
    return {data[start : start + _SET_BYTES] for start in range(0, len(data), _SET_BYTES)}
