"""Every panel's query and every recording rule on a Prometheus that scrapes a running system."""

import contextlib
import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
RULES = ROOT / "deploy" / "prometheus" / "rules"
VARIABLES = {"$__rate_interval": "1m", "$tenant": ".*"}
# Panels that have data only while something is wrong, and why.
EMPTY_WHEN_WELL = {"Alerts that fire": "nothing is wrong here"}


def queries() -> list[Any]:
    """Return every query of every board; the languages have the same ones (test_files)."""
    found = []
    for path in sorted(DASHBOARDS.glob("*.en.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                name = f"{path.name.partition('.')[0]}: {panel['title']} {target['refId']}"
                found.append(pytest.param(panel["title"], target["expr"], id=name))
    return found


def records() -> list[str]:
    return re.findall(r"- record: (\S+)", (RULES / "recording.yml").read_text())


@pytest.mark.parametrize(("title", "expression"), queries())
def test_a_panel_shows_data(scraped: Any, title: str, expression: str) -> None:
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    if title in EMPTY_WHEN_WELL:
        scraped.query(expression)  # Prometheus takes it
    else:
        assert scraped.becomes(expression), f"no data for {expression}"


@pytest.mark.parametrize("record", records())
def test_a_recording_rule_has_data(scraped: Any, record: str) -> None:
    assert scraped.becomes(record)


def test_every_service_is_scraped(scraped: Any) -> None:
    assert scraped.becomes("count(up == 1) == 6")
    up = {row["metric"]["service"]: row["value"][1] for row in scraped.query("up")}
    assert up == dict.fromkeys(
        ("console", "metrics-ingest", "goal-service", "alerting", "incentives", "relay"), "1"
    )


def test_a_goals_gauges_say_what_its_last_light_says(scraped: Any) -> None:
    run = 'paceline_alerting_goal_light{tenant="demo",goal="whole",level="company",light="run"}'
    assert scraped.becomes(f"{run} == 4"), scraped.query(run)
    completion = 'paceline_alerting_goal_completion{tenant="demo",goal="whole"}'
    assert scraped.becomes(f"{completion} == 0.85"), scraped.query(completion)
    attainment = 'paceline_alerting_goal_attainment{tenant="demo",goal="whole"}'
    assert scraped.becomes(f"{attainment} == 0.34"), scraped.query(attainment)


def test_goals_of_one_person_and_hidden_ones_are_counted_and_not_named(scraped: Any) -> None:
    counted = 'sum by (level) (paceline_alerting_goals{light="run"})'
    by_level = {"company": "1", "team": "2", "individual": "1"}
    assert scraped.becomes_so(counted, "level", by_level) == by_level
    named = {row["metric"]["goal"] for row in scraped.query("paceline_alerting_goal_light")}
    assert named == {"whole", "sem"}


def test_outcomes_are_those_of_the_events_that_were_sent(scraped: Any) -> None:
    outcomes = "sum by (outcome) (paceline_ingest_folded_events_total)"
    sent = {
        "accepted": "5",
        "duplicate": "4",
        "dead-letter": "1",
        "unmatched": "0",
        "skipped": "0",
        "conflict": "0",
    }
    assert scraped.becomes_so(outcomes, "outcome", sent) == sent
    (letter,) = scraped.becomes("paceline_ingest_dead_letters_total")
    assert letter["metric"]["source"] == "crm"


def test_a_killed_prometheus_comes_back_on_its_data(scraped: Any) -> None:
    before = scraped.system.facts()["pids"]["prometheus"]
    assert scraped.becomes("up")
    began = time.time()
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while scraped.system.facts()["pids"].get("prometheus") in (None, before):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    old: list[Any] = []
    while not old and time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError, AssertionError):  # while it starts
            old = scraped.query(f"count_over_time(up[5m] @ {began})")
        time.sleep(0.1)
    assert old
