"""A document server that speaks MongoDB's protocol, on 127.0.0.1.

It is secantusd-py, a program of its own under another licence: it is started, never imported. It
is not MongoDB; what passes on it must also be right by MongoDB's manual.
"""

import sysconfig
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from service_kit.embedded.process import LOOPBACK, Child, wait_for_port, wait_until

READY_SECONDS = 30.0
STOP_SECONDS = 10.0


class DocumentStore:
    """A server that keeps its data in a folder and can be started again after kill -9.

    What it has acknowledged survives, because every commit is synced.
    """

    def __init__(self, data: Path, port: int):
        # Direct, because the server reports itself as a replica set under a name of its own.
        self.uri = f"mongodb://{LOOPBACK}:{port}/?directConnection=true"
        self._data = data.absolute()
        self._port = port
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """The server's pid. Raises RuntimeError when it was not started."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self._child is not None and self._child.alive

    def start(self) -> None:
        """Return when the server answers `hello` as a writable primary.

        Raises StartError with the end of its log.
        """
        self._child = Child("documents", self._command(), self._data, env={})
        wait_for_port(self._child, self._port, READY_SECONDS)
        wait_until(self._child, lambda: _is_primary(self.uri), "primary", READY_SECONDS)

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash does."""
        self._running().kill()

    def stop(self) -> None:
        """End the server in order; nothing happens when it was not started."""
        if self._child is not None:
            self._child.stop(STOP_SECONDS)

    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError("this DocumentStore was not started")
        return self._child

    def _command(self) -> list[str]:
        """The command line; an own empty settings file keeps the machine's out."""
        self._data.mkdir(parents=True, exist_ok=True)
        settings = self._data / "secantusd.toml"
        settings.touch()
        program = Path(sysconfig.get_path("scripts")) / "secantusd-py"
        address = ["--host", LOOPBACK, "--port", str(self._port)]
        storage = ["--storage-path", str(self._data / "store")]
        # Without --sync-on-commit a kill -9 loses acknowledged transactions.
        return [str(program), "--config", str(settings), *address, *storage, "--sync-on-commit"]


def _is_primary(uri: str) -> bool:
    client: MongoClient[dict[str, Any]]
    with MongoClient(uri, serverSelectionTimeoutMS=1000) as client:
        try:
            return bool(client.admin.command("hello").get("isWritablePrimary"))
        except PyMongoError:
            return False
