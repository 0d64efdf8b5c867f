"""The organisation's own topics are re-keyed into the raw log, so that ids meet their copies."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from event_contracts.raw import RawEvent
from metrics_ingest.domain import cloudevents
from metrics_ingest.domain.causes import UNKNOWN_DOOR, UNREADABLE, Unfit, error_text
from metrics_ingest.domain.definitions import TOPIC_DOOR
from metrics_ingest.domain.mapping import Reader, items_of
from metrics_ingest.domain.mapping.wire import unwrapped
from metrics_ingest.handlers.events import RECORD_BYTES, too_large
from metrics_ingest.ports import RawLog
from service_kit import strict_json
from service_kit.errors import UserError
from service_kit.records import Record

ENVELOPE_BYTES = 8 * 1024
KEPT_OF_UNREADABLE = 256 * 1024


@dataclass(frozen=True, slots=True)
class ForeignDoor:
    """A foreign topic, read for a source; ``reader`` is None when no mapping is left."""

    tenant: str
    source: str
    topic: str
    reader: Reader | None


@dataclass(frozen=True, slots=True)
class RekeySlice:
    """Re-key the records of a foreign partition."""

    door: ForeignDoor
    records: Sequence[Record]


async def rekey_slice(command: RekeySlice, log: RawLog, now_ms: int) -> int:
    """Return how many events stand on all in-sync replicas of the raw log: all of the slice.

    Run again, it sends them again: the window of seen ids drops the copies.
    """
    events = [e for record in command.records for e in rekeyed(record, command.door, now_ms)]
    records = [log.record_of(event) for event in events]
    await asyncio.gather(*(log.append(record) for record in records))
    return len(records)


def rekeyed(record: Record, door: ForeignDoor, now_ms: int) -> list[RawEvent]:
    """Return the raw events of a record of a foreign topic: none for a tombstone.

    What cannot be read becomes an event with its cause, named by its place: it will be a dead
    letter, and never stops the topic.
    """
    place = f"{door.topic}/{record.partition.number}/{record.offset}"
    try:
        text = cloudevents.from_kafka(record.headers, _json_of(record.value, door))
        if text is None:
            return []
        items = _items(door, text)
    except UserError as refusal:
        return [_unreadable(door, place, record.value or b"", refusal, now_ms)]
    if len(items) == 1:
        return [_rekeyed(door, place, items[0], text, now_ms)]
    return [_rekeyed(door, f"{place}/{n}", item, text, now_ms) for n, item in enumerate(items)]


def _json_of(value: bytes | None, door: ForeignDoor) -> bytes | None:
    return value if door.reader is None else unwrapped(door.reader.mapping.wire, value)


def _items(door: ForeignDoor, text: bytes) -> list[bytes | UserError]:
    if len(text) > RECORD_BYTES - ENVELOPE_BYTES:
        raise too_large()
    return [text] if door.reader is None else items_of(door.reader.mapping, text)


def _rekeyed(
    door: ForeignDoor, place: str, item: bytes | UserError, text: bytes, now_ms: int
) -> RawEvent:
    if isinstance(item, UserError):
        return _unreadable(door, place, text, item, now_ms)
    try:
        return _event(door, _foreign_id(door, item, now_ms), item, None, now_ms)
    except UserError as refusal:
        return _unreadable(door, place, item, refusal, now_ms)
    except Unfit as unfit:
        error = error_text(unfit.cause, unfit.where, unfit.detail)
        return _event(door, place, item, error, now_ms)


def _unreadable(
    door: ForeignDoor, place: str, body: bytes, refusal: UserError, now_ms: int
) -> RawEvent:
    error = error_text(UNREADABLE, refusal.where, f"{refusal.code}, {refusal.en}", refusal.zh)
    kept = base64.b64encode(body[:KEPT_OF_UNREADABLE]).decode()
    return _event(door, place, msgspec.json.encode(kept), error, now_ms)


def _event(
    door: ForeignDoor, identity: str, body: bytes, error: str | None, now_ms: int
) -> RawEvent:
    return RawEvent(
        tenant=door.tenant,
        source=door.source,
        id=identity,
        door=TOPIC_DOOR + door.topic,
        received_ms=now_ms,
        body=msgspec.Raw(body),
        error=error,
    )


def _foreign_id(door: ForeignDoor, body: bytes, now_ms: int) -> str:
    """Return the id by the door's mapping.

    Raises UserError on a body that is no strict JSON object of a bearable size, Unfit without id.
    """
    if len(body) > RECORD_BYTES - ENVELOPE_BYTES:
        raise too_large()
    value = strict_json.loads(body)
    if not isinstance(value, dict):
        raise UserError("not-an-object", "$", "a JSON object is wanted", "需要 JSON 对象")
    if door.reader is None:
        raise Unfit(UNKNOWN_DOOR, TOPIC_DOOR + door.topic, "no mapping")
    return door.reader.id_of(value, now_ms)
