"""Events come in: over HTTP, and re-keyed from the organisation's own topics."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from event_contracts.raw import RawEvent
from metrics_ingest.domain.causes import Unfit, sentence
from metrics_ingest.domain.commands import AcceptEvents
from metrics_ingest.domain.definitions import HTTP_DOOR, Source
from metrics_ingest.domain.doors import cloudevents
from metrics_ingest.domain.mapping import Reader, reader_of, without_secrets
from metrics_ingest.ports.definitions import Sources
from metrics_ingest.ports.raw import RawLog, RawRecord
from service_kit import strict_json
from service_kit.errors import Infrastructure, UserError

RECORD_BYTES = 512 * 1024
# A sender waits no longer: it is told 503 and sends again; the ids drop what stands there already.
ACK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item that was not taken."""

    index: int
    error: UserError


@dataclass(slots=True)
class Acceptance:
    """Which items of a request stand in the log now, by index."""

    accepted: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


async def accept(command: AcceptEvents, sources: Sources, log: RawLog, now_ms: int) -> Acceptance:
    """Take in what can be taken; return when all of it stands on all in-sync replicas.

    Raises UserError when the source or its HTTP door is not declared, and Infrastructure when the
    log does not answer: what was sent then may stand there or not, and may be sent again.
    """
    source = await sources.source(command.tenant, command.source)
    source, reader = _http_door(source, command.source)
    outcome = Acceptance()
    records: list[RawRecord] = []
    for index, item in enumerate(command.items):
        try:
            place = index if source.by_arrival else 0
            records.append(record_of(log, _event(command, reader, item, now_ms, place)))
        except UserError as error:
            outcome.rejected.append(Rejected(index, error))
        else:
            outcome.accepted.append(index)
    await append_all(log, records)
    return outcome


async def append_all(log: RawLog, records: Sequence[RawRecord]) -> None:
    """Return when all stand on all in-sync replicas; raises Infrastructure after ACK_SECONDS."""
    try:
        async with asyncio.timeout(ACK_SECONDS):
            await log.append(records)
    except TimeoutError:
        raise Infrastructure(f"the log did not answer within {ACK_SECONDS} s") from None


def record_of(log: RawLog, event: RawEvent) -> RawRecord:
    """Return the event's record; raises UserError when it is too large for one."""
    record = log.record_of(event)
    if len(record.value) > RECORD_BYTES:
        raise too_large()
    return record


def _http_door(source: Source | None, name: str) -> tuple[Source, Reader]:
    mapping = source.doors.get(HTTP_DOOR) if source is not None else None
    if source is None or mapping is None:
        raise UserError(
            "unknown-source",
            "header.X-Paceline-Source",
            f"the source {name} is not declared, or has no http door; see /v1/sources",
            f"数据源 {name} 未声明，或没有 http 入口；请查看 /v1/sources",
            status=404,
        )
    return source, reader_of(mapping, source.zone)


def _event(command: AcceptEvents, reader: Reader, item: bytes, now_ms: int, place: int) -> RawEvent:
    if len(item) > RECORD_BYTES:
        raise too_large()
    item = without_secrets(reader.mapping, item)
    body = strict_json.loads(item)
    cloudevents.check(body)
    return RawEvent(
        tenant=command.tenant,
        source=command.source,
        id=_id(reader, body, now_ms),
        door=HTTP_DOOR,
        received_ms=now_ms,
        body=msgspec.Raw(item),
        place=place,
    )


def _id(reader: Reader, body: dict[str, object], now_ms: int) -> str:
    try:
        return reader.id_of(body, now_ms)
    except Unfit as unfit:
        raise refusal_of(unfit) from None


def refusal_of(unfit: Unfit) -> UserError:
    """Return what a sender is told of an event that cannot be mapped."""
    cause, where, detail = unfit.cause, unfit.where, unfit.detail
    english = sentence(cause, where, detail, chinese=False, got=unfit.got)
    chinese = sentence(cause, where, detail, True, unfit.got, unfit.zh)
    return UserError(cause, where, english, chinese)


def too_large() -> UserError:
    """Return the refusal of an event beyond RECORD_BYTES."""
    return UserError(
        "event-too-large",
        "$",
        f"an event is at most {RECORD_BYTES} bytes",
        f"单个事件最多 {RECORD_BYTES} 字节",
        status=413,
    )
