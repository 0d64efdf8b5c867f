"""The door of the facts: rows become commands, each once by its lane; praises leave as rewards."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from event_contracts.facts import FactBatch
from event_contracts.topics import FACTS
from event_contracts.wire import decoder_of
from incentives import metrics
from incentives.adapters.ledger import MongoLedger
from incentives.adapters.rules import Known, RuleMemory, RuleReader
from incentives.domain.praise import Cell, Facts
from incentives.handlers import HANDLERS, AddFacts
from incentives.settings import SERVICE
from incentives.stream.reading import letter, read
from incentives.stream.rewards import messages_of
from service_kit import dead_letters
from service_kit.clock import Clock
from service_kit.errors import BadRecord
from service_kit.guards import Guards
from service_kit.lanes import Receiver, Stamp
from service_kit.outbox import Outbox
from service_kit.records import Partition, Record, Slice
from service_kit.store import Document, Store, Tx

_decode = decoder_of(FACTS.message)


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes memory when the batch has committed."""

    receiver: Receiver
    rules: dict[str, Known]
    facts: int
    resent: int
    awards: Counter[str]


class FactsStream:
    """Applies the records of ``facts``. Watermarks and goal controls only move the lanes on."""

    def __init__(self, store: Store, clock: Clock, guards: Guards, partitions: int) -> None:
        self._store = store
        self._clock = clock
        self._guards = guards
        self._partitions = partitions
        self._receivers: dict[Partition, Receiver] = {}
        self._rules = RuleMemory()

    async def load(self, partition: Partition) -> None:
        """Load the lanes into the partition."""
        receiver = Receiver(SERVICE, partition, self._guards)
        await receiver.load(self._store)
        self._receivers[partition] = receiver

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> Effect:
        """Add the slice's facts, grant what they earn, keep what nothing can apply."""
        receiver = self._receivers[batch.partition].fork()
        reader = RuleReader(tx, self._rules)
        ledger = MongoLedger(tx, reader, batch.partition.number, self._guards)
        dead: list[Document] = []
        facts = resent = 0
        for record in batch.records:
            try:
                if not receiver.admit(_stamp(record)):
                    resent += 1
                elif (command := command_of(record)) is not None:
                    await HANDLERS[type(command)](command, ledger)
                    facts += 1
            except BadRecord as bad:
                dead.append(letter(record, bad, self._clock.now_ms()))
        await ledger.flush()
        await receiver.save(tx)
        await dead_letters.write(tx, dead)
        outbox.send_all(messages_of(ledger.granted, self._partitions))
        states = Counter(award.address.state for award in ledger.granted)
        return Effect(receiver, reader.seen, facts, resent, states)

    def committed(self, batch: Slice, effect: Any) -> None:
        """Remember lanes and rules, and count."""
        effect.receiver.adopt()
        self._receivers[batch.partition] = effect.receiver
        self._rules.learn(effect.rules)
        metrics.FACTS.inc(effect.facts)
        metrics.RESENT.inc(effect.resent)
        metrics.count_awards(effect.awards)

    def forget(self, partition: Partition) -> None:
        """Drop the lanes; rules stay, their head says whether they still hold."""
        self._receivers.pop(partition, None)


def command_of(record: Record) -> AddFacts | None:
    """Return what the record asks for, or None when it asks nothing of this service.

    Raises BadRecord when it cannot be read.
    """
    message = read(_decode, record)
    if not isinstance(message, FactBatch):
        return None
    if any(not 0 <= cell.dims < len(message.dims) for cell in message.cells):
        raise BadRecord("dims", "a cell points outside the table of dimensions")
    cells = [Cell(cell.minute, cell.dims, cell.sum, cell.count) for cell in message.cells]
    return AddFacts(
        Facts(
            tenant=message.tenant,
            metric=message.metric,
            as_of_ms=message.as_of_ms,
            dims=message.dims,
            cells=cells,
            history=message.history,
            adds_up=not (message.over or message.sketches),
        )
    )


def _stamp(record: Record) -> Stamp:
    try:
        return Stamp.of(record)
    except (KeyError, ValueError) as error:
        raise BadRecord("no-lane", f"the headers lane, seq and range: {error!r}") from None
