"""The organisation's clock: event time, closes, due rows. Never leases, sessions or time-outs.

Those stay on the event loop's monotonic clock, so that a simulated year does not expire a lease.
"""

import os
import time
from pathlib import Path
from typing import Protocol

import msgspec


class Clock(Protocol):
    """Tells the organisation's time."""

    def now_ms(self) -> int:
        """Return epoch milliseconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return epoch milliseconds."""
        return time.time_ns() // 1_000_000


class Setting(msgspec.Struct, frozen=True):
    """The clock's file: at real time ``real0`` it is ``sim0``, then ``rate`` times as fast."""

    real0: float
    sim0: float
    rate: float


class FileClock:
    """A clock that all processes share through one small file.

    ``now = sim0 + (real - real0) * rate``; rate 0 stands still until somebody steps it. The file is
    read again when its modification time changes, looked at no more than every 5 ms.
    """

    _LOOK_EVERY = 0.005

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked = float("-inf")
        self._stamp = -1
        self._setting = Setting(0, 0, 1)

    def now_ms(self) -> int:
        """Return epoch milliseconds; raises FileNotFoundError while the file does not exist."""
        self._look()
        setting = self._setting
        return int((setting.sim0 + (time.time() - setting.real0) * setting.rate) * 1000)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < self._LOOK_EVERY:
            return
        stamp = self._path.stat().st_mtime_ns
        if stamp != self._stamp:
            self._setting = msgspec.json.decode(self._path.read_bytes(), type=Setting)
            self._stamp = stamp
        self._looked = now


def set_clock(path: Path, sim: float, rate: float = 0.0) -> None:
    """Set the shared clock to ``sim`` (epoch seconds), running at ``rate`` from now on."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(msgspec.json.encode(Setting(time.time(), sim, rate)))
    temporary.replace(path)


def clock_from_environment() -> Clock:
    """Return the shared clock that PACELINE_CLOCK names, else the machine's."""
    path = os.environ.get("PACELINE_CLOCK")
    return FileClock(Path(path)) if path else SystemClock()
