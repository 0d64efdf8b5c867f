"""One door's events read in bulk: the layout of its mapping for the compiled loop (scan.events).

Only the plainest mappings are read so, and only events that hold what they should. Everything else
is refused here and read by mapping.Reader, which alone decides what is wrong with it.

Of a list of paths the first that exists wins. The loop looks at the first alone, and refuses an
event without it where another could be meant. A text that is worked on (translated, in capitals,
with a default) belongs to the shape: it is read once for each of its values, by the general Field.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from event_contracts.raw import RawEvent
from event_contracts.wire import type_of
from metrics_ingest.domain.causes import MISSING_FIELD, Unfit
from metrics_ingest.domain.definitions import FieldMapping, Kind, Mapping
from metrics_ingest.domain.mapping.fields import Field
from metrics_ingest.domain.scan.layout import (
    DECIMAL,
    EPOCH,
    EXACTLY,
    INTEGER,
    NOTHING,
    ODD_TIME,
    RECEIVED,
    TEXT,
    TIME,
    Layout,
    Path,
    Slot,
    layout_of,
)
from metrics_ingest.domain.stamps import SUBJECT, field_weight, weight
from metrics_ingest.domain.values import Value

_KINDS = {Kind.STRING: TEXT, Kind.DECIMAL: DECIMAL, Kind.INTEGER: INTEGER}
_PER_SECOND = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6}
_DOTTED = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*(\.[A-Za-z_$][A-Za-z0-9_$-]*)*", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)
_BODY = "body"
_CONSTANT = "="

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class BulkDoor:
    """Reads a door's raw events. ``time`` is the path of their time.

    ``deciding`` are the fields that tell where an event counts, ``amounts`` those that are added
    up, a column each in ``layout``. ``instants`` are times in odd forms that have been read before.
    """

    def __init__(
        self,
        door: str,
        mapping: Mapping,
        zone: ZoneInfo,
        deciding: Collection[str],
        amounts: Sequence[str],
    ) -> None:
        """Raise ValueError if the mapping is none that can be read so."""
        _check_plain(mapping)
        self.name = door
        self.instants: dict[str, int] = {}
        self.time: Path = _path(mapping.time[0])
        self._type: Path = _path(mapping.type[0])
        worked = {name for name, field in mapping.fields.items() if _is_worked_text(field)}
        self._deciding = [
            Field(name, field, zone)
            for name, field in sorted(mapping.fields.items())
            if name in worked or name in deciding
        ]
        slots: dict[Path, Slot] = {
            ("type",): Slot(EXACTLY, type_of(RawEvent).encode(), needed=True),
            ("door",): Slot(EXACTLY, door.encode(), needed=True),
            ("received_ms",): Slot(RECEIVED, needed=True),
            # A record that the door could not read, or that repeats a dead letter, is refused.
            ("error",): Slot(NOTHING),
            ("replay_of",): Slot(NOTHING),
        }
        _add(slots, self.time, _time_slot(mapping.time_format))
        _add(slots, self._type, Slot(TEXT, shapes=True, needed=True))
        if mapping.subject:
            _add(slots, _only_path(mapping.subject), Slot(TEXT, always=weight(SUBJECT)))
        for name, field in mapping.fields.items():
            if name in worked:
                for path in _plain_paths(field):
                    _add(slots, path, Slot(TEXT, shapes=True))
                continue
            decides = name in deciding
            slot = Slot(
                _KINDS[field.kind],
                shapes=decides,
                # What decides is stamped with the shape.
                stamp=0 if decides else field_weight(name),
                amount=amounts.index(name) if name in amounts else -1,
                required=field.required,
            )
            _add(slots, _only_path(field.paths), slot)
        self.layout: Layout = layout_of(slots)

    def shape_of(self, value: bytes) -> tuple[Any, dict[str, Value]]:
        """Return type and deciding fields of a record that was found plain; raises Unfit."""
        body = _decode(value)[_BODY]
        fields = {}
        for field in self._deciding:
            found = field.get(body)
            converted = None if found is None else field.convert(found, field.where)
            if converted is not None:
                fields[field.name] = converted
            elif field.required:
                raise Unfit(MISSING_FIELD, field.where, "required")
        kind = body
        for name in self._type:
            kind = kind[name]
        return kind, fields


def _add(slots: dict[Path, Slot], path: Path, slot: Slot) -> None:
    """Add what is wanted at a path of the body to what others want there."""
    path = (_BODY, *path)
    there = slots.setdefault(path, replace(slot, stamp=0, always=0))
    if there.kind != slot.kind or (
        there.amount != slot.amount and min(there.amount, slot.amount) >= 0
    ):
        raise ValueError(f"{path} is read as two things")
    slots[path] = replace(
        there,
        shapes=there.shapes or slot.shapes,
        stamp=there.stamp + slot.stamp & 2**64 - 1,
        always=there.always + slot.always & 2**64 - 1,
        amount=max(there.amount, slot.amount),
        required=there.required or slot.required,
        needed=there.needed or slot.needed,
    )


def _time_slot(form: str) -> Slot:
    if form in _PER_SECOND:
        return Slot(EPOCH, per_second=_PER_SECOND[form], needed=True)
    return Slot(TIME if form == "iso" else ODD_TIME, needed=True)


def _check_plain(mapping: Mapping) -> None:
    plain = Mapping(
        id=mapping.id,
        type=mapping.type,
        time=mapping.time,
        subject=mapping.subject,
        fields=mapping.fields,
        time_format=mapping.time_format,
        each=mapping.each,
        drop=mapping.drop,
        known=mapping.known,
        wire=mapping.wire,
    )
    if mapping != plain:
        raise ValueError("more than paths")
    for field in mapping.fields.values():
        if not _is_worked_text(field) and field != _plain_field(field):
            raise ValueError("a field that is worked on")


def _plain_field(field: FieldMapping) -> FieldMapping:
    """Return a field that is read as it stands; its currency matters to metrics alone."""
    if field.kind not in _KINDS:
        raise ValueError("a field of another kind")
    return FieldMapping(
        paths=field.paths, kind=field.kind, required=field.required, currency=field.currency
    )


def _is_worked_text(field: FieldMapping) -> bool:
    """Whether the text that stands in an event is not the field's value."""
    if field.kind is not Kind.STRING:
        return False
    return field != _plain_field(field) or any(p.startswith(_CONSTANT) for p in field.paths)


def _plain_paths(field: FieldMapping) -> list[Path]:
    """Return where a text that is worked on may stand.

    The loop does not tell a whole number from its text, and only the text can be an absent one.
    """
    if any(map(_WHOLE.fullmatch, field.absent)):
        raise ValueError("a number and a text are told apart")
    return [_path(path) for path in field.paths if not path.startswith(_CONSTANT)]


def _only_path(paths: Sequence[str]) -> Path:
    if len(paths) != 1:
        raise ValueError("one path is wanted")
    return _path(paths[0])


def _path(path: str) -> Path:
    if not _DOTTED.fullmatch(path):
        raise ValueError("a path of plain names is wanted")
    return tuple(path.split("."))
