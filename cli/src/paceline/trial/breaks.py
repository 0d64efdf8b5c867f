"""Guards switched off on purpose, each with the fault that it exists for.

A drill with a broken guard must report something lost or doubled; if it did not, the drill would
prove nothing. The switches are environment variables (service_kit.guards) that nothing else sets.
"""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.request import urlopen

import psutil

from paceline.system import MODULES
from paceline.trial.system import System

Harm = Callable[[System, Callable[[], bool]], Coroutine[Any, Any, None]]
SESSION_SECONDS = 6.0
RELAY = list(MODULES).index("relay")  # its port, counted from the base port
SECOND = 19  # the port of the second worker
# Whoever reads facts has its lanes to tell what it has applied; this one reads plain events.
FROZEN = "metrics-ingest"


async def _nothing(system: System, busy: Callable[[], bool]) -> None:
    """The kills alone are the fault."""


@dataclass(frozen=True, slots=True)
class Break:
    """What the system's processes see in their environment, and what is done to them meanwhile."""

    environment: Mapping[str, str] = field(default_factory=dict)
    harm: Harm = _nothing


async def _freeze_past_the_session(system: System, busy: Callable[[], bool]) -> None:
    """Let a worker that stopped with a batch in hand sleep while a second one takes its partitions.

    It stops itself (PACELINE_STOP_AFTER_TAKE), is left so for longer than its session, and goes on
    with what it had taken. Until the drill is over: somebody has to wake it.
    """
    second = _second_worker(system)
    try:
        while True:
            await asyncio.sleep(0.1)
            asleep = [pid for pid in (_pid(system), second.pid) if _stopped(pid)]
            if asleep:
                await asyncio.sleep(SESSION_SECONDS + 3)
                for pid in asleep:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)
    finally:
        second.kill()
        second.wait()


def _pid(system: System) -> int:
    return int(system.facts()["pids"].get(FROZEN) or 0)


def _stopped(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(pid and psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    return False


def _second_worker(system: System) -> "subprocess.Popen[bytes]":
    facts = system.facts()
    environment = {
        "PACELINE_KAFKA": facts["kafka"],
        "PACELINE_MONGODB": facts["mongodb"],
        "PACELINE_CLOCK": facts["clock"],
        "PACELINE_INSTANCE": f"{FROZEN}-1",
        "PACELINE_PORT": str(system.base_port + SECOND),
    }
    with (system.data / f"{FROZEN}-1.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", MODULES[FROZEN]],
            env={**os.environ, **system.environment, **environment},
            stdout=log,
            stderr=log,
        )


async def _kill_the_relay(system: System, busy: Callable[[], bool]) -> None:
    """Kill the relay again and again while it holds rows sent and its cursor not moved.

    Each time only after it has sent something: on a slow machine it takes seconds to begin.
    """
    while busy():
        await asyncio.sleep(0.2)
        with contextlib.suppress(ProcessLookupError, KeyError):
            pid = int(system.facts()["pids"]["relay"])
            if await asyncio.to_thread(_has_sent, system.base_port + RELAY):
                os.kill(pid, signal.SIGKILL)
                await asyncio.sleep(2)


def _has_sent(port: int) -> bool:
    """Whether the relay's process has had rows acknowledged."""
    with contextlib.suppress(OSError):
        exposition = urlopen(f"http://127.0.0.1:{port}/metrics", timeout=1).read().decode()
        rows = re.findall(r"(?m)^paceline_relay_rows_total\{.*\} (\S+)$", exposition)
        return any(float(count) > 0 for count in rows)
    return False


BREAKS: dict[str, Break] = {
    "cas": Break(
        {"PACELINE_BREAK": "cas", "PACELINE_STOP_AFTER_TAKE": f"{FROZEN}:60"},
        _freeze_past_the_session,
    ),
    "head": Break({"PACELINE_BREAK": "head", "PACELINE_JUDGE_HOLD_SECONDS": "1.0"}),
    "exit": Break({"PACELINE_BREAK": "exit", "PACELINE_FAIL_AFTER_TAKE": "8"}),
    "lane": Break(
        {"PACELINE_BREAK": "lane", "PACELINE_RELAY_HOLD_SECONDS": "0.5"}, _kill_the_relay
    ),
}
