"""Wiring only."""

from incentives import api, stream
from incentives.adapters.awards import ensure_indexes
from incentives.settings import PORT, SERVICE
from service_kit.runtime import Runtime
from service_kit.service import run_service

# A transaction costs the database more than what a few facts add to it.
GATHER_SECONDS = 0.25


async def run(runtime: Runtime) -> None:
    """Run the service until it is told to stop."""
    await ensure_indexes(runtime.store)
    handler = stream.make_stream(
        runtime.store, runtime.clock, runtime.guards, runtime.settings.partitions
    )
    applier = await runtime.applier(handler, group=stream.GROUP, gapless=stream.GAPLESS)
    loop = runtime.loop(applier, topics=stream.TOPICS, group=stream.GROUP, within=GATHER_SECONDS)
    await runtime.serve(api.make(runtime), loop.run())


def main() -> None:
    """Run the process."""
    run_service(SERVICE, PORT, run)
