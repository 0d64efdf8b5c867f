"""A demonstration from the start of its servers to their end; what is played is a piece."""

import asyncio
import contextlib
import os
import signal
import sys
import webbrowser
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rich.console import Console

from paceline.demo.place import Place, free_base_port
from paceline.demo.words import Words
from paceline.trial.system import System, TrialFailed

WATERMARK_SECONDS = "0.2"  # at some days a second, lights shall follow within a day
FAILED = 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for.

    ``seconds_per_day``: at least; None as the piece likes. ``stay``: seconds after the play, None
    until Ctrl-C. ``browse``: open the console when it is over. ``prometheus``: start it, too.
    """

    seconds_per_day: float | None
    stay: float | None
    base_port: int
    data: Path | None
    browse: bool = False
    prometheus: bool = True

    def open(self, url: str) -> None:
        """Open the page in this machine's browser, if that is wished for and there is a screen.

        Without one Python would start a browser in the terminal, over the picture.
        """
        if self.browse and has_screen():
            webbrowser.open(url)


class Piece(Protocol):
    """What is played on a running system."""

    @property
    def clock_at(self) -> float:
        """Where the system's clock begins, in epoch seconds."""
        ...

    async def perform(
        self, system: System, started: Awaitable[object], wishes: Wishes, console: Console
    ) -> bool:
        """Play it once the system has started, and stay; return whether all was as it should be."""
        ...


class Stage:
    """Plays a piece on a system of its own; however it ends, nothing is left running."""

    def __init__(self, wishes: Wishes, piece: Piece, words: Words, console: Console) -> None:
        self._wishes = wishes
        self._piece = piece
        self._words = words
        self._console = console

    async def run(self) -> int:
        """Carry it out; return the exit code."""
        place = Place(self._wishes.data)
        system = System(
            place.folder,
            self._port(),
            clock_at=self._piece.clock_at,
            environment={"PACELINE_WATERMARK_SECONDS": WATERMARK_SECONDS},
            prometheus=self._wishes.prometheus,
        )
        starting = asyncio.ensure_future(asyncio.to_thread(system.start))
        right = asyncio.Event()

        async def started() -> None:
            await asyncio.shield(starting)
            self._tell_prometheus(system)

        async def perform() -> None:
            if await self._piece.perform(system, started(), self._wishes, self._console):
                right.set()

        try:
            asked = await until_stopped(perform)
            if asked is not None:
                self._say("asked", signal=asked)
            return 0 if right.is_set() or asked is not None else FAILED
        except TrialFailed as error:
            self._console.print(f"{error}", style="red", markup=False, soft_wrap=True)
            return FAILED
        finally:
            self._say("stopping")
            await _end(system, starting)
            place.leave()
            self._say("stopped")

    def _port(self) -> int:
        wanted = self._wishes.base_port
        port = free_base_port(wanted)
        if port != wanted:
            self._say("port", wanted=wanted, port=port)
        return port

    def _tell_prometheus(self, system: System) -> None:
        url = system.facts()["prometheus"]
        if url:
            self._say("prometheus", url=url)
        elif self._wishes.prometheus:
            self._say("prometheus.absent")

    def _say(self, key: str, **values: Any) -> None:
        self._console.print(
            self._words.say(key, **values), style="bright_black", markup=False, soft_wrap=True
        )


def has_screen(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether windows can be opened here."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY")
    return platform != "linux" or any(environment.get(name) for name in screens)


async def until_stopped(work: Callable[[], Awaitable[None]]) -> str | None:
    """Await the work, or be asked to leave (Ctrl-C, SIGTERM, a closed terminal); return by what."""
    asked: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, asked.put_nowait, number.name)
    working, stopping = asyncio.ensure_future(work()), asyncio.ensure_future(asked.get())
    try:
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            return None
        return stopping.result()
    finally:
        await cancelled(working)
        await cancelled(stopping)


async def cancelled(task: "asyncio.Future[Any]") -> None:
    """End a task and await its end; what it raised has been looked at, or no longer matters."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task


async def beside(main: Coroutine[Any, Any, T], *others: Coroutine[Any, Any, None]) -> T:
    """Await one thing while others go on, which never end by themselves; raise what any raises."""
    tasks: list[asyncio.Future[None]] = [asyncio.ensure_future(other) for other in others]
    doing: asyncio.Future[T] = asyncio.ensure_future(main)
    try:
        every: list[asyncio.Future[Any]] = [doing, *tasks]
        await asyncio.wait(every, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
        return await doing
    finally:
        await cancelled(doing)
        for task in tasks:
            await cancelled(task)


async def stay(seconds: float | None) -> None:
    """Wait so long, or for ever."""
    await (asyncio.Event().wait() if seconds is None else asyncio.sleep(seconds))


async def _end(system: System, starting: "asyncio.Future[System]") -> None:
    """End the system, even one whose start has only just begun."""
    await asyncio.to_thread(system.stop)
    while not starting.done():
        await asyncio.sleep(0.1)
        await asyncio.to_thread(system.stop)
    starting.exception()
