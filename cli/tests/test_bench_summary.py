"""`paceline bench summary`: the reports of `make bench`, a line each."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from paceline.main import app

PEER = {
    "events_per_second": {"min": 1, "median": 334_581, "max": 3},
    "ratios": {"to_aiokafka": 0.7, "to_faust": 111.0},
    "skipped": "",
}
ABSENT = {"events_per_second": {}, "ratios": {}, "skipped": "no Java"}
WAITS = {"events": {"grows": False}, "fact records": {"grows": True}}
POINTS = [{"size": 1}, {"size": 16}]
REPORTS: dict[str, Any] = {
    "fold": {
        "variants": [
            {"peers": {"one": PEER, "streams": ABSENT}, "rounds": [{}, {}], "void_rounds": 2}
        ]
    },
    "latency": {
        "latency_ms": {"p50": 640.4, "p99": 1_330.0},
        "rate": {"asked": 500, "reached": 499.8},
        "goals": 100,
        "cells": 800,
    },
    "sustain": {
        "rate": {"asked": 20_000, "reached": 19_986},
        "seconds": 60.0,
        "waiting": WAITS,
        "lag_grows": True,
        "caught_up_after_seconds": 26.0,
    },
    "cost": {"axes": [{"axis": "partitions", "growth": 1.25, "points": POINTS}]},
}


def told(folder: Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["bench", "summary", str(folder)], env={"COLUMNS": "300"})
    return done.exit_code, done.output


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / f"{name}.json").write_text(json.dumps(REPORTS[name]))


def test_each_report_is_a_line_with_its_figures(tmp_path: Path) -> None:
    write(tmp_path, *REPORTS)
    code, said = told(tmp_path)
    lines = dict(line.split(": ", 1) for line in said.splitlines())
    assert code == 0
    assert lines == {
        "fold": "one 334,581 events/s (0.7 x aiokafka, 111 x faust); 2 of 2 rounds void",
        "latency": "p50 640 ms, p99 1,330 ms at 499.8 of 500 events/s, 100 goals, 800 cells",
        "sustain": "19,986 of 20,000 events/s for 60.0 s: what waits: GROWS (fact records); "
        "caught up 26.0 s later",
        "cost": "partitions x 1.25 from 1 to 16",
    }


def test_a_steady_rate_is_told_beside_what_was_folded_at_that_time(tmp_path: Path) -> None:
    folding = {"folding": {"before": 40_000, "after": 50_000}}
    write(tmp_path, *REPORTS)
    (tmp_path / "sustain.json").write_text(json.dumps(REPORTS["sustain"] | folding))
    said = told(tmp_path)[1]
    assert "0.50 of what one process folded before, 0.40 of what one process folded after" in said


def test_a_report_that_is_not_there_is_no_success(tmp_path: Path) -> None:
    write(tmp_path, "fold", "latency", "cost")
    code, said = told(tmp_path)
    assert code == 1
    assert "sustain: no report" in said
