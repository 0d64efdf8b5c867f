"""How each vendor makes a signature: the text that stands in the header, from secret and content.

Each rule is shown on a value that the vendor (or a library of it) prints; see tests. The last two
sign what goes out to chat bots: the same words in the opposite places.
"""

import base64
import binascii
import hashlib
import hmac
from urllib.parse import quote

# What HubSpot decodes in an address before it signs it (its guide "Validating requests").
_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$",
    "%27": "'", "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


def standard_webhooks(secret: str, identity: str, timestamp: str, body: bytes) -> str | None:
    """Return ``v1,<base64>``; None when the secret is no base64. ``timestamp`` in seconds."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return "v1," + _base64(key, f"{identity}.{timestamp}.".encode() + body)


def hubspot_v1(secret: str, body: bytes) -> str:
    """Return the hex SHA-256 of secret and body."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def hubspot_v2(secret: str, method: str, url: str, body: bytes) -> str:
    """Return the hex SHA-256 of secret, method, whole address and body."""
    return hashlib.sha256(f"{secret}{method}{url}".encode() + body).hexdigest()


def hubspot_v3(secret: str, method: str, url: str, body: bytes, timestamp: str) -> str:
    """Return the base64 HMAC of method, whole address, body and ``timestamp`` (milliseconds)."""
    return _base64(secret.encode(), f"{method}{url}".encode() + body + timestamp.encode())


def hubspot_address(url: str) -> str:
    """Return an address with those characters decoded that HubSpot decodes before signing."""
    for code, character in _DECODED.items():
        url = url.replace(code, character).replace(code.lower(), character)
    return url


def hub_sha256(secret: str, body: bytes) -> str:
    """Return ``sha256=<hex>``: Meta's and GitHub's X-Hub-Signature-256."""
    return "sha256=" + hex_of(secret, body)


def stripe(secret: str, timestamp: str, body: bytes) -> str:
    """Return the hex of a ``v1=`` of Stripe-Signature. ``timestamp`` in seconds."""
    return hex_of(secret, f"{timestamp}.".encode() + body)


def slack(secret: str, timestamp: str, body: bytes) -> str:
    """Return ``v0=<hex>``. ``timestamp`` in seconds."""
    return "v0=" + hex_of(secret, f"v0:{timestamp}:".encode() + body)


def shopify(secret: str, body: bytes) -> str:
    """Return the base64 HMAC of the body."""
    return _base64(secret.encode(), body)


def tencent(secret: str, body: bytes) -> str:
    """Return the hex SHA-1 of body and secret: the vendor's rule, no choice of ours."""
    return hashlib.sha1(body + secret.encode()).hexdigest()


def hex_of(secret: str, content: bytes) -> str:
    """Return the hex HMAC-SHA256: OceanEngine signs the body so, others more than the body."""
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def dingtalk_bot(secret: str, timestamp: str) -> str:
    """Return DingTalk's ``sign`` for the query, URL-encoded. ``timestamp`` in milliseconds."""
    return quote(_base64(secret.encode(), f"{timestamp}\n{secret}".encode()), safe="")


def feishu_bot(secret: str, timestamp: str) -> str:
    """Return Feishu's ``sign`` for the body: the key is time and secret, the message is empty."""
    return _base64(f"{timestamp}\n{secret}".encode(), b"")


def _base64(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.digest(key, content, "sha256")).decode()
