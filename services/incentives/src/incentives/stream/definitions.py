"""The door of the metrics' definitions: which kinds there are to make rules on."""

from event_contracts.metrics import MetricDefined
from event_contracts.topics import METRIC_DEFINITIONS
from event_contracts.wire import decoder_of
from incentives import metrics
from incentives.adapters.metrics import MongoMetrics
from incentives.handlers import HANDLERS, LearnMetric
from incentives.stream.reading import letter, read
from service_kit import dead_letters
from service_kit.clock import Clock
from service_kit.errors import BadRecord
from service_kit.outbox import Outbox
from service_kit.records import Partition, Slice
from service_kit.store import Document, Tx

_decode = decoder_of(METRIC_DEFINITIONS.message)


class DefinitionsStream:
    """Applies ``metric-definitions``: state by version, so coming again changes nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def load(self, partition: Partition) -> None:
        """Nothing is remembered."""

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> None:
        """Keep the highest version of each definition."""
        shelf = MongoMetrics(tx)
        dead: list[Document] = []
        for record in batch.records:
            if record.value is None:
                continue  # a tombstone: definitions are never taken back
            try:
                defined: MetricDefined = read(_decode, record)
                command = LearnMetric(defined)
                await HANDLERS[type(command)](command, shelf)
            except BadRecord as bad:
                dead.append(letter(record, bad, self._clock.now_ms()))
        await dead_letters.write(tx, dead)

    def committed(self, batch: Slice, effect: None) -> None:
        """Count what was taken in."""
        metrics.DEFINITIONS.inc(len(batch.records))

    def forget(self, partition: Partition) -> None:
        """Nothing is remembered."""
