"""The events of one door, collected while a slice is read, and made into columns at its end.

What is decoded is taken apart every few hundred events, while it lies in the processor's cache:
touching a million small objects a second time costs more than decoding them did.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress, count
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from metrics_ingest.domain.bulk_columns import Column, Mask, hashes_of, numbers_of, present
from metrics_ingest.domain.bulk_doors import BulkDoor, Path
from metrics_ingest.domain.bulk_plans import BulkPlan, Shape
from metrics_ingest.domain.bulk_times import REFUSED, instants
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.definitions import Kind
from metrics_ingest.domain.generations import Words
from metrics_ingest.domain.stamps import SUBJECT, TIME, VERSION_SHIFT, field_weight, weight

REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
CHUNK = 500
_MOST_INSTANTS = 100_000
_NO_SHAPE = Shape(used=False, stamp=0, adds=())

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Columns:
    """Events of one door: which rows of the slice they are, and what was read of each.

    ``codes`` are places in ``shapes``; ``amounts`` hold, by field, what metrics add up.
    """

    plan: BulkPlan
    rows: Rows
    shapes: list[Shape]
    codes: Rows
    at_ms: Rows
    stamps: Words
    amounts: dict[str, Column]

    def only(self, mask: Mask) -> "Columns":
        """Return these rows alone."""
        flags = mask.tolist()
        return Columns(
            self.plan,
            self.rows[mask],
            self.shapes,
            self.codes[mask],
            self.at_ms[mask],
            self.stamps[mask],
            {name: list(compress(values, flags)) for name, values in self.amounts.items()},
        )


class Pile:
    """Collects events."""

    def __init__(self, plan: BulkPlan, door: BulkDoor) -> None:
        self._decode: Callable[[bytes], Any] = door.decode
        self._plan = plan
        self._door = door
        self._rows = array("q")
        self._codes = array("q")
        self._received = array("q")
        self._places: defaultdict[Any, int] = defaultdict(count().__next__)
        self._times: list[str | None] = []
        self._subjects: list[Words] = []
        self._hashes: dict[str, list[Words]] = {name: [] for name in plan.stamped}
        self._amounts: dict[str, Column] = {name: [] for name in plan.amounts}
        self._there: dict[str, list[Mask]] = {name: [] for name in door.required}
        self._unfit: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._rows)

    @property
    def newest_ms(self) -> int:
        """The newest acceptance among the events."""
        return max(self._received)

    def take(self, rows: list[int], values: Sequence[bytes]) -> list[int]:
        """Read these rows of the values; return those that this door cannot read."""
        events: list[Any] = []
        refused: list[int] = []  # by their place among the rows
        left = iter([values[row] for row in rows])
        while True:
            try:
                # What was decoded before a refusal stays in the list.
                events.extend(map(self._decode, left))
                break
            except REFUSALS:
                refused.append(len(events) + len(refused))
        if not refused:
            self._take_apart(rows, events)
            return []
        gone = set(refused)
        kept = [row for place, row in enumerate(rows) if place not in gone]
        if kept:
            self._take_apart(kept, events)
        return [rows[place] for place in refused]

    def _take_apart(self, rows: list[int], events: list[Any]) -> None:
        plan, door = self._plan, self._door
        self._received.extend(map(attrgetter("received_ms"), events))
        found = door.columns(events)
        fit = np.ones(len(events), np.bool_)
        fields = self._fields(found, fit)
        nothing: Column = [None] * len(events)
        deciding = [fields.get(name, nothing) for name in plan.deciding]
        shapes = zip(found[door.type], *deciding, strict=True)
        self._codes.extend(map(self._places.__getitem__, shapes))
        self._times += found[door.time]
        if door.subject is not None:
            self._subjects.append(hashes_of(found[door.subject], fit))
        for name, hashes in self._hashes.items():
            hashes.append(hashes_of(fields.get(name, nothing), fit))
        for name, amounts in self._amounts.items():
            amounts += fields.get(name, nothing)
        for name, there in self._there.items():
            there.append(present(fields[name]))
        if not fit.all():
            self._unfit += (np.flatnonzero(~fit) + len(self._rows)).tolist()
        self._rows.extend(rows)

    def _fields(self, found: dict[Path, Column], fit: Mask) -> dict[str, Column]:
        kinds = self._plan.kinds
        fields = {}
        for name, path in self._door.fields.items():
            column = found[path]
            text = kinds[name] is Kind.STRING
            fields[name] = column if text else numbers_of(column, kinds[name], fit)
        return fields

    def columns(self, rest: list[int]) -> Columns:
        """Return the columns; rows that turn out to be odd go to the rest."""
        plan, door = self._plan, self._door
        rows = np.frombuffer(self._rows, np.int64)
        codes = np.frombuffer(self._codes, np.int64)
        fit = np.ones(len(rows), np.bool_)
        fit[self._unfit] = False
        at_ms = _instants(plan, door, self._times)
        after = at_ms - np.frombuffer(self._received, np.int64)
        fit &= (at_ms != REFUSED) & (plan.plan.late_ms <= after) & (after <= plan.plan.ahead_ms)
        found = [None if raw[0] is None else plan.shape(raw) for raw in self._places]
        fit &= np.array([shape is not None for shape in found], np.bool_)[codes]
        shapes = [_NO_SHAPE if shape is None else shape for shape in found]
        used = np.array([shape.used for shape in shapes], np.bool_)[codes]
        for there in self._there.values():
            fit &= np.concatenate(there) | ~used
        content = np.array([shape.stamp for shape in shapes], np.uint64)[codes]
        content += at_ms.view(np.uint64) * np.uint64(weight(TIME))
        if self._subjects:
            content += np.concatenate(self._subjects) * np.uint64(weight(SUBJECT))
        for name, hashes in self._hashes.items():
            content += np.concatenate(hashes) * np.uint64(field_weight(name)) * used
        version = np.uint64((plan.plan.head & 0xFF) << VERSION_SHIFT)
        stamps = content >> np.uint64(64 - VERSION_SHIFT) | version
        columns = Columns(plan, rows, shapes, codes, at_ms, stamps, self._amounts)
        if fit.all():
            return columns
        rest += rows[~fit].tolist()
        return columns.only(fit)


def _instants(plan: BulkPlan, door: BulkDoor, texts: list[str | None]) -> Rows:
    """Return the instants of the texts; odd forms are the door's own reading's affair."""
    time_of = plan.plan.reader(door.name).time_of
    known = door.instants

    def one(text: str) -> int:
        at_ms = known.get(text)
        if at_ms is None:
            body: Any = text
            for key in reversed(door.time):
                body = {key: body}
            try:
                at_ms = time_of(body)
            except Unfit:
                at_ms = REFUSED
            if len(known) >= _MOST_INSTANTS:
                known.clear()
            known[text] = at_ms
        return at_ms

    return instants(["" if text is None else text for text in texts], one)
