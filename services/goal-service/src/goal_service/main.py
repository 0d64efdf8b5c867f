"""Wiring: the loop over facts and definitions, the timers, the HTTP door."""

import asyncio

from goal_service import metrics
from goal_service.adapters.compaction import Compactor
from goal_service.adapters.directory import DirectoryReader
from goal_service.adapters.held import Held
from goal_service.adapters.indexes import make_indexes
from goal_service.adapters.policies import PolicyReader
from goal_service.api import make_api
from goal_service.api.carrying import carrier
from goal_service.api.following import Follower, LeaveFollower, PolicyFollower
from goal_service.settings import PORT, SERVICE, GoalSettings
from goal_service.stream import GAPLESS, GROUP, TOPICS, make_stream
from service_kit.runtime import Runtime
from service_kit.service import run_service
from service_kit.ticker import tick_every

# Facts come many in a message, and gather by themselves while a transaction runs.
GATHER_SECONDS = 0.01
GATHER_RECORDS = 250  # with a backlog a day is written once for all; up to 400 KB each


async def serve(runtime: Runtime) -> None:
    """Run the service until it is told to stop."""
    settings = GoalSettings(runtime.settings)
    await make_indexes(runtime.store)
    held = Held()
    stream = make_stream(
        runtime.store,
        runtime.clock,
        runtime.guards,
        settings.partitions,
        held,
        # A little less than the tick: each tick then has something to say.
        tell_seconds=settings.shared.watermark_seconds * 0.9,
    )
    applier = await runtime.applier(stream, group=GROUP, gapless=GAPLESS)
    loop = runtime.loop(
        applier, topics=TOPICS, group=GROUP, within=GATHER_SECONDS, batch=GATHER_RECORDS
    )
    session = await runtime.session(f"compaction:{settings.shared.instance}")
    compactor = Compactor(runtime.store, session, settings.partitions, settings.compact_at)
    carry, clock = carrier(runtime), runtime.clock
    policies = PolicyFollower(carry, PolicyReader(runtime.store), clock)
    leave = LeaveFollower(carry, DirectoryReader(runtime.store), clock)
    await runtime.serve(
        make_api(runtime, held),
        loop.run(),
        tick_every(applier, settings.shared.watermark_seconds),
        compact_every(compactor, settings.compact_seconds),
        follow_every(settings.follow_seconds, policies, leave),
    )


async def compact_every(compactor: Compactor, seconds: float) -> None:
    """Compact for ever, ``seconds`` of real time apart."""
    while True:
        await asyncio.sleep(seconds)
        metrics.COMPACTED.inc(await compactor.run())


async def follow_every(seconds: float, *followers: Follower) -> None:
    """Finish for ever what a killed process left of what goals follow, ``seconds`` apart."""
    while True:
        await asyncio.sleep(seconds)
        for follower in followers:
            metrics.FOLLOWED.inc(await follower.run())


def main() -> None:
    """Run goal-service; never returns."""
    run_service(SERVICE, PORT, serve)
