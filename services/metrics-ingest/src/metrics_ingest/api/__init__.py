"""HTTP to handlers: events in; sources, metrics, records and dead letters."""

from fastapi import FastAPI

from metrics_ingest.adapters.definitions import StoredSources
from metrics_ingest.adapters.routes import Counts
from metrics_ingest.api import connectors, definitions, events, letters, numbers, reading
from metrics_ingest.ports import RawLog
from service_kit.runtime import Runtime
from service_kit.web import make_app

__all__ = ["make_api"]


def make_api(runtime: Runtime, raw: RawLog, counts: Counts) -> FastAPI:
    """Return the service's application."""
    app = make_app("Paceline metrics-ingest", runtime)
    sources = StoredSources(runtime.store)
    app.include_router(events.routes(runtime, raw, sources))
    app.include_router(numbers.routes(runtime, raw, sources))
    app.include_router(definitions.routes(runtime, counts, sources))
    app.include_router(connectors.routes(runtime, counts, sources))
    app.include_router(reading.routes(runtime))
    app.include_router(letters.routes(runtime, counts))
    return app
