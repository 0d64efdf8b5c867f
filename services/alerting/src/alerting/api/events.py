"""/v1/goal-events: the list, and the same as server-sent events."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, NamedTuple

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from alerting.adapters.deeds import LAST, Cursor, Terms, Told, body_of, come_due, list_deeds
from alerting.adapters.goals import newest_of
from alerting.api.seeing import Seeing
from alerting.domain.goal import GoalKey
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.store import Document
from service_kit.web import Caller, page, require

POLL_SECONDS = 0.25
HEARTBEAT_POLLS = 40
MOST_READ = 10_000  # deeds that one request walks past, in the hope of some that may be shown

CHECK_SECONDS = 10.0  # how often a stream looks whether its caller may still be told

Limit = Annotated[int, Query(ge=1, le=1000)]
_may_read = require("lights:read")
Reader = Annotated[Caller, Depends(_may_read)]
Holds = Callable[[], Awaitable[bool]]


class Step(NamedTuple):
    """A deed that was read, the cursor behind it, and what the caller is shown of it."""

    kind: str
    cursor: Cursor
    body: bytes | None


def event_routes(runtime: Runtime) -> APIRouter:
    """Return the route."""
    router = APIRouter()
    router.add_api_route("/v1/goal-events", Feed(runtime).list_events, methods=["GET"])
    return router


class Feed:
    """Goal events as far as a caller may see them; the cursor goes on over those that are hidden.

    Numbers in ``seq`` that a caller never gets are of deeds that are not shown.
    """

    def __init__(self, runtime: Runtime, check_seconds: float = CHECK_SECONDS) -> None:
        self._clock = runtime.clock
        self._store = runtime.store
        self._seeing = Seeing(runtime.store, runtime.clock)
        self._check_seconds = check_seconds

    async def list_events(
        self,
        request: Request,
        caller: Reader,
        after: str = "",
        limit: Limit = 100,
        kind: str | None = None,
        goal: str | None = None,
    ) -> Response:
        """List goal events behind ``after``; with Accept: text/event-stream they keep coming.

        Those of goals that the caller does not see are left out, and a page may be shorter than
        ``limit`` or empty for it: go on while there is a ``next``. A red light of a person's own
        goal comes to others at its ``lead_from``.
        """
        cursor = read_cursor(request.headers.get("last-event-id") or after)
        terms = Terms(caller.tenant, kind, goal)
        if "text/event-stream" in request.headers.get("accept", ""):
            stream = self.follow(caller, terms, cursor, lambda: _holds(request))
            return StreamingResponse(stream, media_type="text/event-stream")
        items: list[msgspec.Raw] = []
        token, read = None, 0
        while len(items) < limit and read < MOST_READ:
            steps = await self._read(caller, terms, cursor, limit - len(items))
            if not steps:
                break
            items += [msgspec.Raw(step.body) for step in steps if step.body is not None]
            cursor, read = steps[-1].cursor, read + len(steps)
            token = write_cursor(cursor)
        return page(items, token)

    async def follow(
        self, caller: Caller, terms: Terms, cursor: Cursor, holds: Holds | None = None
    ) -> AsyncIterator[bytes]:
        """Yield server-sent events; a comment now and then keeps the line open.

        They end when ``holds`` says that the caller's key or token does not any more.
        """
        quiet, checked = 0, time.monotonic()
        yield b": goal events\n\n"
        while True:
            if time.monotonic() - checked >= self._check_seconds:
                if holds is not None and not await holds():
                    return
                checked = time.monotonic()
            steps = await self._read(caller, terms, cursor, 100)
            for kind, behind, body in steps:
                cursor = behind
                if body is not None:
                    token = write_cursor(cursor).encode()
                    yield b"id: %b\nevent: %b\ndata: %b\n\n" % (token, kind.encode(), body)
            quiet = 0 if steps else quiet + 1
            if quiet and quiet % HEARTBEAT_POLLS == 0:
                yield b": still here\n\n"
            if not steps:
                await asyncio.sleep(POLL_SECONDS)

    async def _read(self, caller: Caller, terms: Terms, cursor: Cursor, limit: int) -> list[Step]:
        """Return at most ``limit`` deeds that come next, those that are not shown among them."""
        # A worker whose clock is behind that of another goes by the reader's.
        now_ms = max(self._clock.now_ms(), cursor.told.at_ms)
        held: list[Document] = []
        if not caller.allows("goals:read-all"):  # from whom nothing is held back
            held = await come_due(self._store, terms, cursor, now_ms, limit)
        fresh: list[Document] = []
        if len(held) < limit:
            fresh = await list_deeds(self._store, terms, cursor, limit - len(held))
        if not held and not fresh:
            return []
        sight = await self._seeing.sight(caller)
        goals = await newest_of(
            self._store, {GoalKey(caller.tenant, row["goal"]) for row in (*held, *fresh)}
        )
        steps: list[Step] = []

        def take(row: Document, behind: Cursor, *, shown: bool) -> Cursor:
            key = GoalKey(caller.tenant, row["goal"])
            shown = shown and sight.shows(row, goals.get(key), now_ms)
            body = body_of(row, named=sight.named) if shown else None
            steps.append(Step(row["kind"], behind, body))
            return behind

        for row in held:  # the owner has had it when it was new
            cursor = take(row, cursor.past_held(row), shown=sight.waits_for(row["owner"]))
        for row in fresh:
            cursor = take(row, cursor.past(row, now_ms), shown=True)
        return steps


async def _holds(request: Request) -> bool:
    """Whether who asked may still read."""
    try:
        await _may_read(request)
    except UserError:
        return False
    return True


def write_cursor(cursor: Cursor) -> str:
    """Return the cursor as an opaque token."""
    positions = ",".join(f"{partition}:{n}" for partition, n in sorted(cursor.positions.items()))
    text = f"{positions};{':'.join(map(str, cursor.told))}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(token: str) -> Cursor:
    """Return the cursor of a token, "" for the beginning; raises UserError for any other text."""
    if not token:
        return Cursor()
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
        positions, _, told = text.partition(";")
        pairs = [pair.split(":") for pair in positions.split(",")]
        place = [int(part) for part in told.split(":")] if told else []
        cursor = Cursor({int(partition): int(n) for partition, n in pairs}, Told(*place))
        if any(abs(n) > LAST for n in (*cursor.positions, *cursor.positions.values(), *place)):
            raise ValueError("nothing has such a place")
        return cursor
    except (TypeError, ValueError):
        raise UserError(
            "cursor",
            "query.after",
            "this is no position of this list; use the value of `next` as it was given",
            "这不是本列表的位置；请原样使用返回的 next 值",
        ) from None
