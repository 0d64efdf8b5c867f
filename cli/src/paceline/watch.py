"""`paceline watch`: goals, their last lights and the newest deeds, as they happen."""

import time
from collections import deque
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from paceline.connection import ApiError, Connection, JsonFile, Key, connect
from paceline.goals import progress_total, share
from paceline.lights import headline, span
from paceline.show import COLOURS, cell, console, light, percent, text
from paceline.words import say

LIGHTS = 30
DEEDS = 12
REMEMBERED = 1000  # a page, so that one that is read again brings no deed twice


class Watch:
    """What the screen shows. A service that is down leaves its last state standing."""

    def __init__(self, goals: Connection, alerting: Connection) -> None:
        self._goals = goals
        self._alerting = alerting
        self._rows: list[tuple[str, ...]] = []
        self._lights: dict[str, list[dict[str, Any]]] = {}
        self._deeds: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self._after: str | None = None
        self._trouble = ""

    def refresh(self) -> None:
        """Ask the services."""
        self._trouble = ""
        for ask in (self._ask_goals, self._ask_lights, self._ask_deeds):
            try:
                ask()
            except ApiError as error:
                self._trouble = str(error)

    def screen(self) -> RenderableType:
        """Return what is known as a screen."""
        names = ("goal", "total", "of target", "to-date light", "run lights")
        goals = Table(*map(say, names), expand=True)
        for identity, name, total, reached in self._rows:
            rows = self._lights.get(identity, [])
            goals.add_row(cell(name), total, reached, last_headline(rows), strip(rows))
        names = ("deed", "goal", "span", "light", "completion")
        deeds = Table(*map(say, names), expand=True)
        for deed in list(self._deeds)[-DEEDS:]:
            kind, name, *rest = deed_row(deed)
            deeds.add_row(kind, cell(name), *rest)
        return Group(goals, deeds, Text(self._trouble, style="red"))

    def _ask_goals(self) -> None:
        rows: list[tuple[str, ...]] = []
        for goal in self._goals.items("/v1/goals"):
            total = progress_total(self._goals, goal)
            name = goal.get("name") or goal["id"]
            rows.append((goal["id"], name, text(total), share(total, goal.get("target"))))
        self._rows = rows

    def _ask_lights(self) -> None:
        for identity, *_ in self._rows:
            rows = list(self._alerting.items("/v1/lights", goal=identity))
            self._lights[identity] = rows[-LIGHTS:]

    def _ask_deeds(self) -> None:
        while True:
            page = self._alerting.get("/v1/goal-events", after=self._after)
            # The last page has no token after it, so it is read again until it is full.
            known = {deed["id"] for deed in self._deeds}
            self._deeds.extend(deed for deed in page["items"] if deed["id"] not in known)
            self._after = page["next"] or self._after
            if not page["next"] or not page["items"]:
                return


def last_headline(rows: list[dict[str, Any]]) -> str:
    """Return the to-date light of the last judged span; before the first one, what it would be."""
    judged = [row for row in rows if not row.get("provisional")]
    return headline((judged or rows)[-1]) if rows else ""


def strip(rows: list[dict[str, Any]]) -> Text:
    """Return lights as a line of dots; a provisional one is hollow."""
    line = Text()
    for row in rows:
        dot = "○" if row.get("provisional") else "●"
        colour = text(row.get("light"))
        line.append(dot, style=COLOURS.get(colour, "bright_black"))
    return line


def deed_row(deed: dict[str, Any]) -> tuple[str, ...]:
    """Return a deed's cells."""
    name = text(deed.get("name") or deed["goal"])
    completion = percent(deed.get("completion"))
    which = say("to-date light" if deed.get("light_kind") == "to-date" else "run light")
    shown = f"{light(deed['light'])} ({which})" if deed.get("light") else ""
    return (deed["kind"], name, span(deed), shown, completion)


def watch(
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 1.0,
    seconds: Annotated[
        float | None, typer.Option("--for", help="End by itself after so many seconds.")
    ] = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Show goals, lights and deeds living in the terminal until Ctrl-C."""
    shown = Watch(connect("goal-service", None, key, json), connect("alerting", None, key, json))
    deadline = None if seconds is None else time.monotonic() + seconds
    with Live(console=console, auto_refresh=False) as live:
        while True:
            shown.refresh()
            live.update(shown.screen(), refresh=True)
            if deadline is not None and time.monotonic() >= deadline:
                return
            try:
                time.sleep(every)
            except KeyboardInterrupt:
                return
