"""The plot: what goes wrong and what goes well in the organisation's last six days.

A day is named by its place from the end: -1 is the last judged day, yesterday for a visitor.

- SEM: from -3 on its ads are clicked less and its leads fall; red on the third day, -1.
- Live streams: three poor days up to -3, red. A platform delivers half of -3 two days late, on -1:
  that day is restated, and the red is taken back.
- Social media: from -2 on its leads are bought too dear; the guardrail keeps it from being green.
- Content: on -3, -2 and -1 an article each passes 100 leads. Two authors are praised before their
  team and the CEO, the third has not agreed to that.
- Partners: from -2 on their export calls a field by another name; its events cannot count, the
  light is grey, and whoever mends the mapping and sends them again makes them count.
- Trade fairs: numbers typed by hand, three poor days, red. A better number moves the light.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property

from paceline.demo.firm.aims import END, METRIC, START, Aim, aims
from paceline.demo.firm.streams import (
    BY_HAND,
    BY_NAME,
    PARTNER,
    STREAMS,
    Happening,
    Stream,
    happenings,
    scaled,
    usual,
)
from paceline.trial.oracle import working

FEWEST_DAYS, MOST_DAYS = 6, 15
PRAISE_AT = 100
ARTICLES = {-3: ("content-sun.yue", 112), -2: ("content-he.lin", 108), -1: ("content-guo.tao", 104)}
UNPRAISED = "guo.tao"  # has not agreed
FALL = {"sem-zhang.min": Decimal("0.45"), "sem-liu.yang": Decimal("0.8")}
CLICKED = Decimal("0.016")
POOR_LIVE = {-5: Decimal("0.6"), -4: Decimal("0.5"), -3: Decimal("0.4")}
LATE, ARRIVES, LATE_LEADS = -3, -1, 8
DEAR = 10  # times the usual cost
FAIRS = {-3: 3, -2: 2, -1: 2}
BROKEN_FROM = -2


class Plot:
    """Some judged days of the organisation, and the morning of the next one."""

    def __init__(self, days: int = MOST_DAYS) -> None:
        every = working(START, END)
        self.days = every[:days]
        self.today = every[days]
        self.aims: tuple[Aim, ...] = aims(self.days[-FEWEST_DAYS])

    def day(self, place: int) -> date:
        """Return the day at a place from the end."""
        return self.days[place]

    def due(self, day: date) -> list[Happening]:
        """Return what is sent on a day, in the order of its times; what was late comes last."""
        own = [h for h in self._all if h.day == day and not h.late]
        late = [h for h in self._all if h.late] if day == self.day(ARRIVES) else []
        return sorted(own, key=lambda h: h.at) + late

    @cached_property
    def morning(self) -> list[Happening]:
        """What has come on the last, unjudged day by ten o'clock; nobody has typed a number."""
        streams = [stream for stream in STREAMS if stream.source != BY_HAND]
        found = [
            happening
            for stream in streams
            for happening in self._of(stream, self.today, usual(stream, self.today))[:1]
        ]
        return sorted(found, key=lambda h: h.at)

    def known(self, aim: Aim, close: date, metric: str | None = None) -> dict[date, Decimal]:
        """Return what has come of each day by a close, of the goal's own metric or of another."""
        counted = METRIC[metric or aim.metric]
        mine = {stream.name for stream in aim.streams(metric)}
        found: dict[date, Decimal] = {}
        for each in self._all:
            arrived = not each.late or close >= self.day(ARRIVES)
            if each.stream.name in mine and arrived and not each.broken and each.day <= close:
                amount = Decimal(each.amounts[counted.value])
                found[each.day] = found.get(each.day, Decimal(0)) + amount
        return {day: amount for day, amount in found.items() if day >= aim.start}

    @property
    def broken(self) -> list[Happening]:
        """What cannot count until the mapping is mended, of the judged days."""
        return [happening for happening in self._all if happening.broken]

    def silent(self, aim: Aim) -> set[date]:
        """Return the days on which the goal's source brought nothing that could be read."""
        if aim.always_alive:
            return set()
        return {happening.day for happening in self.broken}

    @property
    def praised(self) -> dict[tuple[str, date], str]:
        """Who passes 100 leads on which day, and what becomes of the praise."""
        return {
            (person, self.day(place)): "no-consent" if person == UNPRAISED else "posted"
            for place, (stream, _) in ARTICLES.items()
            for person in [BY_NAME[stream].dims["person"]]
        }

    @cached_property
    def _all(self) -> list[Happening]:
        return [h for day in self.days for stream in STREAMS for h in self._on(stream, day)]

    def _on(self, stream: Stream, day: date) -> list[Happening]:
        place = self.days.index(day) - len(self.days)
        found = self._of(stream, day, self._amounts(stream, day, place))
        if stream.name == "live-huang.kai" and place == LATE:
            amounts = {"count": LATE_LEADS}
            found += happenings(stream, day, amounts, tag="-late", late=True)
        return found

    def _of(self, stream: Stream, day: date, amounts: Mapping[str, int]) -> list[Happening]:
        broken = stream.source == PARTNER and day >= self.day(BROKEN_FROM)
        return happenings(stream, day, amounts, broken=broken)

    def _amounts(self, stream: Stream, day: date, place: int) -> dict[str, int]:
        healthy = usual(stream, day)
        if stream.name in FALL and place >= -3:
            return scaled(stream, FALL[stream.name])
        if stream.name == "live-huang.kai" and place in POOR_LIVE:
            return scaled(stream, POOR_LIVE[place])
        if stream.name == "fairs":
            return {"count": FAIRS[place] if place in FAIRS else stream.amounts["count"]}
        if stream.name == "ads-sem" and place >= -3:
            return healthy | {"clicks": round(healthy["impressions"] * CLICKED)}
        if stream.name == "ads-social" and place >= BROKEN_FROM:
            return healthy | {"cost": stream.amounts["cost"] * DEAR}
        article, extra = ARTICLES.get(place, ("", 0))
        if stream.name == article:
            return {"count": healthy["count"] + extra}
        return healthy
