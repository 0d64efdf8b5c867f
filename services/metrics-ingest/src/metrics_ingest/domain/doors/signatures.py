"""Whether a webhook was sent by who it says: each vendor's own rule, over the bytes as they came.

A source names its rule by ``signature``: a scheme of SCHEMES, behind a colon perhaps the names of
headers or of a query parameter; or a rule of its own (domain.doors.composed). Several secrets may
hold at once, so that one can be changed.
"""

import base64
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from metrics_ingest.domain.doors import composed, signing
from service_kit import strict_json
from service_kit.errors import UserError

TOLERANCE_MS = 300_000
MILLISECONDS_FROM = 12  # digits
_TIME = re.compile(r"[0-9]{1,16}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_\-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it came. ``url`` is the public one, as the sender knows it, with its query.

    Header names are in lower case; ``body`` is what was sent, byte for byte.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request brings: signatures, what would be right for a secret, and when it was sent."""

    given: tuple[str, ...]
    right: Callable[[str], Iterable[str | None]]
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Scheme:
    """A rule: how a request is read, and the names that it looks for unless others are given."""

    read: Callable[[Signed, Sequence[str]], Proof]
    names: tuple[str, ...] = ()


def verify(scheme: str, request: Signed, secrets: Sequence[str], now_ms: int) -> None:
    """Return when one of the secrets signed the request within five minutes, before or after now.

    Raises UserError 401: signature-missing, signature-wrong, timestamp-old, timestamp-future.
    The time is judged last: only who knows a secret learns that it was the time.
    """
    rule, names = scheme_of(scheme)
    proof = rule.read(request, names)
    right = False
    for secret in secrets:
        for text in _results(proof, secret):
            for given in proof.given:
                right |= hmac.compare_digest(_bytes(given), _bytes(text))
    if not right:
        _refuse(
            "signature-wrong",
            "none of the source's secrets made this signature over these bytes",
            "签名与该数据源的任何密钥都不匹配",
        )
    if proof.at_ms is not None and proof.at_ms < now_ms - TOLERANCE_MS:
        _refuse(
            "timestamp-old",
            "it was signed more than five minutes ago; send it with a new signature",
            "签名时间早于五分钟前；请重新签名发送",
        )
    if proof.at_ms is not None and proof.at_ms > now_ms + TOLERANCE_MS:
        _refuse(
            "timestamp-future",
            "it was signed more than five minutes in the future; set the sender's clock",
            "签名时间比现在晚五分钟以上；请校准发送方时钟",
        )


def scheme_of(text: str) -> tuple[Scheme, tuple[str, ...]]:
    """Return the rule and the names that a source's ``signature`` stands for; raises UserError."""
    name, colon, rest = text.partition(":")
    if name == composed.NAME:
        return _by_rule(composed.Rule(rest)), ()
    scheme = SCHEMES.get(name)
    if scheme is None:
        known = ", ".join((*SCHEMES, composed.EXAMPLE))
        raise UserError(
            "invalid-value", "$.signature", f"one of {known} is needed", f"应为 {known} 之一"
        )
    names = tuple(each.strip().lower() for each in rest.split(",")) if colon else scheme.names
    if len(names) != len(scheme.names) or not all(_NAME.fullmatch(each) for each in names):
        wanted = f"{name}:{','.join(scheme.names)}" if scheme.names else name
        raise UserError("invalid-value", "$.signature", f"such as {wanted}", f"例如 {wanted}")
    return scheme, names


def _results(proof: Proof, secret: str) -> list[str]:
    return [text for text in proof.right(secret) if text is not None]


def _standard(request: Signed, names: Sequence[str]) -> Proof:
    prefix = names[0]
    identity = _header(request, f"{prefix}-id")
    timestamp = _header(request, f"{prefix}-timestamp")
    given = tuple(_header(request, f"{prefix}-signature").split(" "))
    return Proof(
        given,
        lambda secret: [
            signing.standard_webhooks(secret, identity, timestamp, request.body),
        ],
        _time(timestamp, 1000),
    )


def _hubspot_v1(request: Signed, names: Sequence[str]) -> Proof:
    given = (_header(request, names[0]),)
    return Proof(given, lambda secret: [signing.hubspot_v1(secret, request.body)])


def _hubspot_v2(request: Signed, names: Sequence[str]) -> Proof:
    given = (_header(request, names[0]),)
    return Proof(
        given,
        lambda secret: [signing.hubspot_v2(secret, request.method, request.url, request.body)],
    )


def _hubspot_v3(request: Signed, names: Sequence[str]) -> Proof:
    timestamp = _header(request, "x-hubspot-request-timestamp")
    # HubSpot's guide decodes some characters of the address first, its libraries do not; whoever
    # can sign one of the two knows the secret.
    urls = {request.url, signing.hubspot_address(request.url)}
    return Proof(
        (_header(request, names[0]),),
        lambda secret: [
            signing.hubspot_v3(secret, request.method, url, request.body, timestamp) for url in urls
        ],
        _time(timestamp, 1),
    )


def _hub_sha256(request: Signed, names: Sequence[str]) -> Proof:
    given = (_header(request, names[0]),)
    return Proof(given, lambda secret: [signing.hub_sha256(secret, request.body)])


def _stripe(request: Signed, names: Sequence[str]) -> Proof:
    pairs = [part.partition("=") for part in _header(request, names[0]).split(",")]
    times = [value for name, _, value in pairs if name.strip() == "t"]
    given = tuple(value for name, _, value in pairs if name.strip() == "v1")
    if len(times) != 1 or not given:
        _missing(f"header.{names[0]}")
    return Proof(
        given,
        lambda secret: [signing.stripe(secret, times[0], request.body)],
        _time(times[0], 1000),
    )


def _slack(request: Signed, names: Sequence[str]) -> Proof:
    timestamp = _header(request, names[1])
    return Proof(
        (_header(request, names[0]),),
        lambda secret: [signing.slack(secret, timestamp, request.body)],
        _time(timestamp, 1000),
    )


def _shopify(request: Signed, names: Sequence[str]) -> Proof:
    given = (_header(request, names[0]),)
    return Proof(given, lambda secret: [signing.shopify(secret, request.body)])


def _hex_body(request: Signed, names: Sequence[str]) -> Proof:
    given = (_header(request, names[0]),)
    return Proof(given, lambda secret: [signing.hex_of(secret, request.body)])


def _tencent(request: Signed, names: Sequence[str]) -> Proof:
    given = request.query.get(names[0], "")
    if not given:
        _missing(f"query.{names[0]}")
    return Proof((given,), lambda secret: [signing.tencent(secret, request.body)])


def _timestamped(request: Signed, names: Sequence[str]) -> Proof:
    timestamp = _header(request, names[1])
    return Proof(
        (_header(request, names[0]).removeprefix("sha256="),),
        lambda secret: [signing.hex_of(secret, f"{timestamp}.".encode() + request.body)],
        _time(timestamp, 1000),
    )


def _google(request: Signed, names: Sequence[str]) -> Proof:
    try:
        body = strict_json.loads(request.body)
    except UserError:
        body = None
    given = body.get("google_key") if isinstance(body, dict) else None
    if not isinstance(given, str) or not given:
        _missing("$.google_key")
    return Proof((given,), lambda secret: [secret])


def _basic(request: Signed, names: Sequence[str]) -> Proof:
    kind, _, text = _header(request, "authorization").partition(" ")
    if kind.lower() != "basic":
        _missing("header.authorization")
    return Proof((text.strip(),), lambda secret: [base64.b64encode(secret.encode()).decode()])


def _shared(request: Signed, names: Sequence[str]) -> Proof:
    return Proof((_header(request, names[0]),), lambda secret: [secret])


def _by_rule(rule: composed.Rule) -> Scheme:
    def read(request: Signed, names: Sequence[str]) -> Proof:
        at = _header(request, rule.time) if rule.time is not None else ""
        return Proof(
            composed.given(_header(request, rule.signature)),
            lambda secret: [rule.right(secret, request.body, request.method, request.url, at)],
            _epoch(at) if rule.time is not None else None,
        )

    return Scheme(read)


# Beside each: what its secret is.
SCHEMES: Mapping[str, Scheme] = {
    "standard-webhooks": Scheme(_standard, ("webhook",)),  # whsec_ and base64
    "hubspot-v3": Scheme(_hubspot_v3, ("x-hubspot-signature-v3",)),  # the app's client secret
    "hubspot-v2": Scheme(_hubspot_v2, ("x-hubspot-signature",)),
    "hubspot-v1": Scheme(_hubspot_v1, ("x-hubspot-signature",)),
    "hub-sha256": Scheme(_hub_sha256, ("x-hub-signature-256",)),  # the app's secret
    "stripe": Scheme(_stripe, ("stripe-signature",)),  # the endpoint's signing secret
    "slack": Scheme(_slack, ("x-slack-signature", "x-slack-request-timestamp")),
    "shopify": Scheme(_shopify, ("x-shopify-hmac-sha256",)),  # the app's client secret
    "oceanengine": Scheme(_hex_body, ("x-open-signature",)),
    "tencent": Scheme(_tencent, ("signature",)),
    "google-lead-form": Scheme(_google),  # the form's google_key
    "basic": Scheme(_basic),  # user:password
    "header": Scheme(_shared, ("x-api-key",)),  # the header's whole value
    "timestamped": Scheme(_timestamped, ("x-signature", "x-timestamp")),  # what both agreed on
}


def _header(request: Signed, name: str) -> str:
    value = request.headers.get(name, "")
    if not value:
        _missing(f"header.{name}")
    return value


def _time(text: str, milliseconds: int) -> int:
    if not _TIME.fullmatch(text):
        _missing("timestamp")
    return int(text) * milliseconds


def _epoch(text: str) -> int:
    """Return epoch milliseconds of seconds or milliseconds: in 12 digits and more only the second
    lies in our days.
    """
    return _time(text, 1 if len(text) >= MILLISECONDS_FROM else 1000)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _missing(where: str) -> NoReturn:
    raise UserError(
        "signature-missing",
        where,
        "the source's webhook is signed, and this request carries no signature that can be read",
        "该数据源的回调需要签名，而此请求没有可读取的签名",
        status=401,
    )


def _refuse(code: str, en: str, zh: str) -> NoReturn:
    raise UserError(code, "signature", en, zh, status=401)
