"""/v1/hooks: signed webhooks of vendors.

The address carries tenant and source: /v1/hooks/SOURCE.TOKEN, the token known to us and the vendor
alone. Who can send an API key may also call /v1/hooks/SOURCE with it.
"""

import hmac
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from metrics_ingest.adapters.definitions import StoredSources
from metrics_ingest.adapters.hooks import Hook, StoredHooks
from metrics_ingest.api.gate import Gate, sender_of
from metrics_ingest.domain.commands import AcceptHook
from metrics_ingest.domain.definitions import Source
from metrics_ingest.domain.doors.signatures import Signed, verify
from metrics_ingest.handlers import HANDLERS
from metrics_ingest.handlers.hooks import Hooked, mapping_of, unknown_hook
from metrics_ingest.metrics import HOOKED
from metrics_ingest.ports.raw import RawLog
from service_kit import strict_json
from service_kit.clock import Clock
from service_kit.errors import UserError
from service_kit.keys import PREFIX
from service_kit.runtime import Runtime
from service_kit.web import Caller, answer, require

_CHALLENGE_LENGTH = 1000
_may_send = require("events:write")


class Called(NamedTuple):
    """What an address stands for, and who counts as the sender, with a limit of its own or None."""

    hook: Hook
    source: Source
    sender: str
    events_per_second: int | None = None


def routes(
    runtime: Runtime,
    raw: RawLog,
    sources: StoredSources,
    hooks: StoredHooks,
    gate: Gate,
    public_url: str,
    clock: Clock,
) -> APIRouter:
    """Return the routes of the webhooks; ``clock`` is the machine's: signatures know no other."""
    router = APIRouter()

    @router.post("/v1/hooks/{hook}")
    async def post_hook(hook: str, request: Request) -> Response:
        """Take in what a vendor sends; 200 as soon as it stands on all replicas.

        Only an unknown address, a wrong signature and limits are refused. What cannot be read or
        mapped becomes a dead letter.
        """
        found, source, sender, limit = await called(hook, request)
        _check_plain(request)
        async with gate.enter(request, sender, limit) as entry:
            body = await entry.body()
            if source.signature is not None:
                secrets = await hooks.secrets(found.tenant, found.source)
                _verify(source.signature, _signed(request, body, public_url), secrets, clock)
            challenge = _slack_challenge(source, body)
            if challenge is not None:
                return answer({"challenge": challenge})
            command = AcceptHook(found.tenant, found.source, body, dict(request.query_params))
            done: Hooked = await HANDLERS[AcceptHook](command, sources, raw, runtime.clock.now_ms())
            entry.count(done.events + done.unreadable)
        HOOKED.labels("event").inc(done.events)
        HOOKED.labels("unreadable").inc(done.unreadable)
        return answer(done)

    @router.get("/v1/hooks/{hook}")
    async def get_hook(hook: str, request: Request) -> Response:
        """Answer a vendor's first question with its ``hub.challenge``."""
        found = (await called(hook, request)).hook
        asked = request.query_params
        challenge = asked.get("hub.challenge", "")
        known = [hook.rpartition(".")[2], *await hooks.secrets(found.tenant, found.source)]
        if asked.get("hub.mode") != "subscribe" or not _among(
            asked.get("hub.verify_token", ""), known
        ):
            raise UserError(
                "handshake-refused",
                "query.hub.verify_token",
                "hub.mode=subscribe and hub.verify_token are needed: the address's own token",
                "需要 hub.mode=subscribe 和 hub.verify_token（地址中的令牌）",
                status=403,
            )
        headers = {"X-Content-Type-Options": "nosniff"}
        return PlainTextResponse(challenge[:_CHALLENGE_LENGTH], headers=headers)

    async def called(hook: str, request: Request) -> Called:
        """Return what the address stands for; raises UserError."""
        name, _, token = hook.rpartition(".")
        found = await hooks.find(name, token) if name and token else None
        caller = None
        if found is None:
            caller = await _with_key(hook, request)
            found = Hook(caller.tenant, hook)
        source = await sources.source(found.tenant, found.source)
        mapping_of(source)
        assert source is not None
        if caller is not None:
            return Called(found, source, sender_of(caller), caller.events_per_second)
        return Called(found, source, f"hook:{found.tenant}|{found.source}")

    return router


async def _with_key(name: str, request: Request) -> Caller:
    """Return the machine that names a source and has an API key for it; raises UserError."""
    if not request.headers.get("authorization", "").startswith(f"Bearer {PREFIX}"):
        raise unknown_hook()
    caller = await _may_send(request)
    if caller.source not in (None, name):
        raise unknown_hook()
    return caller


def _check_plain(request: Request) -> None:
    """A signature is over the bytes that were sent: they are not inflated first."""
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UserError(
            "unsupported-encoding",
            "header.Content-Encoding",
            "a webhook's body is sent as it is",
            "回调正文不能压缩",
            status=415,
        )


def _signed(request: Request, body: bytes, public_url: str) -> Signed:
    raw_path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    asked: bytes = request.scope.get("query_string", b"")
    path = raw_path.partition(b"?")[0].decode("latin-1")
    url = public_url + path + (f"?{asked.decode('latin-1')}" if asked else "")
    return Signed(request.method, url, dict(request.headers), dict(request.query_params), body)


def _verify(scheme: str, signed: Signed, secrets: tuple[str, ...], clock: Clock) -> None:
    try:
        verify(scheme, signed, secrets, clock.now_ms())
    except UserError as error:
        HOOKED.labels(error.code).inc()
        raise


def _slack_challenge(source: Source, body: bytes) -> Any:
    """Return what Slack wants to hear back when an address is entered there, else None."""
    if not (source.signature or "").startswith("slack") or b"url_verification" not in body:
        return None
    try:
        found = strict_json.loads(body)
    except UserError:
        return None
    if not isinstance(found, dict) or found.get("type") != "url_verification":
        return None
    challenge = found.get("challenge")
    return challenge[:_CHALLENGE_LENGTH] if isinstance(challenge, str) else None


def _among(text: str, known: list[str]) -> bool:
    right = False
    for each in known:
        right |= bool(each) and hmac.compare_digest(text.encode(), each.encode())
    return right
