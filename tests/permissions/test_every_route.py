"""Every route of every service, as its own description lists it: who is refused, and what.

A new route needs nothing here but, where it names an id, something of that id in its service's
``things``; one without fails.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from event_contracts.examples import examples
from service_kit.batch import Handler
from service_kit.guards import Guards
from service_kit.outbox import Outbox
from service_kit.permissions import PERMISSIONS, ROLES
from service_kit.records import Partition, Record, Slice
from service_kit.runtime import Runtime
from service_kit.settings import Settings
from service_kit.store import Store, Tx
from service_kit.testing.brokers import NoBroker
from service_kit.testing.fake_mongo import FakeMongo
from service_kit.testing.tokens import FakeTokens, bearer

NOW_MS = 1_323_432_000_000  # 2011-12-09 12:00 UTC
PARTITIONS = 4
# What is shipped is no tenant's.
EVERYBODYS = ("/v1/connectors", "/v1/connectors/{name}")
METHODS = ("get", "put", "post", "patch", "delete")
# The scopes of a key that may do everything but one thing.
SCOPES = frozenset(PERMISSIONS)


class StandingClock:
    def now_ms(self) -> int:
        return NOW_MS


class NoRaw:
    """A raw log into which nothing may get: whoever is let through sends nothing valid."""

    async def append(self, record: Any) -> None:
        raise AssertionError("an empty body became an event")


@dataclass(frozen=True)
class Route:
    """One operation of a description."""

    method: str
    path: str
    scopes: tuple[str, ...]

    @property
    def names_an_id(self) -> bool:
        return "{" in self.path

    def filled(self, ids: dict[str, str]) -> str:
        return re.sub(r"{(\w+)}", lambda found: ids[found[1]], self.path)

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


@dataclass
class Things:
    """What the tenant ``shop`` has: ids by the names of path parameters, valid bodies, queries.

    ``made_by_put``: paths at which a PUT with a new id makes something of one's own. ``by_query``:
    addresses that name an id of the shop in their query. ``signed``: routes without a scope, at
    which vendors call; their address and signature let them in, and their service's tests show it.
    """

    ids: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)
    queries: dict[str, dict[str, str]] = field(default_factory=dict)
    made_by_put: frozenset[str] = frozenset()
    by_query: tuple[str, ...] = ()
    signed: frozenset[str] = frozenset()


@dataclass
class House:
    """One service's door over an in-memory store, with what the shop has."""

    service: str
    runtime: Runtime
    app: FastAPI
    http: httpx.AsyncClient
    things: Things

    @property
    def every_route(self) -> list[Route]:
        return [
            Route(method, path, tuple(operation["x-scopes"]))
            for path, operations in self.app.openapi()["paths"].items()
            for method, operation in operations.items()
            if method in METHODS
        ]

    @property
    def routes(self) -> list[Route]:
        return [route for route in self.every_route if str(route) not in self.things.signed]

    async def key(self, tenant: str, *scopes: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self.runtime.keys.create(tenant, scopes)}"}

    async def call(
        self, route: Route, headers: dict[str, str], ids: dict[str, str], body: Any = None
    ) -> httpx.Response:
        content = None if body is not None or route.method == "get" else b"{}"
        return await self.http.request(
            route.method,
            route.filled(ids),
            headers=headers,
            json=body,
            content=content,
            params=self.things.queries.get(str(route)),
        )

    @property
    def any_ids(self) -> dict[str, str]:
        names = {name for route in self.routes for name in re.findall(r"{(\w+)}", route.path)}
        return dict.fromkeys(names, "x")


async def learn(store: Store, handler: Handler, topic: str) -> None:
    """Let the handler apply the golden examples of a topic, which are of the shop."""
    partition = Partition(topic, 1)
    await handler.load(partition)
    records = tuple(
        Record(partition, offset, each.key, each.value, NOW_MS, dict(each.headers))
        for offset, each in enumerate(examples(topic))
    )
    batch = Slice(partition, 0, len(records), records)

    async def body(tx: Tx) -> Any:
        outbox = Outbox("test", {})
        return await handler.apply(tx, batch, outbox)

    handler.committed(batch, await (await store.session()).run(body))


async def metrics_ingest(runtime: Runtime) -> tuple[FastAPI, Things]:
    from metrics_ingest.adapters.routes import Counts
    from metrics_ingest.api import make_api
    from metrics_ingest.domain.memory import Memory
    from metrics_ingest.settings import IngestSettings
    from metrics_ingest.stream.folding import FoldHandler

    counts = Counts(
        raw=PARTITIONS, subjects=PARTITIONS, facts=PARTITIONS, metric_definitions=PARTITIONS
    )
    memory = Memory(IngestSettings().window_bytes)
    await learn(runtime.store, FoldHandler(runtime.store, runtime.clock, counts, memory), "raw")
    raw: Any = NoRaw()
    letter = await runtime.store.db["dead_letters"].find_one({"tenant": "shop"})
    mapping = {"id": ["id"], "type": ["type"], "time": ["time"]}
    doors = {"http": mapping, "hook": mapping}
    key = (await runtime.keys.create("shop", ["events:write"])).split("_")[1]
    source = {"name": "orders", "zone": "UTC", "doors": doors, "signature": "stripe"}
    metric = {"name": "orders", "source": "orders"}
    things = Things(
        ids={"name": "orders", "identity": str(letter["_id"]) if letter else "", "key_id": key},
        bodies={
            "POST /v1/sources": source,
            "POST /v1/metrics": metric,
            "PUT /v1/sources/{name}": source,
            "PUT /v1/metrics/{name}": metric,
            "PUT /v1/keys/{key_id}": {"events_per_second": 10},
            "PUT /v1/sources/{name}/secrets": {"secrets": ["whsec_eA=="]},
        },
        signed=frozenset({"POST /v1/hooks/{hook}", "GET /v1/hooks/{hook}"}),
    )
    sealed = IngestSettings(secrets_keys=("a key to seal secrets with",))
    return make_api(runtime, raw, counts, sealed), things


async def goal_service(runtime: Runtime) -> tuple[FastAPI, Things]:
    from goal_service.api import make_api
    from goal_service.stream import make_stream

    stream = make_stream(runtime.store, runtime.clock, Guards(), PARTITIONS)
    await learn(runtime.store, stream, "metric-definitions")
    goal = {
        "id": "g",
        "name": "G",
        "metric": "gross_revenue",
        "start": "2011-12-01",
        "end": "2011-12-30",
        "zone": "UTC",
        "target": 22,
        "deal_value": 1,
    }
    person, team, calendar = "/v1/people/{person}", "/v1/teams/{team}", "/v1/calendars/{calendar}"
    policy = "/v1/policies/{name}"
    part = {"name": "Part", "share": "0.1"}
    things = Things(
        ids={
            "goal": "g",
            "metric": "gross_revenue",
            "person": "anna",
            "team": "content",
            "calendar": "c",
            "name": "strict",
        },
        bodies={
            "POST /v1/goals": goal,
            "PUT /v1/goals/{goal}": goal | {"reason": "another"},
            "POST /v1/goals/{goal}/split": {"parts": [part], "allow_rest": True},
            f"PUT {policy}": {"low": "0.8", "reason": "stricter"},
            f"PUT {team}": {"name": "Content"},
            f"PUT {calendar}": {"calendar": {"weekdays": [1, 2]}},
            f"PUT {person}": {"name": "Anna"},
            f"PUT {person}/consent": {"praise": True},
            f"PUT {person}/leave": {"leave": []},
        },
        queries={
            "GET /v1/metrics/{metric}/series": {"from": "2011-12-01", "to": "2011-12-02"},
        },
        made_by_put=frozenset({person, team, calendar, policy}),
    )
    return make_api(runtime), things


async def alerting(runtime: Runtime) -> tuple[FastAPI, Things]:
    from alerting.api import make
    from alerting.stream import Stream

    await learn(runtime.store, Stream(runtime.clock, Guards(), PARTITIONS), "goals")
    return make(runtime), Things(by_query=("/v1/lights?goal=gross-2011",))


async def incentives(runtime: Runtime) -> tuple[FastAPI, Things]:
    from incentives.api import make
    from incentives.stream.definitions import DefinitionsStream

    await learn(runtime.store, DefinitionsStream(runtime.clock), "metric-definitions")
    rule = {"id": "r", "name": "R", "metric": "gross_revenue", "dim": "country", "threshold": 1}
    rule["zone"] = "UTC"
    things = Things(
        ids={"rule_id": "r"},
        bodies={"POST /v1/rules": rule, "PUT /v1/rules/{rule_id}": {"name": "Another"}},
    )
    return make(runtime), things


MAKERS: dict[str, Callable[[Runtime], Awaitable[tuple[FastAPI, Things]]]] = {
    "metrics-ingest": metrics_ingest,
    "goal-service": goal_service,
    "alerting": alerting,
    "incentives": incentives,
}


@pytest.fixture(params=sorted(MAKERS))
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """A service in which the shop has something of everything, made by its own routes."""
    service = request.param
    store = Store(FakeMongo(), f"paceline_{service.replace('-', '_')}")
    broker: Any = NoBroker()
    settings = Settings(service, instance=f"{service}-0")
    runtime = await Runtime.over(settings, store, broker, clock=StandingClock())
    runtime.tokens = FakeTokens()
    app, things = await MAKERS[service](runtime)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as http:
        house = House(service, runtime, app, http, things)
        full = await house.key("shop", "*")
        for name, body in things.bodies.items():
            method, path = name.split(" ")
            made = await house.call(Route(method, path, ()), full, things.ids, body)
            assert made.status_code < 300, f"{name}: {made.text}"
        yield house


async def test_every_route_asks_for_one_scope_of_the_table(house: House) -> None:
    assert house.routes
    for route in house.routes:
        (scope,) = route.scopes
        assert scope in PERMISSIONS, str(route)


async def test_a_route_without_a_scope_knows_nobody_who_does_not_know_its_address(
    house: House,
) -> None:
    unscoped = {str(route) for route in house.every_route if not route.scopes}
    assert unscoped == house.things.signed
    rival = await house.key("rival", "*")
    for route in house.every_route:
        if str(route) in house.things.signed:
            for headers in ({}, bearer("admin", tenant="shop"), rival):
                for name in ("orders", "orders.", "orders.00", ".", "x"):
                    answer = await house.call(route, headers, {"hook": name})
                    assert answer.status_code == 404, f"{route} {name}: {answer.text}"


async def test_nobody_comes_in_without_a_key_or_a_token(house: House) -> None:
    for route in house.routes:
        refused = await house.call(route, {}, house.any_ids)
        assert refused.status_code == 401, str(route)


async def test_every_role_that_the_table_does_not_name_is_refused(house: House) -> None:
    refusals = 0
    for route in house.routes:
        allowed = PERMISSIONS[route.scopes[0]]
        for role in (*ROLES, "stranger"):
            answer = await house.call(route, bearer(role, tenant="shop"), house.any_ids)
            where = f"{route} as {role}: {answer.text}"
            if role in allowed:
                assert answer.status_code not in (401, 403, 500, 503), where
            else:
                assert answer.status_code == 403, where
                assert answer.json()["error"]["code"] == "role-missing", where
                refusals += 1
    assert refusals >= len(house.routes)


async def test_every_key_without_the_scope_is_refused_whatever_else_it_has(house: House) -> None:
    for route in house.routes:
        others = await house.key("shop", *(SCOPES - set(route.scopes)))
        refused = await house.call(route, others, house.any_ids)
        assert refused.status_code == 403, str(route)
        assert refused.json()["error"]["code"] == "scope-missing", str(route)


async def test_every_id_of_another_tenant_is_404_and_stays_as_it_was(house: House) -> None:
    things = house.things
    rival, full = await house.key("rival", "*"), await house.key("shop", "*")
    for route in sorted(house.routes, key=lambda each: each.method == "delete"):
        if route.path in EVERYBODYS:
            continue
        if route.names_an_id and not makes_its_own(house, route):
            before = await held(house, "shop")
            foreign = await house.call(route, rival, things.ids, things.bodies.get(str(route)))
            assert foreign.status_code == 404, f"{route}: {foreign.text}"
            assert await held(house, "shop") == before, str(route)
            own = await house.call(route, full, things.ids, things.bodies.get(str(route)))
            assert own.status_code < 300, f"{route}: {own.text}"
    for address in things.by_query:
        assert (await house.http.get(address, headers=rival)).status_code == 404
        assert (await house.http.get(address, headers=full)).status_code == 200


async def test_what_a_put_makes_is_ones_own_even_under_an_id_of_another_tenant(
    house: House,
) -> None:
    rival = await house.key("rival", "*")
    for route in house.routes:
        if makes_its_own(house, route):
            before = await held(house, "shop")
            made = await house.call(route, rival, house.things.ids, house.things.bodies[str(route)])
            assert made.status_code == 200, f"{route}: {made.text}"
            assert made.json()["version"] == 1, str(route)
            assert await held(house, "shop") == before, str(route)


async def test_lists_show_nothing_of_another_tenant(house: House) -> None:
    rival = await house.key("rival", "*")
    its_key = rival["Authorization"].split("_")[1]
    for route in house.routes:
        if route.method == "get" and not route.names_an_id and route.path not in EVERYBODYS:
            answer = (await house.call(route, rival, {})).json()
            found = [item for item in answer.get("items", []) if item.get("id") != its_key]
            assert found == [], str(route)


def makes_its_own(house: House, route: Route) -> bool:
    return route.method == "put" and route.path in house.things.made_by_put


async def held(house: House, tenant: str) -> list[tuple[str, Any]]:
    """Return every document of a tenant."""
    store = house.runtime.store
    return [
        (name, row)
        for database, name in store.client.server.names
        for row in await store.client[database][name].find({"tenant": tenant}).to_list(None)
        if name != "keys"
    ]
