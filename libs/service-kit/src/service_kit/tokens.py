"""People's bearer tokens: OpenID Connect, signed by the one issuer that the settings name.

    {iss, sub, aud, exp, nbf?, iat?, paceline_tenant, paceline_roles, paceline_team}

Only RS256 and ES256 are taken, whatever the token's header says. Token times are the machine's,
not the organisation's: a simulated year must not revive a token.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError

from service_kit.clock import Clock, SystemClock
from service_kit.errors import UserError
from service_kit.jwks import IssuerKeys, KeySource
from service_kit.permissions import ROLES, scopes_of

ALGORITHMS = ("ES256", "RS256")
LEEWAY_SECONDS = 60
MOST_BYTES = 16_000


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token speaks for. Roles that Paceline does not know are left out."""

    tenant: str
    person: str
    roles: frozenset[str]
    team: str = ""

    @property
    def scopes(self) -> frozenset[str]:
        """What the roles may do together."""
        return scopes_of(self.roles)


class Tokens(Protocol):
    """Says whom a token speaks for."""

    async def verify(self, text: str) -> Identity:
        """Return the identity; raises UserError 401 when the token is not to be trusted."""
        ...


class IssuerTokens:
    """Verifies the tokens of one issuer for one audience."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        keys: KeySource | None = None,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._keys = keys or IssuerKeys(issuer)
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: clock.now_ms() // 1000,
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def verify(self, text: str) -> Identity:
        """Return whom the token speaks for.

        Raises UserError 401 with the reason, Infrastructure when the issuer's keys cannot be had.
        """
        header = _header(text)
        keys = await self._keys.find(header.get("kid"))
        try:
            token = jwt.decode(text, keys, algorithms=ALGORITHMS)
            self._claims.validate(token.claims)
        except ExpiredTokenError:
            raise _refused("it has expired", "已过期") from None
        except (JoseError, ValueError, TypeError) as error:
            raise _refused(str(error), str(error)) from None
        return _identity(token.claims)


def _header(text: str) -> Mapping[str, Any]:
    """Return the header, which nobody has vouched for yet."""
    if len(text) > MOST_BYTES:
        raise _refused("it is too long", "过长")
    try:
        header = jws.extract_compact(text.encode("ascii")).headers()
    except (JoseError, ValueError, TypeError):
        raise _refused("it is no signed token", "不是签名令牌") from None
    if header.get("alg") not in ALGORITHMS:
        named = ", ".join(ALGORITHMS)
        raise _refused(f"it must be signed by one of {named}", f"签名算法须为 {named} 之一")
    if "crit" in header:  # we understand no extension, so there is none that we may pass by
        raise _refused("it has extensions that are not known here", "包含无法识别的扩展")
    if not isinstance(header.get("kid", ""), str):
        raise _refused("its key id is no text", "密钥标识不是文本")
    return header


def _identity(claims: Mapping[str, Any]) -> Identity:
    person, tenant = claims["sub"], claims.get("paceline_tenant")
    roles, team = claims.get("paceline_roles", ()), claims.get("paceline_team", "")
    if not isinstance(tenant, str) or not tenant or not person:
        raise _refused("it names no paceline_tenant or no sub", "缺少 paceline_tenant 或 sub")
    if not isinstance(roles, Sequence) or isinstance(roles, str) or not isinstance(team, str):
        raise _refused(
            "paceline_roles is a list of names, paceline_team a name",
            "paceline_roles 须为名称列表，paceline_team 须为名称",
        )
    known = frozenset(role for role in roles if role in ROLES)
    return Identity(tenant, person, known, team)


def _refused(en: str, zh: str) -> UserError:
    return UserError(
        "token-refused",
        "header.Authorization",
        f"the token was not accepted: {en}; sign in again",
        f"令牌未被接受：{zh}；请重新登录",
        status=401,
    )
