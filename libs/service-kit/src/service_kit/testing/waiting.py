"""Waiting for what is only so in the end: no test sleeps for as long as a quick machine takes."""

import asyncio
import time
from collections.abc import Awaitable, Callable

PATIENCE = 60.0  # only a failure, or a machine beyond its means, takes as long


async def until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return when it is true; raises AssertionError after ``seconds``."""

    async def look() -> bool:
        return true()

    await until_awaited(look, seconds)


async def until_awaited(true: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
    """The same of what has to be asked for."""
    deadline = time.monotonic() + seconds
    while not await true():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        await asyncio.sleep(0.01)
