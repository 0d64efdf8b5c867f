"""/v1/rates: the operator's table of rates of exchange."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from metrics_ingest.adapters.rates import MongoRates, list_rates
from metrics_ingest.domain.commands import LoadRates
from metrics_ingest.domain.money.rate_file import read_rates
from metrics_ingest.domain.money.rates import Rate
from metrics_ingest.handlers import HANDLERS
from metrics_ingest.handlers.rates import Loaded
from service_kit.errors import UserError
from service_kit.outbox import Outbox
from service_kit.runtime import Runtime
from service_kit.store import Tx
from service_kit.web import Caller, answer, page, read_body, require
from service_kit.web.bodies import read_bytes

Reader = Annotated[Caller, Depends(require("rates:read"))]
Writer = Annotated[Caller, Depends(require("rates:write"))]
_SPAN = (date(1970, 1, 1), date(2199, 12, 31))


class RateBody(msgspec.Struct, frozen=True):
    """A rate: ``per`` units of ``base`` cost ``rate`` of ``quote``."""

    date: date
    base: str
    quote: str
    rate: Decimal
    per: int = 1
    source: str = ""


def routes(runtime: Runtime) -> APIRouter:
    """Return the routes of the rates."""
    router = APIRouter()

    @router.put("/v1/rates")
    async def put_rates(request: Request, caller: Writer) -> Response:
        """Load rates, as a JSON list or a CSV file; what differs from what is known revises it.

        What has been folded at an earlier rate stays: closed periods are not restated.
        """
        rates, places = await _rates_of(request)
        command = LoadRates(caller.tenant, caller.actor, rates, places)

        async def body(tx: Tx, outbox: Outbox) -> Loaded:
            now_ms = runtime.clock.now_ms()
            done: Loaded = await HANDLERS[LoadRates](command, MongoRates(tx, now_ms), now_ms)
            return done

        return answer(await runtime.api.run(body))

    @router.get("/v1/rates")
    async def get_rates(
        caller: Reader,
        base: str | None = None,
        quote: str | None = None,
        since: Annotated[str | None, Query(alias="from")] = None,
        to: str | None = None,
        revisions: bool = False,
        after: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """List rates by pair and day; ``revisions``: those too that were revised since."""
        span = _day(since, "query.from", _SPAN[0]), _day(to, "query.to", _SPAN[1])
        found = await list_rates(runtime.store, caller.tenant, (base, quote), span)
        kept = found if revisions else list({rate.day: rate for rate in found}.values())
        begun = [rate for rate in kept if after is None or _token(rate) > after]
        last = begun[limit - 1] if len(begun) > limit else None
        return page([_item(r) for r in begun[:limit]], None if last is None else _token(last))

    return router


async def _rates_of(request: Request) -> tuple[tuple[Rate, ...], tuple[str, ...]]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/csv":
        return read_rates(await read_bytes(request))
    given = await read_body(request, list[RateBody])
    rates = tuple(Rate(**msgspec.structs.asdict(each)) for each in given)
    return rates, tuple(f"$[{index}]" for index in range(len(rates)))


def _item(rate: Rate) -> dict[str, Any]:
    return msgspec.structs.asdict(rate)


def _token(rate: Rate) -> str:
    return f"{rate.base}.{rate.quote}.{rate.date}.{rate.version:012d}"


def _day(text: str | None, where: str, default: date) -> date:
    if text is None:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(
            "invalid-value",
            where,
            "a day such as 2026-11-03 is needed",
            "需要日期，例如 2026-11-03",
        ) from None
