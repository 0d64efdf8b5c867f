"""A metric tried on sample events before it goes live: what each would add, or why nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from event_contracts.raw import RawEvent
from event_contracts.subjects import SubjectEvent
from event_contracts.wire import hash16
from metrics_ingest.domain.causes import Unfit, sentence
from metrics_ingest.domain.definitions import (
    Condition,
    Definitions,
    Op,
)
from metrics_ingest.domain.facts.cells import Amount, CellKey, CellSum
from metrics_ingest.domain.folding import Arrival, fold
from metrics_ingest.domain.mapping import Mapped, decode
from metrics_ingest.domain.measures import MeasurePlan
from metrics_ingest.domain.plans import MetricPlan, SourcePlan, TenantPlan
from metrics_ingest.domain.working_time import MOST_DAYS
from service_kit.errors import UserError


class Why(NamedTuple):
    """Why a sample adds nothing to one side of a metric: where in the definition, in two languages.

    ``where`` is a JSON path into the metric, or the place in the sample that cannot be read.
    """

    code: str
    where: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one sample; ``event`` None: it cannot be read."""

    id: str
    event: Mapped | None
    adds: Amount | None
    why: tuple[Why, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of all samples, in their order, and the cells that they fold to.

    ``diverted`` is what counts by the history of its subject, which the fold does not know.
    """

    plan: SourcePlan
    samples: tuple[Tried, ...]
    cells: dict[CellKey, CellSum]
    diverted: tuple[SubjectEvent, ...]


def try_out(
    definitions: Definitions, door: str, bodies: Sequence[bytes | UserError], received_ms: int
) -> Trial:
    """Fold the samples as if they came through the door.

    ``definitions`` are one metric with its source, both checked.
    """
    (source,), (metric,) = definitions.sources, definitions.metrics
    plan = TenantPlan.of(definitions).sources[source.name]
    name = (definitions.tenant, source.name)
    samples: list[Tried] = []
    arrivals: list[Arrival] = []
    for number, body in enumerate(bodies):
        if isinstance(body, UserError):
            samples.append(Tried("", None, None, (_why(body),)))
            continue
        tried = _one(plan, door, body, received_ms)
        if tried.event is not None:
            key = hash16(*name, tried.id)
            if any(earlier.key == key for earlier in arrivals) and not plan.diverter.plans:
                tried = Tried(tried.id, tried.event, None, (_twice(),))
            raw = RawEvent(
                tenant=definitions.tenant,
                source=source.name,
                id=tried.id,
                door=door,
                received_ms=received_ms,
                body=msgspec.Raw(body),
                place=number,
            )
            arrivals.append(Arrival(number, key, raw))
        samples.append(tried)
    found = fold(arrivals, {name: plan}, lambda key: None).sources.get(name)
    if found is None:
        return Trial(plan, tuple(samples), {}, ())
    cells = found.cells.get(metric.name, {})
    return Trial(plan, tuple(samples), cells, tuple(found.diverted))


def _one(plan: SourcePlan, door: str, body: bytes, received_ms: int) -> Tried:
    identity = ""
    (metric,) = plan.metrics
    try:
        identity = plan.reader(door).id_of(decode(body), received_ms)
        event = plan.read(door, body, received_ms)
        state = plan.diverter.plan_for(event.type)
        if state is not None and state.is_gone(event):
            return Tried(identity, event, None, (_gone(),))
        return Tried(identity, event, metric.amount(event), tuple(_reasons(metric, event)))
    except Unfit as unfit:
        return Tried(identity, None, None, (_unfit(unfit),))


def _reasons(metric: MetricPlan, event: Mapped) -> Iterator[Why]:
    yield from _missed(metric.own, event, "$")
    if metric.over is not None:
        yield from _missed(metric.over, event, "$.over")
    of = metric.definition.of
    if of is not None and of not in event.fields:
        yield Why("field-absent", "$.of", f"the event has no {of}", f"事件中没有 {of}")


def _missed(measure: MeasurePlan, event: Mapped, at: str) -> Iterator[Why]:
    """Yield the first reason why an event adds nothing to a measure; none when it does."""
    if measure.types and event.type not in measure.types:
        listed = ", ".join(sorted(measure.types))
        yield Why(
            "type-differs",
            f"{at}.types",
            f"its type is {event.type}, wanted: {listed}",
            f"类型为 {event.type}，需要：{listed}",
        )
        return
    conditions = measure.definition.where
    for number, (condition, test) in enumerate(zip(conditions, measure.tests, strict=True)):
        if not test(event.fields):
            yield _unmet(condition, event, f"{at}.where[{number}]")
            return
    elapsed = measure.elapsed
    if elapsed is not None and elapsed.minutes(event.fields, event.at_ms) is None:
        since = elapsed.definition.since
        yield Why(
            "no-time-between",
            f"{at}.elapsed",
            f"it needs {since}, before the end and within {MOST_DAYS} days of it",
            f"需要 {since}，且早于结束时间、相隔不超过 {MOST_DAYS} 天",
        )
    value = measure.definition.value
    if value is not None and value not in event.fields:
        yield Why("field-absent", f"{at}.value", f"the event has no {value}", f"事件中没有 {value}")


def _unmet(condition: Condition, event: Mapped, where: str) -> Why:
    name = condition.field
    found = event.fields.get(name)
    wanted = f"{name} {condition.op}"
    if condition.op is not Op.EXISTS or condition.value is False:
        wanted += f" {condition.value}"
    return Why(
        "condition-unmet",
        where,
        f"wanted: {wanted}; the event has {'no ' + name if found is None else found}",
        f"需要：{wanted}；事件中{'没有 ' + name if found is None else f'为 {found}'}",
    )


def _unfit(unfit: Unfit) -> Why:
    texts = [sentence(unfit.cause, unfit.where, unfit.detail, chinese=zh) for zh in (False, True)]
    return Why(unfit.cause, unfit.where, *texts)


def _why(error: UserError) -> Why:
    return Why(error.code, error.where, error.en, error.zh)


def _gone() -> Why:
    return Why(
        "record-gone",
        "$.source",
        "it says that its record is no more: what the record added is taken back",
        "它表示该记录已不存在：该记录之前计入的数值会被撤回",
    )


def _twice() -> Why:
    return Why(
        "id-twice",
        "id",
        "an earlier sample has this id: an event counts once",
        "前面的样例已有此标识：每个事件只计一次",
    )
