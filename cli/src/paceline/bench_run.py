"""The latency benchmark's run: send at a fixed rate, look whether each probe has arrived."""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from paceline import bench_load
from paceline.bench_load import SOURCE, Events, Probe, Shape
from paceline.trial.api import Api
from paceline.trial.replay import make_key
from paceline.trial.system import System, TrialFailed, until

MOST_IN_FLIGHT = 200  # requests; beyond it the rate is not reached, and the report says so
POLL_SECONDS = 0.05


@dataclass(slots=True)
class Measured:
    """Latencies in ms: ``visible`` from 202 to readable, ``accepted`` from request to 202.

    ``before`` events were sent before the ``sent`` ones, so that the probes' days had begun.
    """

    visible: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    polls: list[float] = field(default_factory=list)
    before: int = 0
    sent: int = 0
    seconds: float = 0.0
    folded: int = 0


class Tenants:
    """The benchmark's tenants, with all that they declare."""

    def __init__(self, system: System, shape: Shape, today: date) -> None:
        self._system = system
        self._shape = shape
        self._today = today
        self.apis: list[Api] = []

    async def open(self) -> None:
        """Make keys, sources, metrics and goals; wait until the goals have been back-filled."""
        for number in range(self._shape.tenants):
            self.apis.append(Api(self._system, await make_key(self._system, f"bench-{number}")))
        await asyncio.gather(*(self._declare(n, api) for n, api in enumerate(self.apis)))

    async def begin_days(self) -> int:
        """Let every tenant's sources deliver on the probes' days; return the number of events."""
        events = bench_load.first_of_days(self._shape, self._today, days_needed(self._shape))
        for api in self.apis:
            for at in range(0, len(events), self._shape.batch):
                await api.send(events[at : at + self._shape.batch], SOURCE)
        return len(events) * len(self.apis)

    async def close(self) -> None:
        """Close the connections."""
        for api in self.apis:
            await api.__aexit__()

    async def _declare(self, number: int, api: Api) -> None:
        shape = self._shape
        await api.call("POST", "metrics-ingest", "/v1/sources", bench_load.source())
        for metric in bench_load.metrics(shape):
            await api.call("POST", "metrics-ingest", "/v1/metrics", metric)

        async def known() -> bool:
            return len(await api.all("goal-service", "/v1/metrics")) == shape.types

        await until(known, 60, "goal-service knows the metrics")
        for goal in bench_load.goals(shape, number, self._today, days_needed(shape)):
            await api.call("POST", "goal-service", "/v1/goals", goal)

    async def folded(self) -> int:
        """Return how many events the tenants' sources have counted."""
        stats = [
            await api.get("metrics-ingest", f"/v1/sources/{SOURCE}/stats") for api in self.apis
        ]
        return sum(each["accepted"] for each in stats)


def days_needed(shape: Shape) -> int:
    """Return for how many days a probe goal has to run: BITS probes each."""
    return 2 + shape.slots // bench_load.BITS


class Run:
    """One run on a system that is up; ``floor`` is measured beside it, in a process of its own."""

    def __init__(self, system: System, shape: Shape) -> None:
        self._system = system
        self._shape = shape
        self._today = datetime.now(UTC).date()
        self._tenants = Tenants(system, shape, self._today)
        self._events = Events(shape)
        self._next = [0] * shape.probes
        self._waiting: dict[Probe, float] = {}  # when it was accepted
        self._due: set[Probe] = set()  # sent, perhaps not yet accepted
        self._early: dict[Probe, float] = {}  # seen before its 202 was read
        self.measured = Measured()

    async def carry_out(self) -> Measured:
        """Send everything, see every probe, count every event; raises TrialFailed."""
        await self._tenants.open()
        self.measured.before = await self._tenants.begin_days()
        await until(self._all_folded, self._shape.patience, "all events are folded", 0.2)
        beside = [asyncio.ensure_future(self._look(p)) for p in range(self._shape.probes)]
        floor = asyncio.ensure_future(self._floor())
        try:
            await self._send()
            await until(self._all_seen, self._shape.patience, "all probes are readable")
            await _end(beside)
            await until(self._all_folded, self._shape.patience, "all events are folded", 0.2)
            self.measured.floor = await floor
        finally:
            await _end([*beside, floor])
            await self._tenants.close()
        return self.measured

    async def _send(self) -> None:
        shape, begin = self._shape, time.monotonic()
        flying: set[asyncio.Task[None]] = set()
        for slot in range(shape.slots):
            await asyncio.sleep(
                max(0.0, begin + slot * shape.batch / shape.rate - time.monotonic())
            )
            while len(flying) >= MOST_IN_FLIGHT:
                await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
            warm = slot * shape.batch / shape.rate >= shape.warm_up
            task = asyncio.ensure_future(self._slot(slot, warm))
            flying.add(task)
            task.add_done_callback(flying.discard)
        await asyncio.gather(*flying)
        self.measured.seconds = time.monotonic() - begin

    async def _slot(self, slot: int, warm: bool) -> None:
        tenant = self._shape.tenant_of(slot)
        probe = self._probe(slot, tenant) if warm else None
        batch = self._events.batch(tenant, self._shape.batch - (probe is not None))
        if probe is not None:
            batch.append(probe.event(self._shape, self._today))
            self._due.add(probe)
        began = time.monotonic()
        await self._tenants.apis[tenant].send(batch, SOURCE)
        accepted = time.monotonic()
        self.measured.sent += len(batch)
        if probe is not None:
            self.measured.accepted.append((accepted - began) * 1000)
            self._waiting[probe] = accepted
            if probe in self._early:
                self._note(probe, self._early.pop(probe))

    def _probe(self, slot: int, tenant: int) -> Probe:
        own = self._shape.probes_of(tenant)
        goal = own[slot // self._shape.tenants % len(own)]
        self._next[goal] += 1
        return Probe(goal, self._next[goal] - 1)

    async def _look(self, goal: int) -> None:
        """Read one probe goal's progress again and again."""
        api = self._tenants.apis[goal % self._shape.tenants]
        path = f"/v1/goals/{bench_load.probe_goal(goal)}/progress"
        while True:
            began = time.monotonic()
            progress = await api.get("goal-service", path, limit=1000)
            read = time.monotonic()
            self.measured.polls.append((read - began) * 1000)
            for probe in bench_load.seen(goal, progress["items"], self._today):
                self._note(probe, read)
            await asyncio.sleep(max(0.0, began + POLL_SECONDS - read))

    def _note(self, probe: Probe, read: float) -> None:
        if probe not in self._due:
            return  # seen before
        if probe not in self._waiting:
            self._early.setdefault(probe, read)
            return
        self._due.discard(probe)
        self.measured.visible.append(max(0.0, read - self._waiting.pop(probe)) * 1000)

    async def _all_seen(self) -> bool:
        return not self._due

    async def _all_folded(self) -> bool:
        measured = self.measured
        measured.folded = await self._tenants.folded() - measured.before
        if measured.folded > measured.sent:
            raise TrialFailed(f"{measured.folded} events counted of {measured.sent} sent")
        return measured.folded == measured.sent

    async def _floor(self) -> list[float]:
        shape = self._shape
        await asyncio.sleep(shape.warm_up)
        arguments: Sequence[Any] = (
            self._system.facts()["kafka"],
            f"bench-floor-{time.time_ns()}",
            shape.seconds,
            shape.slot,
        )
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "paceline.bench_floor", *map(str, arguments)),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await child.communicate()
        if child.returncode:
            raise TrialFailed("the broker's floor could not be measured")
        return msgspec.json.decode(output, type=list[float])


async def _end(tasks: "Sequence[asyncio.Future[Any]]") -> None:
    """Cancel what still runs; raise what has failed by itself."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
