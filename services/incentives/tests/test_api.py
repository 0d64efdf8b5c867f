"""The HTTP door: rules as versioned documents, awards as a list that can be followed."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from incentives import api
from service_kit import audit
from service_kit.runtime import Runtime
from service_kit.settings import Settings
from service_kit.testing.brokers import NoBroker
from service_kit.testing.waiting import PATIENCE

RULE = {
    "id": "country-10k",
    "name": "A country reaches 10,000 gross in a day",
    "metric": "gross_revenue",
    "dim": "country",
    "threshold": 10000,
    "zone": "Europe/London",
    "start": "2010-12-01",
}
NINE = 1_295_341_200 // 60  # 2011-01-18 09:00 UTC


class Door:
    """The application with a key per tenant and set of scopes."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        transport = httpx.ASGITransport(app=api.make(runtime))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://incentives")

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        tenant: str = "shop",
        scopes: tuple[str, ...] = ("*",),
        language: str = "en",
    ) -> httpx.Response:
        key = await self.runtime.keys.create(tenant, scopes)
        headers = {"Authorization": f"Bearer {key}", "Accept-Language": language}
        return await self.http.request(method, path, json=body, headers=headers)


@pytest.fixture
async def door(stage: Any) -> AsyncIterator[Door]:
    settings = Settings("incentives", instance="incentives-0")
    broker: Any = NoBroker()
    runtime = await Runtime.over(settings, stage.store, broker, clock=stage.clock)
    door = Door(runtime)
    yield door
    await door.http.aclose()


async def test_a_rule_is_made_read_changed_and_stopped_each_with_a_version_and_an_audit_entry(
    door: Door,
) -> None:
    made = await door.call("POST", "/v1/rules", RULE)
    assert made.status_code == 201
    assert made.json() == RULE | {
        "version": 1,
        "threshold": "10000",
        "window": "day",
        "stopped": False,
        "dim_is": "other",
    }
    changed = await door.call("PUT", "/v1/rules/country-10k", {"threshold": "12000.50"})
    assert (changed.json()["version"], changed.json()["threshold"]) == (2, "12000.50")
    same = await door.call("PUT", "/v1/rules/country-10k", {"threshold": "12000.50"})
    assert same.json()["version"] == 2
    stopped = await door.call("DELETE", "/v1/rules/country-10k")
    assert (stopped.json()["version"], stopped.json()["stopped"]) == (3, True)
    again = await door.call("DELETE", "/v1/rules/country-10k")
    assert again.json() == stopped.json()
    assert (await door.call("GET", "/v1/rules/country-10k")).json() == stopped.json()
    db = door.runtime.store.db
    versions = await db["rule_versions"].find({}, sort=[("version", 1)]).to_list(None)
    assert [v["threshold"] for v in versions] == [
        Decimal(10_000),
        Decimal("12000.50"),
        Decimal("12000.50"),
    ]
    entries = (
        await db["audit"]
        .find({"seq": {"$exists": True}, "action": {"$exists": True}})
        .to_list(None)
    )
    assert [e["action"] for e in entries] == ["rule.made", "rule.changed", "rule.stopped"]
    assert all(e["subject"] == "rule:country-10k" for e in entries)
    assert (await audit.verify(door.runtime.store, "shop")).whole


async def test_without_a_start_a_rule_begins_on_the_clocks_day_in_its_zone(door: Door) -> None:
    body = {k: v for k, v in RULE.items() if k not in ("start", "id")}
    london = await door.call("POST", "/v1/rules", body)
    assert london.json()["start"] == "2011-01-18"
    kiritimati = await door.call("POST", "/v1/rules", body | {"zone": "Pacific/Kiritimati"})
    assert kiritimati.json()["start"] == "2011-01-19"
    assert london.json()["id"] != kiritimati.json()["id"]


@pytest.mark.parametrize(
    ("change", "status", "code", "where"),
    [
        ({"threshold": -50}, 422, "rule-threshold", "$.threshold"),
        ({"threshold": "0"}, 422, "rule-threshold", "$.threshold"),
        ({"threshold": "NaN"}, 422, "rule-threshold", "$.threshold"),
        ({"threshold": "1" * 35}, 422, "rule-threshold", "$.threshold"),
        ({"threshold": "0." + "1" * 35}, 422, "rule-threshold", "$.threshold"),
        ({"threshold": "1e-7000"}, 422, "rule-threshold", "$.threshold"),
        ({"zone": "Europe/Londres"}, 422, "zone-unknown", "$.zone"),
        ({"zone": "../etc/passwd"}, 422, "zone-unknown", "$.zone"),
        ({"name": " "}, 422, "rule-text", "$.name"),
        ({"dim": ""}, 422, "rule-text", "$.dim"),
        ({"id": "a/b"}, 422, "rule-id", "$.id"),
        ({"window": "week"}, 422, "invalid-value", "$.window"),
        ({"fine": 100}, 422, "unknown-field", "$.fine"),
        ({"start": "yesterday"}, 422, "invalid-value", "$.start"),
        ({"metric": None}, 422, "wrong-type", "$.metric"),
    ],
)
async def test_a_rule_that_cannot_be_kept_is_refused_with_its_place(
    door: Door, change: dict[str, Any], status: int, code: str, where: str
) -> None:
    refused = await door.call("POST", "/v1/rules", RULE | change)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["where"]) == (status, code, where)
    assert (await door.call("GET", "/v1/rules")).json() == {"items": [], "next": None}


async def test_errors_speak_the_language_that_is_asked_for(door: Door) -> None:
    english = await door.call("POST", "/v1/rules", RULE | {"threshold": -1})
    chinese = await door.call("POST", "/v1/rules", RULE | {"threshold": -1}, language="zh-CN")
    assert "there are no fines here" in english.json()["error"]["message"]
    assert "这里没有罚款" in chinese.json()["error"]["message"]


async def test_an_id_is_taken_once_and_a_stopped_rule_stays_stopped(door: Door) -> None:
    await door.call("POST", "/v1/rules", RULE)
    twice = await door.call("POST", "/v1/rules", RULE)
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "rule-exists")
    await door.call("DELETE", "/v1/rules/country-10k")
    late = await door.call("PUT", "/v1/rules/country-10k", {"name": "x"})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "rule-stopped")
    again = await door.call("POST", "/v1/rules", RULE)
    assert again.status_code == 409


async def test_a_metric_has_a_hundred_running_rules_at_most(door: Door) -> None:
    """Every cell of a metric is looked at for each of its rules."""
    for number in range(100):
        assert (await door.call("POST", "/v1/rules", RULE | {"id": f"r{number}"})).is_success
    refused = await door.call("POST", "/v1/rules", RULE)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["where"]) == (422, "rules-many", "$.metric")
    await door.call("DELETE", "/v1/rules/r7")
    assert (await door.call("POST", "/v1/rules", RULE)).is_success


async def test_what_a_rule_sums_cannot_change(door: Door) -> None:
    await door.call("POST", "/v1/rules", RULE)
    refused = await door.call("PUT", "/v1/rules/country-10k", {"metric": "net_revenue"})
    error = refused.json()["error"]
    assert (error["code"], error["where"]) == ("unknown-field", "$.metric")
    assert "name, threshold" in error["message"]


async def test_no_tenant_sees_or_changes_anothers_rules_and_awards(door: Door, stage: Any) -> None:
    await door.call("POST", "/v1/rules", RULE)
    await stage.feed(stage.gross((NINE, "France", "10000")))
    for method, path in (("GET", "/v1/rules/country-10k"), ("DELETE", "/v1/rules/country-10k")):
        found = await door.call(method, path, tenant="rival")
        assert (found.status_code, found.json()["error"]["code"]) == (404, "rule-unknown")
    for path in ("/v1/rules", "/v1/awards"):
        assert (await door.call("GET", path, tenant="rival")).json()["items"] == []
    assert (await door.call("POST", "/v1/rules", RULE, tenant="rival")).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/v1/rules", "rules:write"),
        ("PUT", "/v1/rules/x", "rules:write"),
        ("DELETE", "/v1/rules/x", "rules:write"),
        ("GET", "/v1/rules", "rules:read"),
        ("GET", "/v1/rules/x", "rules:read"),
        ("GET", "/v1/awards", "rewards:read"),
    ],
)
async def test_every_route_asks_for_its_scope(
    door: Door, method: str, path: str, scope: str
) -> None:
    others = {"rules:write", "rules:read", "rewards:read", "goals:write"} - {scope}
    refused = await door.call(method, path, {}, scopes=tuple(others))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "scope-missing")
    assert scope in refused.json()["error"]["message"]
    passed = await door.call(method, path, {}, scopes=(scope,))
    assert passed.status_code in (200, 404, 422)
    assert (await door.http.request(method, path)).status_code == 401


async def test_rules_are_listed_page_by_page(door: Door) -> None:
    for i in range(5):
        await door.call("POST", "/v1/rules", RULE | {"id": f"r{i}"})
    first = (await door.call("GET", "/v1/rules?limit=3")).json()
    assert ([r["id"] for r in first["items"]], first["next"]) == (["r0", "r1", "r2"], "r2")
    rest = (await door.call("GET", "/v1/rules?limit=3&after=r2")).json()
    assert ([r["id"] for r in rest["items"]], rest["next"]) == (["r3", "r4"], None)


async def test_an_award_shows_what_was_reached_and_when(door: Door, stage: Any) -> None:
    await door.call("POST", "/v1/rules", RULE)
    await stage.feed(stage.gross((NINE, "France", "10000.125")))
    (award,) = (await door.call("GET", "/v1/awards")).json()["items"]
    (praised,) = await stage.rewards()
    assert award == {
        "id": praised.id,
        "rule": "country-10k",
        "rule_version": 1,
        "name": "A country reaches 10,000 gross in a day",
        "metric": "gross_revenue",
        "dim": "country",
        "value": "France",
        "window_start": "2011-01-18",
        "window_end": "2011-01-18",
        "threshold": "10000",
        "actual": "10000.125",
        "at": "2011-01-18T10:00:00Z",
        "state": "posted",
        "team": "",
        "group": "",
        "ceo_channel": "",
        "people": [],
    }


async def test_who_follows_the_awards_misses_none_and_sees_none_twice(
    door: Door, stage: Any
) -> None:
    await door.call("POST", "/v1/rules", RULE)
    await door.call("POST", "/v1/rules", RULE | {"id": "small", "threshold": 1})
    seen: list[str] = []
    after = ""
    for i in range(7):
        cells = [(NINE, f"country-{i}-{j}", "5") for j in range(i)]
        await stage.feed(stage.gross(*cells))
        after = await _follow(door, after, seen)
    wanted = {award["_id"] for award in await stage.awards()}
    assert len(seen) == len(set(seen)) == 21
    assert set(seen) == wanted
    none = (await door.call("GET", "/v1/awards?rule=country-10k")).json()
    assert none == {"items": [], "next": None}


async def test_a_cursor_follows_several_partitions_side_by_side(door: Door, stage: Any) -> None:
    db = stage.store.db["awards"]
    template = {
        "tenant": "shop",
        "rule": "r",
        "rule_version": 1,
        "name": "n",
        "metric": "m",
        "dim": "d",
        "value": "v",
        "day": "2011-01-18",
        "threshold": Decimal(1),
        "actual": Decimal(1),
        "at_ms": 0,
    }

    async def add(partition: int, n: int) -> None:
        await db.insert_one({"_id": f"{partition}.{n}", "partition": partition, "n": n} | template)

    seen: list[str] = []
    for n in (1, 2, 3):
        await add(0, n)
    after = await _follow(door, "", seen)
    await add(2, 1)  # lower than what was seen elsewhere
    await add(0, 4)
    after = await _follow(door, after, seen)
    await add(1, 1)
    await _follow(door, after, seen)
    assert sorted(seen) == ["0.1", "0.2", "0.3", "0.4", "1.1", "2.1"]


@pytest.mark.parametrize(
    "after", ["x", "!!!!", "MDox", "MDp4", "5Lit", "MDo5MjIzMzcyMDM2ODU0Nzc1ODA4"]
)
async def test_a_cursor_that_is_none_is_refused(door: Door, after: str) -> None:
    found = await door.call("GET", f"/v1/awards?after={after}")
    if after == "MDox":  # "0:1", a position
        assert found.status_code == 200
    else:
        assert (found.status_code, found.json()["error"]["code"]) == (422, "cursor")


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
async def test_a_page_has_one_to_a_thousand_items(door: Door, limit: str) -> None:
    found = await door.call("GET", f"/v1/awards?limit={limit}")
    assert (found.status_code, found.json()["error"]["code"]) == (422, "invalid-value")


async def _follow(door: Door, after: str, seen: list[str]) -> str:
    while True:
        body = (await door.call("GET", f"/v1/awards?limit=2&after={after}")).json()
        seen += [item["id"] for item in body["items"]]
        if body["next"] is None:
            return after
        after = body["next"]


async def test_a_rule_says_whose_deeds_it_praises_and_that_does_not_change(door: Door) -> None:
    made = await door.call("POST", "/v1/rules", RULE | {"dim_is": "person"})
    assert made.json()["dim_is"] == "person"
    changed = await door.call("PUT", "/v1/rules/country-10k", {"threshold": 7})
    assert (changed.json()["version"], changed.json()["dim_is"]) == (2, "person")
    assert (await door.call("GET", "/v1/rules/country-10k")).json()["dim_is"] == "person"
    refused = await door.call("POST", "/v1/rules", RULE | {"id": "x", "dim_is": "planet"})
    assert refused.status_code == 422
    fixed = await door.call("PUT", "/v1/rules/country-10k", {"dim_is": "team"})
    assert fixed.json()["error"]["code"] == "unknown-field"


async def test_a_rule_on_a_ratio_is_told_at_the_door_in_both_languages(
    door: Door, stage: Any
) -> None:
    await stage.define("capture_rate", "ratio")
    body = RULE | {"metric": "capture_rate", "threshold": "0.03"}
    for language, part in (("en", "capture_rate is a ratio"), ("zh", "capture_rate 是比率")):
        refused = await door.call("POST", "/v1/rules", body, language=language)
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (422, "metric-not-additive")
        assert (error["where"], error["message"].startswith(part)) == ("$.metric", True)


async def test_a_metric_that_was_defined_a_moment_ago_is_waited_for(
    door: Door, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "KNOWN_WITHIN", PATIENCE)
    asked = asyncio.create_task(door.call("POST", "/v1/rules", RULE | {"metric": "brand_new"}))
    await asyncio.sleep(0.15)
    assert not asked.done()
    await stage.define("brand_new")
    assert (await asked).status_code == 201


async def test_a_metric_that_nobody_defines_is_refused_in_the_end(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "KNOWN_WITHIN", 0.2)
    refused = await door.call("POST", "/v1/rules", RULE | {"metric": "misspelt"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "metric-unknown")
