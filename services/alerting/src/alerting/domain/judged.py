"""What the judge remembers: of a span what was told, of a goal what has happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from alerting.domain.goal import GoalKey
from alerting.domain.lights import Colour, Light
from alerting.domain.spans import Span


class Kind(StrEnum):
    """The kinds of deeds."""

    LIGHT_CHANGED = "light.changed"
    OFF_TRACK = "goal.off_track"
    MISSED = "goal.missed"
    REACHED = "goal.reached"
    RESTATED = "goal.restated"
    RECOVERED = "goal.recovered"


@dataclass(frozen=True, slots=True)
class Judged:
    """A judged span. ``told`` is the actual that was last told, with the judgement or a deed.

    ``shown`` is the colour of the last span up to here that has a light at all, ``deed`` the id of
    the deed that told this span's light, ``alarm`` the id of the off_track of the red run that
    stands here. ``ordinals`` counts this span's deeds by kind.
    """

    light: Light
    told: Decimal
    shown: Colour | None = None
    deed: str | None = None
    alarm: str | None = None
    ordinals: Mapping[str, int] = field(default_factory=dict)

    def counted(self, kind: Kind) -> "Judged":
        """Return the span with one more deed of the kind."""
        number = self.ordinals.get(kind, 0) + 1
        return replace(self, ordinals={**self.ordinals, str(kind): number})


@dataclass(frozen=True, slots=True)
class Tier:
    """A reached tier: the highest amount that it had when it was reached, and how often it was."""

    amount: Decimal
    ordinal: int


@dataclass(frozen=True, slots=True)
class State:
    """What has happened to a goal: ``seq`` deeds, which tiers were reached, is it missed now.

    ``missed`` is the id of the standing goal.missed; ``turns`` counts how often missing or its
    recovery was told.
    """

    seq: int = 0
    tiers: Mapping[str, Tier] = field(default_factory=dict)
    missed: str | None = None
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that happened to a goal once; the same ``id`` is the same deed.

    ``plan`` is the span's plan, for a period its target; ``before`` and ``light`` are colours,
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
    light: Colour | None = None
    before: Colour | None = None
    tier: str | None = None
    corrects: str | None = None
