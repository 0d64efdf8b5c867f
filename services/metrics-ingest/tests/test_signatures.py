"""Signed webhooks: every published value, every altered byte, both sides of the time."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_ingest.domain.doors import signing
from metrics_ingest.domain.doors.signatures import SCHEMES, TOLERANCE_MS, Signed, scheme_of, verify
from service_kit.errors import UserError

NOW_MS = 1_794_985_082_119


SECOND = str(NOW_MS // 1000)


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


OTHER = "whsec_" + base64.b64encode(b"another secret of ours").decode()


URL = "https://in.example.com/v1/hooks/crm.abc?x=%2Fy&sign=1"


BODY = '{"id": "e1", "text": "\\u54c1 品牌", "n": 1.10}'.encode()


def signed(headers: Mapping[str, str], body: bytes = BODY, **query: str) -> Signed:
    return Signed("POST", URL, headers, query, body)


def standard(secret: str = SECRET, at: str = SECOND, body: bytes = BODY) -> Signed:
    signature = signing.standard_webhooks(secret, "msg_1", at, body) or ""
    names = {"webhook-id": "msg_1", "webhook-timestamp": at, "webhook-signature": signature}
    return signed(names, body)


def hubspot_v3(secret: str = SECRET, at: str = SECOND, body: bytes = BODY) -> Signed:
    at = f"{at}000" if at else ""
    signature = signing.hubspot_v3(secret, "POST", URL, body, at)
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": at}
    return signed(headers, body)


def hubspot_v2(secret: str = SECRET, at: str = "", body: bytes = BODY) -> Signed:
    return signed({"x-hubspot-signature": signing.hubspot_v2(secret, "POST", URL, body)}, body)


def hubspot_v1(secret: str = SECRET, at: str = "", body: bytes = BODY) -> Signed:
    return signed({"x-hubspot-signature": signing.hubspot_v1(secret, body)}, body)


def hub_sha256(secret: str = SECRET, at: str = "", body: bytes = BODY) -> Signed:
    return signed({"x-hub-signature-256": signing.hub_sha256(secret, body)}, body)


def stripe(secret: str = SECRET, at: str = SECOND, body: bytes = BODY) -> Signed:
    header = f"t={at},v1={signing.stripe(secret, at, body)}"
    return signed({"stripe-signature": header}, body)


def slack(secret: str = SECRET, at: str = SECOND, body: bytes = BODY) -> Signed:
    signature = signing.slack(secret, at, body)
    return signed({"x-slack-signature": signature, "x-slack-request-timestamp": at}, body)


def shopify(secret: str = SECRET, at: str = "", body: bytes = BODY) -> Signed:
    return signed({"x-shopify-hmac-sha256": signing.shopify(secret, body)}, body)


def oceanengine(secret: str = SECRET, at: str = "", body: bytes = BODY) -> Signed:
    return signed({"x-open-signature": signing.hex_of(secret, body)}, body)


def tencent(secret: str = SECRET, at: str = "", body: bytes = BODY) -> Signed:
    return signed({}, body, signature=signing.tencent(secret, body))


def timestamped(secret: str = SECRET, at: str = SECOND, body: bytes = BODY) -> Signed:
    signature = signing.hex_of(secret, f"{at}.".encode() + body)
    return signed({"x-signature": signature, "x-timestamp": at}, body)


def google(secret: str = SECRET, at: str = "", body: bytes = b"") -> Signed:
    return signed({}, json.dumps({"lead_id": "1", "google_key": secret}).encode())


def basic(secret: str = SECRET, at: str = "", body: bytes = BODY) -> Signed:
    text = base64.b64encode(secret.encode()).decode()
    return signed({"authorization": f"Basic {text}"}, body)


def header(secret: str = SECRET, at: str = "", body: bytes = BODY) -> Signed:
    return signed({"x-api-key": secret}, body)


MAKERS: dict[str, Callable[..., Signed]] = {
    "standard-webhooks": standard,
    "hubspot-v3": hubspot_v3,
    "hubspot-v2": hubspot_v2,
    "hubspot-v1": hubspot_v1,
    "hub-sha256": hub_sha256,
    "stripe": stripe,
    "slack": slack,
    "shopify": shopify,
    "oceanengine": oceanengine,
    "tencent": tencent,
    "google-lead-form": google,
    "basic": basic,
    "header": header,
    "timestamped": timestamped,
}


UNSIGNED_BODY = {"google-lead-form", "basic", "header"}  # these carry a secret, no signature


TIMED = {"standard-webhooks", "hubspot-v3", "stripe", "slack", "timestamped"}


# What stands in a header beside signature and time, and what of it no rule reads.
SIGNING = {
    *("webhook-signature", "webhook-timestamp", "webhook-id", "x-hubspot-signature-v3"),
    *("x-hubspot-request-timestamp", "x-hubspot-signature", "x-hub-signature-256"),
    *("stripe-signature", "x-slack-signature", "x-slack-request-timestamp", "x-signature"),
    *("x-shopify-hmac-sha256", "x-open-signature", "x-timestamp", "x-api-key", "authorization"),
}


def code_of(scheme: str, request: Signed, *secrets: str, now: int = NOW_MS) -> str:
    """Return why it is refused; empty when it is not."""
    try:
        verify(scheme, request, secrets or (SECRET,), now)
    except UserError as error:
        return error.code if error.status == 401 else f"{error.status}"
    return ""


def vectors(samples: Path) -> dict[str, Any]:
    found = json.loads((samples / "signature_vectors.json").read_text())["vectors"]
    return {each["name"]: each for each in found}


REQUESTS: dict[str, tuple[str, Callable[[dict[str, Any]], Signed]]] = {
    "standard_webhooks_v1": (
        "standard-webhooks",
        lambda v: as_sent(
            v,
            {
                "webhook-id": v["id"],
                "webhook-timestamp": v["timestamp"],
                "webhook-signature": v["expected"],
            },
        ),
    ),
    "hubspot_v3": (
        "hubspot-v3",
        lambda v: as_sent(
            v,
            {
                "x-hubspot-signature-v3": v["expected"],
                "x-hubspot-request-timestamp": v["timestamp"],
            },
        ),
    ),
    "hubspot_v2": ("hubspot-v2", lambda v: as_sent(v, {"x-hubspot-signature": v["expected"]})),
    "hubspot_v1": ("hubspot-v1", lambda v: as_sent(v, {"x-hubspot-signature": v["expected"]})),
    "x_hub_signature_256": (
        "hub-sha256",
        lambda v: as_sent(v, {"x-hub-signature-256": v["expected"]}),
    ),
    "stripe_v1": ("stripe", lambda v: as_sent(v, {"stripe-signature": v["expected"]})),
    "shopify_hmac": ("shopify", lambda v: as_sent(v, {"x-shopify-hmac-sha256": v["expected"]})),
    "oceanengine_spi": (
        "oceanengine",
        lambda v: as_sent(v, {"x-open-signature": v["expected"]}),
    ),
}


OUTGOING = {"dingtalk_sign": signing.dingtalk_bot, "feishu_sign": signing.feishu_bot}


def as_sent(vector: dict[str, Any], headers: dict[str, str]) -> Signed:
    return Signed(
        vector.get("method", "POST"), vector.get("uri", URL), headers, {}, vector["body"].encode()
    )


def moment(vector: dict[str, Any]) -> int:
    stamp = int(vector.get("timestamp", SECOND))
    return stamp if stamp > 10**12 else stamp * 1000


def test_every_vector_of_the_file_is_computed_right(shared_samples: Path) -> None:
    found = vectors(shared_samples)
    assert found.keys() == REQUESTS.keys() | OUTGOING.keys()
    for name, (scheme, request) in REQUESTS.items():
        vector = found[name]
        assert code_of(scheme, request(vector), vector["secret"], now=moment(vector)) == "", name
    for name, make in OUTGOING.items():
        assert make(found[name]["secret"], found[name]["timestamp"]) == found[name]["expected"]


def test_the_vectors_counterparts_are_judged_too(shared_samples: Path) -> None:
    found = vectors(shared_samples)
    vector = found["standard_webhooks_v1"]
    wrong = REQUESTS["standard_webhooks_v1"][1](vector | {"expected": vector["negative"]})
    found_code = code_of("standard-webhooks", wrong, vector["secret"], now=moment(vector))
    assert found_code == "signature-wrong"
    vector = found["stripe_v1"]
    other = REQUESTS["stripe_v1"][1](vector | {"expected": vector["header_with_v0"]})
    assert code_of("stripe", other, vector["secret"], now=moment(vector)) == ""


def test_every_altered_byte_of_every_vector_fails(shared_samples: Path) -> None:
    altered = 0
    for name, (scheme, make) in REQUESTS.items():
        vector = vectors(shared_samples)[name]
        for change in alterations(make(vector)):
            refused = code_of(scheme, change, vector["secret"], now=moment(vector))
            assert refused in ("signature-wrong", "signature-missing"), (name, change)
            altered += 1
    assert altered > 1000


def alterations(request: Signed) -> list[Signed]:
    """Return the request with each byte of body, signature and time altered, one at a time."""
    bodies = [flipped(request.body, at) for at in range(len(request.body))]
    changed = [replace(request, body=body) for body in bodies]
    changed += [replace(request, body=request.body + b" "), replace(request, body=b"")]
    for name, value in request.headers.items():
        for at in range(len(value)):
            for bit in (1, 32):
                text = value[:at] + chr(ord(value[at]) ^ bit) + value[at + 1 :]
                changed.append(replace(request, headers={**request.headers, name: text}))
    for name, value in request.query.items():
        for at in range(len(value)):
            text = value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
            changed.append(replace(request, query={**request.query, name: text}))
    return changed


def flipped(data: bytes, at: int, bit: int = 1) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def test_hubspots_own_examples_of_its_second_rule() -> None:
    secret, url = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", "https://www.example.com/webhook_uri"
    assert signing.hubspot_v2(secret, "GET", url, b"") == (
        "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"
    )
    assert signing.hubspot_v2(secret, "POST", url, b'{"example_field":"example_value"}') == (
        "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_right_secret_passes_and_another_fails(scheme: str) -> None:
    make = MAKERS[scheme]
    assert code_of(scheme, make()) == ""
    assert code_of(scheme, make(OTHER)) == "signature-wrong"
    assert code_of(scheme, make(), OTHER) == "signature-wrong"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_while_a_secret_is_changed_both_pass_and_a_removed_one_fails(scheme: str) -> None:
    make = MAKERS[scheme]
    assert code_of(scheme, make(SECRET), SECRET, OTHER) == ""
    assert code_of(scheme, make(OTHER), SECRET, OTHER) == ""
    assert code_of(scheme, make(SECRET), OTHER) == "signature-wrong"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_without_any_secret_nothing_passes(scheme: str) -> None:
    with pytest.raises(UserError) as refused:
        verify(scheme, MAKERS[scheme](), (), NOW_MS)
    assert refused.value.code == "signature-wrong"


@pytest.mark.parametrize("scheme", sorted(SCHEMES.keys() - UNSIGNED_BODY))
def test_every_altered_byte_fails(scheme: str) -> None:
    for change in alterations(MAKERS[scheme]()):
        assert code_of(scheme, change) in ("signature-wrong", "signature-missing"), change


@pytest.mark.parametrize("scheme", sorted(SCHEMES.keys() - UNSIGNED_BODY))
def test_a_body_that_was_written_again_fails(scheme: str) -> None:
    request = MAKERS[scheme]()
    again = json.dumps(json.loads(request.body), ensure_ascii=False).encode()
    assert again != request.body
    assert json.loads(again) == json.loads(request.body)
    assert code_of(scheme, replace(request, body=again)) == "signature-wrong"


@pytest.mark.parametrize("scheme", sorted(TIMED))
@pytest.mark.parametrize("seconds", [0, 299, -299])
def test_within_five_minutes_it_passes(scheme: str, seconds: int) -> None:
    assert code_of(scheme, MAKERS[scheme](at=str(NOW_MS // 1000 + seconds))) == ""


@pytest.mark.parametrize("scheme", sorted(TIMED))
def test_an_old_and_a_future_time_fail_with_their_reason(scheme: str) -> None:
    minutes = TOLERANCE_MS // 1000
    old, future = NOW_MS // 1000 - minutes - 1, NOW_MS // 1000 + minutes + 1
    assert code_of(scheme, MAKERS[scheme](at=str(old))) == "timestamp-old"
    assert code_of(scheme, MAKERS[scheme](at=str(future))) == "timestamp-future"
    assert code_of(scheme, MAKERS[scheme](OTHER, at=str(old))) == "signature-wrong"


@pytest.mark.parametrize("scheme", sorted(TIMED))
@pytest.mark.parametrize("time", ["", "soon", "-1", "1e9", " 1", "١٢", "1_0", "9" * 17])
def test_a_time_that_is_none_is_missing(scheme: str, time: str) -> None:
    assert code_of(scheme, MAKERS[scheme](at=time)) == "signature-missing"


def test_of_several_signatures_one_right_one_is_enough() -> None:
    request = standard()
    both = f"v1,AAAA v1a,xxxx {request.headers['webhook-signature']}"
    twice = replace(request, headers={**request.headers, "webhook-signature": both})
    assert code_of("standard-webhooks", twice) == ""
    right = signing.stripe(SECRET, SECOND, BODY)
    header = f"t={SECOND},v1={'0' * 64},v1={right},v0=00"
    assert code_of("stripe", signed({"stripe-signature": header})) == ""


def test_a_signature_of_an_older_rule_is_none_of_a_newer_one() -> None:
    request = stripe()
    header = request.headers["stripe-signature"].replace("v1=", "v0=")
    assert code_of("stripe", signed({"stripe-signature": header})) == "signature-missing"
    asymmetric = standard().headers["webhook-signature"].replace("v1,", "v1a,")
    headers = {**standard().headers, "webhook-signature": asymmetric}
    assert code_of("standard-webhooks", signed(headers)) == "signature-wrong"
    assert code_of("hubspot-v3", hubspot_v1()) == "signature-missing"


def test_two_times_in_one_header_are_refused() -> None:
    header = f"t=1,{stripe().headers['stripe-signature']}"
    assert code_of("stripe", signed({"stripe-signature": header})) == "signature-missing"


def test_hubspots_address_may_be_signed_decoded_and_only_its_own() -> None:
    at = f"{SECOND}000"
    decoded = URL.replace("%2F", "/")
    signature = signing.hubspot_v3(SECRET, "POST", decoded, BODY, at)
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": at}
    assert code_of("hubspot-v3", signed(headers)) == ""
    elsewhere = replace(signed(headers), url=URL.replace("in.example", "evil.example"))
    assert code_of("hubspot-v3", elsewhere) == "signature-wrong"
    other_method = replace(signed(headers), method="PUT")
    assert code_of("hubspot-v3", other_method) == "signature-wrong"


def test_metas_escapes_are_signed_as_they_came() -> None:
    body = b'{"name":"\\u00e9\\u4e2d"}'
    request = hub_sha256(body=body)
    assert code_of("hub-sha256", request) == ""
    assert code_of("hub-sha256", replace(request, body='{"name":"é中"}'.encode())) != ""


def test_the_names_of_headers_can_be_ones_own() -> None:
    request = timestamped()
    renamed = signed(
        {"x-crm-sign": request.headers["x-signature"], "x-crm-time": request.headers["x-timestamp"]}
    )
    assert code_of("timestamped:X-CRM-Sign,X-CRM-Time", renamed) == ""
    assert code_of("timestamped", renamed) == "signature-missing"
    svix = {name.replace("webhook", "svix"): text for name, text in standard().headers.items()}
    assert code_of("standard-webhooks:svix", signed(svix)) == ""


@pytest.mark.parametrize("text", ["", "rot13", "timestamped:a", "stripe:", "basic:x", "header:a b"])
def test_a_rule_that_is_none_says_what_would_be_right(text: str) -> None:
    with pytest.raises(UserError) as refused:
        scheme_of(text)
    assert refused.value.where == "$.signature"
    assert refused.value.status == 422


@given(
    scheme=st.sampled_from(sorted(SCHEMES)),
    headers=st.dictionaries(st.sampled_from(sorted(SIGNING)), st.text(max_size=80), max_size=6),
    body=st.binary(max_size=60),
    signature=st.text(max_size=40),
)
@settings(max_examples=1500, deadline=None)
def test_whatever_comes_is_refused_and_never_an_error(
    scheme: str, headers: dict[str, str], body: bytes, signature: str
) -> None:
    request = Signed("POST", URL, headers, {"signature": signature}, body)
    assert code_of(scheme, request, SECRET, "short") in ("signature-wrong", "signature-missing")
