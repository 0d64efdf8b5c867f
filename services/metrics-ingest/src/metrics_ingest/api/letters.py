"""/v1/dead-letters: what could not count, why, and sending it again."""

from typing import Annotated, Any
from uuid import uuid4

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from metrics_ingest.adapters.letters import MongoLetters
from metrics_ingest.adapters.queries import Queries
from metrics_ingest.adapters.routes import Counts, ReplaysRoute
from metrics_ingest.api.pages import place_of, token_of
from metrics_ingest.domain.causes import sentence
from metrics_ingest.domain.commands import ReplayDeadLetters
from metrics_ingest.domain.letters import NEW, KeptLetter
from metrics_ingest.domain.secrets import shown
from metrics_ingest.handlers import HANDLERS
from metrics_ingest.handlers.letters import Replayed
from metrics_ingest.ports.raw import Schemas
from service_kit.errors import UserError
from service_kit.outbox import Outbox
from service_kit.runtime import Runtime
from service_kit.store import Tx
from service_kit.web import Caller, answer, page, read_body, require
from service_kit.web.answers import language_of

Reader = Annotated[Caller, Depends(require("dead-letters:read"))]
Writer = Annotated[Caller, Depends(require("dead-letters:write"))]


class ReplayBody(msgspec.Struct, frozen=True):
    """Which letters: these ids, or those of a source, perhaps of one cause and place."""

    ids: tuple[str, ...] = ()
    source: str | None = None
    cause: str | None = None
    where: str | None = None


def routes(runtime: Runtime, counts: Counts, schemas: Schemas) -> APIRouter:
    """Return the routes of the dead letters."""
    router = APIRouter()
    queries = Queries(runtime.store)

    @router.get("/v1/dead-letters")
    async def get_letters(
        request: Request,
        caller: Reader,
        source: str | None = None,
        cause: str | None = None,
        state: str = NEW,
        after: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """List letters, the oldest first, and count them by source, cause and place."""
        wanted = _wanted(state, source, cause)
        place = place_of(after)
        rows = await queries.letters(caller.tenant, wanted, place, limit)
        groups = await queries.letter_groups(caller.tenant, wanted) if place is None else []
        last = rows[-1] if len(rows) == limit else None
        return answer(
            {
                "groups": groups,
                "items": [_item(row, request) for row in rows],
                "next": None if last is None else token_of(last.at_ms, last.id),
            }
        )

    @router.get("/v1/dead-letters/groups")
    async def get_groups(
        caller: Reader,
        source: str | None = None,
        cause: str | None = None,
        state: str = NEW,
    ) -> Response:
        """Count letters by source, cause and place, the most first, each with an example's id.

        A group can be replayed by its source, cause and place.
        """
        return page(await queries.letter_groups(caller.tenant, _wanted(state, source, cause)), None)

    @router.get("/v1/dead-letters/{identity}")
    async def get_letter(identity: str, request: Request, caller: Reader) -> Response:
        """Return one letter with its body; values under names of secrets are hidden."""
        letter = await queries.letter(caller.tenant, identity)
        if letter is None:
            raise UserError(
                "not-found", "path.id", "there is no such dead letter", "没有该死信", status=404
            )
        return answer(_item(letter, request) | {"body": shown(letter.body)})

    @router.post("/v1/dead-letters/replay", status_code=202)
    async def post_replay(request: Request, caller: Writer) -> Response:
        """Send letters again, each once; ask again while ``more`` is true."""
        wanted = await read_body(request, ReplayBody)
        command = ReplayDeadLetters(
            caller.tenant,
            caller.actor,
            uuid4().hex,
            wanted.ids,
            wanted.source,
            wanted.cause,
            wanted.where,
        )

        async def body(tx: Tx, outbox: Outbox) -> Replayed:
            now_ms = runtime.clock.now_ms()
            store = MongoLetters(tx, now_ms)
            replays = ReplaysRoute(outbox, counts, now_ms)
            done: Replayed = await HANDLERS[ReplayDeadLetters](command, store, schemas, replays)
            return done

        return answer(await runtime.api.run(body), 202)

    return router


def _wanted(state: str, source: str | None, cause: str | None) -> dict[str, str]:
    named = {"state": state, "source": source, "cause": cause}
    return {name: value for name, value in named.items() if value is not None}


def _chinese(request: Request) -> bool:
    return language_of(request.headers.get("accept-language", "")) == "zh"


def _item(letter: KeptLetter, request: Request) -> dict[str, Any]:
    fields = msgspec.structs.asdict(letter)
    for name in ("tenant", "body", "error", "zh"):
        del fields[name]
    told = (letter.cause, letter.where, letter.detail)
    message = sentence(*told, _chinese(request), letter.got, letter.zh)
    failure = {
        "code": letter.cause,
        "at_ms": letter.at_ms,
        "path": letter.where,
        "expected": letter.detail,
        "got": letter.got,
    }
    return fields | {"message": message, "failure": failure}
