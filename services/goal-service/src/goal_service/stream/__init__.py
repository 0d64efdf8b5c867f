"""The stream's door: facts and metric definitions become commands, each batch one transaction."""

from collections.abc import Mapping
from typing import Any

from event_contracts import topics
from goal_service.adapters.held import Held
from goal_service.adapters.hot_days import MOST_DAYS
from goal_service.settings import SERVICE
from goal_service.stream.definitions import DefinitionsHandler
from goal_service.stream.facts import FactsHandler
from service_kit.batch import Handler
from service_kit.clock import Clock
from service_kit.guards import Guards
from service_kit.outbox import Outbox
from service_kit.records import Partition, Slice
from service_kit.store import Store, Tx

GROUP = SERVICE
FACTS = topics.FACTS.name
METRIC_DEFINITIONS = topics.METRIC_DEFINITIONS.name
TOPICS = (FACTS, METRIC_DEFINITIONS)
GAPLESS = frozenset({FACTS})


class Stream:
    """The handler of both topics: one loop and one session, so one transaction per batch."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    async def load(self, partition: Partition) -> None:
        """Pass on to the topic's handler."""
        await self._handlers[partition.topic].load(partition)

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> Any:
        """Pass on to the topic's handler."""
        return await self._handlers[batch.partition.topic].apply(tx, batch, outbox)

    def committed(self, batch: Slice, effect: Any) -> None:
        """Pass on to the topic's handler."""
        self._handlers[batch.partition.topic].committed(batch, effect)

    def forget(self, partition: Partition) -> None:
        """Pass on to the topic's handler."""
        self._handlers[partition.topic].forget(partition)


def make_stream(
    store: Store,
    clock: Clock,
    guards: Guards,
    partitions: int,
    held: Held | None = None,
    tell_seconds: float = 0.0,
    hot_days: int = MOST_DAYS,
) -> Stream:
    """Return the handler of all topics that goal-service reads; it notes what is ``held``.

    ``tell_seconds`` and ``hot_days`` as FactsHandler has them.
    """
    return Stream(
        {
            FACTS: FactsHandler(
                store, clock, guards, partitions, held or Held(), tell_seconds, hot_days
            ),
            METRIC_DEFINITIONS: DefinitionsHandler(clock, partitions, guards),
        }
    )
