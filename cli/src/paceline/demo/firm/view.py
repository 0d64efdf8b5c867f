"""How the organisation looks in a terminal. A light is told by its height and by its colour."""

from collections.abc import Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from paceline.demo.firm import people
from paceline.demo.firm.picture import Goal, Light, News, Picture
from paceline.demo.firm.words import FirmWords, amount
from paceline.demo.show import strip
from paceline.demo.words import percent
from paceline.show import COLOURS

MARKS = {
    "goal.off_track": ("▼", "bold red"),
    "goal.escalated": ("▼", "red"),
    "goal.missed": ("✗", "bold red"),
    "goal.recovered": ("▲", "green"),
    "goal.reached": ("★", "bold green"),
    "goal.restated": ("↻", "cyan"),
    "guardrail.breached": ("▼", "yellow"),
    "guardrail.cleared": ("▲", "green"),
    "source.silent": ("░", "bright_black"),
    "source.resumed": ("▲", "green"),
}
OWN = ("·", "bright_black")
WIDE = 110  # columns from which all is shown
NARROW = 96  # columns below which names need the room of the amounts
ELSE = 11  # lines of everything but goals and feed
FEED = (5, 12)  # at least, at most
FEWEST_GOALS = 4
SHOWN_DAYS = 15


class View:
    """The whole picture, drawn anew at each refresh from what is known then."""

    def __init__(
        self, picture: Picture, words: FirmWords, names: dict[str, str], foot: Sequence[str]
    ) -> None:
        self._picture = picture
        self._words = words
        self._names = names
        self._foot = foot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        wide = width >= WIDE
        room = console.size.height - ELSE - len(self._foot)
        goals = max(FEWEST_GOALS, min(len(self._picture.goals), room - FEED[0]))
        lines = max(FEED[0], min(FEED[1], room - goals))
        yield Group(
            self._head(),
            self._goals(goals, width),
            self._below(lines, wide),
            facts(self._picture, self._words),
            *(Text(f" {line}", "cyan", no_wrap=True, overflow="ellipsis") for line in self._foot),
        )

    def _head(self) -> RenderableType:
        picture, say = self._picture, self._words.say
        title = say("title", name=self._words.name(people.NAME))
        days, number = len(picture.days), sum(day <= picture.today for day in picture.days)
        where = say("living") if picture.living else say("day", number=number, days=days)
        line = Table.grid(expand=True, padding=(0, 1))
        line.add_column(no_wrap=True, min_width=23)
        line.add_column(ratio=1)
        line.add_column(justify="right", no_wrap=True)
        bar = ProgressBar(days, number, complete_style="cyan", finished_style="cyan")
        when = f"{self._words.date(picture.today)}  {picture.hour}"
        line.add_row(Text(when, "bold"), bar, Text(where, "cyan"))
        return Group(Text.assemble((" Paceline ", "bold reverse"), "  ", title), line)

    def _goals(self, most: int, width: int) -> RenderableType:
        wide, narrow = width >= WIDE, width < NARROW
        picture, say = self._picture, self._words.say
        every = list(picture.goals.values())
        shown = every if most >= len(every) else sorted(every, key=lambda g: g.rank)[:most]
        table = Table(
            box=None, expand=True, padding=(0, 1, 0, 0), pad_edge=False, header_style="bright_black"
        )
        table.add_column(say("goal"), no_wrap=True, overflow="ellipsis", ratio=1)
        if wide:
            table.add_column(say("whose"), no_wrap=True, overflow="ellipsis", max_width=16)
        table.add_column(say("to_date"), no_wrap=True, min_width=15)
        days = min(SHOWN_DAYS, len(picture.days) + 1)
        table.add_column(say("run", days=days), no_wrap=True, min_width=SHOWN_DAYS)
        if not narrow:
            table.add_column(say("of_plan"), justify="right", no_wrap=True, min_width=21)
        for goal in shown:
            row = self._row(goal, wide, indent=shown is every)
            table.add_row(*(row[:-1] if narrow else row))
        some = say("goals.some", shown=len(shown), all=len(every))
        return Panel(
            table,
            title=say("goals") if shown is every else some,
            title_align="left",
            subtitle=Text(say("legend"), "bright_black"),
            subtitle_align="right",
            box=box.ROUNDED,
            border_style="bright_black",
        )

    def _row(self, goal: Goal, wide: bool, indent: bool) -> list[RenderableType]:
        newest, unit = goal.newest, "CNY" if goal.aim.metric == "revenue" else ""
        depth = goal.depth if indent else 0
        name = Text(f"{'  ' * depth}{self._words.name(goal.aim.name)}", "" if depth else "bold")
        whose = [Text(self._words.name(self._names.get(goal.aim.owner, goal.aim.owner)))]
        pair = f"{amount(newest.actual, unit)} / {amount(newest.plan, unit)}" if newest else "-"
        days = blocks([*goal.judged.values(), *([goal.running] if goal.running else [])])
        return [name, *(whose if wide else []), self._headline(goal), days, pair]

    def _headline(self, goal: Goal) -> Text:
        newest = goal.newest
        if newest is None:
            return Text("-", "bright_black")
        style = COLOURS.get(newest.to_date, "bright_black")
        text = Text(f"● {self._words.say(newest.to_date)} {percent(newest.ratio)}", style)
        if goal.last and goal.last.watch:
            text.append(f" {self._words.say('watch')}", "yellow")
        return text

    def _below(self, lines: int, wide: bool) -> RenderableType:
        feed = [news_line(news, self._words) for news in list(self._picture.news)[-lines:]]
        deeds = self._panel("deeds", _lines(feed[::-1], lines))
        if not wide:
            return deeds
        both = Table.grid(expand=True)
        both.add_column(ratio=68)
        both.add_column(ratio=32)
        both.add_row(deeds, self._panel("praise", _lines(self._praises(), lines)))
        return both

    def _praises(self) -> list[Text]:
        posted = [praise for praise in self._picture.praises if praise.state == "posted"]
        rows = [
            Text(
                self._words.say(
                    "praised",
                    day=f"{praise.day:%m-%d}",
                    person=self._words.name(self._names.get(praise.person, praise.person)),
                    actual=f"{praise.actual:,.0f}",
                ),
                "yellow",
            )
            for praise in reversed(posted)
        ]
        if len(posted) < len(self._picture.praises):
            rows.append(Text(self._words.say("unpraised"), "bright_black"))
        return rows

    def _panel(self, title: str, lines: Text) -> Panel:
        return Panel(
            lines,
            title=self._words.say(title),
            title_align="left",
            box=box.ROUNDED,
            border_style="bright_black",
        )


def blocks(lights: Sequence[Light]) -> Text:
    """Return the last run lights, the running day's in half brightness."""
    return strip([(light.run, light.provisional) for light in lights], SHOWN_DAYS)


def news_line(news: News, words: FirmWords) -> Text:
    """Return a line of the feed."""
    mark, style = MARKS.get(news.kind, OWN)
    if news.kind == "demo":
        said, text_style = words.say(**news.values), "bright_black"
    else:
        said, text_style = words.deed(news.kind, news.name, news.unit, news.values), ""
    return Text.assemble((f"{news.day} ", "bright_black"), (f"{mark} ", style), (said, text_style))


def facts(picture: Picture, words: FirmWords) -> Text:
    """Return what came through so far, in one line."""
    said = words.say(
        "facts",
        sent=picture.sent,
        deeds=picture.deeds.total(),
        praises=sum(praise.state == "posted" for praise in picture.praises),
        letters=picture.letters,
    )
    return Text(f" {said}", "bright_black", no_wrap=True, overflow="ellipsis")


def _lines(rows: Sequence[Text], count: int) -> Text:
    """Return exactly ``count`` lines, so that nothing below jumps; long ones are cut."""
    padded = [*rows[:count], *(Text() for _ in range(count - len(rows)))]
    text = Text("\n").join(padded)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
