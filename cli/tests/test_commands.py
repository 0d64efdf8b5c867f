import io
import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner

from paceline.connection import Connection
from paceline.lights import four_places
from paceline.main import app
from paceline.show import cell, percent
from paceline.watch import Watch


class Api:
    """Answers GET and POST from a table of paths."""

    def __init__(self, serve: Any) -> None:
        self.answers: dict[str, Any] = {}
        self.posted: list[Any] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                found = api.answers.get(url.path)
                self._answer(found(query) if callable(found) else found)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                api.posted.append(body)
                self._answer(api.answers[self.path].pop(0))

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                api.posted.append((self.headers["Content-Type"], body))
                self._answer(api.answers.get(self.path))

            def do_DELETE(self) -> None:
                api.posted.append(self.path)
                self._answer(api.answers.get(self.path))

            def _answer(self, found: Any) -> None:
                error = {"error": {"code": "x", "where": "path", "message": "nothing there"}}
                self.send_response(404 if found is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(error if found is None else found).encode())

            def log_message(self, *_: object) -> None: ...

        self.url = serve(Handler)

    def run(self, *arguments: str, lang: str = "C", input: str | None = None) -> tuple[int, str]:
        options = ["--url", self.url, "--key", "pk_a_b"]
        environment = {"COLUMNS": "160", "LC_ALL": lang}
        done = CliRunner().invoke(app, [*arguments, *options], env=environment, input=input)
        return done.exit_code, done.output


@pytest.fixture
def api(serve: Any) -> Api:
    return Api(serve)


GOAL = {"id": "g1", "name": "Leads", "start": "2026-04-01", "end": "2026-06-30", "target": "620"}


def a_page(*items: object, next: str | None = None) -> dict[str, object]:
    return {"items": items, "next": next}


def test_goals_show_what_has_come_and_its_share_of_the_target(api: Api) -> None:
    api.answers = {"/v1/goals": a_page(GOAL), "/v1/goals/g1/progress": {"total": "548"}}
    code, output = api.run("goals")
    assert code == 0
    assert "88.4 %" in output  # 548 of 620


def test_a_target_that_follows_its_parents_says_so(api: Api) -> None:
    part = GOAL | {"share": "0.400", "parent": "q2"}
    api.answers = {"/v1/goals": a_page(GOAL, part | {"id": "g2"})}
    _, output = api.run("goals")
    assert output.count("40 % of q2") == 1


def test_a_ratio_shows_where_it_stands_and_not_its_numerator(api: Api) -> None:
    ratio = GOAL | {"form": "ratio", "target": "0.04"}
    progress = {"total": "4896", "value": "0.03678886"}
    api.answers = {"/v1/goals": a_page(ratio), "/v1/goals/g1/progress": progress}
    _, output = api.run("goals")
    assert "0.0368" in output
    assert "92.0 %" in output
    assert "4896" not in output


def test_a_goal_without_progress_has_no_share(api: Api) -> None:
    api.answers = {"/v1/goals": a_page(GOAL)}
    code, output = api.run("goals")
    assert code == 0
    assert "Leads" in output
    assert "%" not in output


def test_all_pages_are_read(api: Api) -> None:
    def goals(query: dict[str, str]) -> object:
        if "after" not in query:
            return a_page(GOAL, next="g1")
        assert query["after"] == "g1"
        return a_page(GOAL | {"id": "g2", "name": "Calls"})

    api.answers = {"/v1/goals": goals}
    _, output = api.run("goals")
    assert "Leads" in output
    assert "Calls" in output


DAY = {"kind": "day", "start": "2026-04-01", "end": "2026-04-01"}
BOTH = {
    "goal": "g1",
    "span": DAY,
    "light": "green",
    "ratio": "1.05",
    "to_date": {"light": "red", "ratio": "0.699", "why": ""},
    "breached": ["spend [per lead]"],
}


def test_lights_tell_both_colours_the_headline_first_and_what_is_provisional(api: Api) -> None:
    week = {"kind": "week", "start": "2026-04-06", "end": "2026-04-12"}
    early = {"light": "none", "ratio": None, "why": "too-early"}
    rows = [
        BOTH,
        {"goal": "g1", "span": week, "light": "yellow", "provisional": True, "to_date": early},
    ]
    api.answers = {"/v1/lights": a_page(*rows)}
    code, output = api.run("lights", "g1")
    assert code == 0
    first, second = [line for line in output.splitlines() if "g1" in line]
    assert first.index("● red 69 %") < first.index("● green") < first.index("1.05")
    assert "guardrail breached: spend [per lead]" in first
    assert second.index("○ none") < second.index("● yellow") < second.index("provisional")
    assert "2026-04-06 - 2026-04-12" in second
    assert output.index("to-date light") < output.index("run light")
    assert "● red" not in api.run("lights", "g1", "--last", "1")[1]


def test_lights_speak_chinese_in_a_chinese_terminal(api: Api) -> None:
    api.answers = {"/v1/lights": a_page(BOTH)}
    output = api.run("lights", "g1", lang="zh_CN.UTF-8")[1]
    assert output.index("累计灯") < output.index("当期灯")
    assert output.index("● 红 69 %") < output.index("● 绿")
    assert "突破护栏" in output


def test_what_a_service_refuses_is_told(api: Api) -> None:
    code, output = api.run("lights")
    assert code == 1
    assert "404: path: nothing there" in output


def test_a_service_that_is_down_is_named() -> None:
    done = CliRunner().invoke(app, ["goals", "--url", "http://127.0.0.1:9", "--key", "pk_a_b"])
    assert done.exit_code == 1
    assert "http://127.0.0.1:9 does not answer" in done.output.replace("\n", "")


def test_dead_letters_are_counted_and_listed(api: Api) -> None:
    letter = {"id": "d1", "source": "shop", "cause": "no-time", "detail": "x", "state": "new"}
    api.answers = {"/v1/dead-letters": a_page(letter, letter | {"id": "d2"})}
    code, output = api.run("deadletters", "list")
    assert code == 0
    rows = [line.split("│")[1:-1] for line in output.splitlines() if line.startswith("│")]
    assert [cell.strip() for cell in rows[0]] == ["shop", "no-time", "new", "2"]
    assert [row[0].strip() for row in rows[1:]] == ["d1", "d2"]


def test_a_replay_goes_on_while_there_are_more(api: Api) -> None:
    api.answers = {
        "/v1/dead-letters/replay": [
            {"replayed": 500, "unmendable": 0, "more": True},
            {"replayed": 20, "unmendable": 1, "more": False},
        ]
    }
    code, output = api.run("deadletters", "replay", "--source", "shop", "--cause", "no-time")
    assert (code, output) == (0, "replayed 520\n")
    assert api.posted == [{"source": "shop", "cause": "no-time"}] * 2


def test_dead_letters_are_shown_by_group_and_a_group_is_replayed(api: Api) -> None:
    group = {"source": "shop", "cause": "rate-missing", "where": "USD/CNY", "letters": 2}
    times = {"occurrences": 5, "first_ms": 1_794_182_400_000, "last_ms": 1_794_182_460_000}
    api.answers = {
        "/v1/dead-letters/groups": {"items": [group | times | {"example": "d1"}], "next": None},
        "/v1/dead-letters/replay": [{"replayed": 2, "unmendable": 0, "more": False}],
    }
    code, output = api.run("deadletters", "groups")
    assert code == 0
    assert "USD/CNY" in output
    assert "2026-11-09 00:01:00" in output
    options = ["--source", "shop", "--cause", "rate-missing", "--where", "USD/CNY"]
    assert api.run("deadletters", "replay", *options) == (0, "replayed 2\n")
    assert api.posted == [{"source": "shop", "cause": "rate-missing", "where": "USD/CNY"}]


def test_rates_are_loaded_from_a_file_and_listed(api: Api, tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("date,base,quote,rate\n2026-11-09,USD,CNY,7.05\n")
    row = {"date": "2026-11-09", "base": "USD", "quote": "CNY", "rate": "7.05", "per": 1}
    page = a_page(row | {"source": "PBoC", "version": 3})
    api.answers = {"/v1/rates": {"added": 1, "revised": 0, "unchanged": 2, "version": 3}}
    assert api.run("rates", "load", str(file)) == (0, "added 1, revised 0, same 2\n")
    assert api.posted == [("text/csv", file.read_bytes())]
    api.answers = {"/v1/rates": page}
    code, output = api.run("rates", "list", "--quote", "CNY")
    assert code == 0
    assert "PBoC" in output
    assert "7.05" in output
    assert api.run("rates", "load", str(tmp_path / "none.csv"))[0] == 1


def test_keys_are_made_listed_limited_rotated_and_ended(api: Api) -> None:
    row = {"id": "ab12", "name": "feed", "scopes": ["events:write"], "source": "shop"}
    row |= {"events_per_second": 500, "created_ms": 1, "revoked_ms": None}
    api.answers = {"/v1/keys": [row | {"key": "pk_ab12_x"}]}
    options = ("--name", "feed", "--source", "shop", "--events-per-second", "500")
    assert api.run("keys", "add", *options) == (0, "pk_ab12_x\n")
    asked = {"name": "feed", "scopes": ["events:write"], "source": "shop"}
    assert api.posted == [asked | {"events_per_second": 500}]
    ended = row | {"id": "cd34", "events_per_second": None, "revoked_ms": 9}
    api.answers = {"/v1/keys": a_page(row, ended)}
    code, output = api.run("keys", "list")
    assert code == 0
    assert [word in output for word in ("ab12", "500", "valid", "cd34", "as all", "ended")] == [
        True
    ] * 6
    api.answers = {"/v1/keys/ab12": row | {"events_per_second": None}}
    assert api.run("keys", "limit", "ab12") == (0, "ab12: as all\n")
    assert api.posted[-1] == (None, b'{"events_per_second":null}')
    api.answers["/v1/keys/ab12/rotate"] = [row | {"key": "pk_ef56_y"}]
    assert api.run("keys", "rotate", "ab12") == (0, "pk_ef56_y\n")
    assert api.run("keys", "revoke", "ab12") == (0, "ab12: ended\n")
    assert api.posted[-2:] == [{"overlap_seconds": 86_400}, "/v1/keys/ab12"]
    assert api.run("keys", "limit", "zz", "5")[0] == 1


def test_sources_are_listed_and_a_hooks_address_is_shown_and_changed(api: Api) -> None:
    row = {"name": "zappix", "doors": {"hook": {}}, "zone": "UTC", "signature": "stripe"}
    api.answers = {"/v1/sources": a_page(row | {"version": 2, "paused": None})}
    code, output = api.run("sources", "list")
    assert code == 0
    assert "zappix" in output
    api.answers = {"/v1/sources/zappix/hook": {"url": "http://in/v1/hooks/zappix.1"}}
    assert api.run("sources", "hook", "zappix") == (0, "http://in/v1/hooks/zappix.1\n")
    api.answers = {"/v1/sources/zappix/hook/rotate": [{"url": "http://in/v1/hooks/zappix.2"}]}
    changed = api.run("sources", "hook", "zappix", "--rotate", "--overlap-seconds", "60")
    assert changed == (0, "http://in/v1/hooks/zappix.2\n")
    assert api.posted == [{"overlap_seconds": 60}]


def test_a_secret_is_added_beside_the_others_and_one_is_ended(api: Api) -> None:
    path = "/v1/sources/zappix/secrets"
    api.answers = {path: {"secrets": [{"fingerprint": "aa"}, {"fingerprint": "bb"}]}}
    assert api.run("sources", "secrets", "zappix") == (0, "aa\nbb\n")
    assert api.posted == []
    assert api.run("sources", "secrets", "zappix", "--add", input="zx sign\n")[0] == 0
    assert api.run("sources", "secrets", "zappix", "--end", "aa")[0] == 0
    assert [json.loads(body) for _, body in api.posted] == [
        {"secrets": ["zx sign"], "keep": ["aa", "bb"]},
        {"secrets": [], "keep": ["bb"]},
    ]
    code, output = api.run("sources", "secrets", "zappix", "--end", "cc")
    assert code == 1
    assert "there is no secret cc" in output


def test_dead_letters_are_listed_by_their_ids_alone(api: Api) -> None:
    api.answers = {"/v1/dead-letters": a_page({"id": "ab"}, {"id": "cd"})}
    assert api.run("deadletters", "list", "--ids", "--limit", "1") == (0, "ab\n")


def test_a_dead_letter_is_shown_with_what_arrived(api: Api) -> None:
    letter = {"id": "ab", "message": "spend: a number is wanted", "body": {"spend": "1,5"}}
    api.answers = {"/v1/dead-letters/ab": letter}
    code, output = api.run("deadletters", "show", "ab")
    assert (code, "spend: 1,5" in output) == (0, True)


def test_a_place_with_brackets_stands_whole_in_the_table_whatever_an_id_looks_like(
    api: Api,
) -> None:
    """It is what --where takes. Brackets are no markup: an id is the sender's."""
    place = "item.actions[action_type=lead].value"
    letter = {"id": "ab[/b]", "source": "meta", "cause": "wrong-kind", "state": "new"}
    api.answers = {"/v1/dead-letters": a_page(letter | {"message": f"{place} is no number"})}
    code, output = api.run("deadletters", "list")
    assert code == 0
    assert "ab[/b]" in output
    assert place in output
    group = {"source": "meta", "cause": "wrong-kind", "where": place, "letters": 1}
    times = {"occurrences": 1, "first_ms": 1_794_182_400_000, "last_ms": 1_794_182_460_000}
    api.answers = {
        "/v1/dead-letters/groups": {"items": [group | times | {"example": "d1"}], "next": None}
    }
    output = api.run("deadletters", "groups")[1]
    cells = [line.split("│")[3].strip() for line in output.splitlines() if line.startswith("│")]
    assert "".join(cells) == place


def test_a_text_without_spaces_is_folded_and_not_cut() -> None:
    console = Console(width=40, record=True, file=io.StringIO())
    table = Table("a", "b")
    said = "映射不认识该字段：需要映射中列出的字段。请加入映射或列入known后重放。"
    table.add_row(cell("x" * 60), cell(said))
    console.print(table)
    rows = [line.split("│") for line in console.export_text().splitlines() if "│" in line]
    assert "".join(row[1].strip() for row in rows) == "x" * 60
    assert "".join(row[2].strip() for row in rows) == said


def test_a_replay_of_nothing_in_particular_is_refused(api: Api) -> None:
    code, output = api.run("deadletters", "replay")
    assert code == 1
    assert "name ids, or --source" in output


def test_watch_shows_both_lights_and_each_deed_once_however_often_its_page_is_read(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    deed = {"kind": "light.changed", "goal": "g1", "name": "Leads", "span": DAY}
    running = {"light": "grey", "provisional": True, "to_date": {"light": "yellow", "ratio": "0.8"}}
    api.answers = {
        "/v1/goals": a_page(GOAL),
        "/v1/lights": a_page(BOTH, running),
        "/v1/goal-events": a_page(
            deed | {"id": "1", "kind": "goal.off_track", "light": "red", "light_kind": "run"},
            deed | {"id": "2", "light": "yellow", "light_kind": "to-date"},
        ),
    }
    door = Connection(api.url, "pk_a_b")
    watch = Watch(door, door)
    watch.refresh()
    watch.refresh()
    console = Console(width=140)
    with console.capture() as captured:
        console.print(watch.screen())
    output = captured.get()
    assert output.count("goal.off_track") == 1
    assert "●○" in output
    assert "● red 69 %" in output  # the headline of the last judged span, not of the running one
    assert "● red (run light)" in output
    assert "● yellow (to-date light)" in output
    assert "2026-04-01" in output


def test_without_a_running_system_it_is_said_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    done = CliRunner().invoke(app, ["goals"], env={"PACELINE_JSON": ""})
    assert done.exit_code == 1
    assert "paceline up" in done.output


def test_a_ratio_without_end_is_cut_and_never_rounded_up() -> None:
    assert (four_places("0.69999999999"), four_places("1.10"), four_places(None)) == (
        "0.6999",
        "1.1",
        "",
    )
    assert (percent("0.6999999"), percent("1.00714285714"), percent(None)) == ("69 %", "100 %", "")
