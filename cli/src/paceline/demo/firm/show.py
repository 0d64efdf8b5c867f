"""The organisation line by line, where the output is no terminal."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from paceline.demo.firm.picture import RANKS, News, Picture
from paceline.demo.firm.view import View, facts, news_line
from paceline.demo.firm.words import FirmWords
from paceline.demo.show import FRAME_SECONDS, LiveShow, Show, can_live


class PlainShow:
    """A line for each piece of news, and at the end of each day how the goals stand."""

    def __init__(self, console: Console, picture: Picture, words: FirmWords) -> None:
        self._console = console
        self._picture = picture
        self._words = words

    def tell(self, news: Sequence[News]) -> None:
        """Print the news."""
        for line in news:
            self._console.print(news_line(line, self._words), soft_wrap=True)

    async def show(self) -> None:
        """Print how things stand when a day has passed, until cancelled."""
        said = self._picture.today
        try:
            while True:
                if self._picture.today != said:
                    self._console.print(status_line(self._picture, self._words), soft_wrap=True)
                    said = self._picture.today
                await asyncio.sleep(FRAME_SECONDS)
        finally:
            self._console.print(facts(self._picture, self._words), soft_wrap=True)


def status_line(picture: Picture, words: FirmWords) -> Text:
    """Return how many goals have which light to date."""
    found = Counter(goal.newest.to_date for goal in picture.goals.values() if goal.newest)
    counts = ", ".join(f"{found[colour]} {words.say(colour)}" for colour in RANKS if found[colour])
    deeds = picture.deeds.total()
    day = max((max(g.judged) for g in picture.goals.values() if g.judged), default=picture.today)
    return Text(words.say("status", day=day, counts=counts, sent=picture.sent, deeds=deeds))


def choose(
    console: Console,
    picture: Picture,
    words: FirmWords,
    names: dict[str, str],
    foot: Sequence[str],
) -> Show:
    """Return what fits where the output goes."""
    if can_live(console):
        return LiveShow(console, View(picture, words, names, foot))
    return PlainShow(console, picture, words)
