"""What this process holds: its doors need not ask the store for it."""

from collections.abc import Sequence

from goal_service.adapters.hot_days import Stripe
from goal_service.adapters.watermarks import stored_mark
from service_kit.marks import Mark
from service_kit.records import Partition
from service_kit.store import Store


class Held:
    """How complete the facts partitions are that this process holds, and their hot days.

    What another holds is asked of the store. A mark and a day's version only grow, so what a worker
    keeps for a moment after it has lost the partition is of a moment ago, never ahead.
    """

    def __init__(self) -> None:
        self._marks: dict[Partition, Mark] = {}
        self._stripes: dict[Partition, Sequence[Stripe]] = {}

    def note(self, partition: Partition, mark: Mark, stripes: Sequence[Stripe]) -> None:
        """Take what has been committed: complete to ``mark``, and the hot days."""
        self._marks[partition] = mark
        self._stripes[partition] = stripes

    def forget(self, partition: Partition) -> None:
        """The partition is held no more."""
        self._marks.pop(partition, None)
        self._stripes.pop(partition, None)

    def stripes(self, partition: Partition) -> Sequence[Stripe] | None:
        """Return the partition's hot days; None when another process holds it."""
        return self._stripes.get(partition)

    async def mark(
        self, store: Store, group: str, partition: Partition, origins: frozenset[str]
    ) -> Mark:
        """Return the minimum over the origins; -1 while one was never seen."""
        held = self._marks.get(partition)
        return held if held is not None else await stored_mark(store, group, partition, origins)
