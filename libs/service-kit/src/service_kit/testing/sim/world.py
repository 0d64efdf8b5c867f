"""The simulated world: processes, their supervisor, what is fed in, and when it has drained."""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from service_kit.errors import Infrastructure
from service_kit.guards import Guards
from service_kit.lanes import Receiver
from service_kit.records import Partition
from service_kit.store import Store
from service_kit.testing.fake_mongo import FakeMongo, Fault, Server
from service_kit.testing.sim import goals
from service_kit.testing.sim.faults import Faults, Kind
from service_kit.testing.sim.kafka import FakeKafka
from service_kit.testing.sim.loop import SimLoop
from service_kit.testing.sim.process import EndedError, Process
from service_kit.testing.sim.wiring import TICK, relay, worker

DRAIN = 150.0
TOPICS = {"raw": 2, "facts": 2, "progress": 2, "deeds": 1}
NAMES = ("a-0", "a-1", "b-0", "b-1", "c-0", "c-1", "relay-0", "relay-1")
EXPECTED = (Infrastructure, PyMongoError, KafkaError, EndedError)


class Apart(Enum):
    """Whether one goal's events come by a foreign topic, and whether that holds its watermark."""

    NO = auto()
    HELD = auto()
    FORGOTTEN = auto()  # what would be seen without holding it


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it was produced: the truth."""

    id: str
    goal: str
    amount: int
    partition: Partition
    at_ms: int


@dataclass
class Clock:
    """The organisation's clock: virtual, in steps, and it stands still at the end."""

    loop: SimLoop
    stopped_at: int | None = None

    def now_ms(self) -> int:
        """Return milliseconds, rounded down to the step."""
        if self.stopped_at is not None:
            return self.stopped_at
        return int(self.loop.time() / TICK) * int(TICK * 1000)


@dataclass
class World:
    """Everything that the processes share, and what the seed does to them."""

    chance: random.Random
    guards: Guards
    faults: Faults
    strict: bool
    apart: Apart = Apart.NO
    loop: SimLoop = field(init=False)

    def __post_init__(self) -> None:
        """Build an empty world."""
        self.loop = SimLoop(self.chance)  # type: ignore[abstract]  # a loop in part
        self.context = copy_context()
        self.server = Server()
        self.server.on_write = self._on_write
        self.server.says_duplicate = self.chance.random() < 0.5
        self.kafka = FakeKafka(self.loop, self.chance, TOPICS)
        self.clock = Clock(self.loop)
        self.events: dict[str, Event] = {}
        self.waiting: list[Event] = []  # in the foreign topic, oldest first
        self.violations: list[str] = []
        self.trace: list[tuple[float, str, str]] = []
        self.injected = 0
        self._processes: list[Process] = []
        self._current: dict[str, Process] = {}
        self._written: dict[str, list[asyncio.Future[None]]] = {}

    # What a process meets at every await.

    def note(self, process: Process | None, what: str) -> None:
        """Add a line to the trace."""
        self.trace.append((self.loop.time(), process.boot if process else "world", what))

    def at_point(self, process: Process, what: str) -> tuple[float, Fault | None]:
        """Decide what happens here: return the delay in seconds and the fault."""
        self.note(process, what)
        fault = None
        if self.loop.time() < self.faults.until:
            fault = self._inject(process, what)
        delay = 0.1 * self.chance.random() if self.chance.random() < self.faults.slow else 0.0
        return delay, fault

    def _inject(self, process: Process, what: str) -> Fault | None:
        kind = self.faults.roll(self.chance, what)
        if kind is None:
            return None
        self.injected += 1
        if kind is Kind.CRASH:
            process.die("crash")
        elif kind is Kind.FREEZE:
            process.freeze(self.chance.choice((0.5, 2.0, 4.0, 8.0, 11.0)))
        else:
            self.note(process, kind.name)
            return Fault.NOT_DONE if kind is Kind.LOST_CALL else Fault.DONE
        return None

    def redelivers(self) -> int:
        """Return by how many records a consumer falls back now: mostly none."""
        if self.loop.time() < self.faults.until and self.chance.random() < self.faults.redelivery:
            return self.chance.randint(1, 6)
        return 0

    async def written(self, collection: str, within: float) -> None:
        """Return when the collection was written, at the latest after ``within`` seconds."""
        waiter = self.loop.create_future()
        self._written.setdefault(collection, []).append(waiter)
        timer = self.loop.call_later(within, _done, waiter)
        await waiter
        timer.cancel()

    def _on_write(self, collection: str) -> None:
        for waiter in self._written.pop(collection, ()):
            _done(waiter)

    # The supervisor.

    def start(self, name: str) -> None:
        """Start a process, as the newest with this name."""
        process = Process(self, name, len(self._processes))
        self._processes.append(process)
        self._current[name] = process
        self.note(process, "STARTS")
        task = self.loop.create_task(self._main(process), context=process.context)
        task.add_done_callback(lambda done: self._ended(process, done), context=self.context)

    def _main(self, process: Process) -> Coroutine[Any, Any, None]:
        stage = process.name[0]
        return relay(self, process) if stage == "r" else worker(self, process, stage)

    def _ended(self, process: Process, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if process.alive and not isinstance(error, EXPECTED):
            self.violations.append(f"{process.boot} ended unexpectedly: {error!r}")
        process.die(f"ends: {error!r}")

    def gone(self, process: Process) -> None:
        """A process is dead: its members fall silent, and it is started again."""
        self.stopped(process)
        if self._current[process.name] is process:
            pause = self.chance.choice((0.2, 0.2, 1.0, 8.0))
            self._later(pause, self._restart, process)

    def stopped(self, process: Process) -> None:
        """A process fell silent; sometimes the supervisor thinks that it is dead."""
        for consumer in process.consumers:
            consumer.fell_silent()
        if process.alive and self.chance.random() < 0.15:
            self._later(1.0, self._twin, process)

    def woke(self, process: Process) -> None:
        """A process goes on; its members learn of what happened at the next heartbeat."""
        for consumer in process.consumers:
            self._later(self.chance.random(), consumer.notify)

    def _later(self, seconds: float, callback: Callable[..., None], *args: Any) -> None:
        self.loop.call_later(seconds, callback, *args, context=self.context)

    def _restart(self, process: Process) -> None:
        if self._current[process.name] is process:
            self.start(process.name)

    def _twin(self, process: Process) -> None:
        if process.frozen and self._current[process.name] is process:
            self.start(process.name)

    def store(self, stage: str, process: Process | None = None) -> Store:
        """Return a stage's database, seen by a process or (None) by the harness, undisturbed."""
        return Store(FakeMongo(self.server, process.point if process else None), stage)

    # The input.

    def produce(self, goal: str, amount: int) -> None:
        """Append one event to raw, sometimes twice."""
        number = len(self.events)
        partition = goals.RAW[number % 2]
        at_ms = int(self.loop.time() * 1000)
        event = Event(f"e{number}", goal, amount, partition, at_ms)
        self.events[event.id] = event
        if self.apart is not Apart.NO and goal == goals.APART:
            self.waiting.append(event)
        else:
            self._append(event)

    def _append(self, event: Event) -> None:
        fields = {"id": event.id, "goal": event.goal, "amount": event.amount}
        for _ in range(2 if self.chance.random() < 0.1 else 1):
            self.kafka.append(event.partition, b"", json.dumps(fields).encode())

    async def rekey(self) -> None:
        """Move what waits in the foreign topic to the raw log, with standstills, for ever."""
        while True:
            pause = self.chance.choice((0.1, 1.0, 9.0))
            if self.loop.time() >= self.faults.until:
                pause = 0.1
            await asyncio.sleep(pause * self.chance.random())
            while self.waiting:
                self._append(self.waiting.pop(0))

    def held(self) -> dict[str, int]:
        """Return the goals of which something waits: nothing is promised of them."""
        return {goals.APART: -1} if self.waiting and self.apart is Apart.HELD else {}

    def check_watermark(self, to: Partition, receiver: Receiver, ids: frozenset[str]) -> None:
        """Note a violation when a watermark says more than what has been added up."""
        for event in self.events.values():
            at_ms = receiver.mark(frozenset({f"a:{event.partition}"})).of(event.goal)
            if goals.facts_of(event.goal) == to and event.at_ms < at_ms and event.id not in ids:
                self.violations.append(f"{to}: watermark {at_ms} without {event}")

    def bury(self) -> None:
        """Close what is still open."""
        for process in self._processes:
            process.bury()


def _done(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
