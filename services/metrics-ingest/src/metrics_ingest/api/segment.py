"""/v1/track, page, screen, identify, group, alias and batch: the calls of Segment's libraries."""

import base64
import binascii
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from metrics_ingest.api.events import answered, source_of
from metrics_ingest.api.gate import Gate
from metrics_ingest.domain.commands import AcceptCalls
from metrics_ingest.domain.doors.segment import (
    BATCH_BYTES,
    CALL_BYTES,
    CALLS,
    Message,
    read_batch,
    read_call,
    write_key_of,
)
from metrics_ingest.handlers import HANDLERS
from metrics_ingest.handlers.events import Acceptance
from metrics_ingest.ports.definitions import Sources
from metrics_ingest.ports.raw import RawLog
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.web import Caller
from service_kit.web.auth import Require, bearer_of, unauthorised


class WriteKey(Require):
    """Lets in who sends an API key as a write key: user of Basic, Bearer, or in the body."""

    def __init__(self, gate: Gate, most: int) -> None:
        super().__init__("events:write")
        self._gate = gate
        self._most = most

    async def __call__(self, request: Request) -> Caller:
        """Return the caller; raises UserError like Require, and like reading the body."""
        try:
            return await super().__call__(request)
        except BaseException:
            self._gate.turn_away(request)
            raise

    async def credential(self, request: Request) -> str:
        """Return the write key; raises UserError 401 without one."""
        kind, _, rest = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            return _user_of(rest)
        if kind:
            return bearer_of(request)
        key = write_key_of(await self._gate.read_early(request, self._most))
        if not key:
            raise unauthorised()
        return key


def routes(runtime: Runtime, raw: RawLog, sources: Sources, gate: Gate) -> APIRouter:
    """Return the routes of the calls."""
    router = APIRouter()

    async def take(request: Request, caller: Caller, calls: list[Message | UserError]) -> Response:
        command = AcceptCalls(caller.tenant, source_of(request, caller), tuple(calls))
        outcome: Acceptance = await HANDLERS[AcceptCalls](
            command, sources, raw, runtime.clock.now_ms()
        )
        return answered(outcome, request)

    @router.post("/v1/batch", status_code=202)
    async def post_batch(
        request: Request, caller: Annotated[Caller, Depends(WriteKey(gate, BATCH_BYTES))]
    ) -> Response:
        """Take up to 500 KB of calls in; 202 tells which ones stand on all replicas."""
        async with gate.enter_as(request, caller) as entry:
            calls = read_batch(await entry.body(BATCH_BYTES))
            entry.count(len(calls))
            return await take(request, caller, calls)

    def add(kind: str) -> None:
        @router.post(f"/v1/{kind}", status_code=202, name=f"post_{kind}")
        async def post_call(
            request: Request, caller: Annotated[Caller, Depends(WriteKey(gate, CALL_BYTES))]
        ) -> Response:
            async with gate.enter_as(request, caller) as entry:
                call = read_call(kind, await entry.body(CALL_BYTES))
                entry.count(1)
                return await take(request, caller, [call])

        post_call.__doc__ = f"Take one {kind} call of at most 32 KB in."

    for kind in CALLS:
        add(kind)
    return router


def _user_of(text: str) -> str:
    try:
        pair = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise unauthorised() from None
    return pair.partition(":")[0]
