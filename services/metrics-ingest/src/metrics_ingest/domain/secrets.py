"""What must not be kept: values under names of secrets and under paths that a mapping drops."""

import base64
import binascii
import re
from typing import Any

import msgspec

from metrics_ingest.domain.definitions import Mapping
from metrics_ingest.domain.drift import steps_of
from metrics_ingest.domain.values import exact

HIDDEN = "***"
_SECRET = re.compile(
    r"secret|token|passw|(api|write|private|access)_?key|google_key|authori[sz]ation|credential",
    re.IGNORECASE,
)
# In what is no JSON, the value behind such a name. Once the name is found the value matches,
# whatever it is, so that nothing is looked at twice: the text may be anybody's.
_IN_TEXT = re.compile(
    rf'((?:{_SECRET.pattern})[\w\-]{{0,64}}["\']?[ \t]{{0,8}}[:=][ \t]{{0,8}})'
    r'("[^"]*"?|\'[^\']*\'?|[^\s,;&}]*)',
    re.IGNORECASE,
)
_decoder = msgspec.json.Decoder(float_hook=exact)
_encoder = msgspec.json.Encoder(decimal_format="number")


def without_secrets(body: bytes, mapping: Mapping | None = None) -> bytes:
    """Return a body without its secrets; one that has none comes back as it is.

    The name stays and its value becomes ``***``. What the mapping reads stays, whatever its name:
    the event must count when it is sent again.
    """
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _of_text(body)
    if isinstance(found, str):
        return _of_unreadable(body, found)
    hiding = _Hiding(mapping)
    cleaned = hiding.of(found, ())
    return _encoder.encode(cleaned) if hiding.hid else body


def shown(body: bytes) -> Any:
    """Return a kept body for a person's eyes: values under names of secrets are hidden."""
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return body.decode("utf-8", "replace")
    return _Hiding(None).of(found, ())


class _Hiding:
    """Walks through a body and notes whether it hid anything."""

    def __init__(self, mapping: Mapping | None) -> None:
        self.hid = False
        self._read: set[str] = set()
        self._drop: list[tuple[str, ...]] = []
        if mapping is not None:
            read = (mapping.id, mapping.type, mapping.time, mapping.subject)
            fields = [field.paths for field in mapping.fields.values()]
            every = [path for paths in (*read, *fields) for path in paths]
            self._read = {name for path in every for steps in steps_of(path) for name in steps}
            self._drop = [tuple(steps) for path in mapping.drop for steps in steps_of(path)]

    def of(self, value: Any, at: tuple[str, ...]) -> Any:
        if isinstance(value, list):
            return [self.of(item, at) for item in value]
        if not isinstance(value, dict):
            return value
        return {name: self._part(name, part, (*at, name)) for name, part in value.items()}

    def _part(self, name: str, part: Any, at: tuple[str, ...]) -> Any:
        if name not in self._read and (_SECRET.search(name) or self._drops(at)):
            self.hid = True
            return HIDDEN
        return self.of(part, at)

    def _drops(self, at: tuple[str, ...]) -> bool:
        return any(at[-len(steps) :] == steps for steps in self._drop)


def _of_text(body: bytes) -> bytes:
    text = body.decode("utf-8", "surrogateescape")
    return _IN_TEXT.sub(rf"\1{HIDDEN}", text).encode("utf-8", "surrogateescape")


def _of_unreadable(body: bytes, text: str) -> bytes:
    """What no door could read is kept in base64, inside of a JSON string."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return body
    cleaned = _of_text(raw)
    return body if cleaned == raw else msgspec.json.encode(base64.b64encode(cleaned).decode())
