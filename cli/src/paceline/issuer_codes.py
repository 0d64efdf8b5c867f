"""Authorization codes of the local issuer: one use, one minute, bound to who asked (RFC 7636)."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

CODE_SECONDS = 60
MOST_CODES = 1_000
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

T = TypeVar("T")


class Asked(NamedTuple):
    """What an application asks for when it sends somebody here to sign in."""

    client: str
    redirect: str
    state: str
    nonce: str
    challenge: str


def asked_in(form: Mapping[str, str], client: str, redirects: tuple[str, ...]) -> Asked:
    """Return what is asked; raises ValueError with the name of the parameter that is wrong.

    Nobody is sent to an address that is not among ``redirects``.
    """
    asked = Asked(
        client=form.get("client_id", ""),
        redirect=form.get("redirect_uri", ""),
        state=form.get("state", ""),
        nonce=form.get("nonce", ""),
        challenge=form.get("code_challenge", ""),
    )
    right = {
        "client_id": asked.client == client,
        "redirect_uri": asked.redirect in redirects,
        "response_type": form.get("response_type") == "code",
        "code_challenge": bool(_CHALLENGE.fullmatch(asked.challenge)),
        "code_challenge_method": form.get("code_challenge_method") == "S256",
    }
    for name, well in right.items():
        if not well:
            raise ValueError(name)
    return asked


class Codes(Generic[T]):
    """The codes that are out. They live in memory: who meets a restart signs in once more."""

    def __init__(self) -> None:
        self._out: dict[str, tuple[Asked, T, int]] = {}

    def give(self, asked: Asked, whom: T, now: int) -> str:
        """Return a new code for ``whom``."""
        self._out = {code: each for code, each in self._out.items() if each[2] > now}
        while len(self._out) >= MOST_CODES:
            del self._out[next(iter(self._out))]
        code = secrets.token_urlsafe(32)
        self._out[code] = (asked, whom, now + CODE_SECONDS)
        return code

    def take(self, form: Mapping[str, str], now: int) -> tuple[Asked, T] | None:
        """Return who has signed in with the form's code, once, and only to who asked for it."""
        found = self._out.pop(form.get("code", ""), None)
        if found is None:
            return None
        asked, whom, until = found
        same = (form.get("client_id"), form.get("redirect_uri")) == (asked.client, asked.redirect)
        proven = hmac.compare_digest(challenge_of(form.get("code_verifier", "")), asked.challenge)
        return (asked, whom) if same and proven and now < until else None


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
