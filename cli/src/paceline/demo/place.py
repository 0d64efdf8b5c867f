"""Where a demonstration keeps its data, and on which ports it listens."""

import fcntl
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO

from paceline import prometheus
from paceline.ports import taken
from paceline.system import MODULES, SERVER_PORT
from service_kit.embedded import end_leftovers

PORT_STEP = 100
LAST_PORT = 60_000
SERVER_PORTS = 3
HALF_MINUTE = 30.0


class Place:
    """A new folder for one demonstration; the last one's is ended and emptied first.

    When another demonstration runs at this moment, or the cache cannot be written to, it is a
    temporary folder, which :meth:`leave` removes.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._lock: IO[str] | None = None
        self._temporary = False
        self.folder = folder or self._in_cache() or self._elsewhere()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def leave(self) -> None:
        """Give the folder up; its logs stay until the next demonstration."""
        if self._lock is not None:
            self._lock.close()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _in_cache(self) -> Path | None:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(home) / "paceline" / "demo"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder.parent / "demo.lock").open("w")
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        self._lock = lock
        _empty(folder)
        return folder

    def _elsewhere(self) -> Path:
        self._temporary = True
        return Path(tempfile.mkdtemp(prefix="paceline-demo-"))


def _empty(folder: Path) -> None:
    """End what a killed demonstration left running there, then remove its data."""
    for part, patience in (("supervisor", HALF_MINUTE), ("services", 5.0), ("servers", 5.0)):
        if (folder / part).is_dir():
            end_leftovers(folder / part, patience)
    shutil.rmtree(folder)
    folder.mkdir()


def free_base_port(wanted: int) -> int:
    """Return ``wanted`` or the next base port, in steps of 100, whose ports are all free."""
    servers = range(SERVER_PORT, SERVER_PORT + SERVER_PORTS)
    offsets = [*range(len(MODULES) + 1), prometheus.PORT, *servers]
    for base in range(wanted, LAST_PORT, PORT_STEP):
        if not taken(base + offset for offset in offsets):
            return base
    raise OSError(f"no free ports from {wanted} on")


def command() -> str:
    """Return how this program is called in a terminal of this folder."""
    called = Path(sys.argv[0])
    if shutil.which("paceline") == str(called.absolute()) or not called.exists():
        return "paceline"
    here = Path.cwd()
    path = called.absolute()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
