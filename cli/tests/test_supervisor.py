import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paceline import running
from paceline.supervisor import Backoff, Service, Supervisor

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def eventually(what: Callable[[], object], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not what():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def test_the_pause_doubles_to_five_seconds_and_a_healthy_life_resets_it() -> None:
    backoff = Backoff()
    pauses = [backoff.after(1) for _ in range(7)]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert backoff.after(29.9) == 5.0
    assert backoff.after(30) == 0.2
    assert backoff.after(1) == 0.4


def test_a_killed_program_is_started_again_under_another_pid(tmp_path: Path) -> None:
    changes: list[dict[str, int]] = []
    supervisor = Supervisor(lambda: changes.append(supervisor.pids), lambda text: None)
    supervisor.keep("s", Service("s", SLEEPER, tmp_path, {}))
    eventually(lambda: supervisor.pids)
    first = supervisor.pids["s"]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: supervisor.pids.get("s") not in (None, first))
    assert supervisor.restarts == {"s": 1}
    assert [list(change) for change in changes] == [["s"], ["s"]]
    supervisor.stop(("s",))
    assert supervisor.pids == {}
    assert not list(tmp_path.glob("*.pid.json"))


def test_a_program_that_cannot_start_is_tried_again(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(lambda: None, said.append)

    class Broken(Service):
        def start(self) -> None:
            raise RuntimeError("no jars")

    supervisor.keep("b", Broken("b", [], tmp_path, {}))
    eventually(lambda: len(said) >= 4)
    supervisor.stop(("b",))
    assert said[0] == "b could not start: no jars"
    assert said[1].endswith("again in 0.2 s")
    assert said[3].endswith("again in 0.4 s")


def test_a_program_is_told_to_end_before_it_is_killed(tmp_path: Path) -> None:
    done, begun = tmp_path / "done", tmp_path / "begun"
    code = (
        "import signal, pathlib, sys, time\n"
        f"signal.signal(15, lambda *_: (pathlib.Path({str(done)!r}).touch(), sys.exit()))\n"
        f"pathlib.Path({str(begun)!r}).touch()\n"
        "time.sleep(60)"
    )
    supervisor = Supervisor(lambda: None, lambda text: None)
    supervisor.keep("s", Service("s", [sys.executable, "-c", code], tmp_path, {}))
    eventually(begun.exists)
    supervisor.stop(("s", "never started"))
    assert done.exists()
    assert threading.active_count() == 1


def system(**changes: Any) -> running.Running:
    fields: dict[str, Any] = {
        "kafka": "k",
        "mongodb": "m",
        "api_key": "pk_a_b",
        "clock": None,
        "services": {"alerting": "http://a"},
        "pids": {"alerting": 1},
        "supervisor": os.getpid(),
    }
    return running.Running(**(fields | changes))


def test_the_file_comes_back_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "paceline.json"
    running.write(path, system())
    assert running.read(path) == system()
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["paceline.json"]


def test_another_file_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="was not written by `paceline up`"):
        running.read(path)


def test_the_newest_running_system_is_found_and_a_dead_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert running.newest() is None
    path = tmp_path / "paceline.json"
    running.write(path, system())
    running.announce(path)
    found = running.newest()
    assert found is not None
    assert running.read(found) == system()
    running.write(path, system(supervisor=2**22 + 1))
    assert running.newest() is None
    running.announce(path)
    running.withdraw()
    assert not list((tmp_path / "cache" / "paceline" / "running").iterdir())
