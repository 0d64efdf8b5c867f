"""Guards switched off on purpose, each with the fault that it exists for.

A drill with a broken guard must report something lost or doubled; if it did not, the drill would
prove nothing. The switches are environment variables (service_kit.guards) that nothing else sets.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from paceline.trial.system import System

Harm = Callable[[System, Callable[[], bool]], Coroutine[Any, Any, None]]
SESSION_SECONDS = 6.0


async def _nothing(system: System, busy: Callable[[], bool]) -> None:
    """The kills alone are the fault."""


@dataclass(frozen=True, slots=True)
class Break:
    """What the system's processes see in their environment, and what is done to them meanwhile."""

    environment: Mapping[str, str] = field(default_factory=dict)
    harm: Harm = _nothing


async def _freeze_past_the_session(system: System, busy: Callable[[], bool]) -> None:
    """Stop goal-service for longer than its session while a second worker takes its partitions."""
    while busy():
        await asyncio.sleep(2)
        pid = int(system.facts()["pids"]["goal-service"])
        try:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(SESSION_SECONDS + 4)
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            continue


BREAKS: dict[str, Break] = {
    "cas": Break({"PACELINE_BREAK": "cas"}, _freeze_past_the_session),
    "head": Break({"PACELINE_BREAK": "head", "PACELINE_FAULT": "judge-hold"}),
    "exit": Break({"PACELINE_BREAK": "exit", "PACELINE_FAULT": "after-take"}),
    "lane": Break({"PACELINE_BREAK": "lane", "PACELINE_FAULT": "relay-hold"}),
}
