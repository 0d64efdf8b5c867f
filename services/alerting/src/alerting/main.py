"""Wiring only."""

import asyncio

from alerting import api, stream
from alerting.adapters.deeds import make_indexes
from alerting.board import Board
from alerting.judge import Judge
from alerting.settings import PORT, SERVICE, AlertingSettings
from service_kit.runtime import Runtime
from service_kit.service import run_service

# Progress comes in bursts, one a second; few large transactions, each of which the judge follows.
GATHER_SECONDS = 0.5
GATHER_RECORDS = 3000  # of some hundred bytes


async def run(runtime: Runtime) -> None:
    """Run the service until it is told to stop."""
    settings = AlertingSettings.of(runtime.settings)
    await make_indexes(runtime.store)
    handler = stream.Stream(runtime.clock, runtime.guards, settings.shared.partitions)
    applier = await runtime.applier(handler, group=stream.GROUP)
    loop = runtime.loop(
        applier,
        topics=stream.TOPICS,
        group=stream.GROUP,
        within=GATHER_SECONDS,
        batch=GATHER_RECORDS,
    )

    def held() -> list[int]:
        return [
            p.number for p in applier.next if p.topic == stream.PROGRESS and p not in applier.halted
        ]

    # The drill that takes the heads away must be able to see what they are for.
    turn = applier.turn if runtime.guards.head else asyncio.Lock()
    session = await runtime.session(f"judge:{settings.shared.instance}")
    board = Board(runtime.store, held, settings.board_goals)
    judge = Judge(
        runtime.store,
        session,
        runtime.clock,
        runtime.guards,
        settings,
        held,
        turn,
        board.looked_at,
        handler.moved,
    )
    await runtime.serve(api.make(runtime), loop.run(), judge.run(), board.run())


def main() -> None:
    """Run the process."""
    run_service(SERVICE, PORT, run)
