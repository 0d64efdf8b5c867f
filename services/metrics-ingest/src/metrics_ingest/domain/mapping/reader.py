"""A door's mapping, compiled: from an event's JSON to what a metric can be folded from."""

from zoneinfo import ZoneInfo

import msgspec

from metrics_ingest.domain.causes import MISSING_FIELD, OUT_OF_RANGE, UNREADABLE, Unfit
from metrics_ingest.domain.conditions import predicate_of
from metrics_ingest.domain.definitions import FieldMapping, Kind, Mapping
from metrics_ingest.domain.mapping.fields import Field, in_whole_units
from metrics_ingest.domain.mapping.finding import hash_of
from metrics_ingest.domain.mapping.paths import RECEIVED
from metrics_ingest.domain.mapping.schemas import Schema
from metrics_ingest.domain.values import Received, Value, exact, text_of

ID_LIMIT = 512

KEEP_READERS = 1_000
# A reader holds its mapping, so that no other mapping can have its id meanwhile.
_readers: dict[tuple[int, str], "Reader"] = {}

_decode_json = msgspec.json.Decoder(float_hook=exact).decode


class Mapped(msgspec.Struct, frozen=True):
    """An event as its mapping reads it. ``at_ms`` is event time, epoch milliseconds UTC."""

    type: str
    at_ms: int
    subject: str | None
    fields: dict[str, Value]


def decode(body: bytes | msgspec.Raw) -> dict[str, object]:
    """Read a body that a door found to be strict JSON; raises Unfit on anything else."""
    try:
        found = _decode_json(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unfit(UNREADABLE, "", str(error)) from None
    if type(found) is not dict:
        raise Unfit(UNREADABLE, "", "a JSON object is wanted")
    return found


class Reader:
    """One door's mapping, ready to read events. ``zone`` holds for times that carry none.

    ``careful`` tells that an event may be none, has to fit a schema, or needs its time of arrival.
    """

    def __init__(self, mapping: Mapping, zone: ZoneInfo) -> None:
        self.mapping = mapping
        time = FieldMapping(paths=mapping.time, kind=Kind.TIME, format=mapping.time_format)
        self._id = Field("id", FieldMapping(paths=mapping.id), zone)
        self._type = Field("type", FieldMapping(paths=mapping.type), zone)
        self._time = Field("time", time, zone)
        self._subject = Field("subject", FieldMapping(paths=mapping.subject), zone)
        # By name, so that the doors of a source read the same content in the same order.
        self._fields = [Field(name, field, zone) for name, field in sorted(mapping.fields.items())]
        self._minor = [field for field in self._fields if field.mapping.minor]
        self._skips = [
            (self._field(each.field), predicate_of(each, mapping.fields[each.field].kind))
            for each in mapping.skip
        ]
        self._arrives = uses_arrival(mapping)
        self._schema = None if mapping.schema is None else Schema(mapping.schema)
        self.careful = bool(self._skips or self._schema or self._arrives)

    def _field(self, name: str) -> Field:
        return next(field for field in self._fields if field.name == name)

    def arrived(self, body: dict[str, object], received_ms: int) -> dict[str, object]:
        """Return the body with its time of arrival, if the mapping looks at it."""
        return body | {RECEIVED: Received(received_ms)} if self._arrives else body

    def check(self, body: dict[str, object]) -> None:
        """Raise Unfit unless the event (of a body with several: the item) fits the schema."""
        if self._schema is not None:
            self._schema.check(body if self.mapping.each is None else body.get("item"))

    def skips(self, body: object) -> bool:
        """Whether the mapping says that this is no event; raises Unfit."""
        for field, test in self._skips:
            value = _read(field, body)
            if test({} if value is None else {field.name: value}):
                return True
        return False

    def id_of(self, body: dict[str, object], received_ms: int) -> str:
        """Return the sender's id of the event; raises Unfit.

        What the mapping skips needs none, and is named by its content.
        """
        arrived = self.arrived(body, received_ms)
        try:
            return self._sent_id(arrived)
        except Unfit:
            if not self.skips(arrived):
                raise
            return hash_of(body, self._id.where)

    def _sent_id(self, body: object) -> str:
        text = text_of(_needed(self._id, body), self._id.where)
        if not text:
            raise Unfit(MISSING_FIELD, self._id.where, "the id is an empty text")
        if len(text) > ID_LIMIT:
            raise Unfit(OUT_OF_RANGE, self._id.where, f"an id has at most {ID_LIMIT} characters")
        return text

    def type_of(self, body: object) -> str:
        """Return the event's type; raises Unfit."""
        return text_of(_needed(self._type, body), self._type.where)

    def time_of(self, body: object) -> int:
        """Return the event time, epoch milliseconds; raises Unfit."""
        instant = self._time.convert(_needed(self._time, body), self._time.where)
        assert isinstance(instant, int)  # a time is read as nothing else
        return instant

    def subject_of(self, body: object) -> str | None:
        """Return whom the event is about, if it says so; raises Unfit."""
        found = self._subject.get(body)
        return None if found is None else text_of(found, self._subject.where)

    def fields_of(self, body: object) -> dict[str, Value]:
        """Return the fields that are there, by name; raises Unfit on a missing required one."""
        fields: dict[str, Value] = {}
        for field in self._fields:
            value = _read(field, body)
            if value is not None:
                fields[field.name] = value
            elif field.required:
                raise Unfit(MISSING_FIELD, field.where, f"the field {field.name} is required")
        for field in self._minor:
            in_whole_units(fields, field)
        return fields


def _read(field: Field, body: object) -> Value | None:
    found = field.get(body)
    return None if found is None else field.convert(found, field.where)


def _needed(field: Field, body: object) -> object:
    found = field.get(body)
    if found is None:
        raise Unfit(MISSING_FIELD, field.where, f"every event needs its {field.name}")
    return found


def reader_of(mapping: Mapping, zone: str) -> Reader:
    """Return the mapping's reader; the one that was made for the same object, if there is one."""
    key = id(mapping), zone
    found = _readers.get(key)
    if found is None or found.mapping is not mapping:
        if len(_readers) >= KEEP_READERS:
            _readers.clear()
        found = _readers[key] = Reader(mapping, ZoneInfo(zone))
    return found


def uses_arrival(mapping: Mapping) -> bool:
    """Whether any path looks at the time of arrival."""
    own = (mapping.id, mapping.type, mapping.time, mapping.subject)
    fields = [field.paths for field in mapping.fields.values()]
    return any(RECEIVED in path for paths in (*own, *fields) for path in paths)
