"""The door of the directory: whom a praise is about, where it goes, and who has agreed to it."""

from collections import Counter

from event_contracts.directory import DirectoryMessage
from event_contracts.topics import DIRECTORY
from event_contracts.wire import decoder_of
from incentives import metrics
from incentives.adapters.directory import MongoDirectory
from incentives.adapters.waiting import MongoWaitingRoom
from incentives.handlers import HANDLERS, LearnEntries
from incentives.stream.reading import letter, read
from incentives.stream.rewards import messages_of
from service_kit import dead_letters
from service_kit.clock import Clock
from service_kit.errors import BadRecord
from service_kit.guards import Guards
from service_kit.outbox import Outbox
from service_kit.records import Partition, Slice
from service_kit.store import Document, Tx

_decode = decoder_of(DIRECTORY.message)


class DirectoryStream:
    """Applies the records of ``directory``: state by version, so coming again changes nothing."""

    def __init__(self, clock: Clock, guards: Guards, partitions: int) -> None:
        self._clock = clock
        self._guards = guards
        self._partitions = partitions

    async def load(self, partition: Partition) -> None:
        """Nothing is remembered."""

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> Counter[str]:
        """Keep the highest version of each entry, and decide the praise that waited for them."""
        entries: list[DirectoryMessage] = []
        dead: list[Document] = []
        for record in batch.records:
            if record.value is None:
                continue  # a tombstone: entries are never taken back
            try:
                entries.append(read(_decode, record))
            except BadRecord as bad:
                dead.append(letter(record, bad, self._clock.now_ms()))
        room = MongoWaitingRoom(tx, self._guards)
        command = LearnEntries(entries)
        await HANDLERS[type(command)](command, (MongoDirectory(tx), room))
        await dead_letters.write(tx, dead)
        outbox.send_all(messages_of(room.decided, self._partitions))
        return Counter(award.address.state for award in room.decided)

    def committed(self, batch: Slice, effect: Counter[str]) -> None:
        """Count what was taken in and what was decided."""
        metrics.DIRECTORY.inc(len(batch.records))
        metrics.count_awards(effect)

    def forget(self, partition: Partition) -> None:
        """Nothing is remembered."""
