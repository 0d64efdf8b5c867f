"""A goal as its judge needs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple


class GoalKey(NamedTuple):
    """Names a goal; an id is unique inside its tenant."""

    tenant: str
    goal: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working days: ISO weekdays (1 is Monday), less ``off``, plus ``on`` (make-up days win)."""

    weekdays: frozenset[int] = frozenset((1, 2, 3, 4, 5))
    off: frozenset[date] = frozenset()
    on: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers of the settled rules; ratios are plain (0.70 is 70 %).

    ``restate_share`` is the share of a span's plan by which a changed actual restates it though
    its colour stays; None: by colour only.
    """

    grain: str = "day"
    low: Decimal = Decimal("0.70")
    green: Decimal = Decimal(1)
    red_after: int = 3
    add_to_next: bool = False
    source_always_alive: bool = False
    freshness_minutes: int = 60
    restate_share: Decimal | None = Decimal("0.05")
    incomplete_after_hours: int = 48
    settle_days: int = 30


@dataclass(frozen=True, slots=True)
class Goal:
    """One version of a goal.

    The plan of a day is its entry in ``days``; without one it is ``daily`` on working days, else 0.
    ``measure`` says what is counted (metric and filter): two versions with the same measure speak
    of the same numbers. ``changed_ms`` is when the version was made, on the organisation's clock.
    """

    key: GoalKey
    version: int
    metric: str
    zone: str
    start: date
    end: date
    target: Decimal
    floor: Decimal | None = None
    stretch: Decimal | None = None
    daily: Decimal | None = None
    days: Mapping[date, Decimal] = field(default_factory=dict)
    calendar: Calendar = Calendar()
    policy: Policy = Policy()
    measure: str = ""
    name: str = ""
    unit: str = ""
    level: str = "company"
    owner_team: str = ""
    stopped: bool = False
    changed_ms: int = 0

    @property
    def least(self) -> Decimal:
        """What the period must reach not to be missed: the floor, without one the target."""
        return self.target if self.floor is None else self.floor

    def tiers(self) -> tuple[tuple[str, Decimal], ...]:
        """Return the declared tiers from the lowest to the highest."""
        named = (("floor", self.floor), ("target", self.target), ("stretch", self.stretch))
        return tuple((name, amount) for name, amount in named if amount is not None)
