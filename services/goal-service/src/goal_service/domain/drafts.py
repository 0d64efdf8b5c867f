"""A goal as somebody wants it, before it is checked and settled."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from event_contracts.facts import Condition
from event_contracts.goals import Guardrail, Plan
from goal_service.domain.calendars import CalendarWish
from goal_service.domain.policies import Rules
from service_kit.visibility import ORGANISATION


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the target as a ratio: 0.8 is 80 %."""

    of_target: Decimal


@dataclass(frozen=True, slots=True)
class Between:
    """An elastic target: "a to b" means floor a, stretch b, target the middle."""

    low: Decimal
    high: Decimal


Amount: TypeAlias = Decimal | Share


@dataclass(frozen=True, slots=True)
class Link:
    """How a goal's target hangs on its parent's: as ``share`` of it; None: it is the goal's own.

    Parts of one split name it by ``split`` and stand at ``number`` in it: they are rounded
    together, never to more than the ``unit`` that it was counted in. ``floor`` and ``stretch`` are
    shares of the goal's own target; None: amounts.
    """

    share: Decimal | None = None
    split: str = ""
    number: int = 0
    floor: Decimal | None = None
    stretch: Decimal | None = None
    unit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A goal as wanted. ``plan`` None: straight over the working days.

    ``target`` None: ``share`` of the parent's target, else what the plan adds up to, else the
    middle of floor and stretch. ``policy_name`` names the document that ``rules`` come from.
    ``link`` is the place in a split of whoever has one. The other fields mean what they mean in
    GoalChanged.
    """

    name: str
    metric: str
    start: date
    end: date
    zone: str
    plan: Plan | None = None
    target: Decimal | Between | None = None
    share: Decimal | None = None
    floor: Amount | None = None
    stretch: Amount | None = None
    where: tuple[Condition, ...] = ()
    calendar: CalendarWish = field(default_factory=CalendarWish)
    rules: Rules = field(default_factory=Rules)
    policy_name: str = ""
    level: str = "company"
    owner_team: str = ""
    form: str = "sum"
    at_most: bool = False
    over_metric: str | None = None
    over_where: tuple[Condition, ...] = ()
    level_start: Decimal | None = None
    guardrails: tuple[Guardrail, ...] = ()
    deal_value: Decimal | None = None
    owner: str = ""
    parent: str = ""
    visibility: str = ORGANISATION
    link: Link | None = None
