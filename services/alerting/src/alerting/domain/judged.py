"""What the judge remembers: of a span what was told, of a goal what has happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from alerting.domain.goal import GoalKey
from alerting.domain.lights import Colour, Light, LightKind
from alerting.domain.spans import Span


class Kind(StrEnum):
    """The kinds of deeds."""

    LIGHT_CHANGED = "light.changed"
    OFF_TRACK = "goal.off_track"
    ESCALATED = "goal.escalated"
    MISSED = "goal.missed"
    REACHED = "goal.reached"
    RESTATED = "goal.restated"
    RECOVERED = "goal.recovered"
    BREACHED = "guardrail.breached"
    CLEARED = "guardrail.cleared"
    CHANGED = "goal.changed"
    CLOSED = "goal.closed"
    SILENT = "source.silent"
    RESUMED = "source.resumed"


@dataclass(frozen=True, slots=True)
class Judged:
    """One light of a judged span.

    ``told`` is the actual that was last told, with the judgement or a deed. ``shown`` is the colour
    of the last span up to here that has such a light at all, ``deed`` the id of the deed that told
    this span's light, ``alarm`` the id of the off_track of the red run that stands here.
    ``ordinals`` counts the deeds of this span and light by kind.
    """

    light: Light
    told: Decimal
    shown: Colour | None = None
    deed: str | None = None
    alarm: str | None = None
    ordinals: Mapping[str, int] = field(default_factory=dict)

    def counted(self, kind: Kind) -> "Judged":
        """Return the light with one more deed of the kind."""
        number = self.ordinals.get(kind, 0) + 1
        return replace(self, ordinals={**self.ordinals, str(kind): number})


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judged span: its two lights, and the names of the guardrails breached at its close.

    ``incomplete``: not all was known when it was judged.
    """

    run: Judged
    to_date: Judged
    breached: tuple[str, ...] = ()
    incomplete: bool = False

    @property
    def span(self) -> Span:
        """The span."""
        return self.run.light.span


@dataclass(frozen=True, slots=True)
class Tier:
    """A reached tier: the hardest amount that it had when it was reached, and how often it was."""

    amount: Decimal
    ordinal: int


@dataclass(frozen=True, slots=True)
class Guard:
    """What was last told of a guardrail: is it breached, and how many deeds it has had."""

    breached: bool
    ordinal: int


@dataclass(frozen=True, slots=True)
class Voice:
    """What was last told of a metric's source: is it silent, and how many deeds it has had."""

    silent: bool
    ordinal: int


@dataclass(frozen=True, slots=True)
class State:
    """What has happened to a goal: ``seq`` deeds, which tiers were reached, is it missed now.

    ``missed`` is the id of the standing goal.missed; ``turns`` counts how often missing or its
    recovery was told. ``guards``: by the guardrail's name, ``sources``: by the metric.
    ``version`` is the newest that was told (the first needs no telling), ``closed`` the end of
    the period that was told final. ``quiet``: off_tracks of which the owner alone knows.
    """

    seq: int = 0
    tiers: Mapping[str, Tier] = field(default_factory=dict)
    missed: str | None = None
    turns: int = 0
    guards: Mapping[str, Guard] = field(default_factory=dict)
    sources: Mapping[str, Voice] = field(default_factory=dict)
    version: int = 1
    closed: date = date.min
    quiet: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a goal stood at its last judged span, for boards; ``start`` is the span's first day.

    ``completion`` is the to-date light's r, ``attainment`` the share of the period's target that
    was there, of a goal that adds up.
    """

    start: date = date.min
    run: Colour = Colour.NONE
    to_date: Colour = Colour.NONE
    completion: Decimal | None = None
    attainment: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that happened to a goal once; the same ``id`` is the same deed.

    ``plan`` is the plan that the light is judged by, for a period its target, for a guardrail its
    limit; ``ratio`` is the light's r, else actual / plan. ``before`` and ``light`` are colours,
    None where there is no light. ``final`` says that the number can change no more.
    """

    id: str
    kind: Kind
    goal: GoalKey
    goal_version: int
    seq: int
    span: Span
    ordinal: int
    actual: Decimal
    plan: Decimal
    final: bool
    ratio: Decimal | None = None
    light: Colour | None = None
    before: Colour | None = None
    light_kind: LightKind = LightKind.RUN
    tier: str | None = None
    corrects: str | None = None
    escalated_to: str | None = None
    guardrail: str | None = None
    changed_by: str = ""
    reason: str = ""
    stopped: bool = False
    source: str | None = None
    alarm: str | None = None
