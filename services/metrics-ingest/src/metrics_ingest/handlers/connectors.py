"""A connector becomes a source and metrics of a tenant."""

from dataclasses import dataclass

from metrics_ingest.domain.commands import AddConnector, DefineMetric, DefineSource
from metrics_ingest.domain.connectors import made
from metrics_ingest.domain.definitions import Metric, Source
from metrics_ingest.domain.topics_of import ANY_TOPIC, TopicsOf
from metrics_ingest.handlers.definitions import define_metric, define_source
from metrics_ingest.ports.definitions import Announcements, DefinitionStore


@dataclass(frozen=True, slots=True)
class Added:
    """What was written, and what is left to do at the vendor."""

    source: Source
    metrics: tuple[Metric, ...]
    at_vendor: tuple[str, ...]


async def add_connector(
    command: AddConnector,
    store: DefinitionStore,
    announcements: Announcements,
    prefix: str,
    registry: bool,
    topics: TopicsOf = ANY_TOPIC,
) -> Added:
    """Write source and metrics like any other; raises UserError, also when a name is taken."""
    source, metrics = made(command.connector, command.wanted)
    reason = f"connector {command.connector.name}"
    defined = DefineSource(command.tenant, command.actor, source, exists=False, reason=reason)
    written = await define_source(defined, store, announcements, prefix, registry, topics)
    found = []
    for metric in metrics:
        wanted = DefineMetric(command.tenant, command.actor, metric, exists=False, reason=reason)
        found.append(await define_metric(wanted, store, announcements))
    return Added(written, tuple(found), command.connector.at_vendor)
