"""Tokens that need no issuer: ``tenant/person/team/role+role`` in plain text."""

from service_kit.errors import UserError
from service_kit.permissions import ROLES
from service_kit.tokens import Identity


class FakeTokens:
    """Takes every text of four parts for what it says."""

    async def verify(self, text: str) -> Identity:
        """Return the identity; raises UserError 401 on any other text."""
        parts = text.split("/")
        if len(parts) != 4:
            raise UserError("token-refused", "header.Authorization", "no token", "不是令牌", 401)
        tenant, person, team, roles = parts
        return Identity(tenant, person, frozenset(roles.split("+")) & frozenset(ROLES), team)


def bearer(
    *roles: str, tenant: str = "demo", person: str = "somebody", team: str = ""
) -> dict[str, str]:
    """Return the headers of a person with these roles."""
    return {"Authorization": f"Bearer {tenant}/{person}/{team}/{'+'.join(roles)}"}
