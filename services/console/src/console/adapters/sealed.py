"""What a browser keeps for us and cannot read or change: encrypted, authenticated, with an end."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

_HEADER = {"alg": "dir", "enc": "A256GCM"}
_ALGORITHMS = ["dir", "A256GCM"]


class Seal:
    """Seals small documents for one purpose. ``now`` returns seconds since the epoch."""

    def __init__(self, secret: str, purpose: str, now: Callable[[], float]) -> None:
        digest = hashlib.sha256(f"{purpose}\n{secret}".encode()).digest()
        self._key = OctKey.import_key(digest)
        self._now = now

    def close(self, document: dict[str, Any], until: float) -> str:
        """Return the document as a text that only :meth:`open` reads, until then."""
        text = json.dumps(document | {"until": until})
        return jwe.encrypt_compact(_HEADER, text.encode(), self._key, algorithms=_ALGORITHMS)

    def open(self, text: str | None) -> dict[str, Any] | None:
        """Return what was sealed; None for anything else, and when its time is over."""
        if not text:
            return None
        try:
            found = jwe.decrypt_compact(text, self._key, algorithms=_ALGORITHMS).plaintext
        except (JoseError, ValueError, TypeError):
            return None
        document: dict[str, Any] = json.loads(found or b"{}")
        return document if document.get("until", 0) > self._now() else None
