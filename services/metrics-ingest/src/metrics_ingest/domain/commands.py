"""What can be asked of this service."""

from dataclasses import dataclass

from metrics_ingest.domain.definitions import Metric, Source
from metrics_ingest.domain.rates import Rate


@dataclass(frozen=True, slots=True)
class AcceptEvents:
    """Take events in through the HTTP door: each item is the text of one CloudEvent."""

    tenant: str
    source: str
    items: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class DefineSource:
    """Write a source: a new one, or (``exists``) the next version of one that is there."""

    tenant: str
    actor: str
    source: Source
    exists: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResumeSource:
    """Let a paused source run again."""

    tenant: str
    actor: str
    name: str


@dataclass(frozen=True, slots=True)
class DefineMetric:
    """Write a metric: a new one, or (``exists``) the next version of one that is there."""

    tenant: str
    actor: str
    metric: Metric
    exists: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LoadRates:
    """Write rates of exchange; a rate that differs from what is known revises it.

    ``places`` say where each stands in what was sent.
    """

    tenant: str
    actor: str
    rates: tuple[Rate, ...]
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplayDeadLetters:
    """Send dead letters again: those named, or all of a source with a cause and place.

    ``replay_id`` is written into each, and names the replay in the audit trail.
    """

    tenant: str
    actor: str
    replay_id: str
    ids: tuple[str, ...] = ()
    source: str | None = None
    cause: str | None = None
    where: str | None = None

    @property
    def group(self) -> dict[str, str]:
        """What the letters have in common, as far as it is named."""
        named = {"source": self.source, "cause": self.cause, "where": self.where}
        return {name: value for name, value in named.items() if value is not None}
