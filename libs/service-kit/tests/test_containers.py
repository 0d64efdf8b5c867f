"""`pytest --containers` on a machine where no engine answers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TEST = "def test_asks_for_the_broker(kafka):\n    assert kafka.bootstrap\n"


def run(folder: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_it.py").write_text(TEST)
    nowhere = {"DOCKER_HOST": f"unix://{folder}/nobody.sock"}
    command = [sys.executable, "-m", "pytest", "-p", "service_kit.testing.servers", "-rs"]
    return subprocess.run(
        [*command, "--containers", "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env={**os.environ, **nowhere, **more},
        capture_output=True,
        text=True,
    )


def test_is_skipped_with_the_reason(tmp_path: Path) -> None:
    pytest.importorskip("testcontainers")
    done = run(tmp_path)
    assert done.returncode == 0
    assert "1 skipped" in done.stdout
    assert "no container engine answers (DOCKER_HOST)" in done.stdout


def test_is_refused_where_containers_are_required(tmp_path: Path) -> None:
    done = run(tmp_path, PACELINE_REQUIRE="containers")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--containers: " in done.stderr
