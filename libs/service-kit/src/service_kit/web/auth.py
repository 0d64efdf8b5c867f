"""Who calls: a machine by its API key, a person by a token; a scope per route.

The tenant comes from the key or the token and from nowhere else.
"""

from dataclasses import dataclass

from fastapi import Request

from service_kit.errors import UserError
from service_kit.keys import PREFIX
from service_kit.permissions import EVERYTHING, PERMISSIONS
from service_kit.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. ``key`` is the key's id; ``source`` the one that the key is bound to, or None.

    ``events_per_second`` is the key's own limit, None that of all. A person has no key: ``person``
    is the id in the directory, ``team`` that of the token.
    """

    tenant: str
    key: str
    scopes: frozenset[str]
    source: str | None
    person: str = ""
    team: str = ""
    events_per_second: int | None = None

    @property
    def actor(self) -> str:
        """The name under which changes stand in the audit trail."""
        return f"person:{self.person}" if self.person else f"key:{self.key}"

    def allows(self, scope: str) -> bool:
        """Whether the caller has the scope, beyond the one that the route asks for."""
        return scope in self.scopes or EVERYTHING in self.scopes


class Require:
    """A dependency that lets a caller with the scope through."""

    def __init__(self, scope: str) -> None:
        if scope not in PERMISSIONS:
            raise ValueError(f"the scope {scope} has no line in service_kit.permissions")
        self.scope = scope

    async def __call__(self, request: Request) -> Caller:
        """Return the caller; raises UserError 401 without a valid key or token, 403 without scope.

        A key needs the scope itself, a person a role that has it.
        """
        caller = await caller_of(request, await self.credential(request))
        if not caller.allows(self.scope):
            raise _role_missing(self.scope) if caller.person else _scope_missing(self.scope)
        return caller

    async def credential(self, request: Request) -> str:
        """Return the text of the key or token; raises UserError 401 without one."""
        return bearer_of(request)


def require(scope: str) -> Require:
    """Return the dependency for a route: ``caller: Caller = Depends(require("goals:write"))``.

    Raises ValueError unless the table of permissions has the scope.
    """
    return Require(scope)


def bearer_of(request: Request) -> str:
    """Return the text behind ``Authorization: Bearer``; raises UserError 401 without one."""
    kind, _, rest = request.headers.get("authorization", "").partition(" ")
    text = rest.strip()
    if kind.lower() != "bearer" or not text:
        raise unauthorised()
    return text


async def caller_of(request: Request, text: str) -> Caller:
    """Return whose key or token the text is; raises UserError 401 when it is nobody's."""
    runtime: Runtime = request.app.state.runtime
    if not text.startswith(PREFIX) and runtime.tokens is not None:
        found = await runtime.tokens.verify(text)
        return Caller(found.tenant, "", found.scopes, None, found.person, found.team)
    key = await runtime.keys.verify(text)
    if key is None:
        raise unauthorised()
    return Caller(
        key.tenant, key.id, key.scopes, key.source, events_per_second=key.events_per_second
    )


def unauthorised() -> UserError:
    """Return the refusal of a caller without a valid key or token."""
    return UserError(
        "unauthorised",
        "header.Authorization",
        "a valid API key or token is needed: Authorization: Bearer pk_...",
        "需要有效的 API 密钥或令牌：Authorization: Bearer pk_...",
        status=401,
    )


def _scope_missing(scope: str) -> UserError:
    return UserError(
        "scope-missing",
        "header.Authorization",
        f"this key lacks the scope {scope}; use one that has it",
        f"该密钥缺少权限 {scope}；请使用具有该权限的密钥",
        status=403,
    )


def _role_missing(scope: str) -> UserError:
    roles = ", ".join(sorted(PERMISSIONS[scope]))
    return UserError(
        "role-missing",
        "header.Authorization",
        f"this needs one of the roles {roles}; ask an administrator",
        f"此操作需要以下角色之一：{roles}；请联系管理员",
        status=403,
    )
