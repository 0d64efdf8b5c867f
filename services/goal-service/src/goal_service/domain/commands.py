"""What the doors ask for."""

from dataclasses import dataclass

from event_contracts.facts import FactBatch
from event_contracts.metrics import MetricDefined
from goal_service.domain.drafts import Draft
from goal_service.domain.matching import Use
from goal_service.domain.people import Patch
from goal_service.domain.policies import Rules
from goal_service.domain.splits import SplitPart


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """Add batches to the fact store, to the goals that they count for, and to signs of life."""

    batches: tuple[FactBatch, ...]


@dataclass(frozen=True, slots=True)
class TellDays:
    """Say what the days have come to that facts have changed since this was done last."""


@dataclass(frozen=True, slots=True)
class UseMetric:
    """Let a goal begin, change or stop to use a metric."""

    use: Use


@dataclass(frozen=True, slots=True)
class DefineMetric:
    """Take in a metric's definition, unless a newer one is known."""

    definition: MetricDefined


@dataclass(frozen=True, slots=True)
class CreateGoal:
    """Make a goal; ``actor`` says so at ``at_ms`` of the organisation's clock."""

    tenant: str
    goal: str
    draft: Draft
    reason: str
    actor: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ChangeGoal:
    """Give a goal a further version. ``based_on`` is the version that the change was made from."""

    tenant: str
    goal: str
    draft: Draft
    reason: str
    actor: str
    at_ms: int
    based_on: int | None = None


@dataclass(frozen=True, slots=True)
class StopGoal:
    """Let a goal count no further."""

    tenant: str
    goal: str
    reason: str
    actor: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class SplitGoal:
    """Make goals that are the parts of a goal, all or none of them."""

    tenant: str
    goal: str
    parts: tuple[SplitPart, ...]
    allow_rest: bool
    reason: str
    actor: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """Give a named policy a further version. ``based_on`` as for ChangeGoal."""

    tenant: str
    name: str
    rules: Rules
    reason: str
    actor: str
    at_ms: int
    based_on: int | None = None


@dataclass(frozen=True, slots=True)
class FollowPolicy:
    """Let the next goals that name a policy follow its current version, ``most`` of them."""

    tenant: str
    name: str
    at_ms: int
    most: int


@dataclass(frozen=True, slots=True)
class FollowLeave:
    """Let the next individual goals of a person follow the known leave, ``most`` of them."""

    tenant: str
    person: str
    at_ms: int
    most: int


@dataclass(frozen=True, slots=True)
class ChangeDirectory:
    """Let entries of the directory say what the patches want.

    ``checked_at``: somebody has checked them as a whole against the directory as it was after so
    many changes, so that they may name each other before all of them are written.
    """

    tenant: str
    patches: tuple[Patch, ...]
    actor: str
    at_ms: int
    checked_at: int | None = None


@dataclass(frozen=True, slots=True)
class NoteView:
    """Remember that ``viewer`` has looked at a person's page."""

    tenant: str
    person: str
    viewer: str
    at_ms: int
