"""Signing in at an OpenID Connect issuer: authorization code with PKCE.

What the issuer says in its discovery document counts, of the endpoints it names only those with
https (or on this machine). The ID token says who has signed in at our own request; the access
token is what the services take, and what roles and tenant are read from.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError

from console.ports import Silent
from console.settings import ConsoleSettings
from service_kit.errors import Infrastructure, UserError
from service_kit.jwks import Fetch, IssuerKeys, check_address, fetch_json
from service_kit.tokens import ALGORITHMS, LEEWAY_SECONDS, Identity, IssuerTokens

TIMEOUT_SECONDS = 10.0
ISSUER = "issuer"


class SignInFailed(Exception):
    """The issuer, or what came back from it, does not let the person in."""


class Attempt(NamedTuple):
    """What has to come back unchanged, and what proves that we have asked."""

    state: str
    nonce: str
    verifier: str


class SignedIn(NamedTuple):
    """A person who has signed in, and the token for the services."""

    identity: Identity
    token: str
    expires: int


class Issuer:
    """The one issuer that the settings name.

    ``reached`` turns an address that the issuer names into where this process finds it.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        settings: ConsoleSettings,
        http: httpx.AsyncClient,
        fetch: Fetch = fetch_json,
        reached: Callable[[str], str] = lambda url: url,
    ) -> None:
        self._issuer = issuer
        self._settings = settings
        self._http = http
        self._fetch = fetch
        self._reached = reached
        self._keys = IssuerKeys(issuer, fetch)
        self._tokens = IssuerTokens(issuer, audience, self._keys)
        self._id_claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": settings.client},
            exp={"essential": True},
            sub={"essential": True},
        )

    @property
    def redirect(self) -> str:
        """Where the issuer sends people back to."""
        return f"{self._settings.address}/signed-in"

    @property
    def origin(self) -> str:
        """The issuer's scheme, host and port."""
        parts = urlsplit(self._issuer)
        return f"{parts.scheme}://{parts.netloc}"

    async def begin(self) -> tuple[str, Attempt]:
        """Return where to send the person, and what to keep until the return; raises Silent."""
        about = await self._about()
        attempt = Attempt(*(secrets.token_urlsafe(32) for _ in range(3)))
        query = {
            "response_type": "code",
            "client_id": self._settings.client,
            "redirect_uri": self.redirect,
            "scope": self._settings.scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": _challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        endpoint = _endpoint(about, "authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", attempt

    async def finish(self, code: str, attempt: Attempt) -> SignedIn:
        """Return who has signed in; raises SignInFailed or Silent."""
        about = await self._about()
        granted = await self._redeem(_endpoint(about, "token_endpoint"), code, attempt)
        token = str(granted.get("access_token", ""))
        try:
            identity = await self._tokens.verify(token)  # fetches a key that is not known yet
            told = await self._told(str(granted.get("id_token", "")))
            expires = int(jwt.decode(token, await self._keys.find(None)).claims["exp"])
        except Infrastructure as error:
            raise Silent(ISSUER, str(error)) from None
        except (UserError, JoseError, ValueError, TypeError) as error:
            raise SignInFailed(str(error)) from None
        if told.get("nonce") != attempt.nonce:
            raise SignInFailed("the answer belongs to another attempt")
        if told.get("sub") != identity.person:
            raise SignInFailed("the two tokens name two people")
        return SignedIn(identity, token, expires)

    async def ready(self) -> bool:
        """Whether the issuer answers."""
        try:
            await self._about()
        except Silent:
            return False
        return True

    async def _about(self) -> dict[str, Any]:
        address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            about: dict[str, Any] = await self._fetch(address)
            if about["issuer"] != self._issuer:
                raise ValueError(f"it calls itself {about['issuer']!r}")
            return about
        except (httpx.HTTPError, ValueError, TypeError, KeyError) as error:
            raise Silent(ISSUER, f"{self._issuer}: {error!r}") from None

    async def _redeem(self, endpoint: str, code: str, attempt: Attempt) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "client_id": self._settings.client,
            "code_verifier": attempt.verifier,
        }
        if self._settings.client_secret:
            form["client_secret"] = self._settings.client_secret
        try:
            answer = await self._http.post(
                self._reached(endpoint), data=form, timeout=TIMEOUT_SECONDS
            )
            found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Silent(ISSUER, f"{endpoint}: {error!r}") from None
        if answer.status_code >= 500:
            raise Silent(ISSUER, f"{endpoint}: {answer.status_code}")
        if answer.status_code != 200 or not isinstance(found, dict):
            raise SignInFailed(f"the issuer refused the code: {found}")
        return found

    async def _told(self, text: str) -> dict[str, Any]:
        keys = await self._keys.find(None)
        token = jwt.decode(text, keys, algorithms=ALGORITHMS)
        self._id_claims.validate(token.claims)
        return dict(token.claims)


def _endpoint(about: dict[str, Any], name: str) -> str:
    address = str(about.get(name, ""))
    try:
        check_address(address)
    except ValueError as error:
        raise Silent(ISSUER, f"{name}: {error}") from None
    return address


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
