"""Records of the raw log read in bulk: from bytes to columns, with no state and no effect.

This is the dear part of the fold, so it may run ahead of the transaction, in another thread; the
definitions that it read with are checked when the columns are folded (bulk.fold).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from event_contracts.wire import key_of
from metrics_ingest.domain.bulk.columns import Columns, Rows, columns_of
from metrics_ingest.domain.bulk.plans import BulkPlan, bulk_plans
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.scan.groups import ordered
from metrics_ingest.domain.scan.keys import NOBODY, Prefixes
from metrics_ingest.domain.seen.generations import Words
from service_kit.records import Texts

Plans = Mapping[str, TenantPlan]

MOST_HELD = 300_000  # targets of all sources together


@dataclass(slots=True)
class Prepared:
    """A slice as it was read. ``rest`` are the rows that need the general reading.

    ``plans`` are the tenants' as they were known; ``ids`` those of all rows, made of their keys.
    """

    plans: Plans
    ids: Words
    rest: list[int] = field(default_factory=list)
    columns: list[Columns] = field(default_factory=list)

    @property
    def tenants(self) -> set[str]:
        """The tenants of the rows that were read."""
        return {
            columns.plan.names[owner][0]
            for columns in self.columns
            for owner in np.flatnonzero(np.bincount(columns.owners)).tolist()
        }

    @property
    def received_ms(self) -> int | None:
        """The newest acceptance among the rows that were read."""
        return max((int(columns.received_ms.max()) for columns in self.columns), default=None)


class BulkReader:
    """Reads with the plans of some tenants."""

    def __init__(self, plans: Plans) -> None:
        self._plans = plans
        self._sources = bulk_plans(
            source for known in plans.values() for source in known.sources.values()
        )
        places = [
            (key_of(*name).encode(), number, owner)
            for number, plan in enumerate(self._sources)
            for owner, name in enumerate(plan.names)
        ]
        self._prefixes = Prefixes([prefix for prefix, _, _ in places])
        # By prefix: the plan and its owner; NOBODY's, the last one, is in front of all plans.
        self._plan = np.array([*(number for _, number, _ in places), NOBODY], np.int64)
        self._owner = np.array([*(owner for _, _, owner in places), NOBODY], np.int64)

    def read(self, keys: Texts, values: Texts) -> Prepared:
        """Read records. A record's key is key_of(tenant, source, id): nobody else writes there."""
        prefixes, ids = self._prefixes.read(keys)
        prepared = Prepared(self._plans, ids)
        read = np.zeros(len(keys), np.bool_)
        order, begins = ordered(self._plan[prefixes] - NOBODY, len(self._sources) + 1)
        # In front of the first plan's rows stand those of nobody.
        for number, (start, end) in enumerate(pairwise(begins[1:].tolist())):
            if start < end:
                rows = order[start:end]
                owners = self._owner[prefixes[rows]]
                for columns in _columns(self._sources[number], values, rows, owners):
                    read[columns.rows] = True
                    prepared.columns.append(columns)
        prepared.rest = np.flatnonzero(~read).tolist()
        if sum(plan.held for plan in self._sources) > MOST_HELD:
            for plan in self._sources:
                plan.forget()
        return prepared


def _columns(plan: BulkPlan, values: Texts, rows: Rows, owners: Rows) -> Iterator[Columns]:
    """Yield what each door can read of the rows that were left by those before it."""
    for door in plan.doors.values():
        columns = columns_of(plan, door, values, rows, owners)
        if len(columns.rows):
            yield columns
        if len(columns.rows) == len(rows):
            return
        left = np.isin(rows, columns.rows, assume_unique=True, invert=True)
        rows, owners = rows[left], owners[left]
