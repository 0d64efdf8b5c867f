"""From folded cells to fact batches: within the limits on dimension sets and on a record's size."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import localcontext
from itertools import zip_longest
from typing import Any

from event_contracts.facts import Accepted, FactBatch
from metrics_ingest.domain.definitions import SKETCH_KINDS, MetricKind
from metrics_ingest.domain.facts.cells import CellKey, CellSum, DaySets, day_of, set_key
from metrics_ingest.domain.facts.parts import Part, WrittenPart
from metrics_ingest.domain.folding import SourceFold
from metrics_ingest.domain.plans import MetricPlan
from metrics_ingest.domain.values import EXACT

SETS_A_DAY = 10_000
# A sketch has up to 5 KB, and those of one minute have to fit into one document of goal-service.
SKETCHED_SETS_A_DAY = 2_000
OTHER = "other"
# Quarter hours that one batch counts; some 16 bytes each, beside parts.BATCH_BYTES of cells.
MOST_QUARTERS = 4_000
_NOTHING = Part()

Quarters = tuple[Accepted, ...]


@dataclass(slots=True)
class Limited:
    """A metric's cells with a bounded number of dimension sets a UTC day.

    ``new`` are the sets met for the first time, by day; ``others`` is how many events went into
    the set ``other`` because their day was full.
    """

    cells: dict[CellKey, CellSum] = field(default_factory=dict)
    new: dict[int, set[bytes]] = field(default_factory=dict)
    others: int = 0


def sets_met(cells: Iterable[CellKey]) -> dict[int, set[bytes]]:
    """Return the dimension sets of the cells, as set_key, by UTC day."""
    met: dict[int, set[bytes]] = {}
    for day, dims in {(day_of(minute), dims) for minute, dims in cells}:
        if dims:
            met.setdefault(day, set()).add(set_key(dims))
    return met


def days_with_unknown_sets(met: DaySets, known: DaySets) -> set[int]:
    """Return the days of which a dimension set is not among the known ones."""
    return {day for day, sets in met.items() if not sets <= known.get(day, frozenset())}


def sets_a_day(kind: MetricKind) -> int:
    """Return how many dimension sets a day a metric of this kind keeps."""
    return SKETCHED_SETS_A_DAY if kind in SKETCH_KINDS else SETS_A_DAY


def limit(cells: Mapping[CellKey, CellSum], known: DaySets, most: int = SETS_A_DAY) -> Limited:
    """Keep the known sets and new ones while their day has room; add the rest up in ``other``."""
    limited = Limited()
    with localcontext(EXACT):
        for (minute, dims), added in cells.items():
            kept = dims
            if dims and not _room(limited, known, day_of(minute), set_key(dims), most):
                kept = (OTHER,) * len(dims)
                limited.others += added.count
            limited.cells.setdefault((minute, kept), CellSum()).merge(added)
    return limited


def _room(limited: Limited, known: DaySets, day: int, key: bytes, most: int) -> bool:
    there = known.get(day, frozenset())
    new = limited.new.get(day, set())
    if key in there or key in new:
        return True
    if len(there) + len(new) >= most:
        return False
    limited.new.setdefault(day, set()).add(key)
    return True


def accepted_of(fold: SourceFold) -> list[Quarters]:
    """Return how many events were accepted, per quarter hour, in portions that fit into a record.

    Years of history have more quarter hours than a record has room for.
    """
    whole = [Accepted(quarter, n) for quarter, n in sorted(fold.quarters.items())]
    starts = range(0, len(whole), MOST_QUARTERS)
    return [tuple(whole[start : start + MOST_QUARTERS]) for start in starts]


def fact_batches(
    fold: SourceFold,
    metric: MetricPlan,
    parts: Iterable[Part | WrittenPart],
    accepted: Iterable[Quarters],
    as_of_ms: int,
) -> Iterator[FactBatch]:
    """Yield the metric's batches, one for each part.

    The first carries how many events of the source were ``accepted``, also when no cell is there: a
    source that delivered without a match is not silent. Further batches carry what is too many.
    """
    for part, quarters in zip_longest(parts, accepted):
        there = _NOTHING if part is None else part
        # A struct takes what is written already in place of what it would write.
        written = isinstance(there, WrittenPart)
        dims: Any = tuple(there.dims)
        cells: Any = there.cells if written else tuple(there.cells)
        over: Any = there.over if written else tuple(there.over)
        yield FactBatch(
            tenant=fold.plan.tenant,
            metric=metric.definition.name,
            source=fold.plan.source.name,
            definition=metric.definition.version,
            as_of_ms=as_of_ms,
            dims=dims,
            cells=cells,
            over=over,
            sketches=tuple(there.sketches) if isinstance(there, Part) else (),
            accepted=quarters or (),
            provisional=fold.plan.source.restates_days > 0,
        )
