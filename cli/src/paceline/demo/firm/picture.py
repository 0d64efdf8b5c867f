"""What is known of the organisation at a moment, read from the services' APIs alone."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from paceline.demo.firm.aims import Aim

KEPT_NEWS = 60
RANKS = ("red", "watch", "grey", "yellow", "none", "green")
NEWS = frozenset(
    {
        *("goal.off_track", "goal.restated", "goal.recovered", "goal.reached", "goal.missed"),
        *("guardrail.breached", "guardrail.cleared", "source.silent", "source.resumed"),
        *("goal.escalated", "goal.changed"),
    }
)


@dataclass(frozen=True, slots=True)
class Light:
    """One day of a goal as alerting sees it: its run light, and the light to date."""

    day: date
    run: str
    watch: bool
    provisional: bool
    to_date: str
    actual: Decimal
    plan: Decimal
    ratio: Decimal | None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> "Light":
        """Read a row of ``/v1/lights``; actual, plan and ratio are those to date."""
        head = row["to_date"]
        return cls(
            day=date.fromisoformat(row["span"]["start"]),
            run=row["light"],
            watch=row["watch"],
            provisional=row["provisional"],
            to_date=head["light"],
            actual=Decimal(head["actual"]),
            plan=Decimal(head["plan"]),
            ratio=_decimal(head["ratio"]),
        )


@dataclass(slots=True)
class Goal:
    """A goal: its judged days, and the day that runs."""

    aim: Aim
    depth: int
    judged: dict[date, Light] = field(default_factory=dict)
    running: Light | None = None

    @property
    def last(self) -> Light | None:
        """The newest judged day."""
        return self.judged[max(self.judged)] if self.judged else None

    @property
    def newest(self) -> Light | None:
        """The day that runs, else the newest judged one: it has the headline."""
        return self.running or self.last

    @property
    def rank(self) -> int:
        """The smaller, the sooner somebody should look."""
        colours = {self.last.run if self.last else "none"}
        if self.newest:
            colours.add(self.newest.to_date)
        if self.last and self.last.watch:
            colours.add("watch")
        return min(RANKS.index(colour) for colour in colours)


@dataclass(frozen=True, slots=True)
class News:
    """A line of the feed: a goal event; with kind ``demo`` what the demonstration itself did."""

    day: date
    kind: str
    name: str = ""
    unit: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> "News | None":
        """Read a row of ``/v1/goal-events``; None for what is no news."""
        if row["kind"] not in NEWS or row.get("light_kind") == "to-date":
            return None
        keys = ("light", "before", "tier", "guardrail", "source", "escalated_to")
        values: dict[str, Any] = {key: row.get(key) for key in keys}
        values |= {key: _decimal(row.get(key)) for key in ("actual", "plan")}
        day = date.fromisoformat(row["as_of"][:10] if row.get("tier") else row["span"]["start"])
        return cls(day, row["kind"], row["name"], row["unit"], values)


@dataclass(frozen=True, slots=True)
class Praise:
    """An award; ``state`` says whether it was posted."""

    day: date
    person: str
    actual: Decimal
    state: str


@dataclass(slots=True)
class Picture:
    """All that is shown. ``hour`` is text; ``living``: the plot is over and the clock is real."""

    goals: Mapping[str, Goal]
    days: Sequence[date]
    today: date
    hour: str = ""
    living: bool = False
    sent: int = 0
    letters: int = 0
    news: deque[News] = field(default_factory=lambda: deque(maxlen=KEPT_NEWS))
    deeds: Counter[str] = field(default_factory=Counter)
    praises: list[Praise] = field(default_factory=list)

    def look(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take rows of ``/v1/lights`` in."""
        for row in rows:
            goal = self.goals.get(row["goal"])
            if goal is None:
                continue  # a visitor's own
            light = Light.read(row)
            if light.provisional:
                # Behind a judged day stands the next one, whose whole plan is open yet.
                goal.running = light if light.day <= self.today else None
            else:
                goal.judged[light.day] = light
                if goal.running and goal.running.day <= light.day:
                    goal.running = None

    def judged_through(self, day: date) -> bool:
        """Whether every goal's light of the day has been judged."""
        return all(
            goal.aim.start > day or (goal.judged and max(goal.judged) >= day)
            for goal in self.goals.values()
        )

    def tell(self, rows: Sequence[Mapping[str, Any]]) -> list[News]:
        """Take goal events in; return those that are news."""
        self.deeds.update(row["kind"] for row in rows)
        found = [news for news in map(News.read, rows) if news is not None]
        self.news.extend(found)
        return found

    def say(self, key: str, **values: Any) -> News:
        """Put into the feed what the demonstration itself does."""
        news = News(self.today, "demo", values={"key": key, **values})
        self.news.append(news)
        return news


def first_picture(aims: Sequence[Aim], days: Sequence[date]) -> Picture:
    """Return the picture before anything has been sent; goals stand below their parents."""
    goals: dict[str, Goal] = {}

    def climb(parent: str, depth: int) -> None:
        for aim in aims:
            if aim.parent == parent:
                goals[aim.id] = Goal(aim, depth)
                climb(aim.id, depth + 1)

    climb("", 0)
    return Picture(goals, days, today=days[0])


def _decimal(text: str | int | float | None) -> Decimal | None:
    return None if text is None else Decimal(str(text))
