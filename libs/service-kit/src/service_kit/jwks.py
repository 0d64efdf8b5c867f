"""The public keys of an OpenID Connect issuer, fetched when they are needed, not as often as asked.

Whoever makes up key ids must not make us fetch: an unknown id fetches once per REFRESH_SECONDS.
Keys that the issuer has withdrawn are forgotten after MOST_AGE_SECONDS.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from service_kit.errors import Infrastructure

REFRESH_SECONDS = 60.0
RETRY_SECONDS = 5.0  # after a fetch that failed
MOST_AGE_SECONDS = 600.0
MOST_BYTES = 1_000_000
TIMEOUT_SECONDS = 5.0
KEY_TYPES = ("RSA", "EC")
# What a page that is not there or makes no sense can raise.
_NONSENSE = (httpx.HTTPError, JoseError, LookupError, ValueError, TypeError, AttributeError)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

Fetch = Callable[[str], Awaitable[Any]]


class KeySource(Protocol):
    """Where the verifier finds keys."""

    async def find(self, kid: str | None) -> KeySet:
        """Return the issuer's keys, fresh enough to hold ``kid`` if it has one."""
        ...


class IssuerKeys:
    """The keys of one issuer by its discovery document. ``fetch`` returns the JSON at a URL."""

    def __init__(
        self, issuer: str, fetch: Fetch | None = None, now: Callable[[], float] | None = None
    ) -> None:
        check_address(issuer)
        self._issuer = issuer
        self._fetch = fetch or fetch_json
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._keys: KeySet | None = None
        self._fetched_at = float("-inf")
        self._next_try = float("-inf")
        self._turn = asyncio.Lock()

    async def find(self, kid: str | None) -> KeySet:
        """Return the issuer's keys; raises Infrastructure while there have never been any.

        An issuer that does not answer leaves the keys that are known in force.
        """
        if not self._will_do(kid):
            async with self._turn:
                if not self._will_do(kid) and self._now() >= self._next_try:
                    await self._refresh()
        if self._keys is None:
            raise Infrastructure(f"the issuer {self._issuer} has given no keys")
        return self._keys

    def _will_do(self, kid: str | None) -> bool:
        if self._keys is None or self._now() - self._fetched_at > MOST_AGE_SECONDS:
            return False
        return kid is None or any(key.kid == kid for key in self._keys.keys)

    async def _refresh(self) -> None:
        self._next_try = self._now() + RETRY_SECONDS
        try:
            keys = await self._read()
        except _NONSENSE as error:
            if self._keys is None:
                raise Infrastructure(f"the issuer {self._issuer}: {error!r}") from error
            return
        self._keys = keys
        self._fetched_at = self._now()
        self._next_try = self._fetched_at + REFRESH_SECONDS

    async def _read(self) -> KeySet:
        about = await self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if about["issuer"] != self._issuer:
            raise ValueError(f"it calls itself {about['issuer']!r}")
        check_address(about["jwks_uri"])
        found = await self._fetch(about["jwks_uri"])
        # A key for encrypting, or of a kind that signs nothing here, is not looked at.
        usable = [
            key
            for key in found["keys"]
            if key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"
        ]
        # An issuer that has withdrawn every key is believed: nothing it signed is taken any more.
        return KeySet.import_key_set({"keys": usable}) if usable else KeySet([])


def inside(issuer: str, address: str | None) -> Callable[[str], str]:
    """Return what turns the issuer's addresses into those at which this process reaches it.

    In containers the machine's loopback, where browsers find the local issuer, is another one; it
    answers at ``address``. An issuer beyond this machine is always asked at its own address.
    """
    own, there = issuer.rstrip("/"), (address or "").rstrip("/")
    if not there or not _on_loopback(own):
        return lambda url: url
    return lambda url: there + url[len(own) :] if url.startswith(f"{own}/") else url


def check_address(url: str) -> None:
    """Raise ValueError unless the URL is https, or http on this machine itself."""
    parts = urlsplit(url)
    if not parts.hostname or not (parts.scheme == "https" or _on_loopback(url)):
        raise ValueError(f"{url!r}: an issuer needs https beyond this machine")


def _on_loopback(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def fetch_inside(issuer: str, address: str | None) -> Fetch:
    """Return :func:`fetch_json` for a process that reaches the issuer at ``address``."""
    reached = inside(issuer, address)
    return lambda url: fetch_json(reached(url))


async def fetch_json(url: str) -> Any:
    """Return the JSON at the URL; raises httpx.HTTPError or ValueError. Follows no redirect."""
    async with (
        httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as http,
        http.stream("GET", url) as response,
    ):
        response.raise_for_status()
        content = b""
        async for part in response.aiter_bytes():
            content += part
            if len(content) > MOST_BYTES:
                raise ValueError(f"{url} answers with more than {MOST_BYTES} bytes")
    return httpx.Response(200, content=content).json()
