"""The shop's year as a piece: played by day, compared at the end, then left running."""

import asyncio
from collections.abc import Awaitable

from confluent_kafka import Producer
from rich.console import Console

from paceline.access import access_to
from paceline.demo.shop.end import Farewell
from paceline.demo.shop.play import Player, Watcher, first_picture
from paceline.demo.shop.show import choose
from paceline.demo.shop.words import ShopWords
from paceline.demo.shop.year import Year
from paceline.demo.stage import Wishes, cancelled, stay
from paceline.trial import retail
from paceline.trial.api import Api
from paceline.trial.replay import Shop
from paceline.trial.system import System
from paceline.trial.variants import Variant

YEAR_SECONDS = 90.0
YEAR_DAYS = (retail.END - retail.START).days + 1


class ShopPiece:
    """A year of a real web shop."""

    def __init__(self, year: Year, spoken: str) -> None:
        self._year = year
        self._words = ShopWords(spoken)

    @property
    def clock_at(self) -> float:
        """The beginning of the year."""
        return retail.local(retail.START, 0)

    async def perform(
        self, system: System, started: Awaitable[object], wishes: Wishes, console: Console
    ) -> bool:
        """Play the year and stay; return whether every light is the published one."""
        for key in ("generated" if self._year.generated else "credit", "starting"):
            console.print(self._words.say(key), style="bright_black", markup=False, soft_wrap=True)
        await started
        facts = system.facts()
        producer = Producer(access_to(facts["kafka"]).librdkafka())
        async with Api(system, facts["api_key"]) as api:
            shop = Shop(Variant("demo", "http"), api, producer, max(self._year.days))
            await shop.declare()
            farewell = Farewell(system, shop, self._year, self._words, console)
            await self._play(system, shop, wishes, console)
            right = await farewell.say(wishes.stay)
            wishes.open(facts["services"]["console"])
        await stay(wishes.stay)
        return right

    async def _play(self, system: System, shop: Shop, wishes: Wishes, console: Console) -> None:
        picture = first_picture(self._year)
        show = choose(console, picture, self._words)
        watcher = Watcher(shop.api, picture, show.tell)
        player = Player(system, shop, self._year, picture, show.tell)
        await watcher.ready()
        beside = [asyncio.ensure_future(work) for work in (watcher.watch(), show.show())]
        per_day = wishes.seconds_per_day or YEAR_SECONDS / YEAR_DAYS
        playing = asyncio.ensure_future(player.play(per_day))
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
