"""An event loop on virtual time: nothing sleeps, and the seed picks who runs next.

Every callback belongs to the simulated process in whose context it was made. What belongs to a
dead process never runs; what belongs to a frozen one waits until it is thawed.
"""

import asyncio
import heapq
import random
from asyncio import events
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from itertools import count
from typing import Any, Protocol, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Owner(Protocol):
    """A process, as the loop needs it."""

    def holds_back(self, handle: asyncio.Handle) -> bool:
        """Whether the callback must not run now; the process then keeps or forgets it."""
        ...

    def adopt(self, task: "asyncio.Task[Any]") -> None:
        """Note a task that was made in the process."""
        ...


PROCESS: ContextVar[Owner | None] = ContextVar("PROCESS", default=None)


class StuckError(Exception):
    """Nothing can run any more, or it never ends."""


class SimLoop(asyncio.AbstractEventLoop):
    """Runs callbacks in an order that the seed decides; time jumps to the next timer."""

    def __init__(self, chance: random.Random, most_steps: int = 1_000_000) -> None:
        self.steps = 0
        self.failures: list[str] = []
        self._chance = chance
        self._most = most_steps
        self._now = 0.0
        self._ready: list[asyncio.Handle] = []
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._count = count()

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run ``main`` to its end; raises StuckError when it has none."""
        events._set_running_loop(self)
        try:
            task = self.create_task(main)
            while not task.done():
                self._step()
            return task.result()
        finally:
            events._set_running_loop(None)

    def _step(self) -> None:
        self.steps += 1
        if self.steps > self._most:
            raise StuckError(f"still running after {self.steps} steps, at {self._now:.3f} s")
        ready = self._ready
        if not ready:
            self._jump()
        last = len(ready) - 1
        picked = int(self._chance.random() * (last + 1)) if last else 0
        ready[picked], ready[last] = ready[last], ready[picked]
        handle = ready.pop()
        if handle.cancelled():
            return
        inside: Any = handle
        owner: Owner | None = inside._context.get(PROCESS)  # asyncio keeps it so
        if owner is None or not owner.holds_back(handle):
            handle._run()

    def _jump(self) -> None:
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise StuckError(f"nobody can go on at {self._now:.3f} s")
        self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            self._ready.append(heapq.heappop(timers)[2])

    def put_back(self, handles: list[asyncio.Handle]) -> None:
        """Make callbacks ready that a thawed process had held back."""
        self._ready += handles

    def time(self) -> float:
        """Return virtual seconds since the beginning."""
        return self._now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Make the callback ready."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call after a virtual delay in seconds."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call at a virtual time."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._count), handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are skipped when their time comes."""

    def create_future(self) -> "asyncio.Future[Any]":
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> "asyncio.Task[T]":
        """Return a task; the process that makes it keeps it until the simulation ends."""
        task: asyncio.Task[T] = asyncio.Task(
            coro,
            loop=self,
            name=None if name is None else str(name),
            context=context,
        )
        owner = context.get(PROCESS) if context is not None else PROCESS.get()
        if owner is not None:
            owner.adopt(task)
        return task

    def get_debug(self) -> bool:
        """Return False."""
        return False

    def is_running(self) -> bool:
        """Return True."""
        return True

    def is_closed(self) -> bool:
        """Return False."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Note what a callback raised; tasks that nobody asked are their process's matter."""
        if "never retrieved" not in str(context.get("message")):
            self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")
