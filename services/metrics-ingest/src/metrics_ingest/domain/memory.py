"""What a worker remembers between batches. Everything here can be loaded again from the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from metrics_ingest.domain.drift import Sampled
from metrics_ingest.domain.pausing import Record
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.watermarks import Completeness
from metrics_ingest.domain.window import BYTES_PER_ID, Window

_DAYS = 2000


@dataclass(slots=True)
class PartitionMemory:
    """What is remembered of one partition of the raw log.

    ``letters`` are the keys of ids with a dead letter that is still new; ``arrived_ms`` is the
    arrival of the newest block, ``pruned_ms`` what the window was last pruned to: the oldest
    block's, or 0 where there is none yet.
    """

    window: Window = field(default_factory=Window)
    letters: set[bytes] = field(default_factory=set)
    completeness: Completeness = field(default_factory=Completeness)
    quality: dict[tuple[str, str], Record] = field(default_factory=dict)
    drift: dict[tuple[str, str], Sampled] = field(default_factory=dict)
    drift_written_ms: int = 0
    arrived_ms: int = 0
    pruned_ms: int = 0


class Memory:
    """What is remembered for all partitions of a worker. ``window_bytes`` bounds the seen ids."""

    def __init__(self, window_bytes: int) -> None:
        self._ids = window_bytes // BYTES_PER_ID
        self.plans: dict[str, TenantPlan] = {}
        self.partitions: dict[int, PartitionMemory] = {}
        self._sets: dict[tuple[str, str], dict[int, set[bytes]]] = {}

    @property
    def ids_per_partition(self) -> int:
        """How many seen ids one partition may hold in memory."""
        return max(1, self._ids // max(1, len(self.partitions)))

    def day_sets(self, tenant: str, metric: str) -> Mapping[int, set[bytes]]:
        """Return the known dimension sets by day. The store may know more, never less."""
        return self._sets.get((tenant, metric), {})

    def learn_day_sets(self, sets: Mapping[tuple[str, str, int], set[bytes]]) -> None:
        """Take committed sets; the days learnt first leave when there are too many."""
        for (tenant, metric, day), keys in sets.items():
            days = self._sets.setdefault((tenant, metric), {})
            days[day] = keys
            while len(days) > _DAYS:
                del days[next(iter(days))]
