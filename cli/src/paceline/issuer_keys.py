"""The local issuer's keys and its password, in files that only their owner can read.

A new key is published before it signs, so that whoever verifies has fetched it by then; an old one
stays published until no token that it signed can be valid any more.
"""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

TOKEN_SECONDS = 3600
# Longer than a verifier waits between two fetches (a minute), and than clocks may differ.
EARLY_SECONDS = 120
MOST_AGE_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, and since when it signs (seconds since the epoch)."""

    key: ECKey
    signs_from: int


class KeyRing:
    """The keys of one folder; :meth:`at` makes a first one and a successor for an old one."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "signing-keys.json"
        self._keys = self._read()

    def at(self, now: int) -> ECKey:
        """Return the key that signs now."""
        if not self._keys:
            self._keep([_made(now)])
        if now - self._keys[-1].signs_from > MOST_AGE_SECONDS:
            self.rotate(now)
        return [each for each in self._keys if each.signs_from <= now][-1].key

    def rotate(self, now: int) -> None:
        """Make a successor, which is published at once and signs after EARLY_SECONDS."""
        first = [] if self._keys else [_made(now)]
        self._keep([*first, *self._published(now), _made(now + EARLY_SECONDS)])

    def public(self, now: int) -> dict[str, Any]:
        """Return the key set as it is published."""
        self.at(now)
        return {"keys": [_public(each.key) for each in self._published(now)]}

    def _published(self, now: int) -> list[SigningKey]:
        kept = []
        for each, successor in zip(self._keys, [*self._keys[1:], None], strict=True):
            if successor is None or successor.signs_from + TOKEN_SECONDS + EARLY_SECONDS > now:
                kept.append(each)
        return kept

    def _keep(self, keys: list[SigningKey]) -> None:
        rows = [{"jwk": k.key.as_dict(private=True), "signs_from": k.signs_from} for k in keys]
        write_secret(self._path, json.dumps(rows))
        self._keys = keys

    def _read(self) -> list[SigningKey]:
        if not self._path.exists():
            return []
        rows = json.loads(self._path.read_text())
        return [SigningKey(ECKey.import_key(row["jwk"]), row["signs_from"]) for row in rows]


def password_in(folder: Path) -> str:
    """Return the issuer's password of this folder; made when there is none."""
    return secret_in(folder, "password")


def secret_in(folder: Path, name: str) -> str:
    """Return the secret of this name; made when there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(24))
    return path.read_text()


def write_secret(path: Path, text: str) -> None:
    """Replace the file in one step; only its owner can read it."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    half.replace(path)


def _made(signs_from: int) -> SigningKey:
    key = ECKey.generate_key(
        "P-256", parameters={"kid": secrets.token_hex(8), "use": "sig", "alg": "ES256"}
    )
    return SigningKey(key, signs_from)


def _public(key: ECKey) -> dict[str, Any]:
    return dict(key.as_dict(private=False))
