"""HTTP to handlers: events in; sources, metrics, records, dead letters and keys."""

from fastapi import FastAPI

from metrics_ingest.adapters.definitions import StoredSources
from metrics_ingest.adapters.hooks import StoredHooks
from metrics_ingest.adapters.registry import Access, SchemaRegistry
from metrics_ingest.adapters.routes import Counts
from metrics_ingest.adapters.vault import Vault
from metrics_ingest.api import (
    connectors,
    definitions,
    events,
    hooks,
    keys,
    letters,
    numbers,
    rates,
    reading,
    secrets,
    segment,
    trying,
)
from metrics_ingest.api.gate import Gate
from metrics_ingest.domain.holding import Holding
from metrics_ingest.ports.raw import RawLog, Schemas
from metrics_ingest.settings import IngestSettings
from service_kit.clock import Clock, SystemClock
from service_kit.runtime import Runtime
from service_kit.web import add_routes, make_app

__all__ = ["make_api"]


def make_api(
    runtime: Runtime,
    raw: RawLog,
    counts: Counts,
    ingest: IngestSettings | None = None,
    clock: Clock | None = None,
    schemas: Schemas | None = None,
    holding: Holding | None = None,
) -> FastAPI:
    """Return the service's application. ``clock`` is the machine's, by which signatures age."""
    app = make_app("Paceline metrics-ingest", runtime)
    ingest = ingest or IngestSettings()
    clock = clock or SystemClock()
    sources = StoredSources(runtime.store)
    kept = StoredHooks(runtime.store, Vault(ingest.secrets_keys), clock)
    gate = Gate(ingest)
    url = ingest.public_url
    registry = bool(ingest.registry)
    schemas = schemas or SchemaRegistry(Access())
    add_routes(
        app,
        events.routes(runtime, raw, sources, gate),
        segment.routes(runtime, raw, sources, gate),
        hooks.routes(runtime, raw, sources, kept, gate, url, clock),
        numbers.routes(runtime, raw, sources, gate),
        secrets.routes(runtime, sources, kept, url),
        definitions.routes(runtime, counts, sources, registry, ingest.topics, holding or Holding()),
        trying.routes(runtime, registry, ingest.topics),
        connectors.routes(runtime, counts, sources, registry, ingest.topics),
        reading.routes(runtime),
        letters.routes(runtime, counts, schemas),
        rates.routes(runtime),
        keys.routes(runtime),
    )
    return app
