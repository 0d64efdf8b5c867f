"""How the demonstration looks in a terminal. A light is told by its height and by its colour."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from paceline.demo.shop.model import SHOWN_DAYS, Goal, Light, News, Picture
from paceline.demo.shop.words import ShopWords, amount
from paceline.demo.show import strip
from paceline.demo.words import percent
from paceline.show import COLOURS

MARKS = {
    "goal.off_track": ("▼", "bold red"),
    "goal.missed": ("✗", "bold red"),
    "light.changed": ("▲", "green"),
    "goal.recovered": ("▲", "green"),
    "goal.reached": ("★", "bold green"),
    "goal.restated": ("↻", "cyan"),
    "demo": ("·", "bright_black"),
}
NARROW = 100  # columns below which the least needed columns are left out
ABOVE_FEED = 15  # lines of everything but the feed
MOST_PRAISED = 3
DAILY_PRAISE = 15
WIDTHS = {"plan": 7, "actual": 7, "share": 5}


class View:
    """The whole picture, drawn anew at each refresh from what is known then."""

    def __init__(self, picture: Picture, words: ShopWords) -> None:
        self._picture = picture
        self._words = words

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= NARROW
        lines = max(5, min(16, console.size.height - ABOVE_FEED))
        yield Group(
            self._head(options.max_width),
            self._goals(wide),
            self._below(wide, lines),
            facts(self._picture, self._words),
        )

    def _head(self, width: int) -> RenderableType:
        picture, say = self._picture, self._words.say
        title = say("title.generated" if picture.generated else "title")
        number = picture.days.index(picture.today) + 1
        clock = f"{self._words.date(picture.today)}  {picture.hour:02}:00"
        where = say("over") if picture.over else say("day", number=number, days=len(picture.days))
        line = Table.grid(expand=True, padding=(0, 1))
        line.add_column(no_wrap=True, min_width=23)
        line.add_column(ratio=1)
        line.add_column(justify="right", no_wrap=True)
        bar = ProgressBar(len(picture.days), number, complete_style="cyan", finished_style="cyan")
        line.add_row(Text(clock, "bold"), bar, Text(where, "cyan"))
        return Group(Text.assemble((" Paceline ", "bold reverse"), "  ", title), line)

    def _goals(self, wide: bool) -> RenderableType:
        say = self._words.say
        table = Table(
            box=None, expand=True, padding=(0, 1, 0, 0), pad_edge=False, header_style="bright_black"
        )
        table.add_column(say("goal"), no_wrap=True)
        for name, width in WIDTHS.items():
            table.add_column(say(name), justify="right", no_wrap=True, min_width=width)
        table.add_column(say("light") if wide else "", no_wrap=True, min_width=8 if wide else 1)
        table.add_column(say("lights"), no_wrap=True, min_width=SHOWN_DAYS)
        table.add_column(say("to_date"), justify="right", no_wrap=True, min_width=10)
        for name in ("of_plan", "of_target") if wide else ("of_plan",):
            table.add_column(say(name), justify="right", no_wrap=True, min_width=7)
        for goal in self._picture.goals.values():
            table.add_row(*self._row(goal, wide))
        return Panel(
            table,
            title=say("goals"),
            title_align="left",
            subtitle=Text(say("legend"), "bright_black"),
            subtitle_align="right",
            box=box.ROUNDED,
            border_style="bright_black",
        )

    def _row(self, goal: Goal, wide: bool) -> list[RenderableType]:
        last, today = goal.last, self._picture.today
        row: list[RenderableType] = [
            Text(self._words.goal(goal.id), "bold"),
            amount(last.plan if last else None, goal.unit),
            amount(last.actual if last else None, goal.unit),
            Text(percent(last.ratio if last else None), _style(last)),
            self._light(last, wide),
            blocks(goal.lights),
            amount(goal.total, goal.unit),
            percent(goal.of_plan(today)),
        ]
        return [*row, percent(goal.of_target)] if wide else row

    def _light(self, last: Light | None, wide: bool) -> Text:
        if last is None:
            return Text("-", "bright_black")
        return Text(f"● {self._words.say(last.colour)}" if wide else "●", _style(last))

    def _below(self, wide: bool, lines: int) -> RenderableType:
        deeds = self._panel("deeds", self._feed(lines))
        if not wide:
            return deeds
        both = Table.grid(expand=True)
        both.add_column(ratio=70)
        both.add_column(ratio=30)
        both.add_row(deeds, self._panel("praise", self._praise(lines)))
        return both

    def _panel(self, title: str, lines: Text) -> Panel:
        return Panel(
            lines,
            title=self._words.say(title),
            title_align="left",
            box=box.ROUNDED,
            border_style="bright_black",
        )

    def _feed(self, lines: int) -> Text:
        newest = list(self._picture.news)[-lines:]
        return _lines([news_line(news, self._words) for news in reversed(newest)], lines)

    def _praise(self, lines: int) -> Text:
        picture = self._picture
        often = [
            self._words.say("often", value=value, count=count)
            for value, count in picture.praised.most_common(MOST_PRAISED)
        ]
        # What happens every day is told by its count, so that it does not hide what is rare.
        rare = [p for p in picture.praises if picture.praised[p.value] <= DAILY_PRAISE]
        newest = rare[-max(1, lines - len(often)) :]
        rows = [
            Text.assemble(
                (f"{praise.day:%m-%d} ", "bright_black"),
                ("★ ", "yellow"),
                f"{praise.value} {praise.actual:,.0f}",
            )
            for praise in reversed(newest)
        ]
        return _lines([*(Text(text, "yellow") for text in often), *rows], lines)


def blocks(lights: Sequence[Light]) -> Text:
    """Return the last lights, the running day's in half brightness."""
    return strip([(light.colour, light.provisional) for light in lights], SHOWN_DAYS)


def news_line(news: News, words: ShopWords) -> Text:
    """Return a line of the feed."""
    mark, style = MARKS[news.kind]
    if news.kind == "demo":
        said, text_style = words.say(**news.values), "bright_black"
    else:
        said, text_style = words.deed(news.kind, news.goal, news.unit, news.values), ""
    return Text.assemble((f"{news.day} ", "bright_black"), (f"{mark} ", style), (said, text_style))


def facts(picture: Picture, words: ShopWords) -> Text:
    """Return the pipeline's line: what was sent, how complete the numbers are."""
    pace = picture.pace
    lag = pace.lag(time.monotonic())
    said = words.say(
        "facts",
        sent=pace.sent,
        rate=pace.rate,
        complete=moment(pace.complete_to),
        lag=words.say("unknown") if lag is None else words.say("seconds", number=lag),
        deeds=picture.deeds.total(),
        praise=picture.praised.total(),
    )
    return Text(f" {said}", "bright_black")


def status_line(picture: Picture, words: ShopWords) -> Text:
    """Return how all goals stand, in one line: colours are told by words."""
    parts = []
    for goal in picture.goals.values():
        last = goal.last
        colour = words.say(last.colour) if last else "-"
        parts.append(f"{words.goal(goal.id)} {colour} {amount(goal.total, goal.unit)}")
    return Text(f"{picture.today} | {' | '.join(parts)}")


def moment(at: float | None) -> str:
    """Return epoch seconds as a UTC date and hour."""
    return "-" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def _style(light: Light | None) -> str:
    return "" if light is None else COLOURS.get(light.colour, "bright_black")


def _lines(rows: Sequence[Text], count: int) -> Text:
    """Return exactly ``count`` lines, so that nothing below jumps; long ones are cut."""
    padded = [*rows[:count], *(Text() for _ in range(count - len(rows)))]
    text = Text("\n").join(padded)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
