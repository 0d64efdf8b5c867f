"""The two ways to show a demonstration: alive in a terminal, or line by line."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from paceline.show import COLOURS

FRAME_SECONDS = 1 / 5
BLOCKS = {"green": "█", "yellow": "▅", "red": "▂", "grey": "░", "none": "·"}


class Show(Protocol):
    """Shows a picture while it changes."""

    def tell(self, news: Sequence[Any]) -> None:
        """Take lines of the feed as they happen."""
        ...

    async def show(self) -> None:
        """Show until cancelled; the last look stays."""
        ...


class LiveShow:
    """The whole picture, some times a second.

    It is drawn between two steps of the event loop and never while the picture is being changed.
    """

    def __init__(self, console: Console, view: RenderableType) -> None:
        self._console = console
        self._view = view

    def tell(self, news: Sequence[Any]) -> None:
        """Nothing to do: the feed is in the picture."""

    async def show(self) -> None:
        """Draw until cancelled."""
        with Live(self._view, console=self._console, auto_refresh=False) as live:
            while True:
                live.refresh()
                await asyncio.sleep(FRAME_SECONDS)


def strip(lights: Sequence[tuple[str, bool]], days: int) -> Text:
    """Return the last lights, one place a day: colour, and whether provisional (half as bright)."""
    shown = lights[-days:]
    text = Text("·" * (days - len(shown)), "bright_black")
    for colour, provisional in shown:
        dim = " dim" if provisional else ""
        text.append(BLOCKS[colour], COLOURS.get(colour, "bright_black") + dim)
    return text


def can_live(console: Console) -> bool:
    """Whether the output goes to a terminal that can be drawn on again and again."""
    return console.is_terminal and not console.is_dumb_terminal
