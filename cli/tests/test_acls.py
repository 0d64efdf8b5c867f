import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from event_contracts.topics import TOPICS
from paceline.acls import CLUSTER, Grant, commands, grants, missing
from paceline.main import app
from service_kit.settings import Settings
from service_kit.topic_admin import Acl

SETTINGS = Settings("paceline", kafka="kafka.example:9093", prefix="mkt.prod.")
READ = Grant("alerting", "topic", "Read", "mkt.prod.goals")


@pytest.fixture(autouse=True)
def users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACELINE_KAFKA_USER", "mkt-{service}")
    monkeypatch.setenv("LANG", "C")


def acl(**fields: Any) -> Acl:
    told: dict[str, Any] = {
        "principal": "User:mkt-alerting", "kind": "topic", "name": "mkt.prod.goals",
        "prefixed": False, "operation": "READ", "allows": True,
    }  # fmt: skip
    return Acl(**{**told, **fields})


def of(service: str) -> set[tuple[str, str, str, bool]]:
    return {
        (g.operation, g.kind, g.name, g.prefixed) for g in grants(SETTINGS) if g.service == service
    }


def test_a_service_reads_its_topics_under_its_own_group_and_writes_nothing() -> None:
    assert of("alerting") == {
        ("Read", "topic", "mkt.prod.goals", False),
        ("Read", "topic", "mkt.prod.directory", False),
        ("Read", "topic", "mkt.prod.progress", False),
        ("Read", "group", "mkt.prod.alerting", False),
    }


def test_the_relay_writes_what_the_services_send_and_reads_nothing() -> None:
    assert of("relay") == {("Write", "topic", f"mkt.prod.{t.name}", False) for t in TOPICS}


def test_the_door_for_events_alone_writes_by_itself() -> None:
    writers = {g.service for g in grants(SETTINGS) if g.operation == "Write"}
    assert writers == {"relay", "metrics-ingest"}
    assert ("Write", "topic", "mkt.prod.raw", False) in of("metrics-ingest")


def test_only_the_operator_may_make_topics_and_only_under_the_prefix() -> None:
    assert {g for g in grants(SETTINGS) if g.prefixed or g.kind == "cluster"} == {
        Grant("paceline", "topic", "Create", "mkt.prod.", True),
        Grant("paceline", "topic", "Describe", "mkt.prod.", True),
        Grant("paceline", "topic", "AlterConfigs", "mkt.prod.", True),
        Grant("paceline", "cluster", "Describe", CLUSTER),
    }


def test_a_topic_of_the_organisation_is_read_by_name_and_under_a_group_with_its_name() -> None:
    more = set(grants(SETTINGS, ["legacy.leads"])) - set(grants(SETTINGS))
    assert more == {
        Grant("metrics-ingest", "topic", "Read", "legacy.leads"),
        Grant("metrics-ingest", "group", "Read", "mkt.prod.metrics-ingest-rekey.legacy.leads"),
        Grant("paceline", "topic", "Describe", "legacy.leads"),
    }


def test_the_commands_name_every_grant_once() -> None:
    lines = [shlex.split(line) for line in commands(grants(SETTINGS), "k:9", "a.properties")]
    assert all(line[0] == "kafka-acls.sh" and "--add" in line for line in lines)
    named = [word for line in lines for word in line if word in ("--topic", "--group", "--cluster")]
    assert len(named) == len(grants(SETTINGS))


def test_services_with_one_user_share_their_acls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACELINE_KAFKA_USER", "mkt")
    lines = commands(grants(SETTINGS), "k:9", "a.properties")
    [read] = [line for line in lines if "--operation Read" in line and "--topic" in line]
    assert read.count("mkt.prod.directory") == 1
    assert "User:mkt " in read


def test_the_command_prints_lines_for_a_shell_however_narrow_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PACELINE_KAFKA", "kafka.example:9093")
    monkeypatch.setenv("PACELINE_PREFIX", "mkt.prod.")
    done = CliRunner().invoke(app, ["topics", "acls"], env={"COLUMNS": "40"})
    assert done.output.splitlines() == commands(
        grants(SETTINGS), "kafka.example:9093", "admin.properties"
    )
    table = CliRunner().invoke(app, ["topics", "acls", "--table"], env={"COLUMNS": "160"})
    assert table.output.count("User:mkt-alerting") == 4


def test_a_pipe_cuts_nothing_off_a_table() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "paceline", "topics", "acls", "--table"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.count("User:mkt-alerting") == 4


def test_the_page_for_the_platform_team_shows_these_commands() -> None:
    page = (Path(__file__).parents[2] / "docs" / "guest.md").read_text(encoding="utf-8")
    for line in commands(grants(SETTINGS), "kafka.example.com:9093", "admin.properties"):
        assert f"\n{line}\n" in page


@pytest.mark.parametrize(
    "given",
    [
        acl(),
        acl(operation="ALL"),
        acl(name="mkt.", prefixed=True),
        acl(name="*"),
        acl(principal="User:*"),
    ],
)
def test_an_acl_that_covers_the_grant_gives_it(given: Acl) -> None:
    assert missing([READ], [given]) == []


@pytest.mark.parametrize(
    "given",
    [
        acl(operation="WRITE"),
        acl(operation="DESCRIBE"),
        acl(name="mkt.prod.goal"),
        acl(name="mkt.test.", prefixed=True),
        acl(principal="User:mkt-relay"),
        acl(kind="group"),
    ],
)
def test_an_acl_about_something_else_does_not_give_it(given: Acl) -> None:
    assert missing([READ], [given]) == [READ]


def test_a_denial_takes_away_what_another_acl_gives() -> None:
    assert missing([READ], [acl(), acl(name="mkt.", prefixed=True, allows=False)]) == [READ]


def test_reading_allows_describing_and_not_the_other_way_round() -> None:
    describe = Grant("alerting", "topic", "Describe", "mkt.prod.goals")
    assert missing([describe], [acl()]) == []
    assert missing([READ], [acl(operation="DESCRIBE")]) == [READ]


def test_a_prefixed_grant_needs_a_prefixed_acl() -> None:
    make = Grant("alerting", "topic", "Create", "mkt.prod.", True)
    assert missing([make], [acl(operation="CREATE", name="mkt.prod.")]) == [make]
    assert missing([make], [acl(operation="CREATE", name="mkt.prod.", prefixed=True)]) == []
