"""`paceline prepare` with a broker and a database that come late."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from paceline import prepare
from paceline.main import app
from service_kit.errors import Infrastructure
from service_kit.settings import Settings


class Servers:
    """Answers with an error a number of times, then with a key."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, late: int) -> None:
        self._late = late
        self.known: list[str | None] = []
        monkeypatch.setattr(prepare, "make_ready", self._make_ready)
        monkeypatch.setattr(prepare, "AGAIN_SECONDS", 0.01)

    async def _make_ready(self, settings: Settings, tenant: str, known: str | None) -> str:
        self.known.append(known)
        if len(self.known) <= self._late:
            raise Infrastructure("no broker")
        return known or f"pk_{tenant}_secret"


def run(folder: Path, *options: str) -> int:
    return CliRunner().invoke(app, ["prepare", "--data", str(folder), *options]).exit_code


def test_waits_for_the_servers_and_keeps_the_key_for_the_folders_owner_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    servers = Servers(monkeypatch, late=2)
    assert run(tmp_path / "new", "--tenant", "shop") == 0
    assert servers.known == [None] * 3
    keys = tmp_path / "new" / "keys.json"
    assert json.loads(keys.read_text()) == {"shop": "pk_shop_secret"}
    assert keys.stat().st_mode & 0o077 == 0
    assert (tmp_path / "new" / "issuer" / "password").read_text()


def test_a_second_run_asks_whether_the_key_is_still_good(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    servers = Servers(monkeypatch, late=0)
    assert [run(tmp_path), run(tmp_path)] == [0, 0]
    assert servers.known == [None, "pk_demo_secret"]


def test_gives_up_when_the_servers_do_not_come(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Servers(monkeypatch, late=1000)
    assert run(tmp_path, "--within", "0.05") == 1
    assert not (tmp_path / "keys.json").exists()
