"""A metric is tried on samples: checked as when it is written, folded, and nothing is kept."""

from collections.abc import Iterator, Sequence
from decimal import localcontext

import msgspec

from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.checks.definitions import (
    check_dims_kept,
    check_metric,
    check_source,
    check_without_registry,
)
from metrics_ingest.domain.commands import TryMetric
from metrics_ingest.domain.definitions import Definitions, Source
from metrics_ingest.domain.facts.cells import CellKey, CellSum
from metrics_ingest.domain.mapping import items_of
from metrics_ingest.domain.mapping.items import List
from metrics_ingest.domain.money.exchange import quotes_of
from metrics_ingest.domain.plans import SourcePlan
from metrics_ingest.domain.subjects.booking import Differences
from metrics_ingest.domain.subjects.subject import Subject
from metrics_ingest.domain.topics_of import ANY_TOPIC, TopicsOf
from metrics_ingest.domain.trying import Trial, try_out
from metrics_ingest.domain.values import EXACT
from metrics_ingest.handlers.subjects.stepping import KINDS
from metrics_ingest.ports.definitions import Declared
from service_kit.errors import UserError

MOST_SAMPLES = 200


async def try_metric(
    command: TryMetric,
    declared: Declared,
    prefix: str,
    now_ms: int,
    registry: bool,
    topics: TopicsOf = ANY_TOPIC,
) -> Trial:
    """Return what the samples come to; raises UserError as writing the definitions would.

    What counts by its subject's history has that of the samples alone.
    """
    tenant, metric = command.tenant, command.metric
    source = command.source or await declared.source(tenant, metric.source)
    if command.source is not None:
        check_source(command.source, (), prefix)
        topics.check(tenant, command.source)
        if not registry:
            check_without_registry(command.source)
        _check_same(command.source, metric.source)
    source = check_metric(metric, source)
    before = await declared.metric(tenant, metric.name)
    if before is not None:
        check_dims_kept(before, metric)
    _check_door(source, command.door)
    running = msgspec.structs.replace(source, paused=None)
    rates = await declared.rates(tenant, quotes_of([source], [metric]))
    definitions = Definitions(tenant, 0, (running,), (metric,), tuple(rates))
    trial = try_out(definitions, command.door, _events(source, command), now_ms)
    cells = _with_subjects(trial, metric.name, tenant)
    return Trial(trial.plan, trial.samples, cells, trial.diverted)


def _events(source: Source, command: TryMetric) -> list[bytes | UserError]:
    """Return the events of all bodies, taken apart as the door does it, or why they cannot be.

    Where a body is a list, a list of samples is one such body or the items of one: both are read.
    """
    found: list[bytes | UserError] = []
    mapping = source.doors[command.door]
    listed = (mapping.each or "").startswith(List.ITEMS.value)
    for sample in command.events:
        body = b"[" + sample + b"]" if listed and not sample.startswith(b"[") else sample
        try:
            found += items_of(mapping, body, command.query)
        except UserError as error:
            found.append(error)
    if len(found) > MOST_SAMPLES:
        raise samples_count()
    return found


def _with_subjects(trial: Trial, metric: str, tenant: str) -> dict[CellKey, CellSum]:
    """Return the cells with what the samples' subjects come to."""
    cells = dict(trial.cells)
    source = trial.plan.source.name
    told: dict[Subject, list[SubjectEvent]] = {}
    for event in trial.diverted:
        subject = Subject(tenant, source, event.role, event.name, event.key)
        told.setdefault(subject, []).append(event)
    dims = next(plan.dims for plan in trial.plan.metrics)
    with localcontext(EXACT):
        for minute, named, cell in _booked(trial.plan, told, metric):
            key = (minute, tuple(named.get(name) for name in dims))
            cells.setdefault(key, CellSum()).merge(cell)
    return cells


def _booked(
    plan: SourcePlan, told: dict[Subject, list[SubjectEvent]], metric: str
) -> Iterator[tuple[int, dict[str, str], CellSum]]:
    found = Differences()
    for subject, events in told.items():
        kind = KINDS[subject.role]
        known = plan.diverter.plan_of(subject.role, subject.name)
        try:
            step = kind[1](kind[0](), events, known)
        except Unfit:
            continue
        found.add(subject, kind[0](), step.state)
    for sheet, cells in found.cells.items():
        for (minute, dims), cell in cells.items() if sheet.metric == metric else ():
            yield minute, dict(dims), cell


def check_count(events: Sequence[object]) -> None:
    """Raise UserError for no samples and for too many."""
    if not 1 <= len(events) <= MOST_SAMPLES:
        raise samples_count()


def samples_count() -> UserError:
    """Return the refusal of no samples or of too many."""
    return UserError(
        "samples-count",
        "$.events",
        f"1 to {MOST_SAMPLES} sample events",
        f"样例事件须为 1 到 {MOST_SAMPLES} 条",
    )


def _check_door(source: Source, door: str) -> None:
    if door not in source.doors:
        doors = ", ".join(source.doors)
        raise UserError(
            "unknown-door",
            "$.door",
            f"the source {source.name} has no door {door}; it has: {doors}",
            f"数据源 {source.name} 没有入口 {door}；已有入口：{doors}",
        )


def _check_same(source: Source, named: str) -> None:
    if source.name != named:
        raise UserError(
            "name-differs",
            "$.source.name",
            f"the metric is folded from {named}, this source is {source.name}",
            f"指标的数据源是 {named}，而此处为 {source.name}",
        )
