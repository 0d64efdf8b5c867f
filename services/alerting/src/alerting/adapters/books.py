"""The books of one transaction: every port that the handlers need, over the same snapshot."""

import asyncio
from collections.abc import Iterable

from alerting.adapters.days import MongoDays
from alerting.adapters.directory import MongoDirectory
from alerting.adapters.dockets import MongoDockets
from alerting.adapters.goals import MongoGoals
from alerting.adapters.lights import MongoLights
from alerting.adapters.post import MongoPost
from alerting.adapters.stripes import MOST
from alerting.adapters.values import MongoValues
from service_kit import heads
from service_kit.guards import Guards
from service_kit.outbox import Outbox
from service_kit.store import Tx


class MongoHeads:
    """The Heads port inside one transaction."""

    def __init__(self, tx: Tx, guards: Guards) -> None:
        self._tx = tx
        self._guards = guards

    async def touch(self, ids: Iterable[str]) -> None:
        """Increment the heads."""
        await heads.touch(self._tx, "heads", ids, self._guards)


class MongoBooks:
    """Everything, over one transaction."""

    def __init__(
        self,
        tx: Tx,
        outbox: Outbox,
        guards: Guards,
        *,
        partition: int,
        partitions: int,
        now_ms: int,
        hold_seconds: float = 0.0,
        most: int = MOST,
    ) -> None:
        """``most``: how many days a stripe holds."""
        self._hold_seconds = hold_seconds
        self.heads = MongoHeads(tx, guards)
        self.dockets = MongoDockets(tx, now_ms)
        self.goals = MongoGoals(tx)
        self.days = MongoDays(tx, partition, guards, most)
        self.values = MongoValues(tx, partition)
        self.lights = MongoLights(tx)
        self.directory = MongoDirectory(tx)
        self.post = MongoPost(tx, outbox, self.directory, partition, partitions)

    async def pause(self, goals: int) -> None:
        """Wait between reading and writing: nothing, but in the drill, for each goal."""
        if self._hold_seconds:
            await asyncio.sleep(self._hold_seconds * goals)
