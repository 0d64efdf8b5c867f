"""`paceline connectors` against the fake of test_commands' kind: answers from a table."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from paceline import connection
from paceline.main import app

ADDED = {
    "source": {"name": "stripe-eu"},
    "metrics": [{"name": "eu_stripe_renewals"}],
    "at_vendor": ["Add an endpoint."],
}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    requests: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append((request.method, request.url.path, request.content))
        if request.url.path.endswith("/unheard"):
            error = {"error": {"code": "x", "where": "path.name", "message": "no such connector"}}
            return httpx.Response(404, json=error)
        if request.method == "POST":
            return httpx.Response(201, json=ADDED)
        if request.url.path.endswith("/stripe"):
            return httpx.Response(
                200, json={"about": "Stripe 账单", "sources": [{"name": "stripe"}]}
            )
        items = [{"name": "stripe", "about": "Stripe webhooks"}]
        return httpx.Response(200, json={"items": items, "next": None})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    monkeypatch.setattr(connection, "_client", lambda: client)
    yield requests
    client.close()


def run(*arguments: str) -> tuple[int, str]:
    options = ["--url", "http://ingest", "--key", "pk_a_b"]
    done = CliRunner().invoke(app, ["connectors", *arguments, *options], env={"COLUMNS": "160"})
    return done.exit_code, done.output


def test_connectors_are_listed_and_shown_as_yaml(sent: list[Any]) -> None:
    code, output = run("list")
    assert code == 0
    assert "Stripe webhooks" in output
    assert run("show", "stripe") == (0, "about: Stripe 账单\nsources:\n- name: stripe\n")
    code, output = run("show", "unheard")
    assert code == 1
    assert "no such connector" in output


def test_adding_one_sends_what_was_given_and_tells_what_is_left_to_do(sent: list[Any]) -> None:
    code, output = run("add", "stripe", "--source", "stripe-eu", "--prefix", "eu_")
    assert code == 0
    assert sent == [("POST", "/v1/connectors/stripe", b'{"source":"stripe-eu","prefix":"eu_"}')]
    assert "eu_stripe_renewals" in output
    assert "- Add an endpoint." in output
