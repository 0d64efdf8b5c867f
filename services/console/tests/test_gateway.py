"""Asking the services: in the person's name, all pages, and what each failure becomes."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from console.adapters.gateway import Gateway
from console.domain.answers import Goal, Person
from console.ports import GOALS, Refused, SignedOut, Silent, at


def gateway(answer: Callable[[httpx.Request], httpx.Response]) -> Gateway:
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return Gateway(http, {GOALS: "http://goals/"}, "the-token", "zh")


def people(*ids: str, next: str | None) -> httpx.Response:
    items = [{"id": each, "name": each, "shoe_size": 44} for each in ids]
    return httpx.Response(200, json={"items": items, "next": next})


async def test_every_call_carries_the_persons_token_and_language() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer the-token"
        assert request.headers["accept-language"] == "zh"
        assert str(request.url) == "http://goals/v1/people?limit=1000&team=t"
        return people("a", next=None)

    assert [p.id for p in await gateway(answer).all(GOALS, "/v1/people", Person, team="t")] == ["a"]


async def test_a_list_is_read_to_its_end_also_where_it_could_be_followed() -> None:
    pages = iter([people("a", "b", next="2"), people("c", next="3"), people(next=None)])
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.params.get("after"))
        return next(pages)

    found = await gateway(answer).all(GOALS, "/v1/people", Person)
    assert [person.id for person in found] == ["a", "b", "c"]
    assert seen == [None, "2", "3"]


async def test_a_list_that_does_not_move_on_ends() -> None:
    found = await gateway(lambda _: people("a", next="same")).all(GOALS, "/v1/people", Person)
    assert len(found) == 2


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_service_that_cannot_answer_is_silent(status: int) -> None:
    with pytest.raises(Silent, match="goal-service"):
        await gateway(lambda _: httpx.Response(status, text="x")).get(GOALS, "/v1/goals/g", Goal)


async def test_a_service_that_is_not_there_or_makes_no_sense_is_silent() -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there", request=request)

    for answer in (
        gone,
        lambda _: httpx.Response(200, text="<html>"),
        lambda _: httpx.Response(200, json={"id": "g"}),
    ):
        with pytest.raises(Silent):
            await gateway(answer).get(GOALS, "/v1/goals/g", Goal)


async def test_a_question_is_asked_once_more_when_the_kept_connection_was_closed() -> None:
    calls: list[str] = []

    def once(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        if len(calls) == 1:
            raise httpx.RemoteProtocolError("closed", request=request)
        return people("a", next=None)

    assert len(await gateway(once).all(GOALS, "/v1/people", Person)) == 1
    assert calls == ["GET", "GET"]
    calls.clear()
    with pytest.raises(Silent):
        await gateway(once).send("POST", GOALS, "/v1/x", {})
    assert calls == ["POST"]


async def test_a_refusal_says_what_and_where_and_a_refused_token_ends_the_session() -> None:
    error = {"code": "c", "where": "$.name", "message": "名称无效"}
    body = {"error": error, "problems": [1]}
    with pytest.raises(Refused) as caught:
        await gateway(lambda _: httpx.Response(422, json=body)).send("POST", GOALS, "/v1/x", {})
    found = caught.value
    assert (found.status, found.code, found.where, found.message) == (
        *(422, "c", "$.name", "名称无效"),
    )
    assert found.body == body
    with pytest.raises(SignedOut):
        await gateway(lambda _: httpx.Response(401, json=body)).get(GOALS, "/v1/x", Goal)
    with pytest.raises(Refused, match="418"):
        await gateway(lambda _: httpx.Response(418, text="teapot")).get(GOALS, "/v1/x", Goal)


async def test_bytes_are_sent_as_they_are_and_anything_else_as_json() -> None:
    sent: list[tuple[Any, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.headers.get("content-type"), request.content))
        return httpx.Response(200, json={})

    door = gateway(answer)
    await door.send("POST", GOALS, "/v1/x", b"a,b", {"Content-Type": "text/csv"}, dry_run="true")
    await door.send("PUT", GOALS, "/v1/x", {"a": 1})
    assert sent == [("text/csv", b"a,b"), (None, b'{"a":1}')]


def test_an_address_is_made_of_steps_that_cannot_leave_it() -> None:
    assert at("goals", "a/b?c", "path") == "/v1/goals/a%2Fb%3Fc/path"
    for step in ("", ".", ".."):
        with pytest.raises(Refused, match="404"):
            at("goals", step)
