"""Signed webhooks at the door: addresses, secrets, refusals and dead letters."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from event_contracts.raw import RawEvent
from metrics_ingest.adapters.vault import Vault
from metrics_ingest.domain import signing
from service_kit.errors import Infrastructure, UserError

SECRET = "the app's secret"
KEY = "another key to seal secrets with"


def mapping(**more: Any) -> dict[str, Any]:
    return {"id": ["id"], "type": ["type"], "time": ["at"]} | more


class Crm:
    """A source with a signed hook, and its address."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.path = ""

    async def declare(self, signature: str | None = "hub-sha256", **more: Any) -> None:
        source = {"name": "crm.eu", "doors": {"hook": mapping(**more)}, "signature": signature}
        await self.stage.done("POST", "/v1/sources", source)
        await self.keep(SECRET)
        await self.look()

    async def look(self) -> None:
        found = await self.stage.done("GET", "/v1/sources/crm.eu/hook")
        assert found["url"].startswith("https://in.example.com/v1/hooks/crm.eu.")
        self.path = found["url"].removeprefix("https://in.example.com")

    async def keep(self, *secrets: str, keep: tuple[str, ...] = ()) -> list[str]:
        body = {"secrets": secrets, "keep": keep}
        found = await self.stage.done("PUT", "/v1/sources/crm.eu/secrets", body)
        return [each["fingerprint"] for each in found["secrets"]]

    async def post(self, body: bytes, path: str = "", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        found: httpx.Response = await self.stage.http.post(
            path or self.path, content=body, headers=named
        )
        return found

    async def signed(self, body: Any, secret: str = SECRET, **options: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        signature = signing.hub_sha256(secret, content)
        return await self.post(content, x_hub_signature_256=signature, **options)

    def events(self) -> list[RawEvent]:
        records = [value for rows in self.stage.log.records.values() for value in rows]
        return [msgspec.json.decode(value, type=RawEvent) for value in records]


@pytest.fixture
async def crm(stage: Any) -> Crm:
    return Crm(stage)


def deal(identity: str = "d1", **more: Any) -> dict[str, Any]:
    return {"id": identity, "type": "deal", "at": "2011-05-06T12:00:00Z"} | more


async def test_a_signed_event_stands_in_the_log_and_counts(crm: Crm) -> None:
    await crm.declare()
    metric = {"name": "deals", "source": "crm.eu"}
    await crm.stage.done("POST", "/v1/metrics", metric)
    taken = await crm.signed(deal())
    assert (taken.status_code, taken.json()) == (200, {"events": 1, "unreadable": 0})
    (event,) = crm.events()
    assert (event.tenant, event.source, event.id, event.door) == ("acme", "crm.eu", "d1", "hook")
    await crm.stage.pump()
    assert (await crm.stage.total("deals"))[1] == 1


async def test_a_replayed_request_is_the_same_event(crm: Crm) -> None:
    await crm.declare()
    for _ in range(3):
        assert (await crm.signed(deal())).status_code == 200
    await crm.stage.pump()
    assert await crm.stage.stats("crm.eu") == {"accepted": 1, "duplicates": 2, "unmatched": 1}


async def test_a_wrong_signature_is_401_and_nothing_is_kept(crm: Crm) -> None:
    await crm.declare()
    body = json.dumps(deal()).encode()
    refused = await crm.signed(body, "another secret")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "signature-wrong")
    refused = await crm.post(body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "signature-missing")
    altered = body.replace(b"d1", b"d2")
    refused = await crm.post(altered, x_hub_signature_256=signing.hub_sha256(SECRET, body))
    assert refused.status_code == 401
    assert crm.events() == []
    await crm.stage.pump()
    assert await crm.stage.letters() == []


@pytest.mark.parametrize(
    "name", ["crm.eu", "crm.eu.", "crm.eu.0000", ".x", "x", "%00", "..", "crm"]
)
async def test_an_address_that_is_none_is_404(crm: Crm, name: str) -> None:
    await crm.declare()
    refused = await crm.signed(deal(), path=f"/v1/hooks/{name}")
    assert refused.status_code == 404, refused.text
    token = crm.path.rpartition(".")[2]
    refused = await crm.signed(deal(), path=f"/v1/hooks/shop.{token}")
    assert refused.status_code == 404


async def test_a_machine_with_a_key_may_name_the_source(crm: Crm) -> None:
    await crm.declare()
    key = (await crm.stage.key("acme", "events:write", source="crm.eu"))["Authorization"]
    named = {"path": "/v1/hooks/crm.eu", "authorization": key}
    assert (await crm.signed(deal(), **named)).status_code == 200
    assert (await crm.signed(deal(), "wrong", **named)).status_code == 401
    rival = (await crm.stage.key("rival", "events:write"))["Authorization"]
    foreign = await crm.signed(deal(), path="/v1/hooks/crm.eu", authorization=rival)
    assert foreign.status_code == 404
    other = (await crm.stage.key("acme", "events:write", source="shop"))["Authorization"]
    bound = await crm.signed(deal(), path="/v1/hooks/crm.eu", authorization=other)
    assert bound.status_code == 404


async def test_two_tenants_with_one_name_are_kept_apart(crm: Crm) -> None:
    await crm.declare()
    source = {"name": "crm.eu", "doors": {"hook": mapping()}}
    await crm.stage.done("POST", "/v1/sources", source, tenant="rival")
    rival = await crm.stage.done("GET", "/v1/sources/crm.eu/hook", tenant="rival")
    path = rival["url"].removeprefix("https://in.example.com")
    assert (await crm.post(json.dumps(deal()).encode(), path=path)).status_code == 200
    assert [event.tenant for event in crm.events()] == ["rival"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"a=1&b=2", b'{"id":NaN}', b'"x"', b"7", b'{"id":"a","id":"b"}', b"\xff\x00"],
)
async def test_what_cannot_be_read_is_200_and_a_dead_letter(crm: Crm, body: bytes) -> None:
    await crm.declare()
    for _ in range(2):
        taken = await crm.signed(body)
        assert (taken.status_code, taken.json()) == (200, {"events": 0, "unreadable": 1})
    await crm.stage.pump()
    (letter,) = await crm.stage.letters()
    assert (letter["cause"], letter["source"], letter["count"]) == ("unreadable", "crm.eu", 2)


async def test_an_event_that_no_mapping_fits_is_200_and_can_be_replayed(crm: Crm) -> None:
    await crm.declare()
    await crm.stage.done("POST", "/v1/metrics", {"name": "deals", "source": "crm.eu"})
    unnamed = {"deal": "d9", "type": "deal", "at": "2011-05-06T12:00:00Z"}
    taken = await crm.signed(unnamed)
    assert taken.json() == {"events": 0, "unreadable": 1}
    timeless = {"id": "d8", "type": "deal"}
    assert (await crm.signed(timeless)).json() == {"events": 1, "unreadable": 0}
    await crm.stage.pump()
    assert {letter["cause"] for letter in await crm.stage.letters()} == {"missing-field"}
    doors = {"hook": mapping(id=["id", "deal"], time=["at", "=2011-05-06T12:00:00Z"])}
    source = {"name": "crm.eu", "doors": doors, "signature": "hub-sha256", "reason": "renamed"}
    await crm.stage.done("PUT", "/v1/sources/crm.eu", source)
    done = await crm.stage.done("POST", "/v1/dead-letters/replay", {"source": "crm.eu"})
    assert done["replayed"] == 2
    await crm.stage.pump()
    assert (await crm.stage.total("deals"))[1] == 2


async def test_a_batch_is_taken_apart_and_its_secrets_are_dropped(crm: Crm) -> None:
    mapped = mapping(
        id=["item.id"],
        type=["item.type"],
        time=["item.at"],
        each="entry[].changes[]",
        drop=["google_key"],
    )
    await crm.declare(**mapped)
    changes = [deal("a"), deal("b"), {"field": "leadgen"}]
    taken = await crm.signed({"google_key": "hush", "entry": [{"changes": changes}]})
    assert taken.json() == {"events": 2, "unreadable": 1}
    assert "hush" not in str([bytes(event.body) for event in crm.events()])


async def test_one_flawed_item_spoils_no_other(crm: Crm) -> None:
    await crm.declare(id=["item.id"], type=["item.type"], time=["item.at"], each="[]")
    good = json.dumps(deal()).encode()
    taken = await crm.signed(b"[" + good + b',{"a":NaN},{"b":1,"b":2}]')
    assert taken.json() == {"events": 1, "unreadable": 1}
    (error,) = [event.error for event in crm.events() if event.error]
    assert "json-not-a-number" in error
    assert "1 more" in error


async def test_old_and_future_requests_are_refused_by_the_machines_clock(crm: Crm) -> None:
    await crm.declare("timestamped")
    body = json.dumps(deal()).encode()

    async def at(seconds: int) -> httpx.Response:
        stamp = str(crm.stage.now.ms // 1000 + seconds)
        signature = signing.hex_of(SECRET, f"{stamp}.".encode() + body)
        return await crm.post(body, x_signature=signature, x_timestamp=stamp)

    assert (await at(0)).status_code == 200
    assert (await at(-301)).json()["error"]["code"] == "timestamp-old"
    assert (await at(301)).json()["error"]["code"] == "timestamp-future"
    crm.stage.clock.ms += 10**10  # the organisation's clock is no clock for signatures
    assert (await at(0)).status_code == 200


async def test_hubspot_signs_the_public_address(crm: Crm) -> None:
    await crm.declare("hubspot-v3")
    body, at = json.dumps(deal()).encode(), str(crm.stage.now.ms)
    url = f"https://in.example.com{crm.path}?x=%2Fa&y=b%20c"
    for signed_url in (url, url.replace("%2F", "/")):
        signature = signing.hubspot_v3(SECRET, "POST", signed_url, body, at)
        taken = await crm.post(
            body,
            path=f"{crm.path}?x=%2Fa&y=b%20c",
            x_hubspot_signature_v3=signature,
            x_hubspot_request_timestamp=at,
        )
        assert taken.status_code == 200, taken.text
    inside = signing.hubspot_v3(SECRET, "POST", f"http://ingest{crm.path}", body, at)
    refused = await crm.post(body, x_hubspot_signature_v3=inside, x_hubspot_request_timestamp=at)
    assert refused.status_code == 401


async def test_a_secret_is_changed_without_a_gap_and_a_removed_one_ends(crm: Crm) -> None:
    await crm.declare()
    (old,) = await crm.keep(SECRET)
    both = await crm.keep("the new one", keep=(old,))
    assert len(both) == 2
    assert both[0] == old
    for secret in (SECRET, "the new one"):
        assert (await crm.signed(deal(), secret)).status_code == 200
    await crm.keep(keep=(both[1],))
    assert (await crm.signed(deal(), SECRET)).status_code == 401
    assert (await crm.signed(deal(), "the new one")).status_code == 200
    assert await crm.keep() == []
    assert (await crm.signed(deal(), "the new one")).status_code == 401


async def test_secrets_are_never_shown_and_stand_sealed(crm: Crm) -> None:
    await crm.declare()
    shown = await crm.stage.call("GET", "/v1/sources/crm.eu/secrets")
    (secret,) = shown.json()["secrets"]
    assert secret.keys() == {"fingerprint", "created_ms"}
    rows = await crm.stage.store.db["source_secrets"].find({}).to_list(None)
    hooks = await crm.stage.store.db["hooks"].find({}).to_list(None)
    assert SECRET not in str(rows) + shown.text
    assert SECRET.encode() not in bytes(rows[0]["secrets"][0]["sealed"])
    assert crm.path.rpartition(".")[2] not in str(hooks)
    audit = await crm.stage.store.db["audit"].find({"action": "secrets.kept"}).to_list(None)
    assert len(audit) == 1
    assert SECRET not in str(audit)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"secrets": [""]}, "$.secrets[0]"),
        ({"secrets": ["x" * 1001]}, "$.secrets[0]"),
        ({"secrets": list("abcdef")}, "$.secrets"),
        ({"keep": ["0" * 16]}, "$.keep[0]"),
        ({"secret": "a"}, "$.secret"),
        ({"secrets": "a"}, "$.secrets"),
    ],
)
async def test_secrets_that_cannot_be_kept_are_refused(crm: Crm, body: Any, where: str) -> None:
    await crm.declare()
    refused = await crm.stage.call("PUT", "/v1/sources/crm.eu/secrets", body)
    assert refused.status_code == 422, refused.text
    assert refused.json()["error"]["where"] == where


async def test_an_address_is_changed_with_an_overlap(crm: Crm) -> None:
    await crm.declare()
    before = crm.path
    body = {"overlap_seconds": 60}
    await crm.stage.done("POST", "/v1/sources/crm.eu/hook/rotate", body)
    await crm.look()
    assert crm.path != before
    for path in (before, crm.path):
        assert (await crm.signed(deal(), path=path)).status_code == 200
    crm.stage.now.ms += 60_000
    assert (await crm.signed(deal(), path=before)).status_code == 404
    assert (await crm.signed(deal())).status_code == 200
    await crm.stage.done("POST", "/v1/sources/crm.eu/hook/rotate", {"overlap_seconds": 0})
    assert (await crm.signed(deal())).status_code == 404


async def test_a_source_without_a_hook_has_no_address(stage: Any) -> None:
    await stage.declare()
    for method, path in (
        ("GET", "hook"),
        ("POST", "hook/rotate"),
        ("GET", "secrets"),
        ("PUT", "secrets"),
    ):
        refused = await stage.call(method, f"/v1/sources/shop/{path}", b"{}")
        assert refused.status_code == 404, refused.text
        refused = await stage.call(method, f"/v1/sources/nothing/{path}", b"{}")
        assert refused.status_code == 404


@pytest.mark.parametrize("signature", ["md5", "timestamped:x", "", "stripe:"])
async def test_a_source_names_a_rule_that_is_known(stage: Any, signature: str) -> None:
    source = {"name": "crm", "doors": {"hook": mapping()}, "signature": signature}
    refused = await stage.call("POST", "/v1/sources", source)
    assert (refused.status_code, refused.json()["error"]["where"]) == (422, "$.signature")
    unhooked = {"name": "crm", "doors": {"http": mapping()}, "signature": "stripe"}
    refused = await stage.call("POST", "/v1/sources", unhooked)
    assert refused.json()["error"]["where"] == "$.signature"


async def test_the_first_question_of_a_vendor_is_answered(crm: Crm) -> None:
    await crm.declare()
    token = crm.path.rpartition(".")[2]
    for right in (token, SECRET):
        asked = {"hub.mode": "subscribe", "hub.verify_token": right, "hub.challenge": "<b>42"}
        answer = await crm.stage.http.get(crm.path, params=asked)
        assert (answer.status_code, answer.text) == (200, "<b>42")
        assert answer.headers["content-type"].startswith("text/plain")
    for wrong in ({}, asked | {"hub.verify_token": "x"}, asked | {"hub.mode": "x"}):
        assert (await crm.stage.http.get(crm.path, params=wrong)).status_code == 403


async def test_slack_hears_its_challenge(crm: Crm) -> None:
    await crm.declare("slack")
    body = b'{"type":"url_verification","challenge":"abc"}'
    at = str(crm.stage.now.ms // 1000)
    signature = signing.slack(SECRET, at, body)
    heard = await crm.post(body, x_slack_signature=signature, x_slack_request_timestamp=at)
    assert heard.json() == {"challenge": "abc"}
    assert (await crm.post(body)).status_code == 401


async def test_a_body_that_was_compressed_is_refused(crm: Crm) -> None:
    await crm.declare()
    assert (await crm.signed(deal(), content_encoding="gzip")).status_code == 415


def test_without_a_key_to_seal_with_secrets_are_refused() -> None:
    with pytest.raises(UserError) as refused:
        Vault(()).seal("s", "a")
    assert refused.value.code == "secrets-key-missing"


def test_the_sealing_key_is_changed_with_both_at_hand() -> None:
    old = Vault((KEY,)).seal("s", "about")
    assert Vault(("a new key to seal with, of ours", KEY)).open(old, "about") == "s"
    for vault, about in (
        (Vault(("a new key to seal with, of ours",)), "about"),
        (Vault((KEY,)), "x"),
    ):
        with pytest.raises(Infrastructure):
            vault.open(old, about)
    spoiled = old[:-1] + bytes([old[-1] ^ 1])
    with pytest.raises(Infrastructure):
        Vault((KEY,)).open(spoiled, "about")


SAMPLES: dict[str, tuple[str, dict[str, Any], int, int]] = {
    "hubspot_webhook_v3_batch": (
        "hubspot-v1",
        mapping(
            each="[]",
            id=["{item.portalId}/{item.subscriptionId}/{item.objectId}/{item.occurredAt}"],
            type=["item.subscriptionType", "item.eventType"],
            time=["item.occurredAt"],
            time_format="epoch_ms",
        ),
        3,
        0,
    ),
    "meta_leadgen_webhook": (
        "hub-sha256",
        mapping(
            each="entry[].changes[]",
            id=["item.value.leadgen_id"],
            type=["item.field"],
            time=["item.value.created_time"],
            time_format="epoch_s",
        ),
        3,
        1,
    ),
    "stripe_invoice_paid_renewal": (
        "shopify",
        mapping(time=["created"], time_format="epoch_s"),
        1,
        0,
    ),
    "google_ads_lead_form_webhook": (
        "google-lead-form",
        mapping(id=["lead_id"], type=["=lead"], time=["lead_submit_time"], drop=["google_key"]),
        1,
        0,
    ),
    "oceanengine_spi_message": (
        "oceanengine",
        mapping(
            id=["message_id"], type=["service_label"], time=["publish_time"], time_format="epoch_s"
        ),
        1,
        0,
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
async def test_the_vendors_samples_come_in_signed(
    crm: Crm, shared_samples: Path, name: str
) -> None:
    body = (shared_samples / f"{name}.json").read_bytes()
    signature, mapped, events, unreadable = SAMPLES[name]
    await crm.declare(signature, **mapped)
    secret = "demo-form-key-q4-sem-brand" if signature == "google-lead-form" else SECRET
    await crm.keep(secret)
    headers = {
        "x_hubspot_signature": hashlib.sha256(SECRET.encode() + body).hexdigest(),
        "x_hub_signature_256": signing.hub_sha256(SECRET, body),
        "x_open_signature": hmac.new(SECRET.encode(), body, "sha256").hexdigest(),
        "x_shopify_hmac_sha256": base64.b64encode(
            hmac.digest(SECRET.encode(), body, "sha256")
        ).decode(),
    }
    taken = await crm.post(body, **headers)
    assert taken.status_code == 200, taken.text
    assert taken.json() == {"events": events, "unreadable": unreadable}
    assert "demo-form-key" not in str([bytes(event.body) for event in crm.events()])
