"""`paceline metrics` against a stand-in of metrics-ingest's door."""

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from paceline.main import app

FILE = """
metrics:
  - name: uv
    source: site
    kind: unique
    of: visitor
sources:
  - name: site
"""


class Door:
    """Keeps definitions as metrics-ingest does: the same content again keeps its version."""

    def __init__(self, serve: Any) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.refuse: dict[str, Any] | None = None
        self.answer: dict[str, Any] = {}
        self.tried: list[dict[str, Any]] = []
        self.language = ""
        self.url = serve(self._handler())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                door.language = self.headers["Accept-Language"]
                if self.path.startswith("/v1/metrics?"):
                    items = [v for k, v in door.kept.items() if k.startswith("/v1/metrics/")]
                    self._reply(200, {"items": items, "next": None})
                elif self.path in door.kept:
                    self._reply(200, door.kept[self.path])
                else:
                    self._reply(404, {"error": {"code": "x", "where": "path", "message": "no"}})

            def do_POST(self) -> None:
                body = self._body()
                if self.path.endswith("/try"):
                    door.tried.append(body)
                    self._reply(200, door.answer)
                else:
                    self._write(f"{self.path}/{body['name']}", body, 201)

            def do_PUT(self) -> None:
                self._write(self.path, self._body(), 200)

            def _write(self, path: str, body: dict[str, Any], status: int) -> None:
                if door.refuse is not None:
                    self._reply(422, {"error": {"code": "invalid-value"} | door.refuse})
                    return
                body.pop("reason")
                known = door.kept.get(path, {"version": 0})
                same = known == body | {"version": known["version"]}
                door.kept[path] = body | {"version": known["version"] + (not same)}
                self._reply(status, door.kept[path])

            def _body(self) -> dict[str, Any]:
                read: dict[str, Any] = json.loads(
                    self.rfile.read(int(self.headers["Content-Length"]))
                )
                return read

            def _reply(self, status: int, body: Any) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None: ...

        return Handler

    def run(self, *arguments: str, language: str = "en_GB.UTF-8") -> tuple[int, str]:
        environment = {"COLUMNS": "200", "LC_ALL": language, "LANG": language}
        words = [*arguments, "--url", self.url, "--key", "pk_a_b"]
        done = CliRunner().invoke(app, words, env=environment)
        return done.exit_code, done.output


@pytest.fixture
def door(serve: Any) -> Door:
    return Door(serve)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


def rows(output: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in output.splitlines()
        if line.startswith("│")
    ]


def test_a_file_is_written_sources_first_and_again_changes_nothing(door: Door, file: Path) -> None:
    code, output = door.run("metrics", "apply", str(file))
    assert code == 0, output
    assert rows(output) == [["source", "site", "1", "created"], ["metric", "uv", "1", "created"]]
    assert list(door.kept) == ["/v1/sources/site", "/v1/metrics/uv"]
    _, output = door.run("sources", "apply", str(file))
    assert [row[2:] for row in rows(output)] == [["1", "unchanged"]] * 2
    file.write_text(FILE.replace("of: visitor", "of: person"))
    _, output = door.run("metrics", "apply", str(file), language="zh_CN.UTF-8")
    assert [row[2:] for row in rows(output)] == [["1", "未变"], ["2", "已更改"]]


def test_a_refusal_names_file_line_and_field(door: Door, file: Path) -> None:
    door.kept["/v1/sources/site"] = {"name": "site", "version": 1}
    door.refuse = {"where": "$.of", "message": "there is no such field"}
    code, output = door.run("metrics", "apply", str(file))
    assert code == 1
    assert f"{file}:8: site $.of: there is no such field" in output


def test_a_trial_shows_each_sample_and_what_all_come_to(
    door: Door, file: Path, tmp_path: Path
) -> None:
    samples = tmp_path / "samples.jsonl"
    samples.write_text('{"id": "1", "n": 0.10}\n\n{"id": "2"}\n')
    read = {"type": "page.viewed", "at": "2026-05-04T10:00:00.000Z", "subject": None, "fields": {}}
    why = [{"code": "type-differs", "where": "$.types", "message": "its type is x"}]
    door.answer = {
        "metric": "uv",
        "kind": "unique",
        "events": [
            {"id": "1", "read": read, "adds": {"sum": "0", "over": "0", "item": "v1"}, "why": []},
            {"id": "2", "read": None, "adds": None, "why": why},
        ],
        "cells": [],
        "total": {"sum": "0", "over": "0", "count": 1, "estimate": "1"},
        "needs_history": False,
    }
    code, output = door.run("metrics", "try", str(file), "--events", str(samples))
    assert code == 0, output
    assert [row[4:] for row in rows(output)] == [["v1", ""], ["-", "$.types: its type is x"]]
    assert "together: 1 (1 events)" in output
    (sent,) = door.tried
    assert sent["source"] == {"name": "site"}
    assert sent["events"] == [{"id": "1", "n": 0.1}, {"id": "2"}]


def test_a_broken_line_of_samples_is_named(door: Door, file: Path, tmp_path: Path) -> None:
    samples = tmp_path / "samples.jsonl"
    samples.write_text('{"id": "1"}\n{"id": "2", "id": "3"}\n')
    code, output = door.run("metrics", "try", str(file), "--events", str(samples))
    assert code == 1
    assert f"{samples}:2: " in output


def test_the_metrics_are_listed_with_their_kind(door: Door, file: Path) -> None:
    listed = {"name": "uv", "kind": "unique", "source": "site", "unit": "", "dims": ["a", "b"]}
    door.kept["/v1/metrics/uv"] = listed | {"version": 3}
    code, output = door.run("metrics", "list")
    assert code == 0, output
    assert rows(output) == [["uv", "unique", "site", "", "a, b", "3"]]
