"""Segment's calls come in: each is made a message, checked, and appended to the log."""

import msgspec

from event_contracts.raw import RawEvent
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.commands import AcceptCalls
from metrics_ingest.domain.definitions import SEGMENT_DOOR, Mapping, Source
from metrics_ingest.domain.doors import segment
from metrics_ingest.domain.mapping import Reader, items_of, reader_of
from metrics_ingest.handlers.events import (
    Acceptance,
    Rejected,
    append_all,
    record_of,
    refusal_of,
)
from metrics_ingest.ports.definitions import Sources
from metrics_ingest.ports.raw import RawLog, RawRecord
from service_kit import strict_json
from service_kit.errors import UserError


async def accept_calls(
    command: AcceptCalls, sources: Sources, log: RawLog, now_ms: int
) -> Acceptance:
    """Take in what can be taken; return when all of it stands on all in-sync replicas.

    A call whose id, type or time cannot be read is rejected alone. Raises UserError when the
    source has no such door, and Infrastructure when the log does not answer.
    """
    source, mapping, reader = await _door(command, sources)
    outcome = Acceptance()
    records: list[RawRecord] = []
    for index, call in enumerate(command.calls):
        try:
            if isinstance(call, UserError):
                raise call
            text = segment.message(call, command.source, now_ms)
            found: list[RawRecord] = []
            for item in items_of(mapping, text):
                place = len(records) + len(found) if source.by_arrival else 0
                found.append(record_of(log, _event(command, reader, item, now_ms, place)))
        except UserError as error:
            outcome.rejected.append(Rejected(index, error))
        else:
            records += found
            outcome.accepted.append(index)
    await append_all(log, records)
    return outcome


async def _door(command: AcceptCalls, sources: Sources) -> tuple[Source, Mapping, Reader]:
    source = await sources.source(command.tenant, command.source)
    mapping = source.doors.get(SEGMENT_DOOR) if source is not None else None
    if source is None or mapping is None:
        raise UserError(
            "unknown-source",
            "header.Authorization",
            f"the source {command.source} is not declared, or has no segment door; see /v1/sources",
            f"数据源 {command.source} 未声明，或没有 segment 入口；请查看 /v1/sources",
            status=404,
        )
    return source, mapping, reader_of(mapping, source.zone)


def _event(
    command: AcceptCalls, reader: Reader, item: bytes | UserError, now_ms: int, place: int
) -> RawEvent:
    if isinstance(item, UserError):
        raise item
    body = strict_json.loads(item)
    try:
        identity = reader.id_of(body, now_ms)
        arrived = reader.arrived(body, now_ms)
        if not reader.skips(arrived):
            reader.type_of(arrived)
            reader.time_of(arrived)
    except Unfit as unfit:
        raise refusal_of(unfit) from None
    return RawEvent(
        tenant=command.tenant,
        source=command.source,
        id=identity,
        door=SEGMENT_DOOR,
        received_ms=now_ms,
        body=msgspec.Raw(item),
        place=place,
    )
