"""What is new lands within its day's limit of dimension sets, or in ``other``."""

from collections.abc import Collection, Mapping

import msgspec

from metrics_ingest.domain.facts.batches import days_with_unknown_sets, limit, sets_met
from metrics_ingest.domain.facts.cells import CellKey, CellSum
from metrics_ingest.domain.plans import MetricPlan, TenantPlan
from metrics_ingest.domain.subjects.booking import in_other
from metrics_ingest.domain.subjects.subject import Booked, State, Subject
from metrics_ingest.handlers.subjects.memory import SubjectMemory, SubjectsEffect
from metrics_ingest.handlers.subjects.stepping import source_of
from metrics_ingest.ports.folds import DaySet, SubjectStore


async def land(
    store: SubjectStore,
    memory: SubjectMemory,
    plans: Mapping[str, TenantPlan],
    before: Mapping[Subject, State],
    moved: Mapping[Subject, State],
    effect: SubjectsEffect,
) -> dict[Subject, State]:
    """Put what is new where it lands: within its day's limit of dimension sets, or in ``other``.

    What was booked before stays where it landed; the state remembers that place.
    """
    news: dict[tuple[str, str], dict[CellKey, CellSum]] = {}
    metrics: dict[tuple[str, str], MetricPlan] = {}
    for subject, state in moved.items():
        source = source_of(subject, plans)
        by_name = {m.definition.name: m for m in source.metrics} if source is not None else {}
        for cell, bookings in state.booked.items():
            if bookings == before[subject].booked.get(cell):
                continue
            for booked in bookings:
                metric = by_name.get(booked.metric)
                if metric is not None and metric.dims:
                    name = (subject.tenant, booked.metric)
                    metrics[name] = metric
                    key = (booked.minute, _values(metric, booked))
                    news.setdefault(name, {}).setdefault(key, CellSum()).count += 1
    beyond = await _beyond(store, memory, news, effect)
    if not beyond:
        return dict(moved)
    return {s: _landed(s, state, metrics, beyond) for s, state in moved.items()}


def _values(metric: MetricPlan, booked: Booked) -> tuple[str | None, ...]:
    return tuple(booked.dims.get(name) for name in metric.dims)


async def _beyond(
    store: SubjectStore,
    memory: SubjectMemory,
    news: Mapping[tuple[str, str], Mapping[CellKey, CellSum]],
    effect: SubjectsEffect,
) -> set[tuple[str, str, CellKey]]:
    """Return the cells for which there is no room; the sets learnt are written."""
    known: dict[DaySet, set[bytes]] = {}
    doubtful: list[DaySet] = []
    for (tenant, metric), cells in news.items():
        met = sets_met(cells)
        days = {day: memory.day_sets.get((tenant, metric, day), set()) for day in met}
        known |= {(tenant, metric, day): sets for day, sets in days.items()}
        doubtful += [(tenant, metric, day) for day in days_with_unknown_sets(met, days)]
    effect.sets_found = await store.day_sets(doubtful)
    known |= effect.sets_found
    beyond = set()
    for (tenant, metric), cells in news.items():
        sets = {day: known[tenant, metric, day] for day in sets_met(cells)}
        limited = limit(cells, sets)
        effect.others += limited.others
        for day, new in limited.new.items():
            effect.day_sets[tenant, metric, day] = new | sets[day]
        beyond |= {(tenant, metric, key) for key in cells if key not in limited.cells}
    if effect.day_sets:
        await store.write_day_sets(effect.day_sets)
    return beyond


def _landed(
    subject: Subject,
    state: State,
    metrics: Mapping[tuple[str, str], MetricPlan],
    beyond: Collection[tuple[str, str, CellKey]],
) -> State:
    booked = {}
    for cell, bookings in state.booked.items():
        placed = []
        for each in bookings:
            metric = metrics.get((subject.tenant, each.metric))
            if metric is not None:
                key = (each.minute, _values(metric, each))
                if (subject.tenant, each.metric, key) in beyond:
                    each = in_other(each, metric.dims)
            placed.append(each)
        booked[cell] = tuple(placed)
    return msgspec.structs.replace(state, booked=booked)
