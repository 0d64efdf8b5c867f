"""What every loop is given, and how each turns raw messages into slices.

A loop reads records and hands them to the applier. It holds no effect and no position of its own:
it starts every partition at the applier's ``next``; what it commits to Kafka is for lag displays.
"""

import logging
import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from types import MappingProxyType
from typing import Protocol

from service_kit.batch import Applier
from service_kit.broker import physical_name
from service_kit.guards import Faults, Guards
from service_kit.records import Partition, Record, Slice
from service_kit.security import KafkaAccess

log = logging.getLogger(__name__)

SESSION_SECONDS = 6
HEARTBEAT_SECONDS = 1
COMMIT_SECONDS = 1.0
EXIT_CODE = 70
MOST_BYTES = 8 * 2**20  # of one transaction's records

NO_HEADERS: Mapping[str, bytes] = MappingProxyType({})

FAULTS = Faults.from_environment()
_taken = count(1)

Leave = Callable[[BaseException], None]


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """``topics`` are logical names; ``instance`` is unique in the group and stays over restarts.

    ``group_prefix`` None: the topics' ``prefix`` stands before the group, too.

    A slice of work holds at most ``batch`` records, collected for about ``within`` seconds; fewer,
    where applying them takes long. The confluent loop begins with ``first``.
    """

    kafka: KafkaAccess
    prefix: str
    group: str
    instance: str
    topics: tuple[str, ...]
    batch: int = 500
    first: int = 5000
    within: float = 0.05
    group_prefix: str | None = None

    @property
    def broker_group(self) -> str:
        """The consumer group's name on the broker."""
        before = self.prefix if self.group_prefix is None else self.group_prefix
        return before + self.group

    @property
    def names(self) -> dict[str, str]:
        """The topics' names on the broker, each with its logical name."""
        return {physical_name(self.prefix, topic): topic for topic in self.topics}


class Loop(Protocol):
    """Reads the topics and applies what it reads."""

    async def run(self) -> None:
        """Run until cancelled. Raises, or leaves the process, when it may not go on."""
        ...


class SeenFirst:
    """A loop that does not begin on topics that are not there or may not be read.

    aiokafka would join the group without them, read the others, and look ready. ``look`` raises
    Infrastructure for such a topic (broker.Broker.partition_count).
    """

    def __init__(
        self, loop: Loop, look: Callable[[str], Awaitable[object]], topics: Sequence[str]
    ) -> None:
        self._loop = loop
        self._look = look
        self._topics = topics

    async def run(self) -> None:
        """Look at every topic, then run; raises what either raises."""
        for topic in self._topics:
            await self._look(topic)
        await self._loop.run()


def leave(error: BaseException) -> None:
    """End the process at once: nothing may run on, let alone acknowledge, after this error."""
    log.critical("leaving: %s", error, exc_info=error)
    os._exit(EXIT_CODE)


async def apply_guarded(applier: Applier, slices: Sequence[Slice], guards: Guards) -> None:
    """Apply the slices. Only the drill's broken ``exit`` guard swallows what goes wrong."""
    try:
        _suffer(next(_taken))
        await applier.apply(slices)
    except Exception:
        if guards.exit:
            raise
        log.exception("PACELINE_BREAK=exit: going on after an error")


def _suffer(taken: int) -> None:
    """Do what the drill wants done with the so many-th batch in hand."""
    if FAULTS.stop_after_take and taken % FAULTS.stop_after_take == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
    if taken == FAULTS.fail_after_take:
        raise RuntimeError("PACELINE_FAIL_AFTER_TAKE: the drill's exception after a take")


def waves(slices: Iterable[Sequence[Slice]]) -> Iterator[list[Slice]]:
    """Yield first the first slice of every partition, then the second ones, and so on.

    Only a partition with a hole has a second one: what stands before the hole is applied, then
    the rest meets the applier's check and halts this partition and no other.
    """
    queues = [list(queue) for queue in slices if queue]
    while queues:
        yield [queue.pop(0) for queue in queues]
        queues = [queue for queue in queues if queue]


def light_waves(slices: Iterable[Sequence[Slice]], most: int = MOST_BYTES) -> Iterator[list[Slice]]:
    """Yield the same in transactions of about ``most`` bytes at most, whatever the records' size.

    Behind an outage a batch of fat records may be two hundred megabytes: a transaction that takes
    longer than the server lets it live is never done, however often it is tried.
    """
    for wave in waves(
        [piece for each in queue for piece in _pieces(each, most)] for queue in slices
    ):
        light: list[Slice] = []
        size = 0
        for each in wave:
            weight = sum(map(_weight, each.records))
            if light and size + weight > most:
                yield light
                light, size = [], 0
            light.append(each)
            size += weight
        yield light


def _pieces(whole: Slice, most: int) -> Iterator[Slice]:
    """Cut a slice in front of the records with which it would become too heavy."""
    start, first, size = whole.start, 0, 0
    for number, record in enumerate(whole.records):
        weight = _weight(record)
        if number > first and size + weight > most:
            yield Slice(whole.partition, start, record.offset, whole.records[first:number])
            start, first, size = record.offset, number, 0
        size += weight
    yield Slice(whole.partition, start, whole.end, whole.records[first:])


def _weight(record: Record) -> int:
    return len(record.value or b"")


def slices_of(
    partition: Partition, records: Iterable[Record], gapless: bool, position: int = 0
) -> list[Slice]:
    """Return the records as slices, sorted by offset, each offset once.

    Without ``gapless`` holes are no loss: one slice, which ends at ``position`` when the loop has
    already read further than the last record (transaction markers). With it, a slice ends at every
    hole. No records and no position: no slice.
    """
    ordered = sorted({record.offset: record for record in records}.values(), key=_offset)
    if not ordered:
        # Begun anywhere before: the applier knows where it stands.
        return [Slice(partition, 0, position)] if position and not gapless else []
    if not gapless:
        end = max(position, ordered[-1].offset + 1)
        return [Slice(partition, ordered[0].offset, end, tuple(ordered))]
    cuts = [i for i, (a, b) in enumerate(pairwise(ordered), 1) if b.offset != a.offset + 1]
    bounds = pairwise([0, *cuts, len(ordered)])
    return [_run(partition, ordered[first:last]) for first, last in bounds]


def _run(partition: Partition, records: Sequence[Record]) -> Slice:
    return Slice(partition, records[0].offset, records[-1].offset + 1, tuple(records))


def _offset(record: Record) -> int:
    return record.offset
