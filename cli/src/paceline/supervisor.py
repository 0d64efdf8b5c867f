"""Keeps programs running: starts them, starts again what dies, ends them in order.

A thread per program, because the kernel ends a tied child with the thread that started it, and
because a broker that starts slowly must not keep a service waiting.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from service_kit.embedded.process import Child

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
HEALTHY_AFTER = 30.0
LOOK_EVERY = 0.02
STOP_SECONDS = 6.0


class Program(Protocol):
    """What can be started and may die. The embedded servers are such programs, too."""

    @property
    def pid(self) -> int:
        """The pid of the last start."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        ...

    def start(self) -> None:
        """Return when it runs; raises when it cannot."""
        ...

    def stop(self) -> None:
        """End it in order, or at once after a while; nothing happens when it is not there."""
        ...


class Service:
    """A Python program that is ready for the supervisor as soon as it has been started."""

    def __init__(
        self, name: str, argv: Sequence[str], folder: Path, env: Mapping[str, str]
    ) -> None:
        self._name = name
        self._argv = argv
        self._folder = folder
        self._env = env
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """The pid of the last start."""
        if self._child is None:
            raise RuntimeError(f"{self._name} was not started")
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self._child.alive

    def start(self) -> None:
        """Start it."""
        self._child = Child(self._name, self._argv, self._folder, self._env)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL."""
        if self._child is not None:
            self._child.stop(STOP_SECONDS)


class Backoff:
    """How long to wait before the next start: 0.2 s doubling to 5 s, reset by a healthy life."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def after(self, lived_seconds: float) -> float:
        """Return the pause after a life of so many seconds."""
        if lived_seconds >= HEALTHY_AFTER:
            self._next = FIRST_PAUSE
        pause = self._next
        self._next = min(pause * 2, LONGEST_PAUSE)
        return pause


class Keeper(threading.Thread):
    """Keeps one program running until told to stop."""

    def __init__(
        self,
        name: str,
        program: Program,
        changed: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        super().__init__(name=f"keeper of {name}", daemon=True)
        self.label = name
        self.up = threading.Event()
        self.restarts = -1
        self._program = program
        self._changed = changed
        self._say = say
        self._stopping = threading.Event()

    @property
    def pid(self) -> int | None:
        """The pid of the running program, None between two lives."""
        return self._program.pid if self.up.is_set() else None

    def stop(self) -> None:
        """Ask for the end; :meth:`join` waits for it."""
        self._stopping.set()

    def run(self) -> None:
        """Start, watch, start again."""
        backoff = Backoff()
        while not self._stopping.is_set():
            began = time.monotonic()
            self._live()
            lived = time.monotonic() - began
            if not self._stopping.is_set():
                pause = backoff.after(lived)
                self._say(f"{self.label} ended after {lived:.1f} s; again in {pause:.1f} s")
                self._stopping.wait(pause)
        self._program.stop()

    def _live(self) -> None:
        try:
            self._program.start()
        except Exception as error:
            self._say(f"{self.label} could not start: {error}")
            self._program.stop()
            return
        self.restarts += 1
        self.up.set()
        self._changed()
        while self._program.alive and not self._stopping.wait(LOOK_EVERY):
            pass
        self.up.clear()


class Supervisor:
    """The keepers of a system, by the programs' names. ``changed`` is called when a pid changes."""

    def __init__(self, changed: Callable[[], None], say: Callable[[str], None]) -> None:
        self._changed = changed
        self._say = say
        self._keepers: dict[str, Keeper] = {}

    def keep(self, name: str, program: Program) -> Keeper:
        """Start the program and keep it running; returns at once."""
        keeper = self._keepers[name] = Keeper(name, program, self._changed, self._say)
        keeper.start()
        return keeper

    @property
    def pids(self) -> dict[str, int]:
        """The pids of what runs now."""
        pids = {name: keeper.pid for name, keeper in list(self._keepers.items())}
        return {name: pid for name, pid in pids.items() if pid is not None}

    @property
    def restarts(self) -> dict[str, int]:
        """How often each program was started again."""
        return {name: max(keeper.restarts, 0) for name, keeper in list(self._keepers.items())}

    def stop(self, *groups: Sequence[str]) -> None:
        """End the programs, one group after the other, within a group all at once."""
        for group in groups:
            keepers = [self._keepers[name] for name in group if name in self._keepers]
            for keeper in keepers:
                keeper.stop()
            for keeper in keepers:
                keeper.join()
