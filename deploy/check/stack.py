"""The stack of docker-compose.yml, as the drill's driver sees a running system."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import Engine, Failed

from paceline.trial.system import System
from service_kit.clock import set_clock
from service_kit.embedded.jars import jars

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROJECT = "paceline-check"
HEALTHY_SECONDS = 180.0
POLL_SECONDS = 1.0
SERVICES = ("console", "metrics-ingest", "goal-service", "alerting", "incentives")
OTHERS = ("kafka", "mongo")  # which tests can have as containers
STANDINS = (*OTHERS, "prometheus", "alertmanager")
# What is published, from the base port on, by the names of .env.example.
PORTS = (
    *("CONSOLE_PORT", "INGEST_PORT", "GOALS_PORT", "ALERTING_PORT", "INCENTIVES_PORT"),
    *("ISSUER_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT", "GRAFANA_PORT", "KAFKA_PORT"),
)


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the stack. ``pid`` is the engine's number of it, 0 when it does not run."""

    service: str
    pid: int
    state: str
    health: str
    exit_code: int
    restarts: int

    @property
    def well(self) -> bool:
        """Whether it is as it should be: healthy, or a job that has ended in order."""
        ended = self.state == "exited" and self.exit_code == 0
        return self.health == "healthy" or (self.health == "none" and ended)


class Stack(System):
    """The containers of one project. What the driver asks of a system is answered from outside."""

    def __init__(self, engine: Engine, data: Path, base_port: int, *, standins: bool) -> None:
        super().__init__(data, base_port)
        self._engine = engine
        self._standins = standins
        self._key = ""
        self._ports = {name: base_port + number for number, name in enumerate(PORTS)}

    def build(self, *, services: bool) -> None:
        """Make the stand-ins, if there are to be some, and the services' images."""
        if self._standins:
            self.compose("build", "prepare")
            self._build_standins()
        if services:
            self.compose("build")

    def start(self) -> "Stack":
        """Bring everything up and wait until it is healthy; raises Failed."""
        set_clock(self._clock_folder / "clock.json", self.clock_at or time.time())
        self.compose("up", "--detach", "--no-build")
        deadline = time.monotonic() + HEALTHY_SECONDS
        while waiting := [each for each in self.containers() if not each.well]:
            if time.monotonic() > deadline:
                raise Failed(f"not healthy: {waiting}\n{self.logs(waiting[0].service)}")
            time.sleep(POLL_SECONDS)
        self._key = json.loads(self.read("/var/lib/paceline/keys.json"))["demo"]
        return self

    def stop(self) -> None:
        """Remove containers, network and volumes; the images stay."""
        self.compose("down", "--volumes", "--timeout", "5")

    def test(self, paths: Sequence[str]) -> int:
        """Run these tests in containers of the engine; return pytest's exit code."""
        images = {f"PACELINE_{name.upper()}_IMAGE": f"paceline-standin-{name}" for name in OTHERS}
        # The helper that cleans up after testcontainers is one more image to pull.
        standins = images | {"TESTCONTAINERS_RYUK_DISABLED": "true"} if self._standins else {}
        command = [sys.executable, "-m", "pytest", "--containers", *paths]
        required = {"PACELINE_REQUIRE": "containers"}
        environment = {**self._engine.environment, **standins, **required}
        return subprocess.run(command, cwd=ROOT, env=environment).returncode

    @property
    def clock(self) -> Path:
        """The shared clock's file, which the services see."""
        return self._clock_folder / "clock.json"

    def port(self, name: str) -> int:
        """Return the port at which something is published, by its name in .env.example."""
        return self._ports[name]

    def url(self, service: str) -> str:
        """Return a service's published address."""
        return str(self.facts()["services"][service])

    def facts(self) -> dict[str, Any]:
        """Return addresses, the key, and the pids of what runs now."""
        ports = list(self._ports.values())
        urls = {
            name: f"http://127.0.0.1:{port}" for name, port in zip(SERVICES, ports, strict=False)
        }
        pids = {each.service: each.pid for each in self.containers() if each.pid}
        return {"services": urls, "api_key": self._key, "pids": pids}

    def containers(self) -> list[Container]:
        """Return the stack's containers, those that have ended too."""
        mine = f"label=com.docker.compose.project={PROJECT}"
        ids = self._engine.docker("ps", "--all", "--quiet", "--filter", mine).split()
        found = json.loads(self._engine.docker("inspect", *ids)) if ids else []
        return sorted((_container(each) for each in found), key=lambda each: each.service)

    def kill(self, pid: int) -> None:
        """End a container's program as a crash does; raises ProcessLookupError.

        Not by `docker kill`, which the engine takes for somebody's wish that it stay down.
        """
        program = f"import os; os.kill({pid}, 9)"
        try:
            self._engine.docker(
                *("run", "--rm", "--pid=host", "--network=none", "--user=0", "--entrypoint=python"),
                *(self.image("metrics-ingest"), "-c", program),
            )
        except Failed as error:
            raise ProcessLookupError(str(error)) from None

    def read(self, path: str) -> str:
        """Return a file of the volume that keeps the key and the issuer's password."""
        return self.compose("exec", "-T", "issuer", "cat", path)

    def logs(self, service: str) -> str:
        """Return the end of a service's log."""
        return self.compose("logs", "--tail", "40", "--no-color", service)

    def image(self, name: str) -> str:
        """Return the name of one of our images."""
        return f"{PROJECT}/{name}:check"

    def compose(self, *arguments: str) -> str:
        """Return what `docker compose ...` prints; raises Failed."""
        files = [ROOT / "docker-compose.yml", HERE / "clock.yml"]
        if self._standins:
            files.append(HERE / "standins.yml")
        named = [text for file in files for text in ("--file", str(file))]
        where = [
            "--project-name",
            PROJECT,
            "--project-directory",
            str(ROOT),
            "--env-file",
            "/dev/null",
        ]
        return self._engine.docker("compose", *where, *named, *arguments, more=self._settings())

    @property
    def _clock_folder(self) -> Path:
        folder = self.data / "clock"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _settings(self) -> Mapping[str, str]:
        ours = {
            "REGISTRY": PROJECT,
            "TAG": "check",
            "GRAFANA_PASSWORD": "for-the-check-only",
            "CHECK_CLOCK": str(self._clock_folder),
            **{name: str(port) for name, port in self._ports.items()},
        }
        if self._standins:
            ours["PYTHON_IMAGE"] = self._engine.make_base_image()
            ours["PACELINE_MONGODB"] = "mongodb://mongo:27017/?directConnection=true"
        return ours

    def _build_standins(self) -> None:
        context = self.data / "standins"
        shutil.rmtree(context, ignore_errors=True)
        shutil.copytree(HERE / "standins", context)
        shutil.copytree(jars(), context / "jars")
        for name in STANDINS:
            self._engine.docker(
                *("build", "--quiet", "--network=host", "--target", name),
                *("--build-arg", f"CLI_IMAGE={self.image('cli')}"),
                *("--build-arg", f"PYTHON_IMAGE={self._engine.make_base_image()}"),
                *("--tag", f"paceline-standin-{name}", str(context)),
            )


def _container(told: Mapping[str, Any]) -> Container:
    state = told["State"]
    return Container(
        service=told["Config"]["Labels"]["com.docker.compose.service"],
        pid=state["Pid"],
        state=state["Status"],
        health=state.get("Health", {}).get("Status", "none"),
        exit_code=state["ExitCode"],
        restarts=told["RestartCount"],
    )
