"""`paceline demo` with real servers and services, on a few days of a generated year."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from paceline.demo.place import free_base_port

PATIENCE = 240


def start(tmp_path: Path, *options: str) -> "subprocess.Popen[str]":
    """Start a demonstration of a machine that has no data of the shop."""
    environment = os.environ | {"PACELINE_RETAIL": str(tmp_path / "absent"), "LANG": "C.UTF-8"}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "paceline", "demo"),
            *("--data", str(tmp_path / "demo"), "--base-port", str(free_base_port(22_000))),
            *options,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def running_in(folder: Path) -> list[str]:
    """Return the command lines of processes that speak of the folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(folder) in line:
            found.append(line)
    return found


def test_eight_days_of_the_shop_are_played_as_plain_lines_and_nothing_is_left_running(
    tmp_path: Path,
) -> None:
    child = start(tmp_path, "--shop", "--days", "8", "--speed", "8", "--end", "--lang", "en")
    output, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, output
    lines = output.splitlines()
    assert lines[0] == (
        "The real shop's data are not on this machine: playing a generated year instead."
    )
    status = [line for line in lines if line.startswith("2010-12-08 | ")][-1]
    # Eight days hold six working days; the amounts are the generated year's own.
    goals = {part.rsplit(" ", 2)[0] for part in status.split(" | ")[1:]}
    assert goals == {"gross revenue", "net revenue", "orders", "export revenue"}
    assert " - " not in status, "every goal has a light"
    assert lines[-1] == "stopped; nothing is left running"
    assert not running_in(tmp_path)


def test_ctrl_c_while_starting_leaves_nothing_running(tmp_path: Path) -> None:
    child = start(tmp_path, "--lang", "en")
    deadline = time.monotonic() + PATIENCE
    servers = tmp_path / "demo" / "servers"
    while not servers.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, output
    assert "stopped; nothing is left running" in output
    assert not running_in(tmp_path)


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "mine.txt").write_text("mine")
    child = start(tmp_path, "--lang", "en")
    output, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1
    assert "is not empty; name a new folder" in output


def test_the_plot_needs_its_days(tmp_path: Path) -> None:
    child = start(tmp_path, "--days", "5", "--lang", "en")
    output, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 2
    assert "needs 6 to 15 days" in " ".join(output.split())


@pytest.mark.parametrize("option", ["--days", "--speed"])
def test_nothing_is_played_of_no_days_or_at_no_speed(tmp_path: Path, option: str) -> None:
    child = start(tmp_path, option, "0")
    output, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 2
    assert option in output
