import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response

from service_kit.batch import Bounds
from service_kit.clock import SystemClock
from service_kit.errors import Infrastructure
from service_kit.outbox import Message, Outbox
from service_kit.readiness import Readiness
from service_kit.records import Partition
from service_kit.runtime import Runtime
from service_kit.settings import Settings
from service_kit.store import Store, Tx
from service_kit.testing.fake_mongo import FakeMongo
from service_kit.testing.outboxes import rows_in
from service_kit.testing.tokens import FakeTokens, bearer
from service_kit.web import (
    Caller,
    PlainRoute,
    add_routes,
    answer,
    bodies,
    make_app,
    page,
    read_body,
    require,
)
from service_kit.web.answers import language_of


class StillBroker:
    """A broker whose logs all end at ``end``."""

    end = 7
    broken = False

    async def bounds(self, partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
        return {p: Bounds("t", 0, self.end) for p in partitions}

    async def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        if self.broken:
            raise Infrastructure("gone")
        return dict.fromkeys(partitions, self.end)


class Part(msgspec.Struct, kw_only=True):
    amount: Decimal
    note: str = ""


class Circle(msgspec.Struct, tag="circle"):
    r: int


class Square(msgspec.Struct, tag="square"):
    a: int


class Body(msgspec.Struct, kw_only=True):
    name: str
    count: int = 0
    parts: list[Part] = []
    by_name: dict[str, Part] = {}
    best: Part | None = None
    shape: Circle | Square | None = None


class Door:
    """A service's door with a key of every kind."""

    def __init__(self, runtime: Runtime, broker: StillBroker, full: str, reader: str) -> None:
        self.runtime = runtime
        self.broker = broker
        self.full = {"Authorization": f"Bearer {full}"}
        self.reader = {"Authorization": f"Bearer {reader}"}
        self.app = make_app("Door", runtime)
        routes(self.app, runtime)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://door")


def routes(app: FastAPI, runtime: Runtime) -> None:
    writer = Depends(require("goals:write"))
    reader = Depends(require("goals:read"))

    @app.post("/v1/goals")
    async def create(request: Request, caller: Caller = writer) -> Response:
        body = await read_body(request, Body)

        async def write(tx: Tx, outbox: Outbox) -> str:
            await tx["goals"].insert_many([{"_id": body.name, "tenant": caller.tenant}])
            outbox.send(Message(Partition("goals", 1), b"k", b"v"))
            return body.name

        return answer({"id": await runtime.api.run(write), "body": body}, 201)

    @app.get("/v1/goals")
    async def listed(caller: Caller = reader, limit: int = 100) -> Response:
        return page([{"value": Decimal("1.10"), "tenant": caller.tenant}], None)

    @app.get("/v1/broken")
    async def broken(caller: Caller = reader) -> Response:
        raise RuntimeError("secret detail")

    @app.post("/v1/infrastructure")
    async def infrastructure(caller: Caller = writer) -> Response:
        async def write(tx: Tx, outbox: Outbox) -> None:
            raise Infrastructure("commit unknown")

        return answer(await runtime.api.run(write))


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    broker: Any = StillBroker()
    store = Store(FakeMongo(), "paceline_goal_service")
    runtime = await Runtime.over(
        Settings("goal-service", instance="g-0"),
        store,
        broker,
        clock=SystemClock(),
    )
    full = await runtime.keys.create("demo", ["*"])
    reader = await runtime.keys.create("demo", ["goals:read"])
    made = Door(runtime, broker, full, reader)
    async with made.http:
        yield made
    if runtime._failed.done():
        runtime._failed.exception()


def error_of(response: httpx.Response) -> dict[str, Any]:
    content: dict[str, Any] = response.json()
    assert list(content) == ["error"]
    assert list(content["error"]) == ["code", "where", "message"]
    error: dict[str, Any] = content["error"]
    return error


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer pk_a_b", "Basic eDp5", b"Bearer \x00".decode()]
)
async def test_without_a_valid_key_nobody_comes_in(door: Door, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = await door.http.get("/v1/goals", headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert error_of(response)["code"] == "unauthorised"


async def test_a_key_without_the_scope_is_told_which_one_it_lacks(door: Door) -> None:
    response = await door.http.post("/v1/goals", headers=door.reader, content=b"{}")
    assert response.status_code == 403
    assert "goals:write" in error_of(response)["message"]


async def test_the_tenant_is_the_keys_and_amounts_are_text(door: Door) -> None:
    response = await door.http.get("/v1/goals", headers=door.reader)
    assert response.json() == {"items": [{"value": "1.10", "tenant": "demo"}], "next": None}


async def test_a_write_leaves_document_row_and_counter_in_one_transaction(door: Door) -> None:
    body = b'{"name": "g1", "parts": [{"amount": 0.10}], "shape": {"type": "circle", "r": 2}}'
    for name in (b"g1", b"g2"):
        content = body.replace(b"g1", name)
        response = await door.http.post("/v1/goals", headers=door.full, content=content)
        assert response.status_code == 201
    assert response.json()["body"]["parts"] == [{"amount": "0.10", "note": ""}]
    origin = await door.runtime.store.db["origins"].find_one({})
    assert origin == {"_id": "goal-service:api:g-0", "lanes": {"goals:1": 2}, "bundles": 2}
    rows = await rows_in(door.runtime.store)
    assert [(row["lane"], row["seq"]) for row in rows] == [
        ("goal-service:api:g-0>goals/1", 1),
        ("goal-service:api:g-0>goals/1", 2),
    ]
    owners = await door.runtime.store.db["owners"].find_one({"_id": "api:goal-service:g-0"})
    assert len(owners["sessions"]) == 1


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        (b"", "json-empty", "$"),
        (b"[]", "wrong-type", "$"),
        (b'{"count": 1}', "missing-field", "$.name"),
        (b'{"name": 5}', "wrong-type", "$.name"),
        (b'{"name": "x", "nmae": 1}', "unknown-field", "$.nmae"),
        (b'{"name": "x", "count": 1.5}', "wrong-type", "$.count"),
        (b'{"name": "x", "parts": [{"amount": 1}, {}]}', "missing-field", "$.parts[1].amount"),
        (b'{"name": "x", "parts": [{"amount": 1, "b": 2}]}', "unknown-field", "$.parts[0].b"),
        (b'{"name": "x", "by_name": {"k": {"amount": 1, "b": 2}}}', "unknown-field", None),
        (b'{"name": "x", "best": {"amount": 1, "b": 2}}', "unknown-field", "$.best.b"),
        (b'{"name": "x", "shape": {"type": "square", "a": 1, "r": 2}}', "unknown-field", None),
        (b'{"name": "x", "shape": {"type": "line"}}', "invalid-value", "$.shape.type"),
        (b'{"name": "x", "count": NaN}', "json-not-a-number", "$.count"),
    ],
)
async def test_a_wrong_body_is_refused_with_its_place(
    door: Door, body: bytes, code: str, where: str | None
) -> None:
    for language in ("en", "zh-CN"):
        headers = door.full | {"Accept-Language": language}
        response = await door.http.post("/v1/goals", headers=headers, content=body)
        assert response.status_code == 422
        error = error_of(response)
        assert error["code"] == code
        assert where is None or error["where"] == where


async def test_the_refusal_of_an_unknown_field_names_the_known_ones(door: Door) -> None:
    content = b'{"name": "x", "best": {"amount": 1, "b": 2}}'
    response = await door.http.post("/v1/goals", headers=door.full, content=content)
    assert error_of(response)["message"] == (
        "this field is not known; known here are: amount, note"
    )


async def test_errors_speak_the_language_that_was_asked_for(door: Door) -> None:
    for accepted, text in [("zh-CN,zh;q=0.9,en;q=0.8", "此地址不存在"), ("de", "there is nothing")]:
        response = await door.http.get("/v1/nothing", headers={"Accept-Language": accepted})
        assert response.status_code == 404
        assert text in error_of(response)["message"]


async def test_other_methods_and_wrong_parameters_have_the_same_shape(door: Door) -> None:
    response = await door.http.put("/v1/goals", headers=door.full)
    assert response.status_code == 405
    assert error_of(response)["where"] == "PUT /v1/goals"
    assert "GET" in response.headers["Allow"] or "POST" in response.headers["Allow"]
    response = await door.http.get("/v1/goals?limit=x", headers=door.full)
    assert response.status_code == 422
    assert error_of(response)["where"] == "query.limit"


async def test_a_body_beyond_five_megabytes_is_refused_declared_or_not(door: Door) -> None:
    big = b'{"name": "' + b"x" * 5 * 1024 * 1024 + b'"}'

    async def stream() -> AsyncIterator[bytes]:
        for at in range(0, len(big), 65536):
            yield big[at : at + 65536]

    for content in (big, stream()):
        response = await door.http.post("/v1/goals", headers=door.full, content=content)
        assert response.status_code == 413
        assert error_of(response)["code"] == "body-too-large"


async def test_a_body_may_come_as_gzip_and_is_bounded_as_it_inflates(door: Door) -> None:
    headers = door.full | {"Content-Encoding": "gzip"}
    whole = gzip.compress(b'{"name": "g", "count": 3}')
    taken = await door.http.post("/v1/goals", headers=headers, content=whole)
    assert taken.status_code == 201, taken.text
    bomb = gzip.compress(b" " * (200 * 1024 * 1024), 1)
    refused = await door.http.post("/v1/goals", headers=headers, content=bomb)
    assert (refused.status_code, error_of(refused)["code"]) == (413, "body-too-large")
    for broken in (whole[:-4], whole + b"x", b"no gzip", b""):
        refused = await door.http.post("/v1/goals", headers=headers, content=broken)
        assert (refused.status_code, error_of(refused)["code"]) == (422, "bad-encoding")


async def test_another_encoding_is_refused(door: Door) -> None:
    headers = door.full | {"Content-Encoding": "br"}
    refused = await door.http.post("/v1/goals", headers=headers, content=b"{}")
    assert (refused.status_code, error_of(refused)["code"]) == (415, "unsupported-encoding")


async def test_a_body_that_does_not_come_is_not_waited_for(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.05)

    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    refused = await door.http.post("/v1/goals", headers=door.full, content=drops())
    assert (refused.status_code, error_of(refused)["code"]) == (408, "body-too-slow")
    assert refused.headers["connection"] == "close"


async def test_a_length_of_thousands_of_digits_is_too_large(door: Door) -> None:
    headers = door.full | {"Content-Length": "9" * 5000}
    refused = await door.http.post("/v1/goals", headers=headers, content=b"{}")
    assert refused.status_code == 413


async def test_our_own_mistake_tells_nothing_of_its_inside(door: Door) -> None:
    response = await door.http.get("/v1/broken", headers=door.full)
    assert response.status_code == 500
    assert error_of(response)["code"] == "internal"
    assert "secret" not in response.text


async def test_an_unknown_commit_is_503_and_ends_the_process(door: Door) -> None:
    response = await door.http.post("/v1/infrastructure", headers=door.full)
    assert response.status_code == 503
    assert error_of(response)["code"] == "unavailable"
    assert isinstance(door.runtime._failed.exception(), Infrastructure)


async def test_the_description_lists_the_scope_of_every_route(door: Door) -> None:
    schema = (await door.http.get("/openapi.json")).json()
    assert schema["paths"]["/v1/goals"]["post"]["x-scopes"] == ["goals:write"]
    assert schema["paths"]["/v1/goals"]["get"]["security"] == [
        {"key": ["goals:read"]},
        {"token": []},
    ]
    assert schema["paths"]["/v1/goals"]["post"]["x-roles"] == ["admin", "lead"]
    assert schema["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


async def test_the_description_lists_the_scopes_of_included_routers_too(door: Door) -> None:
    router = APIRouter()

    @router.get("/v1/included/{name}")
    async def included(
        name: str, caller: Annotated[Caller, Depends(require("audit:read"))]
    ) -> None:
        raise AssertionError("never called")

    door.app.include_router(router)
    schema = (await door.http.get("/openapi.json")).json()
    assert schema["paths"]["/v1/included/{name}"]["get"]["x-scopes"] == ["audit:read"]
    assert (await door.http.get("/v1/included/x")).status_code == 401


async def test_a_plain_route_is_described_and_guarded_like_any_other(door: Door) -> None:
    router = APIRouter(route_class=PlainRoute)

    @router.post("/v1/plain", status_code=202)
    async def plain(
        request: Request, caller: Annotated[Caller, Depends(require("goals:write"))]
    ) -> Response:
        return answer({"tenant": caller.tenant, "sent": (await request.body()).decode()}, 202)

    add_routes(door.app, router)
    schema = (await door.http.get("/openapi.json")).json()
    assert schema["paths"]["/v1/plain"]["post"]["x-scopes"] == ["goals:write"]
    refused = await door.http.post("/v1/plain", content=b"a")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorised")
    door.runtime.tokens = FakeTokens()
    assert (await door.http.post("/v1/plain", headers=bearer("viewer"))).status_code == 403
    taken = await door.http.post("/v1/plain", headers=bearer("admin"), content=b"a")
    assert (taken.status_code, taken.json()) == (202, {"tenant": "demo", "sent": "a"})
    assert (await door.http.get("/v1/plain")).status_code == 405


def test_a_route_cannot_ask_for_a_scope_that_the_table_does_not_have() -> None:
    with pytest.raises(ValueError, match="moon:write"):
        require("moon:write")


async def test_a_person_comes_in_by_a_token_as_far_as_the_roles_go(door: Door) -> None:
    door.runtime.tokens = FakeTokens()
    viewer = bearer("viewer")
    assert (await door.http.get("/v1/goals", headers=viewer)).json()["items"][0]["tenant"] == "demo"
    refused = await door.http.post("/v1/goals", headers=viewer, content=b"{}")
    assert refused.status_code == 403
    assert error_of(refused)["code"] == "role-missing"
    assert "admin, lead" in error_of(refused)["message"]
    made = await door.http.post("/v1/goals", headers=bearer("lead"), content=b'{"name":"a"}')
    assert made.status_code == 201
    assert (await door.http.get("/v1/goals", headers=bearer("nobody"))).status_code == 403


async def test_keys_stay_good_beside_tokens_and_a_bad_token_is_401(door: Door) -> None:
    door.runtime.tokens = FakeTokens()
    assert (await door.http.get("/v1/goals", headers=door.full)).status_code == 200
    refused = await door.http.get("/v1/goals", headers={"Authorization": "Bearer nonsense"})
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"


async def test_readiness_tells_every_partition_and_a_halt_is_503(door: Door) -> None:
    assert (await door.http.get("/healthz")).json() == {"status": "ok"}
    facts = [Partition("facts", 0), Partition("facts", 1)]
    halted: dict[Partition, str] = {}
    door.runtime.readiness.watch("goal-service", dict.fromkeys(facts, 5), halted)
    response = await door.http.get("/readyz")
    assert response.status_code == 200
    assert response.json()["partitions"][1] == {
        "group": "goal-service",
        "topic": "facts",
        "partition": 1,
        "next": 5,
        "end": 7,
        "lag": 2,
        "halted": None,
        "stuck_seconds": 0.0,
    }
    halted[facts[1]] = "gap"
    response = await door.http.get("/readyz")
    assert response.status_code == 503
    assert [row["halted"] for row in response.json()["partitions"]] == [None, "gap"]
    metrics = (await door.http.get("/metrics")).text
    assert 'paceline_halted_partitions{group="goal-service"} 1.0' in metrics
    assert 'paceline_lag_records{group="goal-service",partition="1",topic="facts"} 2.0' in metrics


async def test_a_silent_broker_is_not_ready_but_the_metrics_stay(door: Door) -> None:
    door.runtime.readiness.watch("goal-service", {Partition("facts", 0): 5}, {})
    door.broker.broken = True
    assert (await door.http.get("/readyz")).status_code == 503
    assert (await door.http.get("/metrics")).status_code == 200


async def test_a_partition_that_is_behind_and_unmoved_for_a_minute_is_not_ready() -> None:
    now, end = 0.0, 5  # read by the readiness through the two closures
    partition = Partition("facts", 0)
    positions = {partition: 5}

    async def ends(asked: Sequence[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(asked, end)

    readiness = Readiness(ends, lambda: now)
    readiness.watch("g", positions, {})
    for step in [
        (0, 5, 5, True),
        (500, 5, 5, True),  # at the end: time does not count
        (501, 9, 5, True),
        (560, 9, 5, True),
        (561, 9, 5, False),  # 60 s after it was first seen behind
        (562, 9, 6, True),  # moved
        (621, 9, 6, True),
        (622, 9, 6, False),
        (623, 9, 9, True),
    ]:
        now, end, position, ready = step
        positions[partition] = position
        assert [each.ready for each in await readiness.look()] == [ready], now


async def test_a_second_process_of_the_instance_kills_the_firsts_api_session(door: Door) -> None:
    before = await door.runtime.store.db["owners"].find_one({"_id": "api:goal-service:g-0"})
    await Runtime.over(
        door.runtime.settings,
        door.runtime.store,
        door.broker,
        clock=SystemClock(),
    )
    after = await door.runtime.store.db["owners"].find_one({"_id": "api:goal-service:g-0"})
    assert len(after["sessions"]) == 1
    assert after["sessions"] != before["sessions"]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-Hans-CN", "zh"),
        ("en;q=0.5, zh;q=0.6", "zh"),
        ("en-GB, zh", "en"),
        ("zh;q=0", "en"),
        ("zh;q=x", "en"),
        ("fr, zh;q=0.1", "zh"),
    ],
)
def test_the_language_is_the_heavier_one(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


async def test_concurrent_api_writes_get_gapless_numbers(door: Door) -> None:
    posts = [
        door.http.post("/v1/goals", headers=door.full, content=b'{"name": "c%d"}' % number)
        for number in range(10)
    ]
    assert {response.status_code for response in await asyncio.gather(*posts)} == {201}
    rows = await rows_in(door.runtime.store)
    assert sorted(row["seq"] for row in rows) == list(range(1, 11))
