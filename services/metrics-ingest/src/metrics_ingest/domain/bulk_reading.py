"""Records of the raw log read in bulk: from bytes to columns, with no state and no effect.

This is the dear part of the fold, so it may run ahead of the transaction, in another thread; the
definitions that it read with are checked when the columns are folded (bulk_fold).
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, count
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from event_contracts.wire import key_of
from metrics_ingest.domain.bulk_columns import Column, Mask, hashes_of, numbers_of, present
from metrics_ingest.domain.bulk_doors import BulkDoor
from metrics_ingest.domain.bulk_plans import BulkPlan, Shape, bulk_plan
from metrics_ingest.domain.bulk_times import REFUSED, instants
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.definitions import Kind
from metrics_ingest.domain.generations import Words
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.stamps import SUBJECT, TIME, VERSION_SHIFT, field_weight, weight
from metrics_ingest.domain.window import words_of

_REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_MOST_INSTANTS = 100_000
_NO_SHAPE = Shape(used=False, stamp=0, adds=())

Rows = NDArray[np.int64]
Plans = Mapping[str, TenantPlan]


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
        return Columns(
            self.plan,
            self.rows[mask],
            self.shapes,
            self.codes[mask],
            self.at_ms[mask],
            self.stamps[mask],
            {name: list(compress(values, mask)) for name, values in self.amounts.items()},
        )


@dataclass(slots=True)
class Prepared:
    """A slice as it was read. ``rest`` are the rows that need the general reading.

    ``plans`` are the tenants' as they were known; ``ids`` those of all rows, made of their keys;
    ``received_ms`` is the newest acceptance among the rows that were read.
    """

    plans: Plans
    ids: Words
    rest: list[int] = field(default_factory=list)
    columns: list[Columns] = field(default_factory=list)
    received_ms: int | None = None

    @property
    def tenants(self) -> set[str]:
        """The tenants of the rows that were read."""
        return {each.plan.plan.tenant for each in self.columns}


class _Pile:
    """The events of one door, as they are found."""

    __slots__ = ("decode", "door", "events", "others", "plan", "rows")

    def __init__(self, plan: BulkPlan, door: BulkDoor) -> None:
        self.plan = plan
        self.door = door
        self.decode: Callable[[bytes], Any] = door.decode
        self.rows: list[int] = []
        self.events: list[Any] = []
        self.others: list[_Pile] = []

    def offer(self, row: int, value: bytes) -> bool:
        """Whether one of the source's other doors can read it."""
        for pile in self.others:
            try:
                event = pile.decode(value)
            except _REFUSALS:
                continue
            pile.rows.append(row)
            pile.events.append(event)
            return True
        return False


class BulkReader:
    """Reads with the plans of some tenants."""

    def __init__(self, plans: Plans) -> None:
        self._plans = plans
        self._sources: dict[bytes, BulkPlan] = {}
        for tenant, known in plans.items():
            for name, source in known.sources.items():
                plan = bulk_plan(source)
                if plan is not None:
                    self._sources[key_of(tenant, name).encode()] = plan

    def read(self, keys: Sequence[bytes], values: Sequence[bytes]) -> Prepared:
        """Read records. A record's key is key_of(tenant, source, id): nobody else writes there."""
        digests = list(map(xxhash.xxh3_128_digest, keys))
        prepared = Prepared(self._plans, words_of(digests))
        piles = {prefix: _piles(plan) for prefix, plan in self._sources.items()}
        rest = prepared.rest
        for row, (key, value) in enumerate(zip(keys, values, strict=True)):
            pile = piles.get(key[: key.rfind(b"|")])
            if pile is None:
                rest.append(row)
                continue
            try:
                event = pile.decode(value)
            except _REFUSALS:
                if not pile.offer(row, value):
                    rest.append(row)
            else:
                pile.rows.append(row)
                pile.events.append(event)
        for first in piles.values():
            for pile in (first, *first.others):
                if pile.rows:
                    _finish(pile, prepared)
        rest.sort()
        return prepared


def _piles(plan: BulkPlan) -> _Pile:
    first, *others = [_Pile(plan, door) for door in plan.doors.values()]
    first.others = others
    return first


def _finish(pile: _Pile, prepared: Prepared) -> None:
    """Add the pile's columns; rows that turn out to be odd are left for the general reading."""
    plan, door, events = pile.plan, pile.door, pile.events
    newest = max(map(attrgetter("received_ms"), events))
    prepared.received_ms = max(newest, prepared.received_ms or newest)
    found = door.columns(events)
    fit = np.ones(len(events), np.bool_)
    at_ms = _instants(plan, door, found[door.time], fit)
    fields = {name: found[path] for name, path in door.fields.items()}
    for name, column in fields.items():
        if plan.kinds[name] is not Kind.STRING:
            fields[name] = numbers_of(column, plan.kinds[name], fit)
    shapes, codes = _shapes(plan, found[door.type], fields, fit)
    used = np.array([shape.used for shape in shapes], np.bool_)[codes]
    for name in door.required:
        fit &= present(fields[name]) | ~used
    content = _content(plan, shapes, codes, used, fields, fit)
    content += at_ms.view(np.uint64) * np.uint64(weight(TIME))
    if door.subject is not None:
        content += hashes_of(found[door.subject], fit) * np.uint64(weight(SUBJECT))
    version = np.uint64((plan.plan.head & 0xFF) << VERSION_SHIFT)
    stamps = content >> np.uint64(64 - VERSION_SHIFT) | version
    amounts = {name: fields[name] for name in plan.amounts if name in fields}
    rows = np.array(pile.rows, np.int64)
    columns = Columns(plan, rows, shapes, codes, at_ms, stamps, amounts)
    if not fit.all():
        prepared.rest += rows[~fit].tolist()
        columns = columns.only(fit)
    prepared.columns.append(columns)


def _instants(plan: BulkPlan, door: BulkDoor, texts: Column, fit: Mask) -> Rows:
    """Return the instants of the texts; what the door's own reading refuses is not fit."""
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

    if None in texts:
        texts = ["" if text is None else text for text in texts]
    at_ms = instants(texts, one)
    fit &= at_ms != REFUSED
    return at_ms


def _shapes(
    plan: BulkPlan, types: Column, fields: Mapping[str, Column], fit: Mask
) -> tuple[list[Shape], Rows]:
    """Return the shapes among the rows, and which of them each row has."""
    nothing: Column = [None] * len(types)
    deciding = [fields.get(name, nothing) for name in plan.deciding]
    places: defaultdict[Any, int] = defaultdict(count().__next__)
    codes = np.fromiter(
        map(places.__getitem__, zip(types, *deciding, strict=True)), np.int64, len(types)
    )
    found = [plan.shape(raw) if raw[0] is not None else None for raw in places]
    fit &= np.array([shape is not None for shape in found], np.bool_)[codes]
    return [shape or _NO_SHAPE for shape in found], codes


def _content(
    plan: BulkPlan,
    shapes: Sequence[Shape],
    codes: Rows,
    used: Mask,
    fields: Mapping[str, Column],
    fit: Mask,
) -> Words:
    """Return the sum over type and fields that is part of the stamp, see domain.stamps."""
    shared = np.array([shape.stamp for shape in shapes], np.uint64)[codes]
    own = np.zeros(len(codes), np.uint64)
    for name in plan.stamped:
        if name in fields:
            own += hashes_of(fields[name], fit) * np.uint64(field_weight(name))
    return shared + np.where(used, own, np.uint64(0))
