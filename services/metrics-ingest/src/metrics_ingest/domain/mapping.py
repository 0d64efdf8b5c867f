"""A source's mapping, compiled: from an event's JSON to what a metric can be folded from."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from metrics_ingest.domain.causes import MISSING_FIELD, OUT_OF_RANGE, UNREADABLE, Unfit
from metrics_ingest.domain.definitions import FieldMapping, Mapping
from metrics_ingest.domain.stamps import stamp_of
from metrics_ingest.domain.values import CONVERT, Value, instant_of, text_of

ID_LIMIT = 512

Getter = Callable[[object], object]

_decode_json = msgspec.json.Decoder(float_hook=Decimal).decode


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


def getter(paths: Sequence[str]) -> Getter:
    """Return a function that finds the first of the dotted paths that exists; null is absent."""
    split = [tuple(path.split(".")) for path in paths]
    if len(split) == 1 and len(split[0]) == 1:
        (key,) = split[0]
        return lambda body: body.get(key) if type(body) is dict else None
    return lambda body: _first(split, body)


def _first(split: Sequence[Sequence[str]], body: object) -> object:
    for path in split:
        node = body
        for key in path:
            if type(node) is not dict:
                node = None
                break
            node = node.get(key)
        if node is not None:
            return node
    return None


class _Field:
    """One field of a mapping, compiled."""

    __slots__ = ("convert", "get", "name", "required", "where")

    def __init__(self, name: str, mapping: FieldMapping) -> None:
        self.name = name
        self.where = " | ".join(mapping.paths)
        self.get = getter(mapping.paths)
        self.convert = CONVERT[mapping.kind]
        self.required = mapping.required


class Reader:
    """One door's mapping, ready to read events. ``zone`` holds for times that carry none."""

    def __init__(self, mapping: Mapping, zone: ZoneInfo) -> None:
        self._zone = zone
        self._id = _Field("id", FieldMapping(paths=mapping.id))
        self._type = _Field("type", FieldMapping(paths=mapping.type))
        self._time = _Field("time", FieldMapping(paths=mapping.time))
        self._subject = _Field("subject", FieldMapping(paths=mapping.subject))
        # By name, so that the doors of a source read the same content in the same order.
        self._fields = [_Field(name, field) for name, field in sorted(mapping.fields.items())]

    def id_of(self, body: object) -> str:
        """Return the sender's id of the event; raises Unfit."""
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
        return instant_of(_needed(self._time, body), self._time.where, self._zone)

    def subject_of(self, body: object) -> str | None:
        """Return whom the event is about, if it says so; raises Unfit."""
        found = self._subject.get(body)
        return None if found is None else text_of(found, self._subject.where)

    def fields_of(self, body: object) -> dict[str, Value]:
        """Return the fields that are there, by name; raises Unfit on a missing required one."""
        fields: dict[str, Value] = {}
        for field in self._fields:
            found = field.get(body)
            if found is not None:
                fields[field.name] = field.convert(found, field.where)
            elif field.required:
                raise Unfit(MISSING_FIELD, field.where, f"the field {field.name} is required")
        return fields


def _needed(field: _Field, body: object) -> object:
    found = field.get(body)
    if found is None:
        raise Unfit(MISSING_FIELD, field.where, f"every event needs its {field.name}")
    return found


def content_stamp(event: Mapped, version: int) -> int:
    """Return 64 bits that tell one content from another, see domain.stamps.

    They are of what was mapped, not of the bytes: the same event through another door, or written
    with other blanks, has the same content.
    """
    return stamp_of(event.type, event.at_ms, event.subject, event.fields, version)
