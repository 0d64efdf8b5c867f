"""A broker for doors that need none."""

from collections.abc import Collection

from service_kit.batch import Bounds
from service_kit.records import Partition


class NoBroker:
    """Is asked, and has nothing to tell."""

    async def bounds(self, partitions: Collection[Partition]) -> dict[Partition, Bounds]:
        """Return none."""
        return {}

    async def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return none."""
        return {}
