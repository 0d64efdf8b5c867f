"""What the demonstration knows at a moment: read from the APIs, shown by demo_view."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from paceline.trial.oracle import Wanted, working

SHOWN_DAYS = 20
KEPT_DEEDS = 60
RECENT_STEPS = 40
JUDGED_AFTER = timedelta(hours=3)  # midnight in London, the freshness, and an hour to spare
NEWS = frozenset(
    {"goal.off_track", "goal.restated", "goal.recovered", "goal.reached", "goal.missed"}
)


@dataclass(frozen=True, slots=True)
class Light:
    """One day of a goal as alerting has judged it; ``ratio`` is actual / plan."""

    day: date
    colour: str
    plan: Decimal
    actual: Decimal
    ratio: Decimal | None
    provisional: bool

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> "Light":
        """Read a row of ``/v1/lights``."""
        return cls(
            day=date.fromisoformat(row["span"]["start"]),
            colour=row["light"] or "none",
            plan=Decimal(row["plan"]),
            actual=Decimal(row["actual"]),
            ratio=_decimal(row.get("completion")),
            provisional=row["provisional"],
        )


@dataclass(slots=True)
class Goal:
    """One of the goals; ``total`` is its amount to date."""

    id: str
    unit: str
    wanted: Wanted
    lights: Sequence[Light] = ()
    total: Decimal = Decimal(0)

    @property
    def last(self) -> Light | None:
        """The newest judged day."""
        return next((light for light in reversed(self.lights) if not light.provisional), None)

    @property
    def of_target(self) -> Decimal:
        """Total / the year's target, as a ratio."""
        return self.total / self.wanted.target

    def of_plan(self, today: date) -> Decimal | None:
        """Total / the plan of all working days through ``today``, as a ratio."""
        want = self.wanted
        plan = want.daily * len(working(want.start, min(today, want.end)))
        return self.total / plan if plan else None


@dataclass(frozen=True, slots=True)
class News:
    """A line of the feed: a goal event, or with ``kind`` ``demo`` what the player itself did."""

    day: date
    kind: str
    goal: str = ""
    unit: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> "News | None":
        """Read a row of ``/v1/goal-events``; None for changes that are not news."""
        if row.get("light_kind") == "to-date":
            return None  # the screen's lights are those of the run
        kind = row["kind"]
        # One that corrects comes with goal.restated, which says the same.
        left_red = row.get("before") == "red" and row.get("corrects") is None
        if kind not in NEWS and not (kind == "light.changed" and left_red):
            return None
        values = {name: _decimal(row.get(name)) for name in ("actual", "plan", "floor")}
        tier = row.get("tier")
        words = {name: row.get(name) for name in ("light", "before")}
        values["amount"] = _decimal(row.get(tier)) if tier else None
        return cls(_day(row), kind, row["goal"], row["unit"], values | words | {"tier": tier})


@dataclass(frozen=True, slots=True)
class Praise:
    """A praise as incentives has awarded it."""

    day: date
    value: str
    threshold: Decimal
    actual: Decimal


@dataclass(slots=True)
class Pace:
    """How fast it plays, and how far behind the numbers are in real seconds.

    ``steps`` holds (real seconds, simulated epoch seconds, events sent) of each step of the clock.
    """

    sent: int = 0
    steps: deque[tuple[float, float, int]] = field(default_factory=lambda: deque(maxlen=400))
    completes: dict[str, float] = field(default_factory=dict)

    def stepped(self, real: float, simulated: float) -> None:
        """Note a step of the clock."""
        self.steps.append((real, simulated, self.sent))

    def complete(self, goal: str, at: float) -> None:
        """Note that a goal's numbers hold everything accepted before the simulated moment."""
        self.completes[goal] = at

    @property
    def complete_to(self) -> float | None:
        """The simulated moment to which all goals' numbers are complete."""
        return min(self.completes.values(), default=None)

    def lag(self, real: float) -> float | None:
        """Return how many real seconds ago the clock left the moment that is complete."""
        complete = self.complete_to
        if complete is None:
            return None
        left = (at for at, simulated, _ in self.steps if simulated > complete)
        return max(0.0, real - next(left, real))

    @property
    def rate(self) -> float:
        """Events a second over the last 40 steps."""
        recent = list(self.steps)[-RECENT_STEPS:]
        if len(recent) < 2:
            return 0.0
        (since, _, before), (now, _, sent) = recent[0], recent[-1]
        return (sent - before) / max(now - since, 0.001)


@dataclass(slots=True)
class Picture:
    """All that is shown."""

    goals: Mapping[str, Goal]
    days: Sequence[date]
    generated: bool
    today: date
    hour: int = 0
    over: bool = False
    pace: Pace = field(default_factory=Pace)
    news: deque[News] = field(default_factory=lambda: deque(maxlen=KEPT_DEEDS))
    deeds: Counter[str] = field(default_factory=Counter)
    praises: list[Praise] = field(default_factory=list)
    praised: Counter[str] = field(default_factory=Counter)

    def tell(self, rows: Sequence[Mapping[str, Any]]) -> list[News]:
        """Take goal events in; return those that are news."""
        self.deeds.update(row["kind"] for row in rows)
        found = [news for news in map(News.read, rows) if news is not None]
        self.news.extend(found)
        return found

    def praise(self, praises: Sequence[Praise]) -> None:
        """Take praises in."""
        self.praised.update(praise.value for praise in praises)
        self.praises.extend(praises)


def _day(row: Mapping[str, Any]) -> date:
    """Return the day that the event tells of; a tier's span is the period, so the day it became."""
    if row["kind"] == "goal.reached":
        return (datetime.fromisoformat(row["as_of"]) - JUDGED_AFTER).date()
    return date.fromisoformat(row["span"]["end" if row["kind"] == "goal.missed" else "start"])


def _decimal(text: str | int | float | None) -> Decimal | None:
    return None if text is None else Decimal(str(text))
