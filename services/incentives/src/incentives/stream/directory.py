"""The door of the directory: whom a praise is about, where it goes, and who has agreed to it."""

from event_contracts.topics import DIRECTORY
from event_contracts.wire import decoder_of
from incentives import metrics
from incentives.adapters.directory import MongoDirectory
from incentives.handlers import HANDLERS, LearnEntry
from incentives.stream.reading import letter
from service_kit import dead_letters
from service_kit.clock import Clock
from service_kit.errors import BadRecord
from service_kit.outbox import Outbox
from service_kit.records import Partition, Record, Slice
from service_kit.store import Document, Tx

_decode = decoder_of(DIRECTORY.message)


class DirectoryStream:
    """Applies the records of ``directory``: state by version, so coming again changes nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def load(self, partition: Partition) -> None:
        """Nothing is remembered."""

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> None:
        """Keep the highest version of each entry."""
        shelf = MongoDirectory(tx)
        dead: list[Document] = []
        for record in batch.records:
            if record.value is None:
                continue  # a tombstone: entries are never taken back
            try:
                command = _command(record)
                await HANDLERS[type(command)](command, shelf)
            except BadRecord as bad:
                dead.append(letter(record, bad, self._clock.now_ms()))
        await dead_letters.write(tx, dead)

    def committed(self, batch: Slice, effect: None) -> None:
        """Count what was taken in."""
        metrics.DIRECTORY.inc(len(batch.records))

    def forget(self, partition: Partition) -> None:
        """Nothing is remembered."""


def _command(record: Record) -> LearnEntry:
    try:
        return LearnEntry(_decode(record.value or b""))
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise BadRecord("undecodable", str(error)) from None
