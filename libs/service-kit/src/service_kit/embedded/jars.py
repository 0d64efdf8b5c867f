"""Kafka's jars: brought once into the user's cache folder, and pinned by checksum.

The list beside this file is what `sha256sum *.jar` prints. To move to another Kafka, resolve the
new coordinates with jgo, write a new list, and change VERSION.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path

VERSION = "4.1.1"
# slf4j-simple, because without a binding a broker that cannot start says nothing.
COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{VERSION}",
    f"org.apache.kafka:kafka-tools:{VERSION}",
    "org.slf4j:slf4j-simple:1.7.36",
)
DOWNLOAD_SECONDS = 600
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


class JarsError(RuntimeError):
    """The jars are not there, or are not the ones that are pinned."""


def jars() -> Path:
    """The folder that holds every pinned jar. Never downloads.

    Raises JarsError when one is missing.
    """
    folder = _folder()
    missing = sorted(name for name in pinned() if not (folder / name).is_file())
    if missing:
        raise JarsError(f"{len(missing)} of Kafka's jars are not in {folder}; run `make setup`")
    return folder


def bring_jars() -> Path:
    """Make the folder of jars whole: download what is not there, check every sum.

    Nothing half downloaded is ever seen under the final name. Raises JarsError.
    """
    folder = _folder()
    if differing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="kafka-") as work:
            _put_in_place(_download(Path(work)), folder)
    return folder


def pinned() -> Mapping[str, str]:
    """The sha256 of each jar by its file name."""
    text = resources.files(__package__).joinpath(f"kafka-{VERSION}.sha256").read_text()
    return {name: digest for digest, name in map(str.split, text.splitlines())}


def differing(folder: Path) -> list[str]:
    """The names of the pinned jars that the folder lacks or holds with another content."""
    return [name for name, digest in pinned().items() if sha256(folder / name) != digest]


def cache_folder() -> Path:
    """Return where this user's copies of what was downloaded stay."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "paceline"


def _folder() -> Path:
    return cache_folder() / f"kafka-{VERSION}"


def _download(work: Path) -> Path:
    """Resolve the coordinates into a fresh repository and return a folder of the pinned jars."""
    repository, flat = work / "repository", work / "jars"
    resolve(COORDINATES, repository, work)
    flat.mkdir()
    for jar in repository.rglob("*.jar"):
        if jar.name in pinned():
            jar.rename(flat / jar.name)
    wrong = differing(flat)
    if wrong:
        raise JarsError(f"downloaded, but missing or not as pinned: {', '.join(wrong)}")
    return flat


def resolve(coordinates: Iterable[str], repository: Path, work: Path) -> None:
    """Download what the Maven coordinates name, and what that needs, into a repository.

    Raises JarsError.
    """
    options = ["--ignore-config", "--color=plain", "--resolver=python", "--timeout=60"]
    folders = [f"--repo-cache={repository}", f"--cache-dir={work / 'environments'}"]
    command = [sys.executable, "-m", "jgo", *options, *folders]
    answer = subprocess.run(
        [*command, "info", "classpath", "+".join(coordinates)],
        env={**os.environ, **_certificates()},
        capture_output=True,
        text=True,
        timeout=DOWNLOAD_SECONDS,
    )
    if answer.returncode:
        raise JarsError(f"jgo could not bring the jars:\n{answer.stderr[-2000:]}")


def _certificates() -> dict[str, str]:
    """In an emptied environment jgo finds no certificate bundle by itself."""
    if "REQUESTS_CA_BUNDLE" in os.environ or not SYSTEM_CERTIFICATES.is_file():
        return {}
    return {"REQUESTS_CA_BUNDLE": str(SYSTEM_CERTIFICATES)}


def _put_in_place(fresh: Path, folder: Path) -> None:
    """Rename into place; whoever else has put a whole folder there meanwhile is right too."""
    if folder.exists() and differing(folder):
        shutil.rmtree(folder)
    try:
        fresh.rename(folder)
    except OSError:
        if differing(folder):
            raise


def sha256(path: Path) -> str | None:
    """Return the file's sum in hexadecimal digits, None when it is not there."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
