"""At the sources: the address of a source's webhook, and the secrets that sign what comes there."""

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from metrics_ingest.adapters.definitions import MongoDefinitions, StoredSources
from metrics_ingest.adapters.hooks import StoredHooks
from metrics_ingest.domain.commands import KeepSecrets, OpenHook, RotateHook
from metrics_ingest.handlers import HANDLERS
from metrics_ingest.handlers.hooks import mapping_of
from metrics_ingest.ports.hooks import KnownSecret
from service_kit.outbox import Outbox
from service_kit.runtime import Runtime
from service_kit.store import Tx
from service_kit.web import Caller, answer, read_body, require

Writer = Annotated[Caller, Depends(require("sources:write"))]


class RotateBody(msgspec.Struct, frozen=True):
    """For how long the addresses that there are go on: the vendor has to be told the new one."""

    overlap_seconds: Annotated[int, msgspec.Meta(ge=0, le=30 * 86_400)] = 86_400


class SecretsBody(msgspec.Struct, frozen=True):
    """The secrets that hold from now on: new ones, and fingerprints of those to keep."""

    secrets: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()


def routes(
    runtime: Runtime, sources: StoredSources, hooks: StoredHooks, public_url: str
) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    async def run(command: Any) -> Any:
        async def body(tx: Tx, outbox: Outbox) -> Any:
            definitions = MongoDefinitions(tx, runtime.clock.now_ms())
            return await HANDLERS[type(command)](command, hooks.inside(tx, definitions))

        done = await runtime.api.run(body)
        hooks.forget()
        return done

    @router.get("/v1/sources/{name}/hook")
    async def get_hook(name: str, caller: Writer) -> Response:
        """Return the address that the vendor is told, made at the first look; keep it secret."""
        source = await sources.source(caller.tenant, name)
        mapping_of(source)
        token = await run(OpenHook(caller.tenant, caller.actor, name))
        signature = source.signature if source is not None else None
        return answer(_address(public_url, name, token) | {"signature": signature})

    @router.post("/v1/sources/{name}/hook/rotate")
    async def post_rotate(name: str, request: Request, caller: Writer) -> Response:
        """Make a new address; the ones before it hold for the overlap (a day if not said)."""
        wanted = await read_body(request, RotateBody)
        command = RotateHook(caller.tenant, caller.actor, name, wanted.overlap_seconds)
        return answer(_address(public_url, name, await run(command)))

    @router.get("/v1/sources/{name}/secrets")
    async def get_secrets(name: str, caller: Writer) -> Response:
        """List the secrets by their fingerprints; they themselves are never shown."""
        mapping_of(await sources.source(caller.tenant, name))
        return answer({"secrets": _listed(await hooks.known(caller.tenant, name))})

    @router.put("/v1/sources/{name}/secrets")
    async def put_secrets(name: str, request: Request, caller: Writer) -> Response:
        """Say which secrets hold from now on: the new ones and those kept; all others end."""
        wanted = await read_body(request, SecretsBody)
        command = KeepSecrets(caller.tenant, caller.actor, name, wanted.secrets, wanted.keep)
        return answer({"secrets": _listed(await run(command))})

    return router


def _address(public_url: str, name: str, token: str) -> dict[str, Any]:
    hook = f"{quote(name)}.{token}"
    return {"source": name, "url": f"{public_url}/v1/hooks/{hook}", "verify_token": token}


def _listed(secrets: list[KnownSecret]) -> list[dict[str, Any]]:
    return [{"fingerprint": each.fingerprint, "created_ms": each.created_ms} for each in secrets]
