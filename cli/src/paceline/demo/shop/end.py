"""What a demonstration says when its year is over: was it right, and what to try next."""

import time
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_UP, Decimal
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from paceline.demo.place import command
from paceline.demo.shop.words import ShopWords
from paceline.demo.shop.year import EXPORT, Year
from paceline.trial import retail
from paceline.trial.replay import Shop
from paceline.trial.retail import Invoice
from paceline.trial.system import System

EXAMPLE = "late-order.ndjson"
ABROAD = "France"


@dataclass(frozen=True, slots=True)
class Farewell:
    """The last words, after which the system goes on for those who want to try it."""

    system: System
    shop: Shop
    year: Year
    words: ShopWords
    console: Console

    async def say(self, stay: float | None) -> bool:
        """Compare with the published lights, let the clock show the present, tell what to try.

        Return whether all are equal; of a generated year nothing is published.
        """
        lights = {goal: await self.shop.lights(goal) for goal in retail.DAILY}
        right, said = self._compared(lights)
        self.console.print(said, soft_wrap=True)
        if stay == 0:
            return right
        self.system.step_clock(time.time() if self._whole else self._end_of_play(), rate=1.0)
        example = self._example(lights[EXPORT])
        self.console.print(self._services())
        self.console.print(self._exports(), soft_wrap=True)
        self.console.print(self._tries(example, stay))
        return right

    @property
    def _whole(self) -> bool:
        """Whether all days were played: only then nothing is left to be judged as empty."""
        return max(self.year.days) == retail.END

    def _end_of_play(self) -> float:
        return retail.local(max(self.year.days) + timedelta(days=1), 1, 0, 1)

    def _compared(self, lights: dict[str, dict[date, str]]) -> tuple[bool, Text]:
        path = retail.folder()
        if path is None or self.year.generated:
            return True, Text()
        published = retail.expected_lights(path)
        wrong = [
            f"{goal} {day}"
            for goal, days in lights.items()
            for day, light in days.items()
            if published[goal][day] != light
        ]
        count = sum(map(len, lights.values()))
        if wrong:
            said = self.words.say("unequal", wrong=len(wrong), count=count, first=wrong[0])
            return False, Text(said, "bold red")
        return True, Text(self.words.say("equal", count=count), "bold green")

    def _example(self, exports: dict[date, str]) -> Path | None:
        """Write an event that makes the last day of exports that is not green so, and return it."""
        days = [day for day, light in exports.items() if light in ("yellow", "red")]
        if not days:
            return None
        path = self.system.data / EXAMPLE
        order = msgspec.json.Encoder(decimal_format="number").encode(
            late_order(self.year, max(days)).cloud_event()
        )
        path.write_bytes(order + b"\n")
        return path

    def _services(self) -> Table:
        facts = self.system.facts()
        table = Table.grid(padding=(0, 2))
        for service, url in facts["services"].items():
            table.add_row(Text(service, "bold"), f"{url}/openapi.json")
        table.add_row(Text("Kafka", "bold"), facts["kafka"])
        return table

    def _exports(self) -> Text:
        """Return one line that a terminal takes in, for curl."""
        facts = self.system.facts()
        values = {"KEY": facts["api_key"], "KAFKA": facts["kafka"]} | {
            name: facts["services"][service] for name, service in VARIABLES.items()
        }
        line = " ".join(f"{name}={value}" for name, value in values.items())
        return Text.assemble((self.words.say("curl"), "bold"), "\n", (f"export {line}", "cyan"))

    def _tries(self, example: Path | None, stay: float | None) -> Table:
        say = self.words.say
        program = command()
        until = say("until.stop") if stay is None else say("until.for", seconds=stay)
        clock = say("clock.now") if self._whole else say("clock.there")
        table = Table.grid(padding=(0, 2))
        table.title, table.title_justify = Text(say("next"), "bold"), "left"
        table.caption = Text(f"{say('running', until=until)} {clock}", "bold")
        table.caption_justify = "left"
        for name, tried in TRIES.items():
            table.add_row(Text(f"  {program} {tried}", "cyan"), say(name))
        if example is not None:
            tried = f"  {program} send {example} --source {retail.SOURCE}"
            table.add_row(Text(tried, "cyan", overflow="fold"), say("try.send"))
        return table


VARIABLES = {
    "INGEST": "metrics-ingest",
    "GOALS": "goal-service",
    "ALERTING": "alerting",
    "INCENTIVES": "incentives",
}
TRIES = {
    "try.goals": "goals",
    "try.lights": f"lights {EXPORT}",
    "try.watch": "watch",
}


def late_order(year: Year, day: date) -> Invoice:
    """Return an order from abroad that brings the day's exports up to their plan."""
    sold = retail.values(list(year.days[day]))[EXPORT].get(day, Decimal(0))
    missing = (Decimal(retail.DAILY[EXPORT]) - sold + 100).quantize(Decimal(1), ROUND_UP)
    body = {
        "event_id": f"late-order-{day}",
        "type": "order.placed",
        "occurred_on": day.isoformat(),
        "occurred_at": f"{day}T15:00:00",
        "key": "late",
        "net": missing,
        "gross": missing,
        "dims": {"country": ABROAD},
    }
    return Invoice(f"late-order-{day}", day, body)
