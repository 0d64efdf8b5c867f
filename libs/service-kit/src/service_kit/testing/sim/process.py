"""A simulated process: it can die or freeze wherever it awaits something."""

import asyncio
import types
from collections.abc import Generator
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from service_kit.testing.fake_mongo import Fault
from service_kit.testing.sim.loop import PROCESS

if TYPE_CHECKING:
    from service_kit.testing.sim.consumer import FakeConsumer
    from service_kit.testing.sim.world import World


class EndedError(BaseException):
    """The process has left (os._exit): nothing catches this."""


@types.coroutine
def _give_way() -> Generator[None, None, None]:
    yield


class Process:
    """One life of a process; after a restart it is another one with the same name."""

    def __init__(self, world: "World", name: str, life: int) -> None:
        self.name = name
        self.boot = f"{name}#{life}"
        self.alive = True
        self.frozen = False
        self.freezes = 0
        self.world = world
        self.context = copy_context()
        self.context.run(PROCESS.set, self)
        self.consumers: list[FakeConsumer] = []
        self._held: list[asyncio.Handle] = []
        self._tasks: list[asyncio.Task[Any]] = []

    def holds_back(self, handle: asyncio.Handle) -> bool:
        """Forget what a dead process would do, keep what a frozen one will."""
        if self.alive and not self.frozen:
            return False
        if self.alive:
            self._held.append(handle)
        return True

    def adopt(self, task: "asyncio.Task[Any]") -> None:
        """Keep the task: were it collected while pending, its ``finally`` would run."""
        self._tasks.append(task)

    def die(self, why: str) -> None:
        """End at once; nothing of it runs again."""
        if self.alive:
            self.world.note(self, f"DIES {why}")
            self.alive = False
            self._held.clear()
            self.world.gone(self)

    def leave(self, error: BaseException) -> None:
        """Do what os._exit does: never return."""
        self.die(f"leaves: {error!r}")
        raise EndedError

    def freeze(self, seconds: float) -> None:
        """Stop for a while, as SIGSTOP does."""
        if self.alive and not self.frozen:
            self.world.note(self, f"FREEZES for {seconds:.1f} s")
            self.frozen = True
            self.freezes += 1
            loop = self.world.loop
            loop.call_later(seconds, self._thaw, context=self.world.context)
            self.world.stopped(self)

    def _thaw(self) -> None:
        if self.alive:
            self.world.note(self, "WAKES")
            self.frozen = False
            self.world.loop.put_back(self._held)
            self._held = []
            self.world.woke(self)

    async def point(self, what: str) -> Fault | None:
        """Everything that the process does outside of itself passes through here first."""
        if not self.alive:  # the simulation is over and the coroutine is being closed
            raise GeneratorExit
        delay, fault = self.world.at_point(self, what)
        if delay:
            await asyncio.sleep(delay)
        else:
            await _give_way()
        return fault

    def bury(self) -> None:
        """Close what never came to its end; call when the simulation is over."""
        self.alive = False
        for task in self._tasks:
            if not task.done():
                inside: Any = task
                inside._log_destroy_pending = False  # as asyncio's own do
                inside.get_coro().close()
        self._tasks.clear()
