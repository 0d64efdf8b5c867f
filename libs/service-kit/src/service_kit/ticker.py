"""Ticks: what time alone makes due (watermarks) gets its own empty slice."""

import asyncio
from collections.abc import Awaitable, Callable

from service_kit.batch import Applier


async def tick_every(
    applier: Applier, seconds: float, before: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Tick the applier for ever, ``seconds`` of real time apart; ``before`` is awaited first.

    A tick that takes longer than the pause is followed by the next one at once, never by two.
    Whatever is raised goes to the caller, which ends the process.
    """
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        due = max(due + seconds, loop.time())
        await asyncio.sleep(due - loop.time())
        if before is not None:
            await before()
        await applier.tick()
