import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from paceline.main import app
from paceline.send import Line, batches


class Door:
    """A metrics-ingest that fails as it is told and remembers what it was sent."""

    def __init__(self, serve: Any) -> None:
        self.failures: list[int] = []
        self.rejected: list[dict[str, Any]] = []
        self.bodies: list[list[dict[str, Any]]] = []
        self.headers: dict[str, str] = {}
        self.status = 202
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                door.bodies.append(body)
                door.headers = dict(self.headers)
                if door.failures:
                    status, answer = door.failures.pop(0), b"down"
                else:
                    status = door.status
                    answer = json.dumps({"accepted": [], "rejected": door.rejected}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None: ...

        self.url = serve(Handler)


@pytest.fixture
def door(serve: Any) -> Door:
    return Door(serve)


def send(door: Door, *arguments: str) -> tuple[int, str]:
    options = ["--url", door.url, "--key", "pk_a_b", "--source", "shop"]
    done = CliRunner().invoke(app, ["send", *arguments, *options])
    return done.exit_code, done.output


def ndjson(path: Path, *lines: object) -> str:
    path.write_text("".join(x if isinstance(x, str) else json.dumps(x) + "\n" for x in lines))
    return str(path)


def test_objects_are_wrapped_by_paths_and_events_go_as_they_are(door: Door, tmp_path: Path) -> None:
    event = {"specversion": "1.0", "id": "e1", "source": "s", "type": "t", "data": {"a": 1}}
    order = {"order": {"no": 17}, "kind": "order.placed", "at": "2026-01-05T10:00:00Z"}
    file = ndjson(tmp_path / "a.ndjson", event, "\n", order)
    code, output = send(door, file, "--id", "order.no", "--type", "kind", "--time", "at")
    assert (code, output) == (0, "accepted 2, refused 0\n")
    assert door.bodies == [
        [
            event,
            {
                "specversion": "1.0",
                "id": "17",
                "source": "shop",
                "type": "order.placed",
                "time": "2026-01-05T10:00:00Z",
                "data": order,
            },
        ]
    ]
    assert door.headers["Content-Type"] == "application/cloudevents-batch+json"
    assert door.headers["X-Paceline-Source"] == "shop"
    assert door.headers["Authorization"] == "Bearer pk_a_b"


def test_a_type_after_an_equals_sign_is_the_type_itself(door: Door, tmp_path: Path) -> None:
    send(door, ndjson(tmp_path / "a", {"id": "1"}), "--type", "=order.placed")
    assert door.bodies[0][0]["type"] == "order.placed"


def test_a_failing_door_is_tried_again_with_the_same_ids(door: Door, tmp_path: Path) -> None:
    door.failures = [503, 500]
    code, _ = send(door, ndjson(tmp_path / "a", {"id": "1", "type": "t"}))
    assert code == 0
    assert len(door.bodies) == 3
    assert door.bodies[0] == door.bodies[1] == door.bodies[2]


def test_a_door_that_does_not_let_us_in_is_not_tried_again(door: Door, tmp_path: Path) -> None:
    door.failures = [401]
    code, output = send(door, ndjson(tmp_path / "a", {"id": "1", "type": "t"}))
    assert code == 1
    assert "401" in output
    assert len(door.bodies) == 1


def test_it_gives_up_when_patience_ends(door: Door, tmp_path: Path) -> None:
    door.failures = [503] * 50
    file = ndjson(tmp_path / "a", {"id": "1", "type": "t"})
    code, output = send(door, file, "--patience", "0.3")
    assert code == 1
    assert "gave up" in output


@pytest.mark.parametrize("status", [202, 422])
def test_refused_events_are_named_by_their_line(door: Door, tmp_path: Path, status: int) -> None:
    door.status = status
    door.rejected = [{"index": 1, "code": "x", "where": "$.time", "message": "no time"}]
    file = ndjson(tmp_path / "a", {"id": "1", "type": "t"}, {"id": "2", "type": "t"})
    code, output = send(door, file)
    assert code == 1
    assert f"{file}:2: $.time: no time" in output.replace("\n", "")
    assert "accepted 1, refused 1" in output


def test_lines_that_are_no_events_are_left_out_and_counted(door: Door, tmp_path: Path) -> None:
    file = ndjson(
        tmp_path / "a", "{oops\n", {"type": "t"}, [1], '{"id": NaN}\n', {"id": "5", "type": "t"}
    )
    code, output = send(door, file)
    assert code == 1
    assert "accepted 1, refused 4" in output
    assert "no id at id; name its path by --id" in output
    assert [event["id"] for event in door.bodies[0]] == ["5"]


def test_exact_numbers_stay_exact(door: Door, tmp_path: Path) -> None:
    file = ndjson(tmp_path / "a", '{"id": "1", "type": "t", "v": 0.1000}\n')
    assert send(door, file)[0] == 0
    assert door.bodies[0][0]["data"]["v"] == 0.1


def test_batches_hold_so_many_events_and_about_four_megabytes() -> None:
    small = [Line(str(n), {}, b"x") for n in range(5)]
    assert [len(group) for group in batches(small, 2)] == [2, 2, 1]
    big = [Line(str(n), {}, b"x" * 1024 * 1024) for n in range(7)]
    assert [len(group) for group in batches(big, 100)] == [3, 3, 1]
    assert list(batches([], 5)) == []
