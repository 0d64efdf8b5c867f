"""`paceline up` with the real broker and document server; the services are small stand-ins.

The real services are started by the trials in tests/; here the supervisor is what is looked at.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from typer.testing import CliRunner

from event_contracts.topics import TOPICS
from paceline import running
from paceline.main import app
from paceline.ports import taken
from paceline.positions import positions
from service_kit.keys import Keys
from service_kit.store import Store

BASE_PORT = 8425
PORTS = [*range(BASE_PORT, BASE_PORT + 7), *range(BASE_PORT + 20, BASE_PORT + 23)]
STAND_IN = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Door(BaseHTTPRequestHandler):
    def do_GET(self):
        names = [n for n in os.environ if n.startswith("PACELINE_")]
        page = {"items": [], "next": None} if self.path.startswith("/v1") else {}
        self.send_response(200); self.end_headers()
        self.wfile.write(json.dumps(page | {n: os.environ[n] for n in names}).encode())
    def log_message(self, *_): pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PACELINE_PORT"])), Door).serve_forever()
"""
PROGRAM = """
import paceline.system
paceline.system.MODULES = dict.fromkeys(paceline.system.MODULES, "stand_in")
from paceline.main import app
app()
"""
CHILDREN = {
    "console",
    "kafka",
    "documents",
    "metrics-ingest",
    "goal-service",
    "alerting",
    "incentives",
    "relay",
    "issuer",
}


class Up:
    """`paceline up` as a process of its own, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.file = self.data / "paceline.json"
        self.started: list[subprocess.Popen[bytes]] = []
        self._folder = folder
        (folder / "stand_in.py").write_text(STAND_IN)
        (folder / "program.py").write_text(PROGRAM)

    def start(self, *options: str) -> None:
        """Start and return when it is ready."""
        process = self.launch(*options)
        eventually(lambda: self.belongs_to(process.pid) or process.poll() is not None, 180)
        assert process.poll() is None, (self._folder / "up.log").read_text()

    def launch(self, *options: str) -> "subprocess.Popen[bytes]":
        """Start and return at once."""
        arguments = ["up", "--data", str(self.data), "--base-port", str(BASE_PORT), *options]
        arguments += [] if "--prometheus" in options else ["--no-prometheus"]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(self._folder), os.environ.get("PYTHONPATH")])
            ),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),
        }
        for name in ("PACELINE_KAFKA", "PACELINE_MONGODB", "PACELINE_CLOCK"):
            environment.pop(name, None)
        with (self._folder / "up.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(self._folder / "program.py"), *arguments],
                stdout=log,
                stderr=log,
                env=environment,
            )
        self.started.append(process)
        # Reaped as a shell would: psutil takes a dead process that nobody reaps for a living one.
        threading.Thread(target=process.wait, daemon=True).start()
        return process

    def belongs_to(self, pid: int) -> bool:
        return self.file.exists() and self.now.supervisor == pid

    @property
    def now(self) -> running.Running:
        return running.read(self.file)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One system for all tests here; they leave it running, the last `start` of it counts."""
    made = Up(tmp_path_factory.mktemp("up"))
    made.start("--clock", str(made.data / "clock.json"))
    yield made
    for process in made.started:
        process.terminate()
        process.wait(40)


def eventually(what: Callable[[], object], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not what():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


def gone(pids: Iterable[int]) -> bool:
    """Whether none of the processes runs; one that waits to be reaped does not."""
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                return False
        except psutil.NoSuchProcess:
            continue
    return True


def test_the_file_tells_addresses_pids_and_a_key_that_is_valid(up: Up) -> None:
    now = up.now
    assert set(now.pids) == CHILDREN
    assert now.ready
    assert all(psutil.pid_exists(pid) for pid in now.pids.values())
    assert now.issuer == f"http://127.0.0.1:{BASE_PORT + 5}"
    assert (up.data / "issuer" / "password").read_text() == now.issuer_password
    assert now.services["goal-service"] == f"http://127.0.0.1:{BASE_PORT + 2}"
    assert up.file.stat().st_mode & 0o777 == 0o600

    async def verified() -> Any:
        store = Store.connect(now.mongodb, "paceline_keys")
        try:
            return await Keys(store).verify(now.api_key)
        finally:
            await store.close()

    key = asyncio.run(verified())
    assert key is not None
    assert (key.tenant, key.scopes) == ("demo", frozenset({"*"}))


def test_services_get_their_addresses_by_the_environment(up: Up) -> None:
    now = up.now
    seen = httpx.get(now.services["alerting"]).json()
    assert seen["PACELINE_KAFKA"] == now.kafka
    assert seen["PACELINE_MONGODB"] == now.mongodb
    assert seen["PACELINE_PORT"] == str(BASE_PORT + 3)
    assert seen["PACELINE_INSTANCE"] == "alerting-0"
    assert seen["PACELINE_CLOCK"] == now.clock == str(up.data / "clock.json")
    assert "PACELINE_CONSOLE_SECRET" not in seen
    pages = httpx.get(now.services["console"]).json()
    assert pages["PACELINE_PORT"] == str(BASE_PORT)
    assert pages["PACELINE_ALERTING_URL"] == now.services["alerting"]
    assert pages["PACELINE_CONSOLE_SECRET"] == (up.data / "console" / "cookies").read_text()


def test_every_group_has_a_first_position_in_every_partition_it_reads(up: Up) -> None:
    found = asyncio.run(positions(up.now))
    expected = {
        (topic.group_of(service), topic.name, number)
        for topic in TOPICS
        for service in topic.consumers
        if service != "subscribers"
        for number in range(4)
    }
    assert {(p.group, p.partition.topic, p.partition.number) for p in found} == expected
    assert {(p.next, p.halted) for p in found} == {(0, None)}


def test_topics_plan_says_that_nothing_is_to_do(up: Up) -> None:
    done = CliRunner().invoke(app, ["topics", "plan", "--json", str(up.file)])
    assert done.exit_code == 0
    assert done.output.count("nothing") == len(TOPICS)
    assert CliRunner().invoke(app, ["topics", "apply", "--json", str(up.file)]).exit_code == 0


def test_doctor_looks_at_everything(up: Up) -> None:
    done = CliRunner().invoke(app, ["doctor", "--json", str(up.file)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert "goal-service facts/3" in done.output
    assert "next 0, end 0, lag 0" in done.output


def test_killed_children_come_back_servers_too(up: Up) -> None:
    before = up.now.pids
    for name in ("kafka", "documents", "alerting"):
        os.kill(before[name], signal.SIGKILL)

    def back() -> bool:
        pids = up.now.pids
        return set(pids) == CHILDREN and all(
            (pids[name] != before[name]) == (name in ("kafka", "documents", "alerting"))
            for name in CHILDREN
        )

    eventually(back, 120)
    # What was there is there: the positions are read from both servers.
    assert (
        len(asyncio.run(positions(up.now)))
        == len([1 for topic in TOPICS for group in topic.consumers if group != "subscribers"]) * 4
    )


def test_children_die_with_a_killed_supervisor_and_the_next_one_goes_on(up: Up) -> None:
    before = up.now
    os.kill(before.supervisor, signal.SIGKILL)
    eventually(lambda: gone(before.pids.values()))
    up.start()
    after = up.now
    assert set(after.pids) == CHILDREN
    assert after.api_key == before.api_key


def test_a_second_up_on_the_folder_ends_the_first_and_itself_when_its_time_is_over(up: Up) -> None:
    before = up.now
    began = time.monotonic()
    process = up.launch("--for", "15")
    eventually(lambda: gone([before.supervisor, *before.pids.values()]))
    eventually(lambda: taken(PORTS))
    assert process.wait(120) == 0
    assert time.monotonic() - began >= 15
    assert taken(PORTS) == []
    assert not list(up.data.glob("*/**/*.pid.json"))


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        options = ["--data", str(tmp_path), "--base-port", str(port - 3)]
        done = CliRunner().invoke(app, ["up", *options])
    assert done.exit_code == 1
    assert f"ports in use: {port}" in done.output
