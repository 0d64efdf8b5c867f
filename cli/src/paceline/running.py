"""The file by which a running `paceline up` can be found: addresses, pids, and a key."""

import contextlib
import os
from pathlib import Path

import msgspec
import psutil

FILE_NAME = "paceline.json"


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A running system. ``services`` are base addresses, ``pids`` all children by name.

    ``ready`` is whether every service has answered once. ``issuer`` signs people's tokens; the
    local one does for whoever knows ``issuer_password``. The file holds a key and that password,
    so only its owner can read it. ``prometheus`` is its address, empty where it does not run.
    """

    kafka: str
    mongodb: str
    api_key: str
    clock: str | None
    services: dict[str, str]
    pids: dict[str, int]
    supervisor: int
    tenant: str = ""
    data: str = ""
    prefix: str = "paceline."
    database_prefix: str = "paceline_"
    partitions: int = 4
    ready: bool = False
    issuer: str = ""
    issuer_password: str = ""
    prometheus: str = ""


def write(path: Path, running: Running) -> None:
    """Replace the file in one step: a reader sees the old or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(running)) + b"\n")
    half.replace(path)


def read(path: Path) -> Running:
    """Return the file's content; raises FileNotFoundError, or ValueError when it is another's."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Running)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} was not written by `paceline up`: {error}") from None


def announce(path: Path) -> None:
    """Let other commands of this user find the file without being told where it is."""
    with contextlib.suppress(OSError):  # a home that cannot be written to: --json still works
        _folder().mkdir(parents=True, exist_ok=True)
        link = _folder() / f"{os.getpid()}.json"
        link.unlink(missing_ok=True)
        link.symlink_to(path.absolute())


def withdraw() -> None:
    """Take the announcement back."""
    with contextlib.suppress(OSError):
        (_folder() / f"{os.getpid()}.json").unlink(missing_ok=True)


def newest() -> Path | None:
    """Return the file of the `up` that was started last and still runs, if there is one."""
    found = [path for path in _folder().glob("*.json") if _lives(path)]
    return max(found, key=lambda path: path.lstat().st_mtime_ns, default=None)


def _lives(link: Path) -> bool:
    """Whether the link's supervisor runs; a link of one that does not is removed."""
    with contextlib.suppress(OSError, ValueError):
        running = read(link)
        if str(running.supervisor) == link.stem and psutil.pid_exists(running.supervisor):
            return True
    with contextlib.suppress(OSError):
        link.unlink(missing_ok=True)
    return False


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "paceline" / "running"
