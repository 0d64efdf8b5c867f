"""What comes in by a signed webhook, what is refused, and what its sender is told."""

import base64
import json
from typing import Any

import httpx
import msgspec
import pytest

from metrics_ingest.domain.doors import signing


async def test_a_signed_event_stands_in_the_log_and_counts(crm: Any) -> None:
    await crm.declare()
    metric = {"name": "deals", "source": "crm.eu"}
    await crm.stage.done("POST", "/v1/metrics", metric)
    taken = await crm.signed(crm.deal())
    assert (taken.status_code, taken.json()) == (200, {"events": 1, "unreadable": 0})
    (event,) = crm.events()
    assert (event.tenant, event.source, event.id, event.door) == ("acme", "crm.eu", "d1", "hook")
    await crm.stage.pump()
    assert (await crm.stage.total("deals"))[1] == 1


async def test_a_replayed_request_is_the_same_event(crm: Any) -> None:
    await crm.declare()
    for _ in range(3):
        assert (await crm.signed(crm.deal())).status_code == 200
    await crm.stage.pump()
    assert await crm.stage.stats("crm.eu") == {"accepted": 1, "duplicates": 2, "unmatched": 1}


async def test_a_wrong_signature_is_401_and_nothing_is_kept(crm: Any) -> None:
    await crm.declare()
    body = json.dumps(crm.deal()).encode()
    refused = await crm.signed(body, "another secret")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "signature-wrong")
    refused = await crm.post(body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "signature-missing")
    altered = body.replace(b"d1", b"d2")
    refused = await crm.post(altered, x_hub_signature_256=signing.hub_sha256(crm.SECRET, body))
    assert refused.status_code == 401
    assert crm.events() == []
    await crm.stage.pump()
    assert await crm.stage.letters() == []


@pytest.mark.parametrize(
    "name", ["crm.eu", "crm.eu.", "crm.eu.0000", ".x", "x", "%00", "..", "crm"]
)
async def test_an_address_that_is_none_is_404(crm: Any, name: str) -> None:
    await crm.declare()
    refused = await crm.signed(crm.deal(), path=f"/v1/hooks/{name}")
    assert refused.status_code == 404, refused.text
    token = crm.path.rpartition(".")[2]
    refused = await crm.signed(crm.deal(), path=f"/v1/hooks/shop.{token}")
    assert refused.status_code == 404


async def test_a_machine_with_a_key_may_name_the_source(crm: Any) -> None:
    await crm.declare()
    key = (await crm.stage.key("acme", "events:write", source="crm.eu"))["Authorization"]
    named = {"path": "/v1/hooks/crm.eu", "authorization": key}
    assert (await crm.signed(crm.deal(), **named)).status_code == 200
    assert (await crm.signed(crm.deal(), "wrong", **named)).status_code == 401
    rival = (await crm.stage.key("rival", "events:write"))["Authorization"]
    foreign = await crm.signed(crm.deal(), path="/v1/hooks/crm.eu", authorization=rival)
    assert foreign.status_code == 404
    other = (await crm.stage.key("acme", "events:write", source="shop"))["Authorization"]
    bound = await crm.signed(crm.deal(), path="/v1/hooks/crm.eu", authorization=other)
    assert bound.status_code == 404


async def test_two_tenants_with_one_name_are_kept_apart(crm: Any) -> None:
    await crm.declare()
    source = {"name": "crm.eu", "doors": {"hook": crm.mapping()}}
    await crm.stage.done("POST", "/v1/sources", source, tenant="rival")
    rival = await crm.stage.done("GET", "/v1/sources/crm.eu/hook", tenant="rival")
    path = rival["url"].removeprefix("https://in.example.com")
    assert (await crm.post(json.dumps(crm.deal()).encode(), path=path)).status_code == 200
    assert [event.tenant for event in crm.events()] == ["rival"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"a=1&b=2", b'{"id":NaN}', b'"x"', b"7", b'{"id":"a","id":"b"}', b"\xff\x00"],
)
async def test_what_cannot_be_read_is_200_and_a_dead_letter(crm: Any, body: bytes) -> None:
    await crm.declare()
    for _ in range(2):
        taken = await crm.signed(body)
        assert (taken.status_code, taken.json()) == (200, {"events": 0, "unreadable": 1})
    await crm.stage.pump()
    (letter,) = await crm.stage.letters()
    assert (letter["cause"], letter["source"], letter["count"]) == ("unreadable", "crm.eu", 2)


async def test_an_event_that_no_mapping_fits_is_200_and_can_be_replayed(crm: Any) -> None:
    await crm.declare()
    await crm.stage.done("POST", "/v1/metrics", {"name": "deals", "source": "crm.eu"})
    unnamed = {"deal": "d9", "type": "deal", "at": "2011-05-06T12:00:00Z"}
    taken = await crm.signed(unnamed)
    assert taken.json() == {"events": 0, "unreadable": 1}
    timeless = {"id": "d8", "type": "deal"}
    assert (await crm.signed(timeless)).json() == {"events": 1, "unreadable": 0}
    await crm.stage.pump()
    assert {letter["cause"] for letter in await crm.stage.letters()} == {"missing-field"}
    doors = {"hook": crm.mapping(id=["id", "deal"], time=["at", "=2011-05-06T12:00:00Z"])}
    source = {"name": "crm.eu", "doors": doors, "signature": "hub-sha256", "reason": "renamed"}
    await crm.stage.done("PUT", "/v1/sources/crm.eu", source)
    done = await crm.stage.done("POST", "/v1/dead-letters/replay", {"source": "crm.eu"})
    assert done["replayed"] == 2
    await crm.stage.pump()
    assert (await crm.stage.total("deals"))[1] == 2


async def test_a_batch_is_taken_apart_and_its_secrets_are_dropped(crm: Any) -> None:
    mapped = crm.mapping(
        id=["item.id"],
        type=["item.type"],
        time=["item.at"],
        each="entry[].changes[]",
        drop=["google_key"],
    )
    await crm.declare(**mapped)
    changes = [crm.deal("a"), crm.deal("b"), {"field": "leadgen"}]
    taken = await crm.signed({"google_key": "hush", "entry": [{"changes": changes}]})
    assert taken.json() == {"events": 2, "unreadable": 1}
    assert "hush" not in str([bytes(event.body) for event in crm.events()])


@pytest.mark.parametrize(
    "body", [b'{"phone":"+49301234","id":"a","id":"b"}', b'[{"phone":"+49301234"']
)
async def test_of_what_cannot_be_read_nothing_is_kept_where_something_must_not_be(
    crm: Any, body: bytes
) -> None:
    """Where in it the phone stands nobody can say."""
    await crm.declare(drop=["phone"])
    await crm.signed(body)
    (event,) = crm.events()
    assert b"+49301234" not in base64.b64decode(msgspec.json.decode(event.body))
    await crm.stage.pump()
    (letter,) = await crm.stage.letters()
    assert letter["cause"] == "unreadable"


async def test_one_flawed_item_spoils_no_other(crm: Any) -> None:
    await crm.declare(id=["item.id"], type=["item.type"], time=["item.at"], each="[]")
    good = json.dumps(crm.deal()).encode()
    taken = await crm.signed(b"[" + good + b',{"a":NaN},{"b":1,"b":2}]')
    assert taken.json() == {"events": 1, "unreadable": 1}
    (error,) = [event.error for event in crm.events() if event.error]
    assert "json-not-a-number" in error
    assert "1 more" in error


async def test_old_and_future_requests_are_refused_by_the_machines_clock(crm: Any) -> None:
    await crm.declare("timestamped")
    body = json.dumps(crm.deal()).encode()

    async def at(seconds: int) -> httpx.Response:
        stamp = str(crm.stage.now.ms // 1000 + seconds)
        signature = signing.hex_of(crm.SECRET, f"{stamp}.".encode() + body)
        return await crm.post(body, x_signature=signature, x_timestamp=stamp)

    assert (await at(0)).status_code == 200
    assert (await at(-301)).json()["error"]["code"] == "timestamp-old"
    assert (await at(301)).json()["error"]["code"] == "timestamp-future"
    crm.stage.clock.ms += 10**10  # the organisation's clock is no clock for signatures
    assert (await at(0)).status_code == 200


async def test_hubspot_signs_the_public_address(crm: Any) -> None:
    await crm.declare("hubspot-v3")
    body, at = json.dumps(crm.deal()).encode(), str(crm.stage.now.ms)
    url = f"https://in.example.com{crm.path}?x=%2Fa&y=b%20c"
    for signed_url in (url, url.replace("%2F", "/")):
        signature = signing.hubspot_v3(crm.SECRET, "POST", signed_url, body, at)
        taken = await crm.post(
            body,
            path=f"{crm.path}?x=%2Fa&y=b%20c",
            x_hubspot_signature_v3=signature,
            x_hubspot_request_timestamp=at,
        )
        assert taken.status_code == 200, taken.text
    inside = signing.hubspot_v3(crm.SECRET, "POST", f"http://ingest{crm.path}", body, at)
    refused = await crm.post(body, x_hubspot_signature_v3=inside, x_hubspot_request_timestamp=at)
    assert refused.status_code == 401


async def test_the_first_question_of_a_vendor_is_answered(crm: Any) -> None:
    await crm.declare()
    token = crm.path.rpartition(".")[2]
    for right in (token, crm.SECRET):
        asked = {"hub.mode": "subscribe", "hub.verify_token": right, "hub.challenge": "<b>42"}
        answer = await crm.stage.http.get(crm.path, params=asked)
        assert (answer.status_code, answer.text) == (200, "<b>42")
        assert answer.headers["content-type"].startswith("text/plain")
    for wrong in ({}, asked | {"hub.verify_token": "x"}, asked | {"hub.mode": "x"}):
        assert (await crm.stage.http.get(crm.path, params=wrong)).status_code == 403


async def test_slack_hears_its_challenge(crm: Any) -> None:
    await crm.declare("slack")
    body = b'{"type":"url_verification","challenge":"abc"}'
    at = str(crm.stage.now.ms // 1000)
    signature = signing.slack(crm.SECRET, at, body)
    heard = await crm.post(body, x_slack_signature=signature, x_slack_request_timestamp=at)
    assert heard.json() == {"challenge": "abc"}
    assert (await crm.post(body)).status_code == 401


async def test_a_body_that_was_compressed_is_refused(crm: Any) -> None:
    await crm.declare()
    assert (await crm.signed(crm.deal(), content_encoding="gzip")).status_code == 415
