"""/v1/keys: the API keys of the tenant, each with its scopes and, if it needs one, its own limit.

Nobody can give a key what the giver has not: scopes or a limit beyond one's own, or another source.
"""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from service_kit.errors import UserError
from service_kit.keys import Key
from service_kit.permissions import EVERYTHING, PERMISSIONS
from service_kit.runtime import Runtime
from service_kit.web import Caller, answer, page, read_body, require

Reader = Annotated[Caller, Depends(require("keys:read"))]
Writer = Annotated[Caller, Depends(require("keys:write"))]
# 0 would be no limit where all keys are meant, and an end where one is: it is refused.
Limit = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
Name = Annotated[str, msgspec.Meta(max_length=200)]


class KeyBody(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is asked for; without scopes it may send events and nothing else."""

    name: Name = ""
    scopes: tuple[str, ...] = ("events:write",)
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    events_per_second: Limit | None = None


class LimitBody(msgspec.Struct, frozen=True, kw_only=True):
    """The limit that holds from now on; null: that of all keys."""

    events_per_second: Limit | None


class RotateBody(msgspec.Struct, frozen=True, kw_only=True):
    """For how long the old key goes on beside its successor."""

    overlap_seconds: Annotated[int, msgspec.Meta(ge=0, le=30 * 86_400)] = 86_400


def routes(runtime: Runtime) -> APIRouter:
    """Return the routes of the keys."""
    router = APIRouter()
    keys = runtime.keys

    @router.get("/v1/keys")
    async def get_keys(caller: Reader) -> Response:
        """List all keys of the tenant, ended ones too, the oldest first; never their texts."""
        return page([_shown(key) for key in await keys.list(caller.tenant)], None)

    @router.post("/v1/keys", status_code=201)
    async def post_key(request: Request, caller: Writer) -> Response:
        """Make a key; its text is in this answer and nowhere else."""
        wanted = await read_body(request, KeyBody)
        _check_scopes(wanted.scopes, caller)
        _check_limit(wanted.events_per_second, caller)
        source = _source_of(wanted.source, caller)
        text = await keys.create(
            caller.tenant,
            wanted.scopes,
            name=wanted.name,
            source=source,
            events_per_second=wanted.events_per_second,
            actor=caller.actor,
        )
        return answer(await _with_text(text), 201)

    @router.put("/v1/keys/{key_id}")
    async def put_key(key_id: str, request: Request, caller: Writer) -> Response:
        """Change a key's own limit; it holds everywhere within five seconds."""
        wanted = await read_body(request, LimitBody)
        await _changed(key_id, caller)
        _check_limit(wanted.events_per_second, caller)
        done = await keys.limit(caller.tenant, key_id, wanted.events_per_second, actor=caller.actor)
        if done is None:
            raise _unknown(key_id)
        return answer(_shown(done))

    @router.post("/v1/keys/{key_id}/rotate", status_code=201)
    async def post_rotate(key_id: str, request: Request, caller: Writer) -> Response:
        """Make a successor with the same rights; the old key ends with the overlap (a day)."""
        wanted = await read_body(request, RotateBody)
        old = await _changed(key_id, caller)
        _check_scopes(old.scopes, caller)
        _check_limit(old.events_per_second, caller)
        text = await keys.rotate(
            caller.tenant, key_id, overlap_seconds=wanted.overlap_seconds, actor=caller.actor
        )
        if text is None:
            raise _unknown(key_id)
        return answer(await _with_text(text), 201)

    @router.delete("/v1/keys/{key_id}")
    async def delete_key(key_id: str, caller: Writer) -> Response:
        """End a key; it is refused everywhere within five seconds."""
        await _changed(key_id, caller)
        await keys.revoke(caller.tenant, key_id, actor=caller.actor)
        return answer(_shown(await _changed(key_id, caller)))

    async def _changed(key_id: str, caller: Caller) -> Key:
        """Return the key that is to be changed; raises UserError unless the caller may do that."""
        found = await keys.find(caller.tenant, key_id)
        if found is None:
            raise _unknown(key_id)
        _source_of(found.source, caller)
        return found

    async def _with_text(text: str) -> dict[str, Any]:
        made = await keys.verify(text)
        assert made is not None
        return _shown(made) | {"key": text}

    return router


def _shown(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "source": key.source,
        "events_per_second": key.events_per_second,
        "created_ms": key.created_ms,
        "revoked_ms": key.revoked_ms,
    }


def _check_scopes(scopes: tuple[str, ...] | frozenset[str], caller: Caller) -> None:
    unknown = sorted(set(scopes) - set(PERMISSIONS) - {EVERYTHING})
    if unknown or not scopes:
        raise UserError(
            "scope-unknown",
            "$.scopes",
            f"{', '.join(unknown) or 'nothing'} is no scope; there are {', '.join(PERMISSIONS)}, "
            f"and {EVERYTHING} for all of them",
            f"{'、'.join(unknown) or '空'} 不是有效权限；可用：{', '.join(PERMISSIONS)}，"
            f"{EVERYTHING} 表示全部",
        )
    beyond = sorted(scope for scope in scopes if not caller.allows(scope))
    if beyond:
        raise UserError(
            "scope-beyond-ones-own",
            "$.scopes",
            f"who has not {', '.join(beyond)} cannot give it to a key",
            f"自己没有 {', '.join(beyond)} 权限，不能授予密钥",
            status=403,
        )


def _check_limit(events_per_second: int | None, caller: Caller) -> None:
    """Raise UserError for a limit beyond the caller's own."""
    own = caller.events_per_second
    if own is None or (events_per_second is not None and events_per_second <= own):
        return
    raise UserError(
        "limit-beyond-ones-own",
        "$.events_per_second",
        f"this key may send {own} events a second and gives no key more",
        f"该密钥每秒最多发送 {own} 个事件，不能授予更高的上限",
        status=403,
    )


def _source_of(source: str | None, caller: Caller) -> str | None:
    """Return the source of a key; a key that is bound makes and changes those of its own."""
    if caller.source is None or source == caller.source:
        return source
    raise UserError(
        "source-forbidden",
        "$.source",
        f"this key is bound to {caller.source} and makes and changes keys of that source only",
        f"该密钥绑定数据源 {caller.source}，只能创建和修改该数据源的密钥",
        status=403,
    )


def _unknown(key_id: str) -> UserError:
    return UserError(
        "key-unknown",
        "path.key_id",
        f"there is no living key {key_id}; GET /v1/keys lists them by id",
        f"没有有效的密钥 {key_id}；可用 GET /v1/keys 按 id 查看",
        status=404,
    )
