"""One door's events read in bulk: the layout of its mapping for the compiled loop (scan.events).

Only the plainest mappings are read so, and only events that hold what they should. Everything else
is refused here and read by mapping.Reader, which alone decides what is wrong with it.

Of a list of paths the first that exists wins. The loop looks at the first alone, and refuses an
event that has another instead. A text that is worked on (translated, in capitals,
with a default) belongs to the shape: it is read once for each of its values, by the general Field.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from event_contracts.raw import RawEvent
from event_contracts.wire import type_of
from metrics_ingest.domain.causes import MISSING_FIELD, Unfit
from metrics_ingest.domain.definitions import FieldMapping, Kind, Mapping
from metrics_ingest.domain.mapping.fields import Field
from metrics_ingest.domain.scan.events import NO_NUMBERS
from metrics_ingest.domain.scan.layout import (
    ANYTHING,
    DECIMAL,
    EXACTLY,
    INTEGER,
    MOMENT,
    NOTHING,
    ODD_TIME,
    RECEIVED,
    TEXT,
    TIME,
    Layout,
    Path,
    Slot,
    layout_of,
    signed,
)
from metrics_ingest.domain.seen.stamps import SUBJECT, field_weight, weight
from metrics_ingest.domain.values import Value

_KINDS = {
    Kind.STRING: TEXT, Kind.DECIMAL: DECIMAL, Kind.INTEGER: INTEGER, Kind.TIME: MOMENT
}  # fmt: skip
_PER_SECOND = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6}
_DOTTED = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*(\.[A-Za-z_$][A-Za-z0-9_$-]*)*", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)
_BODY = "body"
_CONSTANT = "="

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class BulkDoor:
    """Reads a door's raw events. ``time`` is the path of their time.

    ``deciding`` are the fields that tell where an event counts, ``amounts`` those that are added
    up. Each of these has a column in ``layout``, and so have ``numbers`` that are worked on
    (scan.events); ``columns`` is how many. ``instants`` are times in odd forms that have been read.
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
        worked = {name for name, field in mapping.fields.items() if is_worked_text(field)}
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
            _add_first(slots, mapping.subject, Slot(TEXT, always=weight(SUBJECT)))
        self.columns = len(amounts)
        numbers: list[tuple[int, int, int]] = []
        for name, field in mapping.fields.items():
            if name in worked:
                for path in _plain_paths(field):
                    _add(slots, path, Slot(TEXT, shapes=True))
                continue
            # What decides is stamped with the shape.
            decides = name in deciding
            stamp = 0 if decides else field_weight(name)
            column = amounts.index(name) if name in amounts else -1
            shift = _shift(field)
            if shift is not None:
                if column < 0:
                    column, self.columns = self.columns, self.columns + 1
                numbers.append((column, shift, signed(stamp)))
            slot = Slot(
                _KINDS[field.kind],
                shapes=decides,
                stamp=stamp if shift is None else 0,
                amount=column,
                required=field.required,
                per_second=_PER_SECOND.get(field.format, 0),
            )
            _add_first(slots, field.paths, slot)
        self.layout: Layout = layout_of(slots)
        self.numbers = np.array(numbers, np.int64) if numbers else NO_NUMBERS

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
                raise Unfit(MISSING_FIELD, field.where, f"the field {field.name} is required")
        kind = body
        for name in self._type:
            kind = kind[name]
        return kind, fields


def _add_first(slots: dict[Path, Slot], paths: Sequence[str], slot: Slot) -> None:
    """Add what is wanted at the first of some paths that exists."""
    first, others = _path(paths[0]), paths[1:]
    plain = [_path(path) for path in others if _DOTTED.fullmatch(path)]
    _add(slots, first, replace(slot, needed=len(plain) < len(others)))
    for path in plain:
        _add(slots, path, Slot(ANYTHING, instead=(_BODY, *first)))


def _add(slots: dict[Path, Slot], path: Path, slot: Slot) -> None:
    """Add what is wanted at a path of the body to what others want there."""
    path = (_BODY, *path)
    there = slots.setdefault(path, replace(slot, stamp=0, always=0))
    kinds = {there.kind, slot.kind} - {ANYTHING}
    if (
        (len(kinds) > 1 and kinds != {TIME, MOMENT})
        or (ANYTHING not in (there.kind, slot.kind) and there.per_second != slot.per_second)
        or _differ(there.amount, slot.amount, -1)
        or _differ(there.instead, slot.instead, None)
    ):
        raise ValueError(f"{path} is read as two things")
    slots[path] = replace(
        there,
        kind=min(there.kind, slot.kind),  # ANYTHING is the last, and TIME is before MOMENT
        per_second=max(there.per_second, slot.per_second),
        instead=there.instead or slot.instead,
        shapes=there.shapes or slot.shapes,
        stamp=there.stamp + slot.stamp & 2**64 - 1,
        always=there.always + slot.always & 2**64 - 1,
        amount=max(there.amount, slot.amount),
        required=there.required or slot.required,
        needed=there.needed or slot.needed,
    )


def _differ(one: object, other: object, none: object) -> bool:
    return one != other and none not in (one, other)


def _time_slot(form: str) -> Slot:
    if form in _PER_SECOND:
        return Slot(TIME, per_second=_PER_SECOND[form], needed=True)
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
        if not is_worked_text(field) and field != _plain_field(field):
            raise ValueError("a field that is worked on")


def _plain_field(field: FieldMapping) -> FieldMapping:
    """Return a field whose value is what stands there, or a number made of it (see _shift).

    Its currency matters to metrics alone.
    """
    is_time = field.kind is Kind.TIME and field.format in _PER_SECOND
    return FieldMapping(
        paths=field.paths,
        kind=field.kind,
        required=field.required,
        currency=field.currency,
        format=field.format if is_time else "iso",
        scale=field.scale,
    )


def _shift(field: FieldMapping) -> int | None:
    """Return by how many places a number's point moves to the left; None: it is read as it stands.

    Of a time milliseconds are made; they move by none.
    """
    if field.kind is Kind.TIME:
        return 0
    if field.scale is None:
        return None
    shift = -field.scale.adjusted()
    if field.kind is not Kind.DECIMAL or shift < 0 or field.scale != Decimal(1).scaleb(-shift):
        raise ValueError("a scale that moves no point to the left")
    return shift


def is_worked_text(field: FieldMapping) -> bool:
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


def _path(path: str) -> Path:
    if not _DOTTED.fullmatch(path):
        raise ValueError("a path of plain names is wanted")
    return tuple(path.split("."))
