"""One door's events read in bulk: the layout of its mapping for the compiled loop (scan.events).

Only the plainest mappings are read so, and only events that hold what they should. Everything else
is refused here and read by mapping.Reader, which alone decides what is wrong with it.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec

from event_contracts.raw import RawEvent
from event_contracts.wire import type_of
from metrics_ingest.domain.definitions import FieldMapping, Kind, Mapping
from metrics_ingest.domain.scan.layout import (
    DECIMAL,
    EXACTLY,
    INTEGER,
    NOTHING,
    RECEIVED,
    TEXT,
    TIME,
    Layout,
    Path,
    Slot,
    layout_of,
)
from metrics_ingest.domain.stamps import SUBJECT, field_weight, weight

_KINDS = {Kind.STRING: TEXT, Kind.DECIMAL: DECIMAL, Kind.INTEGER: INTEGER}
_DOTTED = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*(\.[A-Za-z_$][A-Za-z0-9_$-]*)*", re.ASCII)
_BODY = "body"

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class BulkDoor:
    """Reads a door's raw events. ``type``, ``time``, ``subject`` and ``fields`` are the paths.

    ``deciding`` are the fields that tell where an event counts, ``amounts`` those that are added
    up, a column each in ``layout``. ``instants`` are times in odd forms that have been read before.
    """

    def __init__(
        self, door: str, mapping: Mapping, deciding: Collection[str], amounts: Sequence[str]
    ) -> None:
        """Raise ValueError if the mapping is none that can be read so."""
        _check_plain(mapping)
        self.name = door
        self.instants: dict[str, int] = {}
        self.type: Path = _path(mapping.type)
        self.time: Path = _path(mapping.time)
        self.fields = {name: _path(field.paths) for name, field in mapping.fields.items()}
        self._deciding = [self.fields.get(name) for name in sorted(deciding)]
        slots: dict[Path, Slot] = {
            ("type",): Slot(EXACTLY, type_of(RawEvent).encode(), needed=True),
            ("door",): Slot(EXACTLY, door.encode(), needed=True),
            ("received_ms",): Slot(RECEIVED, needed=True),
            # A record that the door could not read, or that repeats a dead letter, is refused.
            ("error",): Slot(NOTHING),
            ("replay_of",): Slot(NOTHING),
        }
        _add(slots, self.time, Slot(TIME, needed=True))
        _add(slots, self.type, Slot(TEXT, shapes=True, needed=True))
        if mapping.subject:
            _add(slots, _path(mapping.subject), Slot(TEXT, always=weight(SUBJECT)))
        for name, field in mapping.fields.items():
            decides = name in deciding
            slot = Slot(
                _KINDS[field.kind],
                shapes=decides,
                # What decides is stamped with the shape.
                stamp=0 if decides else field_weight(name),
                amount=amounts.index(name) if name in amounts else -1,
                required=field.required,
            )
            _add(slots, self.fields[name], slot)
        self.layout: Layout = layout_of(slots)

    def shape_of(self, value: bytes) -> tuple[Any, ...]:
        """Return the type and the deciding values of a record that was found plain."""
        body = _decode(value)[_BODY]
        return tuple(
            None if path is None else _at(body, path) for path in (self.type, *self._deciding)
        )


def _at(body: Any, path: Path) -> Any:
    for name in path:
        if body is None:
            return None
        body = body.get(name)
    return body


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


def _check_plain(mapping: Mapping) -> None:
    plain = Mapping(
        id=mapping.id,
        type=mapping.type,
        time=mapping.time,
        subject=mapping.subject,
        fields=mapping.fields,
        drop=mapping.drop,
        known=mapping.known,
        wire=mapping.wire,
    )
    if mapping != plain:
        raise ValueError("more than paths")
    for field in mapping.fields.values():
        plain_field = FieldMapping(paths=field.paths, kind=field.kind, required=field.required)
        if field.kind not in _KINDS or field != plain_field:
            raise ValueError("a field that is worked on")


def _path(paths: Sequence[str]) -> Path:
    if len(paths) != 1 or not _DOTTED.fullmatch(paths[0]):
        raise ValueError("one path of plain names is wanted")
    return tuple(paths[0].split("."))
