"""A fake Kafka: logs in memory, and consumer groups with static members and eager rebalances."""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.structs import TopicPartition

from service_kit.batch import Bounds
from service_kit.records import Partition

if TYPE_CHECKING:
    from service_kit.testing.sim.consumer import FakeConsumer
    from service_kit.testing.sim.loop import SimLoop

SESSION = 6.0
HEARTBEAT = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a log, with the fields of aiokafka's ConsumerRecord that are used."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


class FakeKafka:
    """The broker: topics, and the groups that read them."""

    def __init__(self, loop: "SimLoop", chance: random.Random, topics: dict[str, int]) -> None:
        self.loop = loop
        self.chance = chance
        self.logs: dict[TopicPartition, list[Row]] = {
            TopicPartition(topic, number): []
            for topic, count in topics.items()
            for number in range(count)
        }
        self.holes: set[tuple[TopicPartition, int]] = set()
        self.groups: dict[str, Group] = {}
        self._context = copy_context()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}

    def append(
        self,
        to: Partition,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes]] = (),
    ) -> int:
        """Append a record; return its offset."""
        log = self.logs[TopicPartition(to.topic, to.number)]
        now_ms = int(self.loop.time() * 1000)
        log.append(Row(to.topic, to.number, len(log), key, value, now_ms, tuple(headers)))
        for waiter in self._waiting.pop(to.topic, ()):
            _done(waiter)
        return len(log) - 1

    def fetch(self, partition: TopicPartition, position: int, most: int) -> list[Row]:
        """Return records from a position on, without those that were lost."""
        rows = self.logs[partition][position : position + most]
        return [row for row in rows if (partition, row.offset) not in self.holes]

    def end(self, partition: Partition) -> int:
        """Return the offset behind the last record."""
        return len(self.logs[TopicPartition(partition.topic, partition.number)])

    def rows(self, partition: Partition) -> list[Row]:
        """Return a log."""
        return self.logs[TopicPartition(partition.topic, partition.number)]

    def bounds(self, partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
        """Return where the logs begin and end."""
        return {p: Bounds(f"id-{p.topic}", 0, self.end(p)) for p in partitions}

    async def appended(self, topics: Sequence[str], within: float) -> None:
        """Return when something was appended there, at the latest after ``within`` seconds."""
        waiter = self.loop.create_future()
        for topic in topics:
            self._waiting.setdefault(topic, []).append(waiter)
        timer = self.loop.call_later(within, _done, waiter)
        await waiter
        timer.cancel()

    def later(self, seconds: float, callback: Callable[..., None], *args: Any) -> None:
        """Call later, as the broker: whichever process this is called from may be dead then."""
        self.loop.call_later(seconds, callback, *args, context=self._context)

    def group(self, name: str, topics: Sequence[str]) -> "Group":
        """Return a consumer group; it begins to exist here."""
        if name not in self.groups:
            partitions = [p for p in self.logs if p.topic in topics]
            self.groups[name] = Group(self, partitions)
        return self.groups[name]


def _done(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


class Group:
    """Assigns partitions to members. A rebalance waits for all members, or drops the silent."""

    def __init__(self, kafka: FakeKafka, partitions: list[TopicPartition]) -> None:
        self.committed: dict[TopicPartition, int] = {}
        self._kafka = kafka
        self._partitions = partitions
        self._members: dict[str, FakeConsumer] = {}
        self._joined: dict[str, asyncio.Future[list[TopicPartition]]] = {}
        self._assigned: dict[str, list[TopicPartition]] = {}
        self._preparing = False
        self._round = 0

    def is_settled(self, member: "FakeConsumer") -> bool:
        """Whether the member is one and nothing is being reassigned."""
        return not self._preparing and self._members.get(member.instance) is member

    async def join(self, member: "FakeConsumer") -> list[TopicPartition]:
        """Return the member's partitions once the group agrees.

        A member that comes again under its instance id gets what it had, without a rebalance.
        """
        before = self._members.get(member.instance)
        self._members[member.instance] = member
        if before is not None and before is not member:
            self._tell(before)
        returns = before is not None and before is not member and not self._preparing
        if returns:
            return self._assigned.get(member.instance, [])
        answer = self._kafka.loop.create_future()
        self._joined[member.instance] = answer
        self.rebalance()
        self._complete()
        assigned: list[TopicPartition] = await answer
        return assigned

    def rebalance(self) -> None:
        """Ask all members to join again."""
        if self._preparing or not self._members:
            return
        self._preparing = True
        self._round += 1
        for member in self._members.values():
            self._tell(member)
        self._kafka.later(SESSION, self._drop_silent, self._round)

    def suspect(self, member: "FakeConsumer", freezes: int) -> None:
        """A member fell silent: drop it after the session's time unless it is back by then."""
        self._kafka.later(SESSION, self._expire, member, freezes)

    def _expire(self, member: "FakeConsumer", freezes: int) -> None:
        if self._members.get(member.instance) is member and member.is_silent(freezes):
            del self._members[member.instance]
            self._joined.pop(member.instance, None)
            self._assigned.pop(member.instance, None)
            self.rebalance()
            self._complete()

    def _drop_silent(self, round_: int) -> None:
        if self._preparing and round_ == self._round:
            for instance in [i for i in self._members if i not in self._joined]:
                self._tell(self._members.pop(instance))
                self._assigned.pop(instance, None)
            self._complete()

    def _tell(self, member: "FakeConsumer") -> None:
        """The member's next heartbeat tells it."""
        self._kafka.later(self._kafka.chance.random() * HEARTBEAT, member.notify)

    def _complete(self) -> None:
        if not self._preparing or set(self._joined) != set(self._members) or not self._members:
            return
        self._preparing = False
        instances = sorted(self._members)
        self._kafka.chance.shuffle(instances)
        self._assigned = {instance: [] for instance in instances}
        for index, partition in enumerate(self._partitions):
            self._assigned[instances[index % len(instances)]].append(partition)
        for instance, answer in self._joined.items():
            if not answer.done():
                answer.set_result(self._assigned[instance])
        self._joined = {}
