"""Kills parts of a running system at random, by the pid that the supervisor recorded."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from paceline.trial.system import System, until

TARGETS = (
    "metrics-ingest",
    "goal-service",
    "alerting",
    "incentives",
    "relay",
    "kafka",
    "documents",
)
SERVICES = TARGETS[:4]
RECOVERY_WITHIN = 120.0


@dataclass(slots=True)
class Kills:
    """What was killed, and how long it took until everything moved again."""

    by_process: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    max_recovery_s: float = 0.0

    @property
    def total(self) -> int:
        """All kills."""
        return sum(self.by_process.values())


class Killer:
    """Sends SIGKILL to one process after another until ``count`` have been killed.

    Recovery is the time from a kill until the dead part has a new pid, every service says that it
    is ready, and (while there is work) the count that ``moved`` returns has grown.
    """

    def __init__(
        self,
        system: System,
        seed: int,
        count: int,
        moved: Callable[[], Awaitable[int]],
        busy: Callable[[], bool],
        targets: tuple[str, ...] = TARGETS,
        kill: Callable[[int], object] = lambda pid: os.kill(pid, signal.SIGKILL),
    ) -> None:
        self._system = system
        self._random = random.Random(f"kill:{seed}")
        self._moved = moved
        self._busy = busy
        self._end = kill
        # Every part has its turn: a shuffled round of all targets, again and again.
        self._plan: list[str] = []
        while len(self._plan) < count:
            self._plan += self._random.sample(targets, len(targets))
        del self._plan[count:]
        self.kills = Kills()

    async def run(self) -> Kills:
        """Carry the plan out: one kill in four comes while the one before is still recovering."""
        async with httpx.AsyncClient(timeout=2) as http:
            since = 0.0
            for name in self._plan:
                await asyncio.sleep(self._random.uniform(0.3, 2.0))
                since = since or time.monotonic()
                old, before = await self._kill(name), await self._moved()
                if self._random.random() < 0.75:
                    await self._recovered(http, name, old, before)
                    taken = time.monotonic() - since
                    self.kills.max_recovery_s = max(self.kills.max_recovery_s, taken)
                    since = 0.0
        return self.kills

    async def _kill(self, name: str) -> int:
        """Kill the part and return the pid that it had."""
        while True:
            pid = int(self._system.facts()["pids"].get(name) or 0)
            try:
                if pid:
                    self._end(pid)
                    break
            except ProcessLookupError:  # it has just died; its successor will be here soon
                pass
            await asyncio.sleep(0.05)
        self.kills.by_process[name] += 1
        self.kills.in_flight += self._busy()
        return pid

    async def _recovered(self, http: httpx.AsyncClient, name: str, old: int, before: int) -> None:
        async def again() -> bool:
            if self._system.facts()["pids"].get(name) in (old, 0, None):
                return False
            if not await self._all_ready(http):
                return False
            return not self._busy() or await self._moved() > before

        await until(again, RECOVERY_WITHIN, f"recovered from the kill of {name}", every=0.1)

    async def _all_ready(self, http: httpx.AsyncClient) -> bool:
        urls = self._system.facts()["services"]
        try:
            for service in SERVICES:
                if (await http.get(f"{urls[service]}/readyz")).status_code != 200:
                    return False
        except httpx.TransportError:
            return False
        return True
