"""The door of the facts: rows become commands, each once by its lane; praises leave as rewards."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from event_contracts.facts import FactBatch, FactBatches, GoalControl, Watermark
from event_contracts.wire import decoder_of, type_of
from incentives import metrics
from incentives.adapters.ledger import MongoLedger
from incentives.adapters.rules import Known, RuleMemory, RuleReader
from incentives.domain.days import is_zone
from incentives.domain.praise import MOST_COUNTED, Cell, Facts
from incentives.handlers import HANDLERS, AddFacts
from incentives.settings import SERVICE
from incentives.stream.reading import letter, parse, read
from incentives.stream.rewards import messages_of
from service_kit import dead_letters
from service_kit.clock import Clock
from service_kit.errors import BadRecord
from service_kit.guards import Guards
from service_kit.lanes import Receiver, Stamp
from service_kit.outbox import Outbox
from service_kit.records import Partition, Record, Slice
from service_kit.store import Document, Store, Tx


class _Head(msgspec.Struct, frozen=True, tag=type_of(FactBatch), tag_field="type"):
    """What facts say of themselves; to pass over their cells costs a third of reading them."""

    tenant: str
    metric: str


class _Together(msgspec.Struct, frozen=True, tag=type_of(FactBatches), tag_field="type"):
    tenant: str
    batches: tuple[msgspec.Raw, ...]


_open = decoder_of(_Head | _Together | GoalControl | Watermark)
_head = decoder_of(_Head)
_facts = decoder_of(FactBatch)


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
                else:
                    facts += await _add(record, ledger)
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


async def _add(record: Record, ledger: MongoLedger) -> int:
    """Add the record's facts that rules ask for, all or none; return how many there were.

    Raises BadRecord when one of these, or the record, cannot be read. Others are not looked at.
    """
    found = _heads_of(record)
    asked = [text for head, text in found if await ledger.rules_on(head.tenant, head.metric)]
    if asked:
        command = AddFacts([_facts_of(text) for text in asked])
        await HANDLERS[AddFacts](command, ledger)
    return len(found)


def _heads_of(record: Record) -> Sequence[tuple[_Head, bytes]]:
    """Return the facts of a record, read no further than their heads; none of another message.

    Raises BadRecord when there is no message.
    """
    message = read(_open, record)
    if isinstance(message, _Together):
        found = [(parse(_head, text), text) for text in message.batches]
        if any(head.tenant != message.tenant for head, _ in found):
            raise BadRecord("undecodable", f"others' facts in a record of {message.tenant!r}")
        return found
    return [(message, record.value or b"")] if isinstance(message, _Head) else []


def _facts_of(text: bytes) -> Facts:
    """Return facts whole; raises BadRecord when they cannot be read."""
    batch = parse(_facts, text)
    if any(not 0 <= cell.dims < len(batch.dims) for cell in batch.cells):
        raise BadRecord("dims", "a cell points outside the table of dimensions")
    if not 0 <= batch.as_of_ms <= MOST_COUNTED:
        raise BadRecord("amount", f"{batch.as_of_ms} is no instant")
    if batch.day_zone is not None and not is_zone(batch.day_zone):
        raise BadRecord("zone", f"{batch.day_zone!r} is no time zone")
    return Facts(
        tenant=batch.tenant,
        metric=batch.metric,
        as_of_ms=batch.as_of_ms,
        dims=batch.dims,
        cells=[Cell(cell.minute, cell.dims, cell.sum, cell.count) for cell in batch.cells],
        history=batch.history,
        adds_up=not (batch.over or batch.sketches),
        day_zone=batch.day_zone,
    )


def _stamp(record: Record) -> Stamp:
    try:
        return Stamp.of(record)
    except (KeyError, ValueError) as error:
        raise BadRecord("no-lane", f"the headers lane, seq and range: {error!r}") from None
