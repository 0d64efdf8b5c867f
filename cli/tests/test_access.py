from pathlib import Path

import pytest
from typer.testing import CliRunner

from paceline import guest
from paceline.access import access_to
from paceline.main import app

PLAIN = {"PACELINE_KAFKA": None, "PACELINE_JSON": None, "LC_ALL": "C"}


def test_up_refuses_credentials_without_a_broker_to_give_them_to(tmp_path: Path) -> None:
    guarded = PLAIN | {"PACELINE_KAFKA_PROTOCOL": "SSL"}
    done = CliRunner().invoke(app, ["up", "--data", str(tmp_path / "never")], env=guarded)
    assert done.exit_code == 1
    assert "PACELINE_KAFKA names none" in done.output
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize(("language", "text"), [("C", "needs it"), ("zh_CN.UTF-8", "需要它")])
def test_a_command_says_what_is_wrong_with_the_credentials(language: str, text: str) -> None:
    wrong = PLAIN | {"PACELINE_KAFKA_PROTOCOL": "SASL_SSL", "LC_ALL": language}
    done = CliRunner().invoke(app, ["topics", "plan"], env=wrong)
    assert done.exit_code == 1
    assert "PACELINE_KAFKA_USER" in done.output
    assert text in done.output


def test_a_broker_whose_address_was_told_gets_the_environments_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, text in {"PROTOCOL": "SASL_SSL", "USER": "mkt-{service}", "PASSWORD": "p"}.items():
        monkeypatch.setenv(f"PACELINE_KAFKA_{name}", text)
    told = access_to("k:9").librdkafka()
    assert (told["bootstrap.servers"], told["sasl.username"]) == ("k:9", "mkt-paceline")


def test_doctor_knows_the_services_that_come_to_the_broker() -> None:
    assert [name for name in ("relay", "alerting", "console") if guest.known(name)] == [
        "relay",
        "alerting",
    ]
    done = CliRunner().invoke(app, ["doctor", "--service", "console"], env=PLAIN)
    assert done.exit_code == 1
