"""How complete a metric's log is, as the facts partition's lanes have it."""

from service_kit import lane_documents
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


class Marks:
    """How complete the facts partitions are that this process holds: a door need not ask for them.

    What another holds is asked of the store. A mark only grows, so one that a worker keeps for a
    moment after it has lost the partition promises too little, never too much.
    """

    def __init__(self) -> None:
        self._held: dict[Partition, int] = {}

    def note(self, partition: Partition, at_ms: int) -> None:
        """Take what has been committed, epoch milliseconds."""
        self._held[partition] = at_ms

    def forget(self, partition: Partition) -> None:
        """The partition is held no more."""
        self._held.pop(partition, None)

    async def of(
        self, store: Store, group: str, partition: Partition, origins: frozenset[str]
    ) -> int:
        """Return the minimum over the origins; -1 while one was never seen."""
        held = self._held.get(partition)
        return held if held is not None else await stored_mark(store, group, partition, origins)


async def stored_mark(
    store: Store, group: str, partition: Partition, origins: frozenset[str]
) -> int:
    """Return the minimum over the origins, epoch milliseconds; -1 while one was never seen."""
    seen = await lane_documents.watermarks(store, group, partition)
    return min(seen.get(origin, -1) for origin in origins)
