"""The events of one door in columns: from records to what is folded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics_ingest.domain.bulk.doors import BulkDoor
from metrics_ingest.domain.bulk.plans import BulkPlan
from metrics_ingest.domain.bulk.shapes import Shapes
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.scan.events import scan
from metrics_ingest.domain.scan.found import (
    ALWAYS_STAMPED,
    AMOUNTS,
    AT_MS,
    GOOD,
    LACKS,
    RECEIVED_MS,
    STAMPED,
    TIME_END,
    TIME_START,
)
from metrics_ingest.domain.scan.instants import ODD
from metrics_ingest.domain.seen.generations import Mask, Words
from metrics_ingest.domain.seen.stamps import TIME, VERSION_SHIFT, weight
from service_kit.records import Texts

Rows = NDArray[np.int64]
REFUSED = -1
_MOST_INSTANTS = 100_000


@dataclass(frozen=True, slots=True)
class Columns:
    """Events of one door: which rows of the slice they are, whose, and what was read of each.

    ``owners`` are numbers in ``plan``, ``codes`` numbers in ``shapes``; ``amounts`` hold what
    metrics add up, mantissa and places (scan.found) side by side for each of the plan's, or where
    a text stands in ``values``.
    """

    plan: BulkPlan
    rows: Rows
    owners: Rows
    shapes: Shapes
    codes: Rows
    received_ms: Rows
    at_ms: Rows
    stamps: Words
    amounts: Rows
    values: Texts

    def only(self, mask: Mask) -> "Columns":
        """Return these rows alone."""
        rows = np.flatnonzero(mask)  # once, for all of them
        return Columns(
            self.plan,
            self.rows[rows],
            self.owners[rows],
            self.shapes,
            self.codes[rows],
            self.received_ms[rows],
            self.at_ms[rows],
            self.stamps[rows],
            self.amounts[rows],
            self.values,
        )


def columns_of(plan: BulkPlan, door: BulkDoor, values: Texts, rows: Rows, owners: Rows) -> Columns:
    """Return those of the rows that this door can read; ``owners`` are theirs."""
    found = scan(values.bytes, values.ends, rows, door.layout, door.columns, door.numbers)
    good = found[:, GOOD] != 0
    if not good.all():
        rows, owners, found = rows[good], owners[good], found[good]
    shapes = plan.shapes_of(door)
    codes = shapes.look_up(
        found, owners, lambda owner, at: plan.shape_of(owner, door, values[int(rows[at])])
    )
    at_ms = _instants(plan, door, values, found)
    used = shapes.used.all[codes]
    after = at_ms - found[:, RECEIVED_MS]
    fit = (at_ms != REFUSED) & (plan.any.late_ms <= after) & (after <= plan.any.ahead_ms)
    fit &= shapes.owner.all[codes] == owners  # no event counts for another tenant, come what may
    fit &= shapes.plain.all[codes] & ((found[:, LACKS] == 0) | ~used)
    content = shapes.stamps.all[codes] + found[:, ALWAYS_STAMPED].view(np.uint64)
    content += found[:, STAMPED].view(np.uint64) * used
    content += at_ms.view(np.uint64) * np.uint64(weight(TIME))
    columns = Columns(
        plan,
        rows,
        owners,
        shapes,
        codes,
        found[:, RECEIVED_MS],
        at_ms,
        content >> np.uint64(64 - VERSION_SHIFT) | plan.versions[owners],
        found[:, AMOUNTS:].copy(),
        values,
    )
    return columns if fit.all() else columns.only(fit)


def _instants(plan: BulkPlan, door: BulkDoor, values: Texts, found: Rows) -> Rows:
    """Return the instants, REFUSED where there is none; odd forms are the general reading's."""
    at_ms = found[:, AT_MS].copy()
    known = door.instants
    for place in np.flatnonzero(at_ms == ODD).tolist():
        start, end = found[place, TIME_START], found[place, TIME_END]
        text = values.bytes[start:end].tobytes().decode()
        instant = known.get(text)
        if instant is None:
            if len(known) >= _MOST_INSTANTS:
                known.clear()
            instant = known[text] = _read_one(plan, door, text)
        at_ms[place] = instant
    return at_ms


def _read_one(plan: BulkPlan, door: BulkDoor, text: str) -> int:
    body: object = text
    for name in reversed(door.time):
        body = {name: body}
    try:
        return plan.any.reader(door.name).time_of(body)
    except Unfit:
        return REFUSED
