"""What happened to a goal, once: the events that other systems subscribe to."""

from datetime import date, datetime
from decimal import Decimal

from event_contracts.wire import Event, Part

KINDS = (
    "light.changed",
    "goal.off_track",
    "goal.escalated",
    "goal.missed",
    "goal.reached",
    "goal.restated",
    "goal.recovered",
    "guardrail.breached",
    "guardrail.cleared",
    "goal.changed",
    "goal.closed",
    "source.silent",
    "source.resumed",
)


class Span(Part, frozen=True, kw_only=True):
    """Local days that a deed speaks of, both inclusive; ``kind``: day, week, month, period."""

    kind: str
    start: date
    end: date


class GoalEvent(Event, frozen=True, kw_only=True, tag="goal-events.event.v1"):
    """A deed: the same ``id`` is the same deed, however often it is delivered.

    ``kind`` is one of KINDS. ``seq`` counts the goal's deeds from 1 without a hole. ``plan`` is
    what the light is judged by: the plan of the span or to date, the ratio or level wanted; for a
    total the target, for a guardrail its limit. ``completion`` is the light's r by the settled
    rules: actual / plan of a plain sum, (2 * plan - actual) / plan where less is better.
    ``light`` and ``before`` are colours (green, yellow, red, grey); ``light_kind`` is ``run`` or
    ``to-date``. ``tier`` is floor, target or stretch. ``final`` says whether the number can still
    change; ``corrects`` is the id of the deed that this one mends. ``escalated_to``
    (goal.off_track) is ``owner`` or ``lead``; ``guardrail`` names that of guardrail.breached and
    guardrail.cleared. ``owner`` is a person, told only where the organisation allows, and so is a
    person in ``changed_by``. goal.off_track: the investigation is ``due`` by then. goal.escalated:
    the to-date light has left green while the run of the off_track ``alarm``, of which the owner
    alone knew, stands red. A red light or an escalation of an individual goal is the owner's first:
    nobody brings it to the lead before ``lead_from``. goal.changed: ``goal_version`` was made by
    ``changed_by`` for ``reason``; from a ``stopped`` one on nothing counts. goal.closed: the
    period's number is final, ``tier`` is the highest that it reached. ``source`` is the metric
    whose source is silent, or is so no more.
    """

    id: str
    kind: str
    tenant: str
    goal: str
    goal_version: int
    seq: int
    name: str
    metric: str
    unit: str
    level: str
    owner_team: str
    span: Span
    ordinal: int
    actual: Decimal
    plan: Decimal
    target: Decimal
    as_of: datetime
    final: bool
    link: str
    floor: Decimal | None = None
    stretch: Decimal | None = None
    completion: Decimal | None = None
    light: str | None = None
    before: str | None = None
    light_kind: str = "run"
    tier: str | None = None
    corrects: str | None = None
    cause: str | None = None
    escalated_to: str | None = None
    guardrail: str | None = None
    owner: str = ""
    changed_by: str = ""
    reason: str = ""
    stopped: bool = False
    source: str | None = None
    alarm: str | None = None
    due: datetime | None = None
    lead_from: datetime | None = None
