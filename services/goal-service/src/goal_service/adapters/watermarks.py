"""How complete a metric's log is, as the facts partition's lanes have it."""

from event_contracts.topics import FACTS
from event_contracts.wire import partition_of
from service_kit import lane_documents
from service_kit.marks import UNKNOWN, Mark, least
from service_kit.records import Partition
from service_kit.store import Store

# The two loops of metrics-ingest that send facts, by what their lanes' names begin with.
_FEEDING = ("metrics-ingest:raw", "metrics-ingest-subjects:subjects")


def log_of(partitions: int, tenant: str, metric: str) -> Partition:
    """Return the facts partition that is the metric's log."""
    return Partition(FACTS.name, partition_of(partitions, tenant, metric))


def feeding_origins(partitions: int) -> frozenset[str]:
    """Return the origins that feed every facts partition.

    These are the folds of each raw partition, and the partitions of subjects behind them: an event
    that waits there is not complete yet.
    """
    return frozenset(f"{name}/{number}" for name in _FEEDING for number in range(partitions))


async def stored_mark(
    store: Store, group: str, partition: Partition, origins: frozenset[str]
) -> Mark:
    """Return the minimum over the origins; -1 while one was never seen."""
    seen = await lane_documents.watermarks(store, group, partition)
    return least(seen.get(origin, UNKNOWN) for origin in origins)
