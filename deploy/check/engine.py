"""A container engine for the check: the one that answers, else a dockerd of our own.

An own engine pulls nothing: its base image is made by debootstrap, and deploy/check/standins.yml
puts stand-ins where docker-compose.yml names the images of others.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from service_kit.embedded import end_leftovers
from service_kit.embedded.process import Child

BASE_IMAGE = "paceline-standin-python"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
DEBIAN = "bookworm"
DEBIAN_PACKAGES = "ca-certificates,python3,python3-venv"
READY_SECONDS = 60.0
STOP_SECONDS = 60.0


class Missing(Exception):
    """What this machine lacks for the check, and how to get it."""


class Failed(Exception):
    """A step of the check that did not do what it should; the message says which and why."""


class Engine:
    """Where `docker` goes. ``own``: an engine that lives only as long as the check."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._daemon: Child | None = None
        self.own = False
        self.environment: Mapping[str, str] = dict(os.environ)

    def __enter__(self) -> "Engine":
        """Raises Missing when there is neither an engine nor what an own one needs."""
        if shutil.which("docker") is None:
            raise Missing("there is no docker on the PATH (Debian: apt-get install docker.io)")
        if not self._answers():
            self._start()
        if not self._has_compose():
            self._stop()
            raise Missing(
                "docker has no compose plugin (go install github.com/docker/compose/v2/cmd@v2.29.7,"
                " then copy it to $DOCKER_CONFIG/cli-plugins/docker-compose)"
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def docker(self, *arguments: str, more: Mapping[str, str] | None = None) -> str:
        """Return what `docker ...` prints; raises Failed with what it complained about."""
        command = ["docker", *arguments]
        environment = {**self.environment, **(more or {})}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True)
        if answer.returncode:
            raise Failed(f"{' '.join(command)}:\n{answer.stdout[-2000:]}{answer.stderr[-4000:]}")
        return answer.stdout

    def has_image(self, name: str) -> bool:
        """Whether the engine has the image."""
        return bool(self.docker("image", "ls", "--quiet", name).strip())

    def make_base_image(self) -> str:
        """Make Debian with a Python, once per data folder, and return the image's name."""
        if not self.has_image(BASE_IMAGE):
            self._import(self._debian(), BASE_IMAGE)
        return BASE_IMAGE

    def _answers(self) -> bool:
        try:
            self.docker("version")
        except Failed:
            return False
        return True

    def _has_compose(self) -> bool:
        try:
            self.docker("compose", "version")
        except Failed:
            return False
        return True

    def _start(self) -> None:
        if os.geteuid() != 0:
            raise Missing("no engine answers (DOCKER_HOST), and only root can start one")
        lacking = [name for name in ("dockerd", "debootstrap") if shutil.which(name) is None]
        if lacking:
            packages = "apt-get install docker.io debootstrap"
            raise Missing(f"no engine answers, and there is no {lacking[0]} ({packages})")
        self._data.mkdir(parents=True, exist_ok=True)
        self._take_folder()
        end_leftovers(self._data, STOP_SECONDS)
        # A socket's path may be no longer than a hundred characters; a data folder's may.
        self._run = Path(tempfile.mkdtemp(prefix="paceline-check-"))
        socket = self._run / "docker.sock"
        self._daemon = Child("dockerd", self._command(socket), self._data, env={})
        self.own = True
        self.environment = {
            **os.environ,
            "DOCKER_HOST": f"unix://{socket}",
            "DOCKER_BUILDKIT": "0",  # an own engine brings no builder of its own
        }
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            if not self._daemon.alive or time.monotonic() > deadline:
                raise self._daemon.give_up("did not answer")
            time.sleep(0.2)

    def _take_folder(self) -> None:
        self._lock = (self._data / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failed(f"another check runs in {self._data}") from None

    def _command(self, socket: Path) -> Sequence[str]:
        """Return dockerd's command line; without iptables, which the machine may not allow."""
        daemon = shutil.which("dockerd") or "dockerd"
        folders = ["--data-root", str(self._data / "data"), "--exec-root", str(socket.parent)]
        pid = ["--pidfile", str(socket.parent / "dockerd.pid")]
        return [daemon, *folders, *pid, "--host", f"unix://{socket}", "--iptables=false"]

    def _debian(self) -> Path:
        root, whole = self._data / "root", self._data / "root.whole"
        if not whole.exists():
            shutil.rmtree(root, ignore_errors=True)
            _run("debootstrap", "--variant=minbase", f"--include={DEBIAN_PACKAGES}", DEBIAN, root)
            whole.touch()
        if CERTIFICATES.exists():
            shutil.copy(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
        return root

    def _import(self, root: Path, name: str) -> None:
        settings = [f"ENV {each}={CERTIFICATES}" for each in ("PIP_CERT", "NODE_EXTRA_CA_CERTS")]
        changes = [text for setting in settings for text in ("--change", setting)]
        archive = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
        command = ["docker", "import", *changes, "-", name]
        done = subprocess.run(
            command, env=self.environment, stdin=archive.stdout, stdout=subprocess.DEVNULL
        )
        if archive.wait() or done.returncode:
            raise Failed(f"could not import {root}")

    def _stop(self) -> None:
        if self._daemon is not None:
            self._daemon.stop(STOP_SECONDS)
            self._daemon = None
            shutil.rmtree(self._run, ignore_errors=True)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{command[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
