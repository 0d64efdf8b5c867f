"""`paceline people` against a stand-in of goal-service's door."""

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from paceline.main import app

DONE = {
    "dry_run": False,
    "people": {"created": 600, "changed": 0, "unchanged": 0},
    "teams": {"created": 14, "changed": 0, "unchanged": 0},
}


class Door:
    """Answers every POST with ``status`` and ``answer``; keeps what came."""

    def __init__(self, serve: Any) -> None:
        self.status, self.answer = 200, DONE
        self.came: list[tuple[str, bytes]] = []
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                door.came.append((self.path, body))
                self.send_response(door.status)
                self.end_headers()
                self.wfile.write(json.dumps(door.answer).encode())

            def log_message(self, *_: object) -> None: ...

        self.url = serve(Handler)

    def run(self, *arguments: str) -> tuple[int, str]:
        options = ["--url", self.url, "--key", "pk_a_b"]
        done = CliRunner().invoke(app, ["people", *arguments, *options], env={"COLUMNS": "160"})
        return done.exit_code, done.output


@pytest.fixture
def door(serve: Any) -> Door:
    return Door(serve)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "people.csv"
    path.write_bytes("id,name\nli.na,李娜\n".encode("gb18030"))
    return str(path)


def test_a_file_is_sent_as_it_is_and_the_counts_are_shown(door: Door, file: str) -> None:
    code, output = door.run(file)
    assert code == 0
    assert [line.split("│")[1:5] for line in output.splitlines() if "600" in line] == [
        [" people ", " 600     ", " 0       ", " 0         "]
    ]
    assert door.came == [("/v1/people/import", Path(file).read_bytes())]


def test_a_dry_run_says_that_it_is_one(door: Door, file: str) -> None:
    code, output = door.run(file, "--dry-run")
    assert code == 0
    assert "nothing was written" in output
    assert door.came[0][0] == "/v1/people/import?dry_run=true"


def test_every_error_is_shown_by_line_and_column(door: Door, file: str) -> None:
    problem: dict[str, Any] = {"line": 7, "column": "roles", "code": "x", "message": "no boss"}
    door.status, door.answer = 422, {"error": {}, "problems": [problem, problem | {"line": 9}]}
    code, output = door.run(file)
    assert code == 1
    assert f"{file}:7 roles: no boss" in output
    assert f"{file}:9 roles: no boss" in output
    assert "2 errors, nothing was written" in output


def test_a_refusal_of_the_whole_and_a_file_that_is_not_there_end_with_1(
    door: Door, file: str
) -> None:
    door.status = 403
    door.answer = {"error": {"code": "x", "where": "header", "message": "not you"}}
    code, output = door.run(file)
    assert (code, "not you" in output) == (1, True)
    code, output = door.run("/nowhere/people.csv")
    assert (code, "No such file" in output) == (1, True)
