"""A running system for a trial: started as its own processes, told about by one JSON file."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from service_kit.clock import set_clock

START_WITHIN = 120.0


class TrialFailed(Exception):
    """The trial could not be carried out, or its comparison found a difference."""


@dataclass(slots=True)
class System:
    """``paceline up`` in a child process, with its own data folder, ports and clock.

    With ``prometheus`` only where it is asked for, so that it takes nothing from what is measured.
    """

    data: Path
    base_port: int
    clock_at: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    prometheus: bool = False
    child: "subprocess.Popen[bytes] | None" = None

    @property
    def file(self) -> Path:
        """The file that ``up`` writes when all is ready."""
        return self.data / "paceline.json"

    @property
    def clock(self) -> Path:
        """The shared clock's file."""
        return self.data / "clock.json"

    def start(self) -> "System":
        """Start and wait until everything answers; raises TrialFailed with the log's end."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.file.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "paceline", "up"),
            *("--data", str(self.data), "--base-port", str(self.base_port)),
            *("--json", str(self.file)),
            "--prometheus" if self.prometheus else "--no-prometheus",
        ]
        if self.clock_at is not None:
            set_clock(self.clock, self.clock_at)
            command += ["--clock", str(self.clock)]
        with (self.data / "up.log").open("ab") as log:
            self.child = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **self.environment}
            )
        self._wait()
        return self

    def _wait(self) -> None:
        deadline = time.monotonic() + START_WITHIN
        while not self._ready():
            assert self.child is not None
            if self.child.poll() is not None or time.monotonic() > deadline:
                tail = (self.data / "up.log").read_text(errors="replace")[-3000:]
                self.stop()
                raise TrialFailed(f"paceline up did not get ready; its log ends with:\n{tail}")
            time.sleep(0.05)

    def _ready(self) -> bool:
        return self.file.exists() and bool(self.facts()["ready"])

    def facts(self) -> dict[str, Any]:
        """Return what ``up`` says of itself: addresses, key, pids."""
        found: dict[str, Any] = msgspec.json.decode(self.file.read_bytes())
        return found

    def url(self, service: str) -> str:
        """Return a service's base URL."""
        return str(self.facts()["services"][service])

    def step_clock(self, sim: float, rate: float = 0.0) -> None:
        """Set the shared clock."""
        set_clock(self.clock, sim, rate)

    def stop(self) -> None:
        """End it and all its children; what is on disk stays."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def __enter__(self) -> "System":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


async def until(check: Any, within: float, what: str, every: float = 0.05) -> Any:
    """Await ``check()`` until it is truthy and return it; raises TrialFailed after ``within`` s."""
    deadline = time.monotonic() + within
    while True:
        found = await check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TrialFailed(f"not within {within:.0f} s: {what}")
        await asyncio.sleep(every)
