"""What a slice comes to is sent as facts, within the number of dimension sets that a day keeps."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from event_contracts.facts import FactBatch
from metrics_ingest.domain.facts.batches import (
    Limited,
    accepted_of,
    days_with_unknown_sets,
    fact_batches,
    limit,
    sets_a_day,
    sets_met,
)
from metrics_ingest.domain.facts.cells import DaySets
from metrics_ingest.domain.facts.parts import Part, WrittenPart, parts_of
from metrics_ingest.domain.folding import Folded, SourceFold
from metrics_ingest.domain.memory import Memory
from metrics_ingest.domain.plans import MetricPlan
from metrics_ingest.ports.folds import DaySet, FoldPost, FoldStore, SourceName

Metrics = list[tuple[SourceFold, MetricPlan]]
KnownSets = dict[SourceName, dict[int, set[bytes]]]


@dataclass(slots=True)
class Published:
    """What was learnt: the sets ``found`` in the store, the days with ``new`` ones, whole.

    ``others`` is how many events had to go to ``other``.
    """

    found: dict[DaySet, set[bytes]] = field(default_factory=dict)
    new: dict[DaySet, set[bytes]] = field(default_factory=dict)
    others: int = 0

    @property
    def sets(self) -> dict[DaySet, set[bytes]]:
        """All that memory may take over once the transaction is committed."""
        return self.found | self.new


async def publish(
    store: FoldStore, facts: FoldPost, memory: Memory, folded: Folded, as_of_ms: int
) -> Published:
    """Send a slice's facts, and write the dimension sets that are new; return what was learnt.

    What came to columns goes out as columns, as long as nothing has to be decided cell by cell.
    """
    done = Published()
    for source in folded.sources.values():
        _merge_unless_alone(source)
    metrics = _metrics(folded)
    known = await _known_sets(store, memory, metrics, done)
    if known:
        for source, metric in metrics:
            _keep_columns_if_all_fit(source, metric, known, done)
    for name, source in sorted(folded.sources.items()):
        if source.diverted:
            facts.divert(name, source.plan.head, as_of_ms, source.diverted)
    facts.publish(_batches(metrics, known, as_of_ms, done))
    if done.new:
        await store.write_day_sets(done.new)
    return done


def _batches(
    metrics: Metrics, known: KnownSets, as_of_ms: int, done: Published
) -> Iterator[FactBatch]:
    before, accepted = None, []
    for source, metric in metrics:
        if source is not before:
            before, accepted = source, accepted_of(source)
        columns = source.columns.get(metric.definition.name)
        parts: Iterator[Part | WrittenPart]
        if columns is not None:
            parts = columns[0].parts()
        else:
            parts = parts_of(metric, _limited(source, metric, known, done).cells)
        yield from fact_batches(source, metric, parts, accepted, as_of_ms)


def _merge_unless_alone(source: SourceFold) -> None:
    """Let a metric's columns be: cells that came the general way are added up one by one."""
    for name, columns in list(source.columns.items()):
        if len(columns) > 1 or name in source.cells or columns[0].sketches:
            source.merge_columns(name)


def _metrics(folded: Folded) -> Metrics:
    return [
        (source, metric)
        for _, source in sorted(folded.sources.items())
        for metric in source.plan.metrics
    ]


async def _known_sets(
    store: FoldStore, memory: Memory, metrics: Metrics, done: Published
) -> KnownSets:
    """Return the known dimension sets by (tenant, metric) and day, where memory lacks some.

    The store is asked for all at once: a slice of a new day lacks those of every metric. What
    another worker has learnt is found there, and remembered like what is learnt here.
    """
    known: KnownSets = {}
    doubtful: list[DaySet] = []
    for source, metric in metrics:
        tenant, name = source.plan.tenant, metric.definition.name
        remembered = memory.day_sets(tenant, name)
        met = _met(source, metric, remembered)
        if met and (days := days_with_unknown_sets(met, remembered)):
            known[tenant, name] = {day: remembered.get(day, set()) for day in met}
            doubtful += [(tenant, name, day) for day in days]
    done.found = await store.day_sets(doubtful)
    for (tenant, name, day), sets in done.found.items():
        known[tenant, name][day] = sets
    return known


def _met(source: SourceFold, metric: MetricPlan, remembered: DaySets) -> dict[int, set[bytes]]:
    """Return the dimension sets that a metric's cells have by day; {}: all are remembered."""
    name = metric.definition.name
    columns = source.columns.get(name)
    if not metric.dims or (columns is not None and columns[0].known(remembered)):
        return {}
    return sets_met(source.cells.get(name, {})) if columns is None else columns[0].met()


def _keep_columns_if_all_fit(
    source: SourceFold, metric: MetricPlan, known: KnownSets, done: Published
) -> None:
    """Learn the sets of a metric's columns; where a day is too full for them, cell by cell."""
    tenant, name = source.plan.tenant, metric.definition.name
    columns, there = source.columns.get(name), known.get((tenant, name))
    if columns is None or there is None:
        return
    grown = {day: there[day] | keys for day, keys in columns[0].met().items()}
    if max(map(len, grown.values())) > sets_a_day(metric.definition.kind):
        source.merge_columns(name)
        return
    for day, sets in grown.items():
        if len(sets) > len(there[day]):
            done.new[tenant, name, day] = sets


def _limited(
    source: SourceFold,
    metric: MetricPlan,
    known: KnownSets,
    done: Published,
) -> Limited:
    """Return the metric's cells within the limit: all of them, if every set is known."""
    tenant, name = source.plan.tenant, metric.definition.name
    cells = source.cells.get(name, {})
    sets = known.get((tenant, name))
    if sets is None:
        return Limited(cells=cells)
    limited = limit(cells, sets, sets_a_day(metric.definition.kind))
    done.others += limited.others
    for day, new in limited.new.items():
        done.new[tenant, name, day] = new | sets[day]
    return limited
