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
    ``grain`` is day, week, month, or running (judged weekly on the total so far, for goals that
    expect under 10 units even in a month); goal-service settles it once per goal version.
    ``strictly_more``: exactly ``green`` is yellow. ``red_after`` counts spans of the grain.
    ``restate_share`` is the share of a span's plan by which a changed actual restates it without
    a change of colour; None: by colour only. Durations are minutes, hours or days as named.
    ``to_date_from`` is the share of the period's plan from which there is a to-date light. A ratio
    is judged over ``ratio_days`` working days, with no light below ``ratio_least`` in its
    denominator. A level has no light before its plan has moved ``level_from`` of the way.
    ``owner_only_while_green``: a red run goes to the lead only if the to-date light is not green.
    ``working_day_ends`` is the local hour (1 to 24) at which a working day is over.
    """

    grain: str = "day"
    low: Decimal = Decimal("0.70")
    green: Decimal = Decimal("1")
    strictly_more: bool = False
    to_date_from: Decimal = Decimal("0.10")
    ratio_days: int = 5
    ratio_least: Decimal = Decimal(30)
    level_from: Decimal = Decimal("0.10")
    owner_only_while_green: bool = True
    red_after: int = 3
    non_working: str = "leave_out"
    source_always_alive: bool = False
    freshness_minutes: int = 60
    restate_share: Decimal | None = Decimal("0.05")
    incomplete_after_hours: int = 48
    settle_days: int = 30
    working_day_ends: int = 18


class Guardrail(Part, frozen=True, kw_only=True):
    """What must hold for a goal to be green: a sum or a ratio of two sums over the period to date.

    The value is the sum of ``metric`` under ``where``, divided by that of ``over_metric`` under
    ``over_where`` where there is one. ``at_most``: a value above ``limit`` breaches it, else one
    below. Nothing over nothing is no value; something over nothing breaches an at-most.
    """

    name: str
    metric: str
    limit: Decimal
    at_most: bool = True
    where: tuple[Condition, ...] = ()
    over_metric: str | None = None
    over_where: tuple[Condition, ...] = ()


class GoalChanged(Event, frozen=True, kw_only=True, tag="goals.goal.v1"):
    """State per (tenant, goal): the whole goal at ``version``; the highest version holds.

    ``form`` is sum, ratio (``metric`` over ``over_metric``, the plan is the ratio wanted) or level
    (from ``level_start`` to the target; with ``over_metric`` the level of a ratio, without it the
    start plus the sum of the metric, which then counts changes). ``at_most``: less is better.
    ``deal_value`` is the average deal of a money goal. ``owner`` is a person, ``parent`` the goal
    that this one is a part of. ``visibility`` is organisation, team or private. ``actor`` made this
    version, for this ``reason``. ``restates`` are days that were over when it became known that
    nobody was to work for the goal on them: they lose their light and their plan, also where an
    earlier version judged them.
    """

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
    form: str = "sum"
    at_most: bool = False
    over_metric: str | None = None
    over_where: tuple[Condition, ...] = ()
    level_start: Decimal | None = None
    guardrails: tuple[Guardrail, ...] = ()
    deal_value: Decimal | None = None
    owner: str = ""
    parent: str = ""
    visibility: str = "organisation"
    actor: str = ""
    reason: str = ""
    restates: tuple[date, ...] = ()
