"""The definitions of metrics, as they come from metrics-ingest."""

from event_contracts.metrics import MetricDefined
from event_contracts.wire import decoder_of
from goal_service import metrics
from goal_service.adapters.books import GoalBooks
from goal_service.domain.commands import DefineMetric
from goal_service.handlers import handle
from goal_service.stream.reading import letter, read
from service_kit import dead_letters
from service_kit.clock import Clock
from service_kit.errors import BadRecord
from service_kit.guards import Guards
from service_kit.outbox import Outbox
from service_kit.records import Partition, Slice
from service_kit.store import Document, Tx

_definition = decoder_of(MetricDefined)


class DefinitionsHandler:
    """Takes in metric definitions: state by version, so coming again changes nothing."""

    def __init__(self, clock: Clock, partitions: int, guards: Guards) -> None:
        self._clock = clock
        self._partitions = partitions
        self._guards = guards

    async def load(self, partition: Partition) -> None:
        """Nothing is remembered."""

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> None:
        """Keep the highest version of each definition."""
        books = GoalBooks(tx, outbox, self._partitions, self._guards)
        letters: list[Document] = []
        for record in batch.records:
            if record.value is None:
                continue  # a tombstone: definitions are never taken back
            try:
                await handle(DefineMetric(read(_definition, record)), books)
            except BadRecord as bad:
                letters.append(letter(record, bad, self._clock.now_ms()))
        await dead_letters.write(tx, letters)

    def committed(self, batch: Slice, effect: None) -> None:
        """Count what was taken in."""
        metrics.COMMANDS.labels("define_metric").inc(len(batch.records))

    def forget(self, partition: Partition) -> None:
        """Nothing is remembered."""
