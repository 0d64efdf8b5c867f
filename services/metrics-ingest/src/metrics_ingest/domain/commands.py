"""What can be asked of this service."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from metrics_ingest.domain.connectors import Connector, Wanted
from metrics_ingest.domain.definitions import Metric, Source
from metrics_ingest.domain.doors.segment import Message
from metrics_ingest.domain.money.rates import Rate
from service_kit.errors import UserError


@dataclass(frozen=True, slots=True)
class AcceptEvents:
    """Take events in through the HTTP door: each item is the text of one CloudEvent."""

    tenant: str
    source: str
    items: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AcceptCalls:
    """Take Segment's calls in: each a call, or the refusal of one that could not be read."""

    tenant: str
    source: str
    calls: tuple[Message | UserError, ...]


@dataclass(frozen=True, slots=True)
class AcceptHook:
    """Take in what a signed webhook brings. ``query`` are the parameters behind its address."""

    tenant: str
    source: str
    body: bytes
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OpenHook:
    """Look up the address of a source's webhook; the first look makes it."""

    tenant: str
    actor: str
    source: str


@dataclass(frozen=True, slots=True)
class RotateHook:
    """Give a source's webhook a new address; the old ones hold for ``overlap_seconds`` more."""

    tenant: str
    actor: str
    source: str
    overlap_seconds: int


@dataclass(frozen=True, slots=True)
class KeepSecrets:
    """Make these, and of those that are there the ``kept`` (by fingerprint), a source's secrets."""

    tenant: str
    actor: str
    source: str
    secrets: tuple[str, ...]
    kept: tuple[str, ...]


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
class TryMetric:
    """Fold sample events, as they would come through a door, and keep nothing.

    ``source`` None: the one that is declared. ``query``: the parameters of a hook's address.
    """

    tenant: str
    metric: Metric
    source: Source | None
    door: str
    events: tuple[bytes, ...]
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AddConnector:
    """Write the source and the metrics of a connector."""

    tenant: str
    actor: str
    connector: Connector
    wanted: Wanted


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
