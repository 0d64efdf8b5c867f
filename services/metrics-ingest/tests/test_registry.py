"""The schema registry: what it says is believed, what is no answer of it leaves records waiting."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from metrics_ingest.adapters.registry import (
    MOST_BYTES,
    MOST_REFERENCES,
    MOST_SCHEMAS,
    UNKNOWN_SECONDS,
    Access,
    SchemaRegistry,
)
from metrics_ingest.domain.avro import AvroSchema
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.ports.raw import RegistryDown

LONG = {"schema": '"long"'}
ABSENT = {"error_code": 40403, "message": "Schema not found"}
AT = "https://registry.example.com/apis/ccompat/v7/"


class Registry:
    """Answers by path, as a registry does, and notes what was asked."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        self.asked: list[httpx.Request] = []
        self.now = 0.0

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.raw_path.decode().removeprefix("/apis/ccompat/v7")
        found = self.answers.get(path, (404, ABSENT))
        if isinstance(found, Exception):
            raise found
        status, told = found if isinstance(found, tuple) else (200, found)
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        return httpx.Response(status, content=content)

    def asking(self, user: str = "", password: str = "") -> SchemaRegistry:
        transport = httpx.MockTransport(self.answer)
        return SchemaRegistry(Access(AT, user, password), lambda: self.now, transport)


async def one(registry: SchemaRegistry, schema_id: int = 7) -> AvroSchema | Unfit:
    return (await registry.find({schema_id}))[schema_id]


async def refused(answers: Mapping[str, Any]) -> Unfit:
    found = await one(Registry(answers).asking())
    assert isinstance(found, Unfit)
    assert found.zh, f"not said in Chinese: {found.detail}"
    return found


async def test_a_schema_is_asked_for_once_and_with_the_users_name() -> None:
    registry = Registry({"/schemas/ids/7": LONG, "/schemas/ids/8": LONG})
    asking = registry.asking("ada", "secret")
    schema = await one(asking)
    assert isinstance(schema, AvroSchema)
    assert schema.json_of(b"\x02") == b"1"
    assert await asking.find({7, 8}) == {7: schema, 8: (await asking.find({8}))[8]}
    assert [request.url.path[-6:] for request in registry.asked] == ["/ids/7", "/ids/8"]
    told = registry.asked[0].headers["authorization"]
    assert base64.b64decode(told.removeprefix("Basic ")) == b"ada:secret"


async def test_references_are_followed_deepest_first() -> None:
    def named(name: str, kind: str) -> str:
        fields = [{"name": "x", "type": kind}]
        return json.dumps({"type": "record", "name": name, "fields": fields})

    def to(subject: str) -> list[dict[str, Any]]:
        return [{"name": subject, "subject": subject, "version": 3}]

    registry = Registry(
        {
            "/schemas/ids/7": {"schema": named("A", "B"), "references": to("b/value") + to("c")},
            "/subjects/b%2Fvalue/versions/3": {"schema": named("B", "C"), "references": to("c")},
            "/subjects/c/versions/3": {"schema": named("C", "long"), "references": []},
        }
    )
    schema = await one(registry.asking())
    assert isinstance(schema, AvroSchema)
    assert schema.json_of(b"\x0a") == b'{"x":{"x":{"x":5}}}'
    assert len(registry.asked) == 3


async def test_what_the_registry_does_not_hold_is_asked_for_again_after_a_while() -> None:
    registry = Registry({})
    asking = registry.asking()
    for _ in range(2):
        unknown = await one(asking)
        assert isinstance(unknown, Unfit)
        assert (unknown.cause, unknown.where) == ("schema-unknown", "schema 7")
    assert len(registry.asked) == 1
    registry.answers["/schemas/ids/7"] = LONG
    registry.now = UNKNOWN_SECONDS
    assert isinstance(await one(asking), AvroSchema)


async def test_what_is_no_avro_is_said_so_and_remembered() -> None:
    other = {"schema": "{}", "schemaType": "JSON"}
    assert (await refused({"/schemas/ids/7": other})).cause == "schema-unusable"
    assert (await refused({"/schemas/ids/7": {"schema": "{}"}})).cause == "schema-unusable"
    lost = LONG | {"references": [{"subject": "gone", "version": 1}]}
    assert "gone" in (await refused({"/schemas/ids/7": lost})).detail
    endless = {"schema": '"long"', "references": [{"subject": "a", "version": 1}]}
    chain = {
        f"/subjects/a/versions/{n}": LONG | {"references": [{"subject": "a", "version": n + 1}]}
        for n in range(1, MOST_REFERENCES + 2)
    }
    assert "references are followed" in (await refused({"/schemas/ids/7": endless} | chain)).detail


async def test_references_in_a_circle_end() -> None:
    circle = LONG | {"references": [{"subject": "a", "version": 1}]}
    registry = Registry({"/schemas/ids/7": circle, "/subjects/a/versions/1": circle})
    assert isinstance(await one(registry.asking()), AvroSchema)
    assert len(registry.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        (500, {"error_code": 50001}),
        (503, b""),
        (401, {"error_code": 401}),
        (403, b"no"),
        (429, b""),
        (302, b""),
        (404, b"<html>no such page</html>"),
        (404, {"error_code": 404, "message": "HTTP 404 Not Found"}),
        (404, []),
        (200, b"<html>sign in</html>"),
        (200, []),
        (200, {}),
        (200, {"schema": 7}),
        (200, {"schema": '"long"', "references": [7]}),
        (200, b"x" * (MOST_BYTES + 1)),
    ],
)
async def test_what_is_no_answer_of_a_registry_leaves_the_record_waiting(answer: Any) -> None:
    registry = Registry({"/schemas/ids/7": answer})
    asking = registry.asking()
    with pytest.raises(RegistryDown) as down:
        await one(asking)
    assert down.value.wanted == 7
    registry.answers["/schemas/ids/7"] = LONG
    assert isinstance(await one(asking), AvroSchema)


async def test_without_an_address_records_wait() -> None:
    with pytest.raises(RegistryDown):
        await one(SchemaRegistry(Access()))


async def test_memory_is_bounded_and_the_longest_unused_goes_first() -> None:
    registry = Registry({f"/schemas/ids/{n}": LONG for n in range(MOST_SCHEMAS + 1)})
    asking = registry.asking()
    await asking.find(set(range(MOST_SCHEMAS)))
    await one(asking, 0)
    await one(asking, MOST_SCHEMAS)
    asked = len(registry.asked)
    await one(asking, 0)
    assert len(registry.asked) == asked
    await one(asking, 1)
    assert len(registry.asked) == asked + 1
