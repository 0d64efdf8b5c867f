"""The files under deploy: checked by Prometheus' own tools, and current."""

import json
import re
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTS = (PROMETHEUS / "rules" / "alerts.yml").read_text()
NAMES = re.findall(r"- alert: (\S+)", ALERTS)
GENERATED = dict(runpy.run_path(str(ROOT / "deploy" / "grafana" / "boards.py"))["files"]())


@pytest.fixture
def tool(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return what runs one of Prometheus' tools, which must find nothing wrong."""
    conftest = runpy.run_path(str(Path(__file__).parent / "conftest.py"))

    def run(name: str, *arguments: str) -> None:
        command = [conftest["program"](name), *arguments]
        done = subprocess.run(command, cwd=PROMETHEUS / "tests", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_a_committed_board_is_what_the_code_generates(path: Path) -> None:
    assert path.read_text() == GENERATED[path], "run make boards"


def test_no_board_is_left_that_the_code_does_not_generate() -> None:
    assert {*(ROOT / "deploy" / "grafana" / "dashboards").iterdir()} == GENERATED.keys()


@pytest.mark.parametrize("name", ["organisation", "pipeline"])
def test_both_languages_show_the_same_numbers_in_their_own_words(name: str) -> None:
    english, chinese = (panels(f"{name}.{language}.json") for language in ("en", "zh"))
    assert [p.get("targets") for p in english] == [p.get("targets") for p in chinese]
    for one, other in zip(english, chinese, strict=True):
        for field in ("title", "description"):
            assert (field in one) == (field in other)
            if field in one:
                assert re.search("[\u4e00-\u9fff]", other[field]), other[field]
                assert not re.search("[\u4e00-\u9fff]", one[field])


def panels(name: str) -> list[dict[str, Any]]:
    path = next(path for path in GENERATED if path.name == name)
    found: list[dict[str, Any]] = json.loads(GENERATED[path])["panels"]
    return found


def test_configuration_and_rules_are_valid(tool: Callable[..., None]) -> None:
    tool("promtool", "check", "config", "../prometheus.yml")
    tool("promtool", "check", "rules", "../rules/alerts.yml", "../rules/recording.yml")


def test_every_alert_fires_when_it_should_and_is_quiet_when_it_should(
    tool: Callable[..., None],
) -> None:
    tool("promtool", "test", "rules", "alerts.yml")
    tested = re.findall(
        r"- name: (\S+) (fires|is quiet)", (PROMETHEUS / "tests" / "alerts.yml").read_text()
    )
    assert sorted(tested) == sorted((name, how) for name in NAMES for how in ("fires", "is quiet"))


def test_alertmanagers_configuration_is_valid(tool: Callable[..., None]) -> None:
    tool("amtool", "check-config", str(ROOT / "deploy" / "alertmanager" / "alertmanager.yml"))


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_has_a_severity_and_a_page_of_its_own(name: str) -> None:
    body = re.search(rf"- alert: {name}\n(.*?)(?=\n      - alert:|\Z)", ALERTS, re.DOTALL)
    assert body is not None
    (severity,) = re.findall(r"severity: (critical|warning|info)", body[1])
    (runbook,) = re.findall(r"runbook: (\S+)", body[1])
    text = (ROOT / runbook).read_text()
    assert text.startswith(f"# {name}\n\nSeverity: {severity}.\n")
    for part in ("**What it means.**", "**Look at.**", "**Do.**"):
        assert part in text


def test_no_page_is_left_without_its_alert() -> None:
    pages = {path.name for path in (ROOT / "docs" / "operators" / "runbooks").iterdir()}
    assert pages == {Path(page).name for page in re.findall(r"runbook: (\S+)", ALERTS)}
