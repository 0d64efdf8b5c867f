"""The year line by line, where the output is no terminal."""

import asyncio
from collections.abc import Sequence

from rich.console import Console

from paceline.demo.shop.model import News, Picture
from paceline.demo.shop.view import View, facts, news_line, status_line
from paceline.demo.shop.words import ShopWords
from paceline.demo.show import FRAME_SECONDS, LiveShow, Show, can_live

STATUS_EVERY_DAYS = 7


class PlainShow:
    """A line for each piece of news, and every week how the goals stand."""

    def __init__(self, console: Console, picture: Picture, words: ShopWords) -> None:
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


def choose(console: Console, picture: Picture, words: ShopWords) -> Show:
    """Return what fits where the output goes."""
    if can_live(console):
        return LiveShow(console, View(picture, words))
    return PlainShow(console, picture, words)
