"""The organisation as a piece: founded, played, compared with its plot, then kept living."""

import asyncio
import os
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from paceline.demo.firm import people
from paceline.demo.firm.founding import found
from paceline.demo.firm.living import trickle
from paceline.demo.firm.picture import first_picture
from paceline.demo.firm.play import DAWN, Player
from paceline.demo.firm.plot import Plot
from paceline.demo.firm.show import choose
from paceline.demo.firm.streams import moment
from paceline.demo.firm.verdict import Verdict, verdict
from paceline.demo.firm.watch import Watcher
from paceline.demo.firm.words import FirmWords
from paceline.demo.place import command
from paceline.demo.stage import Wishes, beside, stay
from paceline.trial.api import Api
from paceline.trial.system import System
from service_kit.clock import FileClock

SECONDS_PER_DAY = 2.0
LOOK_EVERY = 2.0
SETTLED_WITHIN = 20.0
SHELL = "env.sh"
VARIABLES = {
    "CONSOLE": "console",
    "INGEST": "metrics-ingest",
    "GOALS": "goal-service",
    "ALERTING": "alerting",
    "INCENTIVES": "incentives",
}


class Cast(NamedTuple):
    """Who takes part: the door to the system, who reads it and who feeds it."""

    api: Api
    watcher: Watcher
    player: Player


class FirmPiece:
    """Some weeks of an invented organisation."""

    def __init__(self, plot: Plot, spoken: str) -> None:
        self._plot = plot
        self._words = FirmWords(spoken)

    @property
    def clock_at(self) -> float:
        """Early on the first day."""
        return moment(self._plot.days[0], DAWN).timestamp()

    async def perform(
        self, system: System, started: Awaitable[object], wishes: Wishes, console: Console
    ) -> bool:
        """Play and stay; return whether the system says what the plot says."""
        console.print(self._words.say("starting"), style="bright_black", soft_wrap=True)
        await started
        async with Api(system, system.facts()["api_key"]) as api:
            await found(api, self._plot, system.data)
            picture = first_picture(self._plot.aims, self._plot.days)
            names = {person.id: person.name for person in people.everybody()}
            show = choose(console, picture, self._words, names, self._foot(system))
            watcher = Watcher(api, picture, show.tell)
            player = Player(system, api, self._plot, watcher, picture, show.tell)
            acts = self._acts(system, wishes, console, Cast(api, watcher, player))
            return await beside(acts, show.show())

    def _foot(self, system: System) -> list[str]:
        url = system.facts()["services"]["console"]
        password = _short(system.data / "issuer" / "password")
        say = self._words.say
        return [say("console", url=url), say("sign-in", file=password)]

    async def _acts(self, system: System, wishes: Wishes, console: Console, cast: Cast) -> bool:
        await cast.player.play(wishes.seconds_per_day or SECONDS_PER_DAY)
        result = await settled(cast.api, self._plot)
        console.print(self._said(result), soft_wrap=True)
        if wishes.stay == 0:
            return not result.wrong
        await cast.player.live()
        self._farewell(system, wishes, console)
        wishes.open(system.facts()["services"]["console"])
        looking = cast.watcher.keep(LOOK_EVERY)
        await beside(stay(wishes.stay), looking, trickle(cast.player, FileClock(system.clock)))
        return not result.wrong

    def _said(self, result: Verdict) -> Text:
        values = {"lights": result.lights, "deeds": result.deeds, "praises": result.praises}
        if not result.wrong:
            return Text(self._words.say("right", **values), "bold green")
        count, first = len(result.wrong), "; ".join(result.wrong[:3])
        return Text(self._words.say("wrong", count=count, first=first, **values), "bold red")

    def _farewell(self, system: System, wishes: Wishes, console: Console) -> None:
        say, shell = self._words.say, write_variables(system)
        for line in (*self._foot(system), say("next")):
            console.print(Text(line, "bold"), soft_wrap=True)
        for line in (
            say("try.number", day=self._plot.days[-1]),
            say("try.mend"),
            say("try.watch", command=command()),
            say("try.shell", file=_short(shell)),
        ):
            console.print(Text(f"  {line}"), soft_wrap=True)
        seconds = wishes.stay
        until = say("until.stop") if seconds is None else say("until.for", seconds=seconds)
        console.print(Text(until, "bold"), soft_wrap=True)


async def settled(api: Api, plot: Plot) -> Verdict:
    """Compare until nothing differs, or for some seconds: praise comes on a way of its own."""
    deadline = time.monotonic() + SETTLED_WITHIN
    while True:
        result = await verdict(api, plot)
        if not result.wrong or time.monotonic() > deadline:
            return result
        await asyncio.sleep(1)


def write_variables(system: System) -> Path:
    """Write addresses and key for a shell into a file that only its owner can read."""
    facts = system.facts()
    values = {"KEY": facts["api_key"], "KAFKA": facts["kafka"]}
    values |= {name: facts["services"][service] for name, service in VARIABLES.items()}
    path = system.data / SHELL
    lines = [f"export {name}='{value}'" for name, value in values.items()]
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join([*lines, ""]))
    return path


def _short(path: Path) -> str:
    """Return a path as people type it."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
