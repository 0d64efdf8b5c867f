"""The organisation's own topics are re-keyed into the raw log, so that ids meet their copies."""

import base64
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from event_contracts.raw import RawEvent
from metrics_ingest.domain.avro import AvroSchema
from metrics_ingest.domain.causes import UNKNOWN_DOOR, UNREADABLE, Unfit, error_text
from metrics_ingest.domain.definitions import TOPIC_DOOR
from metrics_ingest.domain.doors import cloudevents
from metrics_ingest.domain.mapping import Reader, items_of
from metrics_ingest.domain.mapping.wire import AVRO, JSON, framed, unwrapped
from metrics_ingest.handlers.events import RECORD_BYTES, too_large
from metrics_ingest.ports.raw import RawLog, RawRecord, Schemas
from service_kit import strict_json
from service_kit.errors import UserError
from service_kit.records import Record

ENVELOPE_BYTES = 8 * 1024
KEPT_OF_UNREADABLE = 256 * 1024
PORTION_BYTES = 16 * 1024 * 1024

Known = Mapping[int, AvroSchema | Unfit]
"""The schemas of a slice's records by their ids, or why one cannot be used."""
NO_SCHEMAS: Known = {}
_NOW_JSON = {"content-type": b"application/json"}


@dataclass(frozen=True, slots=True)
class ForeignDoor:
    """A foreign topic, read for a source; ``reader`` is None when no mapping is left."""

    tenant: str
    source: str
    topic: str
    reader: Reader | None

    @property
    def avro(self) -> bool:
        """Whether its records are read by a schema of the registry."""
        return self.reader is not None and self.reader.mapping.wire == AVRO


@dataclass(frozen=True, slots=True)
class RekeySlice:
    """Re-key the records of a foreign partition."""

    door: ForeignDoor
    records: Sequence[Record]


async def rekey_slice(command: RekeySlice, log: RawLog, schemas: Schemas, now_ms: int) -> int:
    """Return how many events stand on all in-sync replicas of the raw log: all of the slice.

    Run again, it sends them again: the window of seen ids drops the copies. Raises RegistryDown
    before anything is sent.
    """
    door = command.door
    known: Known = NO_SCHEMAS
    if door.avro:
        known = await schemas.find(schema_ids([each.value or b"" for each in command.records]))
    count = 0
    for portion in _portions(command.records, door, log, now_ms, known):
        await log.append(portion)
        count += len(portion)
    return count


def _portions(
    records: Iterable[Record], door: ForeignDoor, log: RawLog, now_ms: int, known: Known
) -> Iterator[list[RawRecord]]:
    """Yield the raw records by portions of bounded size: of a list, each item brings its root."""
    portion: list[RawRecord] = []
    size = 0
    for record in records:
        for event in rekeyed(record, door, now_ms, known):
            portion.append(log.record_of(event))
            size += len(portion[-1].value)
        if size > PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def schema_ids(values: Iterable[bytes]) -> set[int]:
    """Return the ids of the schemas that these values name."""
    ids = set()
    for value in values:
        with contextlib.suppress(UserError):  # said again where the value is read
            ids.add(framed(value)[0])
    return ids


def rekeyed(
    record: Record, door: ForeignDoor, now_ms: int, known: Known = NO_SCHEMAS
) -> list[RawEvent]:
    """Return the raw events of a record of a foreign topic: none for a tombstone.

    What cannot be read becomes an event with its cause, named by its place: it will be a dead
    letter, and never stops the topic.
    """
    place = f"{door.topic}/{record.partition.number}/{record.offset}"
    return events_of(record.value, record.headers, door, place, now_ms, known)


def events_of(
    value: bytes | None,
    headers: Mapping[str, bytes],
    door: ForeignDoor,
    place: str,
    now_ms: int,
    known: Known,
) -> list[RawEvent]:
    """Return the raw events of what stood at a place of a foreign topic."""
    try:
        text = _text_of(value, headers, door, known)
        if text is None:
            return []
        items = _items(door, text)
    except UserError as refusal:
        return [_unreadable(door, place, value or b"", refusal, now_ms)]
    except Unfit as unfit:
        return [_unread(door, place, value or b"", unfit, now_ms)]
    if len(items) == 1:
        return [_rekeyed(door, place, items[0], text, now_ms)]
    return [_rekeyed(door, f"{place}/{n}", item, text, now_ms) for n, item in enumerate(items)]


def _text_of(
    value: bytes | None, headers: Mapping[str, bytes], door: ForeignDoor, known: Known
) -> bytes | None:
    """Return the record's JSON text, None for a tombstone; raises UserError, Unfit."""
    if door.avro and value is not None:
        # What a CloudEvent's header says of its data no longer holds.
        return cloudevents.from_kafka({**headers, **_NOW_JSON}, _read_by_schema(value, known))
    wire = JSON if door.reader is None else door.reader.mapping.wire
    return cloudevents.from_kafka(headers, unwrapped(wire, value))


def _read_by_schema(value: bytes, known: Known) -> bytes:
    schema_id, data = framed(value)
    schema = known[schema_id]
    if isinstance(schema, Unfit):
        raise schema.with_traceback(None)  # one for many records: it would keep every trace
    if len(data) > RECORD_BYTES:
        raise too_large()
    return schema.json_of(data)


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
    detail = f"{refusal.code}, {refusal.en}"
    if door.reader is not None and door.reader.mapping.drop:
        body = b""  # where in it stands what must not be kept, nobody can say
    return _unread(
        door, place, body, Unfit(UNREADABLE, refusal.where, detail, zh=refusal.zh), now_ms
    )


def _unread(door: ForeignDoor, place: str, body: bytes, unfit: Unfit, now_ms: int) -> RawEvent:
    error = error_text(unfit.cause, unfit.where, unfit.detail, unfit.zh)
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
