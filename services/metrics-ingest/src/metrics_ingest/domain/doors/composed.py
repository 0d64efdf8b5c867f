"""Signatures by a rule that the source itself writes down: for vendors that no scheme knows.

    hmac-sha256:CONTENT:ENCODING:SIGNATURE,TIME

CONTENT is what is signed, with ``{body}`` and perhaps ``{time}``, ``{method}``, ``{url}``,
``{path}`` in it; ENCODING is hex or base64; SIGNATURE and TIME are headers, TIME only where
``{time}`` is signed: a time that is not signed proves nothing.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import NoReturn
from urllib.parse import urlsplit

from service_kit.errors import UserError

NAME = "hmac-sha256"
EXAMPLE = "hmac-sha256:{time}.{body}:base64:x-vendor-signature,x-vendor-time"
PLACES = ("body", "time", "method", "url", "path")
_ENCODINGS: Mapping[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
}
_HEADER = re.compile(r"[A-Za-z0-9_\-]{1,64}", re.ASCII)
_PIECES = re.compile(r"\{([^{}]*)\}")
_LONGEST = 200
# Some write the algorithm or a version before the signature: sha256=..., v1=...
_PREFIX = re.compile(r"[A-Za-z0-9\-]{1,16}=(?=.)", re.ASCII)


class Rule:
    """A rule that was read. ``time`` is the header of the time, None where none is signed."""

    def __init__(self, text: str) -> None:
        """Raise UserError unless the text is a whole rule; ``text`` is what follows the name."""
        content, _, rest = text.rpartition(":")
        content, _, encoding = content.rpartition(":")
        names = [name.strip().lower() for name in rest.split(",")]
        pieces = _PIECES.split(content)
        self._literals, self._places = pieces[::2], pieces[1::2]
        timed = "time" in self._places
        if (
            "body" not in self._places
            or not set(self._places) <= set(PLACES)
            or encoding not in _ENCODINGS
            or len(content) > _LONGEST
            or any(mark in literal for literal in self._literals for mark in "{}")
            or len(names) != 1 + timed
            or not all(_HEADER.fullmatch(name) for name in names)
        ):
            _refuse()
        self._encode = _ENCODINGS[encoding]
        self.signature = names[0]
        self.time = names[1] if timed else None

    def right(self, secret: str, body: bytes, method: str, url: str, time: str) -> str:
        """Return the signature that a secret makes."""
        values = {
            "body": body,
            "time": time.encode(),
            "method": method.encode(),
            "url": url.encode(),
            "path": urlsplit(url).path.encode(),
        }
        signed = self._literals[0].encode()
        for place, literal in zip(self._places, self._literals[1:], strict=True):
            signed += values[place] + literal.encode()
        return self._encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest())


def given(text: str) -> tuple[str, ...]:
    """Return the signatures that a header may hold: as it stands, and without what is before."""
    found = _PREFIX.match(text)
    return (text,) if found is None else (text, text[found.end() :])


def _refuse() -> NoReturn:
    raise UserError(
        "invalid-value",
        "$.signature",
        f"such as {EXAMPLE}; in what is signed stand {{body}} and perhaps {{time}}, {{method}}, "
        "{url}, {path}; hex or base64; then the header of the signature and, if {time} is signed, "
        "that of the time",
        f"例如 {EXAMPLE}；签名内容须含 {{body}}，可含 {{time}}、{{method}}、{{url}}、{{path}}；"
        "编码为 hex 或 base64；最后是签名请求头，若签了 {time} 再加时间请求头",
    )
