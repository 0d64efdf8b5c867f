"""A goal as its judge needs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from service_kit.visibility import ORGANISATION

MAIN = ""
OVER = "over"


class GoalKey(NamedTuple):
    """Names a goal; an id is unique inside its tenant."""

    tenant: str
    goal: str


class Source(NamedTuple):
    """One of the sums that a goal is made of: ``part`` names it in the goal, ``metric`` feeds it.

    Parts: MAIN, OVER (the denominator), ``guardrail.N`` and ``guardrail.N.over``.
    """

    part: str
    metric: str


class Form(StrEnum):
    """What a goal's figure is: a sum, a ratio of two sums, or a level that moves from s to t."""

    SUM = "sum"
    RATIO = "ratio"
    LEVEL = "level"


class Grain(StrEnum):
    """What is judged as one; RUNNING is judged weekly on the total so far."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working days: ISO weekdays (1 is Monday), less ``off``, plus ``on`` (make-up days win)."""

    weekdays: frozenset[int] = frozenset((1, 2, 3, 4, 5))
    off: frozenset[date] = frozenset()
    on: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers of the settled rules; ratios are plain (0.70 is 70 %).

    ``strictly_more``: exactly ``green`` is yellow. ``restate_share`` is the share of a span's plan
    by which a changed actual restates it though its colour stays; None: by colour only.
    ``to_date_from``: share of the period's plan from which there is a to-date light. A ratio is
    judged over ``ratio_days`` working days, from ``ratio_least`` in its denominator on; a level
    once its plan has moved ``level_from`` of the way. ``working_day_ends`` is a local hour.
    """

    grain: Grain = Grain.DAY
    low: Decimal = Decimal("0.70")
    green: Decimal = Decimal(1)
    strictly_more: bool = False
    red_after: int = 3
    add_to_next: bool = False
    to_date_from: Decimal = Decimal("0.10")
    ratio_days: int = 5
    ratio_least: Decimal = Decimal(30)
    level_from: Decimal = Decimal("0.10")
    owner_only_while_green: bool = True
    source_always_alive: bool = False
    freshness_minutes: int = 60
    restate_share: Decimal | None = Decimal("0.05")
    incomplete_after_hours: int = 48
    settle_days: int = 30
    working_day_ends: int = 18


@dataclass(frozen=True, slots=True)
class Guardrail:
    """What must hold for a goal to be green, over the period to date.

    ``measure`` says what is counted, without the limit: see :class:`Goal`.
    """

    name: str
    metric: str
    limit: Decimal
    at_most: bool = True
    over_metric: str | None = None
    measure: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """One version of a goal.

    The plan of a day is its entry in ``days``; without one it is ``daily`` on working days, else 0.
    Of a level, ``days`` holds levels; without any it moves straight from ``level_start``.
    ``measure`` says what is counted (metrics and filters): two versions with the same measure speak
    of the same numbers. ``changed_ms`` is when the version was made, on the organisation's clock,
    by ``actor`` for ``reason``. ``owner`` is a person, ``visibility`` says who sees the goal.
    ``restates`` are days that were over when they became known as leave: see :mod:`relief`.
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
    form: Form = Form.SUM
    at_most: bool = False
    over_metric: str | None = None
    level_start: Decimal = Decimal(0)
    guardrails: tuple[Guardrail, ...] = ()
    measure: str = ""
    name: str = ""
    unit: str = ""
    level: str = "company"
    owner_team: str = ""
    stopped: bool = False
    changed_ms: int = 0
    actor: str = ""
    reason: str = ""
    owner: str = ""
    visibility: str = ORGANISATION
    restates: frozenset[date] = frozenset()

    @property
    def least(self) -> Decimal:
        """What the period must reach not to be missed: the floor, without one the target."""
        return self.target if self.floor is None else self.floor

    @property
    def is_a_persons(self) -> bool:
        """Whether the goal is one person's own."""
        return self.level == "individual" and bool(self.owner)

    @property
    def less_is_better(self) -> bool:
        """Whether a smaller figure is the better one; a level's direction is that of its way."""
        if self.form is Form.LEVEL:
            return self.target < self.level_start
        return self.at_most

    @property
    def measured(self) -> tuple[Source, ...]:
        """The sums of the goal's own figure, without its guardrails."""
        over = () if self.over_metric is None else (Source(OVER, self.over_metric),)
        return (Source(MAIN, self.metric), *over)

    @property
    def sources(self) -> tuple[Source, ...]:
        """All sums that the goal is made of."""
        found = list(self.measured)
        for number, one in enumerate(self.guardrails):
            found.append(Source(guarded(number), one.metric))
            if one.over_metric is not None:
                found.append(Source(guarded(number, OVER), one.over_metric))
        return tuple(found)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that have to be complete before the goal is judged."""
        return tuple(sorted({source.metric for source in self.sources}))

    def tiers(self) -> tuple[tuple[str, Decimal], ...]:
        """Return the declared tiers from the lowest to the highest."""
        named = (("floor", self.floor), ("target", self.target), ("stretch", self.stretch))
        return tuple((name, amount) for name, amount in named if amount is not None)


def guarded(number: int, of: str = MAIN) -> str:
    """Return the part of the guardrail with this number, or of its denominator."""
    return f"guardrail.{number}" + (f".{of}" if of else "")
