"""A few events of every slice are looked at for fields that no mapping knows.

The hot path does not pay for it: SAMPLES events of a slice, whatever its size; a source is written
when a path of it is new, and once a minute, if there is anything to tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.drift import Sampled
from metrics_ingest.domain.folding import Arrival
from metrics_ingest.domain.mapping import decode
from metrics_ingest.domain.memory import PartitionMemory
from metrics_ingest.domain.plans import SourcePlan
from metrics_ingest.ports.folds import FoldStore, SourceName

SAMPLES = 8
WRITE_EVERY_MS = 60_000

Plans = Mapping[SourceName, SourcePlan]


@dataclass(slots=True)
class Looked:
    """What a slice's samples make of the sources' drift.

    ``written`` are those that stand in the store as here; ``all_ms``: when nothing else was left.
    """

    sources: dict[SourceName, Sampled] = field(default_factory=dict)
    written: set[SourceName] = field(default_factory=set)
    all_ms: int | None = None


def rows_of(records: int) -> range:
    """Return the rows of a slice that are looked at."""
    return range(0, records, max(1, records // SAMPLES))


async def look(
    arrivals: Sequence[Arrival],
    plans: Plans,
    store: FoldStore,
    partition: PartitionMemory,
    now_ms: int,
) -> Looked:
    """Take the samples of a slice; memory is left as it is until the slice is committed."""
    looked = Looked()
    for name, sampled in _sample(arrivals, plans, now_ms).items():
        before = partition.drift.get(name, Sampled())
        merged = Sampled()
        merged.merge(before)
        merged.merge(sampled)
        if before.sampled == 0 or merged.paths.keys() != before.paths.keys():
            looked.written.add(name)
        looked.sources[name] = merged
    if looked.sources and now_ms - partition.drift_written_ms >= WRITE_EVERY_MS:
        looked.written = partition.drift_waiting | looked.sources.keys()
        looked.all_ms = now_ms
    known = partition.drift | looked.sources
    await store.write_drift({name: known[name] for name in looked.written})
    return looked


def remember_drift(looked: Looked, partition: PartitionMemory) -> None:
    """Take over what a committed slice has shown."""
    partition.drift.update(looked.sources)
    partition.drift_waiting |= looked.sources.keys()
    partition.drift_waiting -= looked.written
    if looked.all_ms is not None:
        partition.drift_written_ms = looked.all_ms


def _sample(arrivals: Sequence[Arrival], plans: Plans, now_ms: int) -> dict[SourceName, Sampled]:
    found: dict[SourceName, Sampled] = {}
    for arrival in arrivals:
        raw = arrival.event
        name = raw.tenant, raw.source
        plan = plans.get(name)
        known = None if plan is None else plan.known(raw.door)
        if known is None or raw.error is not None:
            continue
        try:
            event = decode(bytes(raw.body))
        except Unfit:
            continue
        found.setdefault(name, Sampled()).look(event, known, now_ms)
    return found
