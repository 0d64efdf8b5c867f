"""What can be asked of this service."""

from dataclasses import dataclass

from metrics_ingest.domain.connectors import Connector, Wanted
from metrics_ingest.domain.definitions import Metric, Source


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
class AddConnector:
    """Write the source and the metrics of a connector."""

    tenant: str
    actor: str
    connector: Connector
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class ReplayDeadLetters:
    """Send dead letters again: those named, or all of a source with a cause."""

    tenant: str
    actor: str
    ids: tuple[str, ...] = ()
    source: str | None = None
    cause: str | None = None
