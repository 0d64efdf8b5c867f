"""The short demonstration, running: six days of the organisation, then its living present."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from paceline.demo.firm.plot import FEWEST_DAYS, Plot
from paceline.demo.place import free_base_port

LIVES_WITHIN = 240.0  # seconds; alone on two cores it takes a quarter of that
ENDS_WITHIN = 40.0
LIVES = 900  # seconds after which it leaves by itself, should these tests be killed
LAST_WORDS = "It keeps living"
BASE_PORT = 9600


@dataclass
class Demo:
    """A demonstration in a child process, and what it has said so far."""

    data: Path
    child: "subprocess.Popen[str]"
    said: list[str] = field(default_factory=list)
    plot: Plot = field(default_factory=lambda: Plot(FEWEST_DAYS))

    def listen(self) -> None:
        """Take its lines in until it ends."""
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.said.append(line.rstrip())

    def wait_until_it_lives(self) -> None:
        """Return when the plot is over; fails with what it said."""
        deadline = time.monotonic() + LIVES_WITHIN
        while not any(line.startswith(LAST_WORDS) for line in self.said):
            ended = self.child.poll()
            if ended is not None or time.monotonic() > deadline:
                why = "is not living yet" if ended is None else f"ended with {ended}"
                tail = "\n".join(self.said[-40:])
                log = self.data / "up.log"
                services = log.read_text()[-2000:] if log.exists() else ""
                pytest.fail(f"the demonstration {why}; it said:\n{tail}\nup.log:\n{services}")
            time.sleep(0.1)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the system says of itself."""
        found: dict[str, Any] = msgspec.json.decode((self.data / "paceline.json").read_bytes())
        return found

    @property
    def console(self) -> str:
        """The console's address."""
        return str(self.facts["services"]["console"])

    @property
    def password(self) -> str:
        """The local issuer's password, from the file that the demonstration names."""
        return (self.data / "issuer" / "password").read_text().strip()

    def get(self, service: str, path: str, **query: Any) -> Any:
        """Return an answer of a service."""
        key = {"Authorization": f"Bearer {self.facts['api_key']}"}
        url = self.facts["services"][service] + path
        answer = httpx.get(url, params=query, headers=key, timeout=30)
        assert answer.is_success, answer.text
        return answer.json()

    def items(self, service: str, path: str, **query: Any) -> list[Any]:
        """Return a list, which is short enough for one page."""
        items: list[Any] = self.get(service, path, limit=1000, **query)["items"]
        return items

    def becomes(self, look: Callable[[], Any], what: str, within: float = 60.0) -> Any:
        """Look until there is something to see, and return it."""
        deadline = time.monotonic() + within
        while not (found := look()):
            assert time.monotonic() < deadline, f"not within {within:.0f} s: {what}"
            assert self.child.poll() is None, "the demonstration has ended"
            time.sleep(0.3)
        return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    data: Path = tmp_path_factory.mktemp("demo") / "data"
    port = free_base_port(int(os.environ.get("PACELINE_DEMO_PORT", BASE_PORT)))
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "paceline", "demo", "--days", str(FEWEST_DAYS)),
            *("--lang", "en", "--speed", "100", "--for", str(LIVES)),
            *("--data", str(data), "--base-port", str(port)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    running = Demo(data, child)
    listener = threading.Thread(target=running.listen, daemon=True)
    listener.start()
    try:
        running.wait_until_it_lives()
        yield running
    finally:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        listener.join(5)
        assert child.stdout is not None
        child.stdout.close()


@pytest.fixture
def visits(demo: Demo, visiting: Callable[..., Any]) -> Callable[..., Any]:
    """Let somebody visit the demonstration's console."""
    return partial(visiting, demo)
