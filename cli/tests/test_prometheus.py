"""What `paceline up` tells Prometheus; the real one is started in tests/boards."""

import socket
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from paceline import prometheus
from paceline.main import app


def test_every_service_is_scraped_under_its_name_and_the_repositorys_rules_hold() -> None:
    file = msgspec.json.decode(
        prometheus.configuration({"alerting": "http://127.0.0.1:1", "relay": "http://127.0.0.1:2"})
    )
    (job,) = file["scrape_configs"]
    assert job == {
        "job_name": "paceline",
        "static_configs": [
            {"targets": ["127.0.0.1:1"], "labels": {"service": "alerting"}},
            {"targets": ["127.0.0.1:2"], "labels": {"service": "relay"}},
        ],
    }
    (rules,) = file["rule_files"]
    assert {path.name for path in Path(rules).parent.glob("*.yml")} == {
        "alerts.yml",
        "recording.yml",
    }


def test_without_the_repository_there_are_no_rules(tmp_path: Path) -> None:
    file = msgspec.json.decode(prometheus.configuration({}, tmp_path / "rules"))
    assert file["rule_files"] == []


@pytest.mark.parametrize(("option", "told"), [([], True), (["--no-prometheus"], False)])
def test_a_machine_without_prometheus_is_told_so_in_one_line_unless_nobody_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: list[str], told: bool
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with socket.socket() as other:  # a taken port ends the start at once
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        options = ["--data", str(tmp_path / "data"), "--base-port", str(port), *option]
        done = CliRunner().invoke(app, ["up", *options])
    assert done.exit_code == 1
    assert ("Prometheus is not installed: going on without it" in done.output) is told
