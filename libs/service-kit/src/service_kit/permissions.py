"""Which role may do what: the one table that every route of every service is checked against.

A route names a scope. An API key carries scopes; a person carries roles, and a role has the scopes
that name it here. Both pass the same :func:`service_kit.web.require`.
"""

from collections.abc import Collection, Mapping
from typing import Final

EVERYTHING: Final = "*"
ROLES: Final = ("admin", "lead", "member", "finance", "sales", "viewer")

_ALL = frozenset(ROLES)
_ADMIN = frozenset({"admin"})
_LEADING = frozenset({"admin", "lead"})

PERMISSIONS: Final[Mapping[str, frozenset[str]]] = {
    # What comes in. Records and dead letters may show personal data.
    "events:write": _ADMIN,
    # Numbers that people type, under their own name.
    "numbers:write": _ALL - {"viewer"},
    "numbers:read": _ALL,
    "sources:read": _ADMIN,
    "sources:write": _ADMIN,
    "records:read": _ADMIN,
    "dead-letters:read": _ADMIN,
    "dead-letters:write": _ADMIN,
    "metrics:read": _ALL,
    "metrics:write": _ADMIN,
    # Rates of exchange.
    "rates:read": frozenset({"admin", "finance"}),
    "rates:write": frozenset({"admin", "finance"}),
    # Goals and what comes of them; read-all: whatever a goal's visibility says.
    "goals:read": _ALL,
    "goals:read-all": _ADMIN,
    "goals:write": _LEADING,
    # The rules by which everybody's goals are judged; whoever may read goals reads them.
    "policies:write": _ADMIN,
    "lights:read": _ALL,
    # People; self: what one sets for oneself.
    "people:read": _ALL,
    "people:write": _ADMIN,
    "people:self": _ALL,
    "organisation:read": _ALL,
    "organisation:write": _ADMIN,
    # Rewards; read-all: praises that were kept without being posted, too.
    "rules:read": _ALL,
    "rules:write": _LEADING,
    "rewards:read": _ALL,
    "rewards:read-all": frozenset({"admin", "finance"}),
    "audit:read": _ADMIN,
    # API keys. Nobody can give a key what the giver has not.
    "keys:read": _ADMIN,
    "keys:write": _ADMIN,
}


def scopes_of(roles: Collection[str]) -> frozenset[str]:
    """Return what the roles may do together; a role that is not known may do nothing."""
    held = frozenset(roles)
    return frozenset(scope for scope, allowed in PERMISSIONS.items() if held & allowed)
