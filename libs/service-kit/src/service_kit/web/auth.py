"""Who calls: an API key in the header, a scope per route. The tenant comes from the key alone."""

from dataclasses import dataclass

from fastapi import Request

from service_kit.errors import UserError


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. ``key`` is the key's id; ``source`` the one that the key is bound to, or None."""

    tenant: str
    key: str
    scopes: frozenset[str]
    source: str | None

    @property
    def actor(self) -> str:
        """The name under which changes stand in the audit trail."""
        return f"key:{self.key}"


class Require:
    """A dependency that lets a caller with the scope through."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> Caller:
        """Return the caller; raises UserError 401 without a valid key, 403 without the scope."""
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        key = None
        if kind.lower() == "bearer":
            key = await request.app.state.runtime.keys.verify(text.strip())
        if key is None:
            raise _unauthorised()
        if not key.allows(self.scope):
            raise _forbidden(self.scope)
        return Caller(key.tenant, key.id, key.scopes, key.source)


def require(scope: str) -> Require:
    """Return the dependency for a route: ``caller: Caller = Depends(require("goals:write"))``."""
    return Require(scope)


def _unauthorised() -> UserError:
    return UserError(
        "unauthorised",
        "header.Authorization",
        "a valid API key is needed: Authorization: Bearer pk_...",
        "需要有效的 API 密钥：Authorization: Bearer pk_...",
        status=401,
    )


def _forbidden(scope: str) -> UserError:
    return UserError(
        "scope-missing",
        "header.Authorization",
        f"this key lacks the scope {scope}; use one that has it",
        f"该密钥缺少权限 {scope}；请使用具有该权限的密钥",
        status=403,
    )
