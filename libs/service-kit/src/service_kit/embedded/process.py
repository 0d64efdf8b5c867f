"""Child processes that die with their parent and can be found again after a crash.

A child runs in its own process group, so a Ctrl-C in the terminal reaches only the parent, which
then stops its children in order. Each child leaves `NAME.log` and `NAME.pid.json` in its folder.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from service_kit.embedded import tether

LOOPBACK = "127.0.0.1"
POLL_SECONDS = 0.05
# A start time is the boot time, which the kernel corrects by up to a second, plus clock ticks.
START_TIME_TOLERANCE_SECONDS = 2.0


class StartError(RuntimeError):
    """A child did not become ready; the message ends with the last lines of its log."""


class Record(msgspec.Struct, frozen=True):
    """Which process a folder's child is: a pid alone may meanwhile belong to somebody else."""

    pid: int
    started: float


class Child:
    """A running program with its log and its record.

    Start it from a thread that lives as long as the child shall: Linux ends a tied child with
    the thread that started it, not with the process.
    """

    def __init__(self, name: str, argv: Sequence[str], folder: Path, env: Mapping[str, str]):
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.log = folder / f"{name}.log"
        self._record = folder / f"{name}.pid.json"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **env},
                process_group=0,
            )
        _write_record(self._record, self._process.pid)

    @property
    def pid(self) -> int:
        """The pid of the program itself."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the program runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the program and its group with SIGKILL; return when it is gone."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._record.unlink(missing_ok=True)

    def stop(self, grace_seconds: float) -> None:
        """End the program with SIGTERM, and with SIGKILL after the grace."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_seconds)
        self.kill()

    def give_up(self, what: str) -> StartError:
        """End the program; the error says what went wrong and shows the end of the log."""
        self.kill()
        lines = self.log.read_text(errors="replace").splitlines()[-20:]
        return StartError("\n".join([f"{self.name} {what}; the end of {self.log}:", *lines]))

    def _signal(self, number: signal.Signals) -> None:
        # The pid of a program that has been waited for may belong to somebody else.
        if self.alive:
            os.killpg(self.pid, number)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now; another process may still take it."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def wait_for_port(child: Child, port: int, timeout_seconds: float) -> None:
    """Return when the port accepts connections; raises StartError as `wait_until` does."""
    wait_until(child, lambda: _accepts(port), f"listening on port {port}", timeout_seconds)


def wait_until(child: Child, ready: Callable[[], bool], state: str, timeout_seconds: float) -> None:
    """Return when the child is ready.

    Raises StartError when the child ends first or the time is over; then it does not run any more.
    """
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        if not child.alive:
            raise child.give_up(f"ended before it was {state}")
        if time.monotonic() > deadline:
            raise child.give_up(f"was not {state} within {timeout_seconds:g} s")
        time.sleep(POLL_SECONDS)


def end_leftovers(folder: Path, grace_seconds: float = 5.0) -> list[int]:
    """End the children that a crashed parent left in this folder or one below; return their pids.

    A process counts as a leftover when pid and start time match the record. Names are never
    looked at.
    """
    ended = []
    for path in sorted([*folder.glob("*.pid.json"), *folder.glob("*/*.pid.json")]):
        leftover = _recorded_process(path)
        if leftover is not None:
            _end(leftover, grace_seconds)
            ended.append(leftover.pid)
        path.unlink(missing_ok=True)
    return ended


def _write_record(path: Path, pid: int) -> None:
    """Replace the record in one step, so that nobody reads half of it."""
    record = Record(pid, psutil.Process(pid).create_time())
    half = path.with_suffix(".tmp")
    half.write_bytes(msgspec.json.encode(record))
    half.replace(path)


def _recorded_process(path: Path) -> psutil.Process | None:
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
        process = psutil.Process(record.pid)
        drift = abs(process.create_time() - record.started)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None  # ended, and waits for its parent alone
    except (OSError, msgspec.DecodeError, psutil.NoSuchProcess):
        return None
    return process if drift < START_TIME_TOLERANCE_SECONDS else None


def _end(process: psutil.Process, grace_seconds: float) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        _, alive = psutil.wait_procs([process], timeout=grace_seconds)
        if alive:
            process.kill()
            process.wait(grace_seconds)


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False
