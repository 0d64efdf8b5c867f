"""Rules that a source writes down itself, for a vendor that nobody knows."""

import base64
import contextlib
import hmac
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_ingest.domain.doors import composed
from metrics_ingest.domain.doors.signatures import TOLERANCE_MS, Signed, scheme_of, verify
from service_kit.errors import UserError

NOW_MS = 1_794_985_082_119
SECOND = str(NOW_MS // 1000)
URL = "https://in.example.com/v1/hooks/crm.abc?x=%2Fy&sign=1"
BODY = b"{}"


def signed(headers: Mapping[str, str], body: bytes = BODY, **query: str) -> Signed:
    return Signed("POST", URL, headers, query, body)


# What a vendor that nobody knows might print in its own guide; each made with openssl.
RULES = {
    "hmac-sha256:{time}.{body}:base64:X-Zappix-Signature,X-Zappix-Time": (
        b"1794985082.hello",
        "base64",
    ),
    "hmac-sha256:v0:{time}:{body}:hex:x-zappix-signature,x-zappix-time": (
        b"v0:1794985082:hello",
        "hex",
    ),
    "hmac-sha256:{method}\n{path}\n{time}\n{body}:hex:x-zappix-signature,x-zappix-time": (
        b"POST\n/v1/hooks/crm.abc\n1794985082\nhello",
        "hex",
    ),
    "hmac-sha256:{url}{body}:base64:x-zappix-signature": (URL.encode() + b"hello", "base64"),
    "hmac-sha256:{body}:hex:x-zappix-signature": (b"hello", "hex"),
}


def zappix(text: str, secret: str = "zx", at: str = SECOND, before: str = "") -> Signed:
    content, encoding = RULES[text]
    digest = hmac.new(secret.encode(), content.replace(b"1794985082", at.encode()), "sha256")
    made = digest.hexdigest() if encoding == "hex" else base64.b64encode(digest.digest()).decode()
    return signed({"x-zappix-signature": before + made, "x-zappix-time": at}, b"hello")


@pytest.mark.parametrize("before", ["", "sha256=", "v1="])
@pytest.mark.parametrize("text", RULES)
def test_a_rule_that_the_source_writes_down_lets_in_who_signs_by_it(text: str, before: str) -> None:
    verify(text, zappix(text, before=before), ["other", "zx"], NOW_MS)
    for wrong in (
        zappix(text, secret="zy", before=before),
        replace(zappix(text, before=before), body=b"hello!"),
        replace(zappix(text, before=before), body=b""),
    ):
        with pytest.raises(UserError) as caught:
            verify(text, wrong, ["zx"], NOW_MS)
        assert (caught.value.code, caught.value.status) == ("signature-wrong", 401)
    with pytest.raises(UserError) as caught:
        verify(text, signed({"x-zappix-time": SECOND}, b"hello"), ["zx"], NOW_MS)
    assert caught.value.code == "signature-missing"


def test_a_value_of_openssl_is_right() -> None:
    """printf '1794985082.hello' | openssl dgst -sha256 -hmac zx -binary | base64"""
    rule = composed.Rule("{time}.{body}:base64:s,t")
    made = rule.right("zx", b"hello", "POST", URL, "1794985082")
    assert made == "I+8liEaARH7vcpIfrHQU3/L5bdUfv1XFaBpXCrhZc5E="


@pytest.mark.parametrize("text", [text for text in RULES if "{time}" in text])
@pytest.mark.parametrize("unit", [1, 1000])
def test_a_time_that_is_signed_is_bounded_on_both_sides_in_seconds_and_milliseconds(
    text: str, unit: int
) -> None:
    def at(ms: int) -> Signed:
        return zappix(text, at=str(ms * unit // 1000))

    second = NOW_MS // 1000 * 1000
    for aside in (-TOLERANCE_MS, 0, TOLERANCE_MS):
        verify(text, at(second + aside), ["zx"], second)
    for aside, code in ((-1000, "timestamp-old"), (1000, "timestamp-future")):
        late = second + aside + (TOLERANCE_MS if aside > 0 else -TOLERANCE_MS)
        with pytest.raises(UserError) as caught:
            verify(text, at(late), ["zx"], second)
        assert caught.value.code == code


@pytest.mark.parametrize(
    "text",
    [
        "hmac-sha256",
        "hmac-sha256:",
        "hmac-sha256:{time}:hex:s,t",  # the body is not signed
        "hmac-sha256:{body}:hex:s,t",  # a time that nobody signs
        "hmac-sha256:{time}.{body}:hex:s",  # a time that stands nowhere
        "hmac-sha256:{body}:base32:s",
        "hmac-sha256:{body}{secret}:hex:s",
        "hmac-sha256:{body}{:hex:s",
        "hmac-sha256:{body}:hex:s s",
        "hmac-sha256:{body}" + "x" * 300 + ":hex:s",
    ],
)
def test_half_a_rule_is_refused_with_a_whole_one(text: str) -> None:
    with pytest.raises(UserError) as caught:
        scheme_of(text)
    assert (caught.value.where, composed.EXAMPLE in caught.value.en) == ("$.signature", True)


@given(st.text(max_size=60), st.text(max_size=30), st.binary(max_size=30))
def test_any_text_is_a_rule_or_refused_and_any_request_let_in_or_not(
    content: str, header: str, body: bytes
) -> None:
    text = f"hmac-sha256:{content}:hex:x-s"
    request = signed({"x-s": header}, body)
    for read in (lambda: scheme_of(text), lambda: verify(text, request, ["zx"], NOW_MS)):
        with contextlib.suppress(UserError):
            read()
