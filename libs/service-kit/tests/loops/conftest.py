"""A world of topics and workers for each test, on a real broker and a real document server."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from service_kit.broker import LATEST, Broker, TopicSpec
from service_kit.guards import Guards
from service_kit.loops import KINDS
from service_kit.offsets import offset_id, seed
from service_kit.records import Partition
from service_kit.security import KafkaAccess
from service_kit.store import Store
from service_kit.testing.loop_worker import (
    COLUMNS,
    Job,
    applier_of,
    loop_of,
    settings_of,
    tally_of,
)
from service_kit.testing.servers import DocumentServer, KafkaServer

TOPIC = "numbers"
PATIENCE = 60.0  # only a failure, or a crowded machine, takes as long
_numbers = count()


@pytest.fixture(params=(*KINDS, COLUMNS))
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Worker:
    """A worker in this process."""

    def __init__(self, world: "World", job: Job, guards: Guards) -> None:
        self._world = world
        self._job = job
        self._guards = guards
        self.tally = tally_of(job)
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> "Worker":
        self.applier = await applier_of(self._job, self._world.store, self.tally, self._guards)
        loop = loop_of(self._job, self.applier, self._guards)
        self._task = asyncio.create_task(loop.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._task.done():
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if not self._task.cancelled() and (error := self._task.exception()):
            raise error


class World:
    """Topics, offsets and workers of one test, beside those of the others."""

    def __init__(self, kafka: str, mongodb: str, kind: str, log: Path) -> None:
        self.name = f"t{os.getpid()}-{next(_numbers)}"
        self.store = Store.connect(mongodb, self.name)
        self.broker = Broker(KafkaAccess(kafka), f"{self.name}.")
        self.admin = AdminClient({"bootstrap.servers": kafka})
        self.log = log
        self.guards = Guards.from_environment()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.job = Job(
            kind=kind,
            kafka=kafka,
            mongodb=mongodb,
            database=self.name,
            prefix=f"{self.name}.",
            topics=(TOPIC,),
        )

    async def topic(self, partitions: int, compacted: bool = False) -> None:
        """Create the topic and seed its offsets."""
        await self.broker.create([TopicSpec(TOPIC, partitions, -1, compacted)])
        numbers = [Partition(TOPIC, n) for n in range(partitions)]
        for partition, bounds in (await self.broker.bounds(numbers)).items():
            await seed(self.store, self.job.group, partition, 0, bounds.topic_id)

    def produce(self, number: int, values: list[str], *, transaction: bool = False) -> None:
        """Return when the broker has acknowledged; a transaction leaves a marker behind."""
        settings: dict[str, Any] = {"bootstrap.servers": self.job.kafka, "acks": "all"}
        if transaction:
            settings["transactional.id"] = self.name
        producer = Producer(settings)
        before = self._end(number)
        if transaction:
            producer.init_transactions(20)
            producer.begin_transaction()
        for value in values:
            sent = value.encode() if value else None
            producer.produce(self.broker.physical(TOPIC), sent, b"k-" + value.encode(), number)
        assert producer.flush(20) == 0
        if transaction:
            producer.commit_transaction(20)
            # The marker comes a little after the answer; what follows must stand behind it.
            while self._end(number) <= before + len(values):
                time.sleep(0.01)

    def _end(self, number: int) -> int:
        where = KafkaPartition(self.broker.physical(TOPIC), number)
        answers = self.admin.list_offsets({where: LATEST}, request_timeout=20)
        return int(answers[where].result().offset)

    def commit_to_kafka(self, number: int, offset: int) -> None:
        """Move the group's committed offset by hand."""
        position = KafkaPartition(self.broker.physical(TOPIC), number, offset)
        group = ConsumerGroupTopicPartitions(settings_of(self.job).broker_group, [position])
        for answer in self.admin.alter_consumer_group_offsets([group]).values():
            answer.result(20)

    async def set_document(self, number: int, **fields: Any) -> None:
        await self.store.db["offsets"].update_one(self._query(number), {"$set": fields})

    async def document(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] | None = await self.store.db["offsets"].find_one(self._query(number))
        assert found
        return found

    def _query(self, number: int) -> dict[str, str]:
        return {"_id": offset_id(self.job.group, Partition(TOPIC, number))}

    async def applied(self) -> dict[str, int]:
        """Return how often each value was applied."""
        documents = await self.store.db["applied"].find({}).to_list(None)
        return {document["_id"]: document["times"] for document in documents}

    async def until_applied(self, expected: dict[str, int], seconds: float = PATIENCE) -> None:
        """Wait for these counts exactly; what is applied afterwards too often also fails."""
        await self.until(lambda counts: len(counts) >= len(expected), seconds)
        assert await self.applied() == expected

    async def until(
        self, holds: Callable[[dict[str, int]], bool], seconds: float = PATIENCE
    ) -> None:
        deadline = time.monotonic() + seconds
        while not holds(counts := await self.applied()):
            assert time.monotonic() < deadline, f"after {seconds} s only {len(counts)} applied"
            await asyncio.sleep(0.05)

    async def until_halted(self, number: int, reason: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not (halted := (await self.document(number))["halted"]):
            assert time.monotonic() < deadline, f"partition {number} was not halted"
            await asyncio.sleep(0.05)
        assert halted["reason"] == reason

    def worker(self, *, guards: Guards | None = None, **changes: Any) -> Worker:
        """A worker in this process."""
        return Worker(self, msgspec.structs.replace(self.job, **changes), guards or self.guards)

    def process(self, **changes: Any) -> subprocess.Popen[bytes]:
        """Start a worker as a process of its own."""
        job = msgspec.json.encode(msgspec.structs.replace(self.job, **changes)).decode()
        command = [sys.executable, "-m", "service_kit.testing.loop_worker", job]
        with self.log.open("ab") as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log))
        return self.processes[-1]

    async def exit_code(self, process: subprocess.Popen[bytes], seconds: float = PATIENCE) -> int:
        deadline = time.monotonic() + seconds
        while process.poll() is None:
            assert time.monotonic() < deadline, f"the worker lives on: {self.log.read_text()}"
            await asyncio.sleep(0.05)
        return process.wait()

    async def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
        await self.store.close()


@pytest.fixture
async def world(
    kafka: KafkaServer, documents: DocumentServer, kind: str, tmp_path: Path
) -> AsyncIterator[World]:
    world = World(kafka.bootstrap, documents.uri, kind, tmp_path / "workers.log")
    yield world
    await world.close()
