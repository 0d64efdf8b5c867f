"""/v1/keys: made, listed, limited, rotated and ended, and never more than the giver has."""

from typing import Any

import pytest


async def test_a_key_is_made_with_its_limit_listed_without_its_text_and_ended(stage: Any) -> None:
    wanted = {"name": "shop feed", "source": "shop", "events_per_second": 500}
    made = await stage.done("POST", "/v1/keys", wanted)
    text = made.pop("key")
    assert text.startswith(f"pk_{made['id']}_")
    assert (made["scopes"], made["events_per_second"]) == (["events:write"], 500)
    listed = await stage.done("GET", "/v1/keys")
    assert made in listed["items"]
    assert text.split("_", 2)[2] not in str(listed)
    changed = await stage.done("PUT", f"/v1/keys/{made['id']}", {"events_per_second": None})
    assert changed == made | {"events_per_second": None}
    await stage.done("DELETE", f"/v1/keys/{made['id']}")
    refused = await stage.http.post("/v1/events", headers={"Authorization": f"Bearer {text}"})
    assert refused.status_code == 401
    again = await stage.call("PUT", f"/v1/keys/{made['id']}", {"events_per_second": 1})
    assert (again.status_code, again.json()["error"]["code"]) == (404, "key-unknown")


async def test_a_successor_has_the_same_rights_and_limit(stage: Any) -> None:
    wanted = {"scopes": ["events:write", "metrics:read"], "events_per_second": 7}
    old = await stage.done("POST", "/v1/keys", wanted)
    new = await stage.done("POST", f"/v1/keys/{old['id']}/rotate", {"overlap_seconds": 60})
    assert new["key"] != old["key"]
    assert (new["scopes"], new["events_per_second"]) == (old["scopes"], 7)


@pytest.mark.parametrize("limit", [0, -1, 10_000_001, 1.5, "20", True])
async def test_a_limit_is_a_whole_number_from_one_on(stage: Any, limit: Any) -> None:
    refused = await stage.call("POST", "/v1/keys", {"events_per_second": limit})
    assert (refused.status_code, refused.json()["error"]["where"]) == (422, "$.events_per_second")


async def test_nobody_gives_away_what_he_has_not(stage: Any) -> None:
    whole = await stage.done("POST", "/v1/keys", {"scopes": ["*"]})
    stage.keys["acme"] = await stage.key("acme", "keys:write", "events:write", source="shop")
    for body, status, code in (
        ({"scopes": ["*"], "source": "shop"}, 403, "scope-beyond-ones-own"),
        ({"scopes": ["goals:write"], "source": "shop"}, 403, "scope-beyond-ones-own"),
        ({"scopes": ["goals:wrote"], "source": "shop"}, 422, "scope-unknown"),
        ({"scopes": [], "source": "shop"}, 422, "scope-unknown"),
        ({"source": "other"}, 403, "source-forbidden"),
        ({}, 403, "source-forbidden"),
        ({"source": "shop"}, 201, None),
    ):
        found = await stage.call("POST", "/v1/keys", body)
        assert (found.status_code, found.json().get("error", {}).get("code")) == (status, code)
    stolen = await stage.call("POST", f"/v1/keys/{whole['id']}/rotate", {})
    assert stolen.status_code == 403


async def test_a_key_of_one_source_changes_and_ends_no_key_of_another(stage: Any) -> None:
    whole = await stage.done("POST", "/v1/keys", {"scopes": ["*"]})
    own = await stage.done("POST", "/v1/keys", {"source": "shop"})
    stage.keys["acme"] = await stage.key("acme", "keys:write", source="shop")
    for method, body in (("PUT", {"events_per_second": 1}), ("DELETE", None)):
        refused = await stage.call(method, f"/v1/keys/{whole['id']}", body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "source-forbidden")
        await stage.done(method, f"/v1/keys/{own['id']}", body)


async def test_a_key_with_a_limit_gives_none_beyond_it_not_even_itself(stage: Any) -> None:
    limited = await stage.done(
        "POST", "/v1/keys", {"scopes": ["keys:write", "events:write"], "events_per_second": 10}
    )
    stage.keys["acme"] = {"Authorization": f"Bearer {limited['key']}"}
    for limit, status in ((None, 403), (11, 403), (10, 201)):
        made = await stage.call("POST", "/v1/keys", {"events_per_second": limit})
        assert made.status_code == status
    for limit, status in ((None, 403), (11, 403), (9, 200)):
        path = f"/v1/keys/{limited['id']}"
        assert (await stage.call("PUT", path, {"events_per_second": limit})).status_code == status


async def test_no_tenant_sees_or_changes_anothers_keys(stage: Any) -> None:
    made = await stage.done("POST", "/v1/keys", {})
    for method, path, body in (
        ("PUT", f"/v1/keys/{made['id']}", {"events_per_second": 1}),
        ("POST", f"/v1/keys/{made['id']}/rotate", {}),
        ("DELETE", f"/v1/keys/{made['id']}", None),
    ):
        assert (await stage.call(method, path, body, tenant="rival")).status_code == 404
    listed = await stage.done("GET", "/v1/keys", tenant="rival")
    assert made["id"] not in str(listed)
