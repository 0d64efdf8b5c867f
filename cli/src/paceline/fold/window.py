"""Ids that were seen before the run: blocks of the window, written as the service keeps them."""

import os
import time
from collections.abc import Iterator, Sequence

from xxhash import xxh3_128_digest

from event_contracts.topics import RAW
from metrics_ingest.adapters.folds import MongoFoldStore
from metrics_ingest.domain.seen.window import ENTRY, Block, pack
from paceline.fold.feed import Made
from service_kit.records import Partition
from service_kit.store import Store, Tx

BLOCK_IDS = 50_000
AGE_MS = 3600 * 1000


async def preload(store: Store, partitions: int, ids: int, known: Sequence[Made]) -> None:
    """Write ``ids`` random ids, an hour old, and the ids of the ``known`` events."""
    session = await store.session()
    at_ms = int(time.time() * 1000) - AGE_MS
    for number in range(partitions):
        partition = Partition(RAW.name, number)
        mine = [made for made in known if made.partition == number]
        for place, entries in enumerate(_entries(ids // partitions, mine)):
            start = -1 - place  # its id sorts before that of every offset of the log

            async def write(
                tx: Tx, p: Partition = partition, s: int = start, e: bytes = entries
            ) -> None:
                await MongoFoldStore(tx, p, s, at_ms).write_seen(s, Block(at_ms, e))

            await session.run(write)


def _entries(ids: int, known: Sequence[Made]) -> Iterator[bytes]:
    if known:
        yield pack((xxh3_128_digest(made.key), 0) for made in known)
    while ids > 0:
        count = min(ids, BLOCK_IDS)
        yield os.urandom(count * ENTRY)
        ids -= count
