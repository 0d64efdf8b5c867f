"""What samples have shown of fields that no mapping knows, in MongoDB.

source_drift  {_id: key_of(tenant, source, "raw/0"), tenant, source, partition, sampled, others,
               paths: [[path, count, first_ms, last_ms, sort], ...]}
"""

from collections.abc import Mapping

from pymongo import UpdateOne

from event_contracts.wire import key_of
from metrics_ingest.domain.drift import Sampled, Seen
from metrics_ingest.ports.folds import SourceName
from service_kit.records import Partition
from service_kit.store import Document, Store, Tx

DRIFT = "source_drift"


async def write_drift(tx: Tx, partition: Partition, sources: Mapping[SourceName, Sampled]) -> None:
    """Write what this partition's samples have shown, kept apart from that of others."""
    place = str(partition)
    await tx[DRIFT].bulk_write(
        [
            UpdateOne(
                {"_id": key_of(tenant, source, place)},
                {
                    "$set": {
                        "tenant": tenant,
                        "source": source,
                        "partition": place,
                        "sampled": sampled.sampled,
                        "others": sampled.others,
                        "paths": [
                            [path, s.count, s.first_ms, s.last_ms, s.sort]
                            for path, s in sampled.paths.items()
                        ],
                    }
                },
                upsert=True,
            )
            for (tenant, source), sampled in sources.items()
        ]
    )


async def drift_of(store: Store, partition: Partition) -> dict[SourceName, Sampled]:
    """Return what this partition's samples had shown when it was last written."""
    found = await store.db[DRIFT].find({"partition": str(partition)}).to_list(None)
    return {(each["tenant"], each["source"]): _sampled(each) for each in found}


async def drift_of_source(store: Store, tenant: str, source: str) -> Sampled:
    """Return what the samples of all partitions have shown of a source."""
    merged = Sampled()
    for each in await store.db[DRIFT].find({"tenant": tenant, "source": source}).to_list(None):
        merged.merge(_sampled(each))
    return merged


def _sampled(document: Document) -> Sampled:
    paths = {path: Seen(*seen) for path, *seen in document["paths"]}
    return Sampled(document["sampled"], document["others"], paths)
