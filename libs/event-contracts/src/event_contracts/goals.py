"""What is wanted: a goal with its plan and its policy, as the judge needs it."""

from datetime import date
from decimal import Decimal

import msgspec

from event_contracts.facts import Condition
from event_contracts.wire import Event, Part


class Plan(Part, frozen=True, kw_only=True):
    """The plan per working day: one ``daily`` amount for all, or one for each day in ``days``."""

    daily: Decimal | None = None
    days: dict[date, Decimal] = msgspec.field(default_factory=dict)


class Calendar(Part, frozen=True, kw_only=True):
    """Which days are working days: ISO ``weekdays`` (1 is Monday), less ``off``, plus ``on``."""

    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5)
    off: tuple[date, ...] = ()
    on: tuple[date, ...] = ()


class Policy(Part, frozen=True, kw_only=True):
    """How a goal is judged; every number is a default of product.md's settled rules.

    Ratios are plain (0.70 is 70 %). ``non_working`` is ``leave_out`` or ``add_to_next``.
    ``restate_share`` is the share of a span's plan by which a changed actual restates it without
    a change of colour; None: by colour only. Durations are minutes, hours or days as named.
    """

    grain: str = "day"
    low: Decimal = Decimal("0.70")
    green: Decimal = Decimal("1")
    red_after: int = 3
    non_working: str = "leave_out"
    source_always_alive: bool = False
    freshness_minutes: int = 60
    restate_share: Decimal | None = Decimal("0.05")
    incomplete_after_hours: int = 48
    settle_days: int = 30


class GoalChanged(Event, frozen=True, kw_only=True, tag="goals.goal.v1"):
    """State per (tenant, goal): the whole goal at ``version``; the highest version holds."""

    tenant: str
    goal: str
    version: int
    name: str
    metric: str
    unit: str
    zone: str
    start: date
    end: date
    plan: Plan
    target: Decimal
    floor: Decimal | None = None
    stretch: Decimal | None = None
    where: tuple[Condition, ...] = ()
    calendar: Calendar = Calendar()
    policy: Policy = Policy()
    level: str = "company"
    owner_team: str = ""
    stopped: bool = False
    changed_ms: int = 0
