"""A drill and the short ones without a guard: what the table says, and with which code it ends."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from paceline import drill
from paceline.main import app
from paceline.trial.run import Result
from paceline.trial.series import Run, exit_code, table
from paceline.trial.system import TrialFailed


def result(broken: str | None = None, lost: int = 0, doubled: int = 0) -> Result:
    return Result(
        kills=3,
        kills_by_process={"kafka": 3},
        kills_with_work_in_flight=2,
        sent=24_000,
        acked=24_000,
        events_per_second=1_000.0,
        plain=10_000,
        folded_in_bulk=9_000,
        lost=lost,
        doubled=doubled,
        lost_by_kind={},
        doubled_by_kind={},
        compared={},
        max_recovery_s=4.2,
        seed=3,
        broken=broken,
        seconds=91.5,
        notes=[],
    )


WHOLE = Run(None, result())
SEEN = Run("cas", result("cas", lost=25, doubled=1_280))
BLIND = Run("head", result("head"))
LOSS = Run(None, result(lost=1))
NONE = Run("exit", None, "not within 120 s: recovered")


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        ([WHOLE], 0),
        ([WHOLE, SEEN], 0),
        ([WHOLE, SEEN, BLIND], 1),
        ([LOSS, SEEN], 1),
        ([WHOLE, NONE, SEEN], 2),
        ([LOSS, NONE], 2),
    ],
    ids=["whole", "seen", "blind", "loss", "not carried out", "loss and not carried out"],
)
def test_it_passes_only_if_nothing_is_lost_and_everything_broken_is_seen(
    runs: list[Run], code: int
) -> None:
    assert exit_code(runs) == code


def test_the_table_says_of_each_what_came_of_it() -> None:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(table([WHOLE, SEEN, BLIND, NONE]))
    said = captured.get()
    rows = {name: next(line for line in said.splitlines() if name in line) for name in (
        "all", "without cas", "without head", "without exit"
    )}  # fmt: skip
    assert "passed" in rows["all"]
    assert "1,280" in rows["without cas"]
    assert "seen" in rows["without cas"]
    assert "NOT SEEN" in rows["without head"]
    assert "NOT RUN" in rows["without exit"]


def test_the_command_goes_on_after_a_drill_that_failed_and_tells_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[dict[str, Any]] = []

    async def carry_out(**options: Any) -> Result:
        asked.append(options)
        if options["broken"] == "head":
            raise TrialFailed("the system did not start")
        return result(options["broken"], doubled=int(options["broken"] is not None))

    monkeypatch.setattr(drill, "carry_out", carry_out)
    file = tmp_path / "drill.json"
    words = ["drill", "--kills", "9", "--then-break", "head,lane", "--json", str(file)]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert [(each["broken"], each["kills"]) for each in asked] == [
        *((None, 9), ("head", 3), ("lane", 3))
    ]
    found = json.loads(file.read_text())
    assert found["passed"] is False
    assert [each.get("failed", each.get("doubled")) for each in found["drills"]] == [
        *(0, "the system did not start", 1)
    ]


def test_a_guard_that_is_none_is_refused_before_anything_begins() -> None:
    done = CliRunner().invoke(app, ["drill", "--then-break", "cas,foo"], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "one of cas, head, exit, lane" in done.output
