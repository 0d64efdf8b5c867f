"""What a worker remembers between batches. Everything here can be loaded again from the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from metrics_ingest.domain.drift import Sampled
from metrics_ingest.domain.pausing import Record
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.seen.window import BYTES_PER_ID, Window
from metrics_ingest.domain.tallies import Tallies
from metrics_ingest.domain.watermarks import Completeness

MOST_SETS = 2_000_000  # known dimension sets, some 95 bytes each


@dataclass(slots=True)
class PartitionMemory:
    """What is remembered of one partition of the raw log.

    ``letters`` are the keys of ids with a dead letter that is still new; ``arrived_ms`` is the
    arrival of the newest block, ``pruned_ms`` what the window was last pruned to: the oldest
    block's, or 0 where there is none yet.
    """

    window: Window = field(default_factory=Window)
    letters: set[bytes] = field(default_factory=set)
    tallies: Tallies = field(default_factory=Tallies)
    completeness: Completeness = field(default_factory=Completeness)
    quality: dict[tuple[str, str], Record] = field(default_factory=dict)
    drift: dict[tuple[str, str], Sampled] = field(default_factory=dict)
    drift_waiting: set[tuple[str, str]] = field(default_factory=set)
    drift_written_ms: int = 0
    arrived_ms: int = 0
    pruned_ms: int = 0


class Memory:
    """What is remembered for all partitions of a worker.

    ``window_bytes`` bounds the seen ids, ``most_sets`` the known dimension sets.
    """

    def __init__(self, window_bytes: int, most_sets: int = MOST_SETS) -> None:
        self._ids = window_bytes // BYTES_PER_ID
        self._most_sets = most_sets
        self._held_sets = 0
        self._days: dict[tuple[str, str, int], None] = {}  # of which sets are known, as learnt
        self.plans: dict[str, TenantPlan] = {}
        # How often any head had been moved when the tenant's plan was found to be the newest.
        self.looked_at: dict[str, int] = {}
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
        """Take committed sets; the days learnt first leave when there are too many sets."""
        for day_set, keys in sets.items():
            self._forget(day_set)
            tenant, metric, day = day_set
            self._sets.setdefault((tenant, metric), {})[day] = keys
            self._days[day_set] = None
            self._held_sets += len(keys)
        while self._held_sets > self._most_sets:
            self._forget(next(iter(self._days)))

    def _forget(self, day_set: tuple[str, str, int]) -> None:
        if day_set not in self._days:
            return
        tenant, metric, day = day_set
        del self._days[day_set]
        self._held_sets -= len(self._sets[tenant, metric].pop(day))
        if not self._sets[tenant, metric]:
            del self._sets[tenant, metric]
