"""What became of the sources' records, in MongoDB.

source_stats  {_id: "raw/0|3", stripe: 3, tallies: JSON of [[tenant, source, [counts]], ...]}

A stripe is written whole: an update costs the document server the same whether it holds one source
or a hundred (decision 0037). Only who holds the partition writes it, and remembers what it says.
"""

from collections.abc import Mapping

from bson.binary import Binary
from pymongo import UpdateOne

from metrics_ingest.domain.tallies import (
    STRIPES,
    SourceName,
    Stripe,
    Tallies,
    Tally,
    packed,
    stripe_of,
    unpacked,
)
from service_kit.documents import find_ids
from service_kit.records import Partition
from service_kit.store import Document, Store, Tx

STATS = "source_stats"


async def write_tallies(tx: Tx, partition: Partition, stripes: Mapping[int, Stripe]) -> None:
    """Write these stripes of a partition."""
    await tx[STATS].bulk_write(
        [
            UpdateOne(
                {"_id": f"{partition}|{number}"},
                {"$set": {"stripe": number, "tallies": Binary(packed(stripe))}},
                upsert=True,
            )
            for number, stripe in stripes.items()
        ]
    )


async def tallies_of(store: Store, partition: Partition) -> Tallies:
    """Return the tallies of a partition."""
    ids = [f"{partition}|{number}" for number in range(STRIPES)]
    tallies = Tallies()
    for document in await find_ids(store.db[STATS], ids):
        tallies.take({document["stripe"]: tallies_in(document)})
    return tallies


async def tally_of(store: Store, source: SourceName) -> Tally:
    """Return what became of a source's records in all partitions."""
    found = Tally()
    async for document in store.db[STATS].find({"stripe": stripe_of(source)}):
        found = found.plus(tallies_in(document).get(source, Tally()))
    return found


def tallies_in(document: Document) -> dict[SourceName, Tally]:
    """Return what one document says."""
    return dict(unpacked(bytes(document["tallies"])))
