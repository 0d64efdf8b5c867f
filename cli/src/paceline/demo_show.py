"""The two ways to show a demonstration: alive in a terminal, or line by line."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from rich.console import Console
from rich.live import Live

from paceline.demo_model import News, Picture
from paceline.demo_view import View, facts, news_line, status_line
from paceline.demo_words import Words

FRAME_SECONDS = 1 / 6
STATUS_EVERY_DAYS = 7


class Show(Protocol):
    """Shows a picture while it changes."""

    def tell(self, news: Sequence[News]) -> None:
        """Take lines of the feed as they happen."""
        ...

    async def show(self) -> None:
        """Show until cancelled; the last look stays."""
        ...


class LiveShow:
    """The whole picture, some times a second.

    It is drawn between two steps of the event loop and never while the picture is being changed.
    """

    def __init__(self, console: Console, picture: Picture, words: Words) -> None:
        self._console = console
        self._view = View(picture, words)

    def tell(self, news: Sequence[News]) -> None:
        """Nothing to do: the feed is in the picture."""

    async def show(self) -> None:
        """Draw until cancelled."""
        with Live(self._view, console=self._console, auto_refresh=False) as live:
            while True:
                live.refresh()
                await asyncio.sleep(FRAME_SECONDS)


class PlainShow:
    """A line for each piece of news, and every week how the goals stand."""

    def __init__(self, console: Console, picture: Picture, words: Words) -> None:
        self._console = console
        self._picture = picture
        self._words = words
        self._said = 0

    def tell(self, news: Sequence[News]) -> None:
        """Print the news."""
        for line in news:
            self._console.print(news_line(line, self._words), soft_wrap=True)

    async def show(self) -> None:
        """Print how things stand, until cancelled."""
        try:
            while True:
                week = self._picture.days.index(self._picture.today) // STATUS_EVERY_DAYS
                if week != self._said:
                    self._said = week
                    self._print()
                await asyncio.sleep(FRAME_SECONDS)
        finally:
            self._print()

    def _print(self) -> None:
        self._console.print(status_line(self._picture, self._words), soft_wrap=True)
        self._console.print(facts(self._picture, self._words), soft_wrap=True)


def choose(console: Console, picture: Picture, words: Words) -> Show:
    """Return what fits where the output goes."""
    kind = LiveShow if console.is_terminal and not console.is_dumb_terminal else PlainShow
    return kind(console, picture, words)
