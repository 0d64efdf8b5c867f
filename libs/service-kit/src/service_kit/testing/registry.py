"""A real schema registry: Apicurio Registry (Apache-2.0), by the API of Confluent's.

It is 142 MB, so `make setup` does not bring it. Maven does:

    mvn dependency:get -Dtransitive=false \\
        -Dartifact=io.apicurio:apicurio-registry-app:2.6.13.Final:tar.gz:all
"""

import tarfile
import tempfile
from pathlib import Path
from typing import Any

import httpx
import msgspec

from service_kit.embedded.jars import cache_folder, sha256
from service_kit.embedded.java import java
from service_kit.embedded.process import LOOPBACK, Child, wait_until

VERSION = "2.6.13.Final"
_SUM = "3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba"
_MAVEN = Path(".m2/repository/io/apicurio/apicurio-registry-app") / VERSION
_ARCHIVE = f"apicurio-registry-app-{VERSION}-all.tar.gz"
_JAR = f"apicurio-registry-app-{VERSION}-runner.jar"
START_SECONDS = 60.0


def program() -> Path | None:
    """Return the registry's program, unpacked once; None where Maven has not brought it.

    Raises ValueError where what it has brought is another file.
    """
    folder = cache_folder() / f"apicurio-{VERSION}"
    archive = Path.home() / _MAVEN / _ARCHIVE
    if not folder.is_dir() and archive.is_file():
        if sha256(archive) != _SUM:
            raise ValueError(f"{archive} is not the file that is pinned")
        _unpack(archive, folder)
    return folder / _JAR if folder.is_dir() else None


def _unpack(archive: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="apicurio-") as work:
        whole = Path(work) / "whole"
        with tarfile.open(archive) as packed:
            packed.extractall(whole, filter="data")
        whole.rename(folder)


class Registry:
    """A registry that keeps its schemas in a folder, so that it can be killed and come back."""

    def __init__(self, jar: Path, folder: Path, port: int) -> None:
        self._jar = jar
        self._folder = folder
        self._port = port
        self._child: Child | None = None
        self.address = f"http://{LOOPBACK}:{port}/apis/ccompat/v7"

    def start(self) -> None:
        """Start it and wait until it answers; raises StartError."""
        settings = {
            "quarkus.http.host": LOOPBACK,
            "quarkus.http.port": str(self._port),
            "quarkus.datasource.jdbc.url": f"jdbc:h2:file:{self._folder / 'schemas'};WRITE_DELAY=0",
        }
        told = [f"-D{name}={value}" for name, value in settings.items()]
        argv = [java(), "-Xmx256m", "-XX:+UseSerialGC", *told, "-jar", str(self._jar)]
        self._child = Child("registry", argv, self._folder, {})
        wait_until(self._child, self._answers, "answering", START_SECONDS)

    def kill(self) -> None:
        """End it with SIGKILL; what it has answered stays."""
        if self._child is not None:
            self._child.kill()

    def register(self, subject: str, schema: Any, references: Any = ()) -> int:
        """Register a version of a subject's schema; return its id."""
        told = {"schema": msgspec.json.encode(schema).decode(), "references": list(references)}
        answer = httpx.post(f"{self.address}/subjects/{subject}/versions", json=told)
        answer.raise_for_status()
        return int(answer.json()["id"])

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/subjects").status_code == 200
        except httpx.HTTPError:
            return False
