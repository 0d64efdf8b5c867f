"""A fake consumer and producer: what the aiokafka loop and the relay need, with the real's traps.

Between a new assignment and the listener's seek it reads from the committed place or from the
beginning, and it may deliver again what it has delivered.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.errors import IllegalStateError, KafkaConnectionError
from aiokafka.structs import TopicPartition

from service_kit.errors import Infrastructure
from service_kit.loops.base import LoopSettings
from service_kit.records import Partition
from service_kit.relay import Written, stamp_of, written
from service_kit.store import Document
from service_kit.testing.fake_mongo import Fault
from service_kit.testing.sim.kafka import FakeKafka, Row
from service_kit.testing.sim.process import Process


class FakeConsumer:
    """Serves loops.aiokafka."""

    def __init__(self, kafka: FakeKafka, settings: LoopSettings, process: Process) -> None:
        self.instance = settings.instance
        self.process = process
        self._kafka = kafka
        self._group = kafka.group(settings.group, settings.topics)
        self._topics = settings.topics
        self._listener: Any = None
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._changed = asyncio.Event()
        self._coordinator: asyncio.Task[None] | None = None

    def subscribe(self, topics: Sequence[str], *, listener: Any) -> None:
        """Note the listener; the topics are the group's."""
        self._listener = listener

    async def start(self) -> None:
        """Join the group in the background."""
        await self._point("start")
        self.process.consumers.append(self)
        self._changed.set()
        self._coordinator = asyncio.get_running_loop().create_task(self._coordinate())

    async def stop(self) -> None:
        """Stop; a static member does not leave its group."""
        await self._point("stop")
        if self._coordinator is not None:
            self._coordinator.cancel()

    def notify(self) -> None:
        """A heartbeat says that the group is moving, or that this member is none any more."""
        self._changed.set()

    def is_silent(self, freezes: int) -> bool:
        """Whether the process is dead or has been frozen since."""
        process = self.process
        return not process.alive or (process.frozen and process.freezes == freezes)

    def fell_silent(self) -> None:
        """Tell the group; it waits for the session's time."""
        self._group.suspect(self, self.process.freezes)

    async def _coordinate(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._group.is_settled(self):
                continue
            await self._listener.on_partitions_revoked(list(self._positions))
            assigned = await self._group.join(self)
            self._positions = {p: self._start(p) for p in assigned}
            self._paused = set()
            await self._point("assigned")
            await self._listener.on_partitions_assigned(list(assigned))

    def _start(self, partition: TopicPartition) -> int:
        committed = self._group.committed.get(partition, 0)
        return committed if self._kafka.chance.random() < 0.5 else 0

    async def getmany(
        self, *, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Row]]:
        """Return what there is, or nothing after the time."""
        loop = self._kafka.loop
        deadline = loop.time() + timeout_ms / 1000
        while True:
            await self._point("getmany")
            got = self._collect(max_records)
            left = deadline - loop.time()
            if got or left <= 0:
                return got
            await self._kafka.appended(self._topics, left)

    def _collect(self, most: int) -> dict[TopicPartition, list[Row]]:
        got: dict[TopicPartition, list[Row]] = {}
        for partition, position in self._positions.items():
            if partition in self._paused:
                continue
            back = self.process.world.redelivers()
            position = max(0, position - back)
            rows = self._kafka.fetch(partition, position, most)
            if rows:
                rows = rows[: self._kafka.chance.randint(1, len(rows))] if not back else rows
                got[partition] = rows
                self._positions[partition] = rows[-1].offset + 1
        return got

    def pause(self, *partitions: TopicPartition) -> None:
        """Do not fetch these."""
        self._paused |= set(partitions) & set(self._positions)

    def resume(self, *partitions: TopicPartition) -> None:
        """Fetch these again."""
        self._paused -= set(partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on at an offset; raises as the real one does when the partition was taken away."""
        if partition not in self._positions:
            raise IllegalStateError(f"No current assignment for partition {partition}")
        self._positions[partition] = offset

    async def position(self, partition: TopicPartition) -> int:
        """Return where the next fetch begins."""
        return self._positions.get(partition, 0)

    def assignment(self) -> set[TopicPartition]:
        """Return the partitions."""
        return set(self._positions)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit for display."""
        if await self._point("commit-offsets"):
            raise KafkaConnectionError("connection lost")
        if self._group.is_settled(self):
            self._group.committed |= offsets

    async def _point(self, what: str) -> Fault | None:
        return await self.process.point(f"kafka.{what}")


class FakeProducer:
    """The relay's producer: rows in order, one await each; it may break in between."""

    def __init__(self, kafka: FakeKafka, process: Process) -> None:
        self._kafka = kafka
        self._process = process

    async def send(self, rows: Sequence[Document]) -> None:
        """Append the rows; raises Infrastructure when it cannot say that all of them are there."""
        for row in rows:
            fault = await self._process.point(f"send:{row['lane']}#{row['seq']}")
            if fault is not Fault.NOT_DONE:
                to = Partition(row["topic"], row["partition"])
                self._kafka.append(to, row["key"], row["value"], stamp_of(row).headers())
            if fault is not None:
                raise Infrastructure("producer: delivery timed out")
        await self._process.point("sent")


class FakeWake:
    """Wakes a relay when its outbox was written, or after two seconds; it may sleep through it.

    Half of the time it tells what the counters were then, as a change stream does.
    """

    def __init__(self, database: str, process: Process) -> None:
        self._database = database
        self._world = process.world

    async def wait(self, seconds: float) -> Written | None:
        """Return when there may be something."""
        await self._world.written(f"{self._database}.outbox", 2.0)
        if self._world.chance.random() < 0.5:
            return None
        return await written(self._world.store(self._database).db)
