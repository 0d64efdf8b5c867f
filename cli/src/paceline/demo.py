"""`paceline demo`: a whole system on this machine, and a shop's year living in the terminal."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from confluent_kafka import Producer
from rich.console import Console

from paceline.access import access_to
from paceline.demo_end import Farewell
from paceline.demo_place import Place, free_base_port
from paceline.demo_play import Player, Watcher, first_picture
from paceline.demo_show import choose
from paceline.demo_words import Words, language
from paceline.demo_year import Year, the_year
from paceline.trial import retail
from paceline.trial.api import Api
from paceline.trial.replay import Shop
from paceline.trial.system import System, TrialFailed
from paceline.trial.variants import Variant

YEAR_SECONDS = 90.0
YEAR_DAYS = (retail.END - retail.START).days + 1
BASE_PORT = 8100
WATERMARK_SECONDS = "0.2"  # at four days a second, lights shall follow within a day
FAILED = 1


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for. ``stay``: seconds after the year, None until Ctrl-C."""

    seconds_per_day: float
    stay: float | None
    base_port: int
    data: Path | None
    prometheus: bool = True


def demo(
    days: Annotated[
        int | None, typer.Option(min=1, help="Play only so many days of the year.")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=0.01, help="Days a second; without it the year takes 90 seconds."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Leave when the year is over.")] = False,
    seconds: Annotated[
        float | None,
        typer.Option("--for", min=0, help="Leave so many seconds after the year is over."),
    ] = None,
    lang: Annotated[str | None, typer.Option(help="zh or en; else as LANG says.")] = None,
    base_port: Annotated[
        int, typer.Option(help="Services listen from here on; when it is busy, further on.")
    ] = BASE_PORT,
    data: Annotated[
        Path | None, typer.Option(help="A new folder for the data, instead of one in the cache.")
    ] = None,
    prometheus: Annotated[
        bool, typer.Option(help="Start Prometheus, too, where it is installed.")
    ] = True,
) -> None:
    """Start everything and replay a year of a real web shop: goals, lights, praise."""
    words = Words(language(lang))
    console = Console(highlight=False)
    if data is not None and data.exists() and any(data.iterdir()):
        console.print(words.say("folder.used", folder=data), style="red", soft_wrap=True)
        raise typer.Exit(FAILED)
    per_day = 1 / speed if speed else YEAR_SECONDS / YEAR_DAYS
    wishes = Wishes(per_day, 0.0 if once else seconds, base_port, data, prometheus)
    raise typer.Exit(asyncio.run(Stage(wishes, the_year(days), words, console).run()))


class Stage:
    """A demonstration from the start of its servers to their end."""

    def __init__(self, wishes: Wishes, year: Year, words: Words, console: Console) -> None:
        self._wishes = wishes
        self._year = year
        self._words = words
        self._console = console

    async def run(self) -> int:
        """Carry it out; return the exit code. However it ends, nothing is left running."""
        place = Place(self._wishes.data)
        system = System(
            place.folder,
            self._port(),
            clock_at=retail.local(retail.START, 0),
            environment={"PACELINE_WATERMARK_SECONDS": WATERMARK_SECONDS},
            prometheus=self._wishes.prometheus,
        )
        starting = asyncio.ensure_future(asyncio.to_thread(system.start))
        try:
            asked = await until_stopped(lambda: self._perform(system, starting))
            if asked is not None:
                self._say("asked", signal=asked)
            return 0
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

    async def _perform(self, system: System, starting: Awaitable[System]) -> None:
        self._say("generated" if self._year.generated else "credit")
        self._say("starting")
        await asyncio.shield(starting)
        facts = system.facts()
        if facts["prometheus"]:
            self._say("prometheus", url=facts["prometheus"])
        elif self._wishes.prometheus:
            self._say("prometheus.absent")
        producer = Producer(access_to(facts["kafka"]).librdkafka())
        async with Api(system, facts["api_key"]) as api:
            shop = Shop(Variant("demo", "http"), api, producer, max(self._year.days))
            await shop.declare()
            farewell = Farewell(system, shop, self._year, self._words, self._console)
            await self._play(system, shop)
            await farewell.say(self._wishes.stay)
        await _stay(self._wishes.stay)

    async def _play(self, system: System, shop: Shop) -> None:
        picture = first_picture(self._year)
        show = choose(self._console, picture, self._words)
        watcher = Watcher(shop.api, picture, show.tell)
        player = Player(system, shop, self._year, picture, show.tell)
        await watcher.ready()
        beside = [asyncio.ensure_future(work) for work in (watcher.watch(), show.show())]
        playing = asyncio.ensure_future(player.play(self._wishes.seconds_per_day))
        try:
            await asyncio.wait([playing, *beside], return_when=asyncio.FIRST_COMPLETED)
            for task in [playing, *beside]:
                if task.done():  # the player has finished, or one of them has failed
                    task.result()
            await cancelled(beside[0])
            await watcher.look()
            picture.over = True
        finally:
            for task in [playing, *beside]:
                await cancelled(task)

    def _say(self, key: str, **values: Any) -> None:
        self._console.print(
            self._words.say(key, **values), style="bright_black", markup=False, soft_wrap=True
        )


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


async def _stay(seconds: float | None) -> None:
    await (asyncio.Event().wait() if seconds is None else asyncio.sleep(seconds))


async def _end(system: System, starting: "asyncio.Future[System]") -> None:
    """End the system, even one whose start has only just begun."""
    await asyncio.to_thread(system.stop)
    while not starting.done():
        await asyncio.sleep(0.1)
        await asyncio.to_thread(system.stop)
    starting.exception()
