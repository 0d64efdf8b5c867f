"""Sources and metrics as documents: versions, audit, announcements, refusals, tenants apart."""

from typing import Any

import msgspec
import pytest

from event_contracts.metrics import MetricDefined


async def test_a_definition_has_versions_an_audit_entry_and_an_announcement(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    metric = make.shop_metrics()[0]
    same = await stage.done("PUT", "/v1/metrics/gross_revenue", metric)
    assert same["version"] == 1
    changed = await stage.done(
        "PUT", "/v1/metrics/gross_revenue", metric | {"unit": "pounds", "reason": "clearer"}
    )
    assert (changed["version"], changed["unit"], changed["value"]) == (2, "pounds", "gross")
    assert (await stage.done("GET", "/v1/metrics/gross_revenue"))["version"] == 2

    rows = await stage.rows("metric-definitions")
    sent = [msgspec.json.decode(row["value"], type=MetricDefined) for row in rows]
    versions = [(m.metric, m.version) for m in sent if m.metric == "gross_revenue"]
    assert versions == [("gross_revenue", 1), ("gross_revenue", 2)]
    assert {(m.kind, m.source, m.dims) for m in sent} == {("additive", "shop", ("country",))}
    query = {"tenant": "acme", "action": {"$exists": True}}
    entries = await stage.store.db["audit"].find(query, sort=[("seq", 1)]).to_list(None)
    assert [(e["action"], e["subject"], e["detail"]["version"]) for e in entries] == [
        ("source.defined", "shop", 1),
        ("metric.defined", "gross_revenue", 1),
        ("metric.defined", "net_revenue", 1),
        ("metric.defined", "orders", 1),
        ("metric.defined", "gross_revenue", 2),
    ]
    assert entries[-1]["detail"]["reason"] == "clearer"
    assert await stage.store.db["metrics"].count_documents({"name": "gross_revenue"}) == 3


async def test_what_exists_is_not_created_and_what_does_not_is_not_changed(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    assert (await stage.call("POST", "/v1/sources", make.shop())).status_code == 409
    other = make.shop() | {"name": "other"}
    assert (await stage.call("PUT", "/v1/sources/other", other)).status_code == 404
    assert (await stage.call("PUT", "/v1/sources/shop", other)).status_code == 422
    assert (await stage.call("GET", "/v1/sources/other")).status_code == 404
    assert (await stage.call("GET", "/v1/sources/other/stats")).status_code == 404
    assert (await stage.call("POST", "/v1/sources/other/resume")).status_code == 404


async def test_unknown_names_and_wrong_values_are_refused_with_their_place(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    for body, where in (
        (make.shop() | {"tenant": "other"}, "$.tenant"),
        (make.shop() | {"doors": {"http": {"id": "x"}}}, '$.doors[...].id'),
        ({"name": "x"}, "$.doors"),
    ):  # fmt: skip
        response = await stage.call("PUT", "/v1/sources/shop", body)
        assert response.status_code == 422
        assert response.json()["error"]["where"] == where


async def test_a_source_keeps_the_fields_that_its_metrics_need(stage: Any, make: Any) -> None:
    await stage.declare()
    source = make.shop()
    for door in source["doors"].values():
        del door["fields"]["net"]
    response = await stage.call("PUT", "/v1/sources/shop", source, accept_language="zh")
    assert response.status_code == 422
    assert "net_revenue" in response.json()["error"]["message"]


async def test_a_metric_keeps_the_dimensions_that_goals_may_filter_on(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    response = await stage.call(
        "PUT", "/v1/metrics/gross_revenue", make.shop_metrics()[0] | {"dims": []}
    )
    assert response.json()["error"]["where"] == "$.dims"


async def test_a_topic_belongs_to_one_source_until_its_door_is_closed(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    second = make.shop() | {"name": "second"}
    assert (await stage.call("POST", "/v1/sources", second)).status_code == 409
    source = make.shop()
    del source["doors"]["topic:shop.orders"]
    await stage.done("PUT", "/v1/sources/shop", source)
    foreign = make.shop() | {"name": "theirs"}
    assert (await stage.call("POST", "/v1/sources", foreign, tenant="other")).status_code == 409
    await stage.done("POST", "/v1/sources", second)


async def test_a_definition_has_a_bound_as_every_event_is_held_against_it(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    source = make.shop() | {"name": "second", "reason": "x" * 2**20}
    metric = {"name": "many", "source": "shop", "types": [f"t{n}" for n in range(40_000)]}
    for path, body in (("/v1/sources", source), ("/v1/metrics", metric)):
        refused = await stage.call("POST", path, body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "body-too-large")


async def test_tenants_do_not_see_each_other(stage: Any, make: Any) -> None:
    await stage.declare()
    await stage.send(make.cloud(make.order("a", 1)))
    await stage.pump()
    for path in ("/v1/sources", "/v1/metrics"):
        assert (await stage.done("GET", path, tenant="other"))["items"] == []
        assert len((await stage.done("GET", path))["items"]) > 0
    assert (await stage.call("GET", "/v1/records?source=shop", tenant="other")).status_code == 404


async def test_every_route_asks_for_its_scope(stage: Any, make: Any) -> None:
    stage.keys["acme"] = await stage.key("acme", "lights:read")
    paths = (await stage.http.get("/openapi.json")).json()["paths"]
    asked = 0
    for path, operations in paths.items():
        for method in operations:
            if path == "/v1/hooks/{hook}":  # vendors have no keys: hooks/
                continue
            response = await stage.call(method.upper(), path.replace("{name}", "x"), b"{}")
            assert response.status_code == 403, (method, path)
            anonymous = await stage.http.request(method, path)
            assert anonymous.status_code == 401
            asked += 1
    assert asked >= 13


async def test_records_are_listed_by_the_days_of_the_source(stage: Any, make: Any) -> None:
    await stage.declare()
    times = [
        "2011-05-05T23:59:59",
        "2011-05-06T00:00:00",
        "2011-05-06T23:59:59",
        "2011-05-07T00:00:00",
    ]
    await stage.send(*[make.cloud(make.order(f"r{n}", n, at=at)) for n, at in enumerate(times)])
    await stage.pump()

    async def ids(query: str) -> list[str]:
        found = await stage.done("GET", f"/v1/records?source=shop{query}")
        return [row["id"] for row in found["items"]]

    assert await ids("") == ["r0", "r1", "r2", "r3"]
    assert await ids("&from=2011-05-06&to=2011-05-06") == ["r1", "r2"]
    assert await ids("&from=2011-05-06T22:59:59Z") == ["r2", "r3"]
    assert await ids("&to=2011-05-05T22:59:59Z") == []
    first = await stage.done("GET", "/v1/records?source=shop&limit=3")
    assert await ids(f"&limit=3&after={first['next']}") == ["r3"]
    assert first["items"][1]["fields"] == {"country": "United Kingdom", "gross": "1", "net": "1"}
    for bad in (
        "&from=yesterday",
        "&after=%00",
        "&after=AAAA",
        "&limit=0",
        "&limit=10001",
        "&to=9999-12-31",
    ):
        assert (await stage.call("GET", f"/v1/records?source=shop{bad}")).status_code == 422


async def test_a_source_has_so_many_metrics_and_those_it_has_can_still_be_changed(
    stage: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.declare()
    metric = make.shop_metrics()[0]
    monkeypatch.setattr("metrics_ingest.handlers.definitions.MOST_METRICS", 3)
    refused = await stage.call("POST", "/v1/metrics", metric | {"name": "one_more"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "too-many-metrics")
    assert "3 metrics" in refused.json()["error"]["message"]
    changed = await stage.done("PUT", "/v1/metrics/gross_revenue", metric | {"unit": "pounds"})
    assert changed["version"] == 2
