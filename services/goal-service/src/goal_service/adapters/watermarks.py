"""How complete a metric's log is, as the facts partition's lanes have it."""

from service_kit.records import Partition
from service_kit.store import Store

# The two loops of metrics-ingest that send facts, by what their lanes' names begin with.
_FEEDING = ("metrics-ingest:raw", "metrics-ingest-subjects:subjects")


def feeding_origins(partitions: int) -> frozenset[str]:
    """Return the origins that feed every facts partition.

    These are the folds of each raw partition, and the partitions of subjects behind them: an event
    that waits there is not complete yet.
    """
    return frozenset(f"{name}/{number}" for name in _FEEDING for number in range(partitions))


async def complete_to_ms(
    store: Store, group: str, partition: Partition, origins: frozenset[str]
) -> int:
    """Return the minimum over the origins, epoch milliseconds; -1 while one was never seen."""
    query = {"group": group, "partition": str(partition)}
    found = await store.db["lanes_in"].find(query).to_list(None)
    seen: dict[str, int] = {
        document["_id"].rpartition("|")[2]: document["watermark_ms"] for document in found
    }
    return min(seen.get(origin, -1) for origin in origins)
