"""What the services answer, as far as the pages use it. Fields that are not named are ignored."""

from datetime import date, datetime
from decimal import Decimal

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all answers: tolerant readers."""


class Plan(Answer, frozen=True):
    """The plan per working day: one amount for all, or one for each day."""

    daily: Decimal | None = None
    days: dict[date, Decimal] = {}


class Calendar(Answer, frozen=True):
    """Which days are working days."""

    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5)
    off: frozenset[date] = frozenset()
    on: frozenset[date] = frozenset()

    def works(self, day: date) -> bool:
        """Whether the day is a working day."""
        return day in self.on or (day.isoweekday() in self.weekdays and day not in self.off)


class Policy(Answer, frozen=True):
    """What of a policy is told: the spans that a goal is judged by."""

    grain: str = "day"


class Guardrail(Answer, frozen=True):
    """A bound that must hold for a goal to be green."""

    name: str
    metric: str
    limit: Decimal
    at_most: bool = True


class Goal(Answer, frozen=True):
    """A goal as it is."""

    id: str
    name: str
    metric: str
    unit: str
    zone: str
    start: date
    end: date
    target: Decimal
    version: int
    plan: Plan = Plan()
    floor: Decimal | None = None
    stretch: Decimal | None = None
    calendar: Calendar = Calendar()
    policy: Policy = Policy()
    level: str = "company"
    owner_team: str = ""
    owner: str = ""
    parent: str = ""
    form: str = "sum"
    at_most: bool = False
    over_metric: str | None = None
    stopped: bool = False
    visibility: str = "organisation"
    guardrails: tuple[Guardrail, ...] = ()
    reason: str = ""
    changed_by: str = ""
    changed_at: datetime | None = None


class Step(Answer, frozen=True):
    """A goal on the way up, and why the one before matters to it."""

    id: str
    name: str
    level: str
    why: str = ""


class Span(Answer, frozen=True):
    """Local days, both inclusive."""

    kind: str
    start: date
    end: date


class ToDate(Answer, frozen=True):
    """The headline: everything so far against the plan so far."""

    light: str
    actual: Decimal
    plan: Decimal
    ratio: Decimal | None = None
    why: str = ""


class Light(Answer, frozen=True):
    """One span's lights: the run light, and beside it the one to date."""

    goal: str
    span: Span
    light: str
    to_date: ToDate
    actual: Decimal
    plan: Decimal
    watch: bool = False
    low_run: int = 0
    provisional: bool = False
    ratio: Decimal | None = None
    why: str = ""
    breached: tuple[str, ...] = ()
    restated: bool = False


class Lights(Answer, frozen=True):
    """Lights, and until when everything that was accepted is in them."""

    items: tuple[Light, ...]
    next: str | None = None
    complete_to_ms: int = -1
    needed_per_day: Decimal | None = None


class Day(Answer, frozen=True):
    """What a day has come to."""

    day: date
    value: Decimal


class Progress(Answer, frozen=True):
    """How far a goal is."""

    total: Decimal
    items: tuple[Day, ...]
    value: Decimal | None = None
    complete_to: datetime | None = None
    next: str | None = None


class Deed(Answer, frozen=True):
    """Something that happened to a goal."""

    kind: str
    goal: str
    name: str
    unit: str
    seq: int
    span: Span
    actual: Decimal
    plan: Decimal
    target: Decimal
    as_of: datetime
    light: str | None = None
    before: str | None = None
    light_kind: str = "run"
    tier: str | None = None
    floor: Decimal | None = None
    guardrail: str | None = None
    escalated_to: str | None = None
    changed_by: str = ""
    reason: str = ""
    stopped: bool = False
    source: str | None = None
    final: bool = False


class Metric(Answer, frozen=True):
    """A metric, as metrics-ingest declares it."""

    name: str
    source: str
    unit: str = ""
    dims: tuple[str, ...] = ()


class Source(Answer, frozen=True):
    """A source of events."""

    name: str
    zone: str = "UTC"
    version: int = 0
    paused: str | None = None


class Stats(Answer, frozen=True):
    """What became of a source's events."""

    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    dead_letters: int = 0
    last_ms: int | None = None


class Group(Answer, frozen=True):
    """Dead letters of one source with one cause at one place."""

    source: str
    cause: str
    where: str
    letters: int
    occurrences: int


class Letter(Answer, frozen=True):
    """One dead letter."""

    id: str
    source: str
    event_id: str
    cause: str
    where: str
    message: str
    at_ms: int
    received_ms: int
    state: str
    count: int = 1
    door: str = ""


class Letters(Answer, frozen=True):
    """A page of dead letters, and how many there are of which sort."""

    items: tuple[Letter, ...]
    groups: tuple[Group, ...] = ()
    next: str | None = None


class Person(Answer, frozen=True):
    """A person, as lists show everybody."""

    id: str
    name: str
    roles: tuple[str, ...] = ()
    team: str = ""
    manager: str = ""


class Team(Answer, frozen=True):
    """A team."""

    id: str
    name: str
    parent: str = ""
    lead: str = ""


class Consent(Answer, frozen=True):
    """What a person agrees to."""

    praise: bool = False


class Leave(Answer, frozen=True, rename={"start": "from", "end": "to"}):
    """Days of leave, both inclusive."""

    start: date
    end: date


class Page(Answer, frozen=True):
    """A person's whole page."""

    id: str
    name: str
    mail: str = ""
    roles: tuple[str, ...] = ()
    team: str = ""
    manager: str = ""
    language: str = "en"
    consent: Consent = Consent()
    leave: tuple[Leave, ...] = ()


class View(Answer, frozen=True):
    """Somebody looked at a person's page."""

    viewer: str
    at: datetime


class TypedNumber(Answer, frozen=True):
    """A number that somebody typed: one revision of one cell."""

    id: str
    at_ms: int
    received_ms: int
    fields: dict[str, str | int]
