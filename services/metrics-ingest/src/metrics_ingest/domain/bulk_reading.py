"""Records of the raw log read in bulk: from bytes to columns, with no state and no effect.

This is the dear part of the fold, so it may run ahead of the transaction, in another thread; the
definitions that it read with are checked when the columns are folded (bulk_fold).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import xxhash

from event_contracts.wire import key_of
from metrics_ingest.domain.bulk_piles import CHUNK, Columns, Pile
from metrics_ingest.domain.bulk_plans import BulkPlan, bulk_plan
from metrics_ingest.domain.generations import Words
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.window import words_of

Plans = Mapping[str, TenantPlan]


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
        return {columns.plan.plan.tenant for columns in self.columns}


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
        piles = {prefix: _piles(plan) for prefix, plan in self._sources.items()}
        rest = _collect(keys, values, piles)
        ids = words_of(list(map(xxhash.xxh3_128_digest, keys)))
        prepared = Prepared(self._plans, ids, rest)
        for pile in [pile for doors in piles.values() for pile in doors if pile]:
            prepared.columns.append(pile.columns(rest))
            prepared.received_ms = max(prepared.received_ms or 0, pile.newest_ms)
        rest.sort()
        return prepared


def _piles(plan: BulkPlan) -> list[Pile]:
    return [Pile(plan, door) for door in plan.doors.values()]


def _collect(
    keys: Sequence[bytes], values: Sequence[bytes], piles: Mapping[bytes, list[Pile]]
) -> list[int]:
    """Put the events on the piles of their doors; return the rows that are on none."""
    rest = []
    for prefix, rows in _by_source(keys).items():
        for start in range(0, len(rows), CHUNK):
            left = rows[start : start + CHUNK]
            for pile in piles.get(prefix, ()):
                left = pile.take(left, values)
            rest += left
    return rest


def _by_source(keys: Sequence[bytes]) -> dict[bytes, list[int]]:
    """Return the rows of each prefix: tenant and source."""
    found: defaultdict[bytes, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        found[key[: key.rfind(b"|")]].append(row)
    return found
