"""Secrets at rest: sealed with AES-GCM under a key that the database does not hold."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service_kit.errors import Infrastructure, UserError

_ID_BYTES = 4
_NONCE_BYTES = 12
_FINGERPRINT_DIGITS = 16


class Vault:
    """Seals texts for one purpose each. ``keys``: the first seals, all of them open.

    So a key is changed: the new one is set before the old one, and the old one taken away when
    every secret has been written again.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys: Mapping[bytes, bytes] = {_id_of(key): _stretched(key) for key in keys}
        self._first = _id_of(keys[0]) if keys else b""

    def seal(self, text: str, about: str) -> bytes:
        """Return what :meth:`open` reads with the same ``about``; UserError without a key."""
        if not self._first:
            raise _no_key()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = AESGCM(self._keys[self._first])
        return self._first + nonce + cipher.encrypt(nonce, text.encode(), about.encode())

    def open(self, sealed: bytes, about: str) -> str:
        """Return the text; raises Infrastructure when none of the keys opens it."""
        key = self._keys.get(sealed[:_ID_BYTES])
        nonce, rest = sealed[_ID_BYTES:][:_NONCE_BYTES], sealed[_ID_BYTES + _NONCE_BYTES :]
        if key is None:
            raise Infrastructure(f"{about}: sealed with a key that PACELINE_SECRETS_KEY lacks")
        try:
            return AESGCM(key).decrypt(nonce, rest, about.encode()).decode()
        except InvalidTag:
            raise Infrastructure(f"{about}: what was sealed has been changed") from None

    def fingerprint(self, text: str, about: str) -> str:
        """Return digits that tell secrets apart, and nothing to whoever lacks the key."""
        if not self._first:
            raise _no_key()
        digest = hmac.digest(self._keys[self._first], f"{about}\n{text}".encode(), "sha256")
        return digest.hex()[:_FINGERPRINT_DIGITS]


def _id_of(key: str) -> bytes:
    return hashlib.sha256(f"paceline key id\n{key}".encode()).digest()[:_ID_BYTES]


def _stretched(key: str) -> bytes:
    return hashlib.sha256(f"paceline secrets\n{key}".encode()).digest()


def _no_key() -> UserError:
    return UserError(
        "secrets-key-missing",
        "setting.PACELINE_SECRETS_KEY",
        "secrets cannot be kept: the operator has to set PACELINE_SECRETS_KEY",
        "无法保存密钥：运维人员需要设置 PACELINE_SECRETS_KEY",
        status=409,
    )
