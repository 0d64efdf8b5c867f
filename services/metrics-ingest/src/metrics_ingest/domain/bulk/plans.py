"""Which sources can be folded in bulk, and what an event of a given shape adds.

A shape is an event's type and the values of all fields that decide where it counts: dimensions and
conditions. Few shapes stand behind many events, so the plan is asked once for each, and its answer
kept; the general plan (plans.SourcePlan) gives it, so that the rules stand in one place.

Sources of many tenants are often declared alike. Those are one plan: their events are read and
added up together, so that many tenants cost little more than one (decision 0037).

What does not add up (records, states, conversions, foreign money) keeps its own types out of the
bulk, and no others: their shapes are none.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from metrics_ingest.domain.bulk.doors import BulkDoor, is_worked_text
from metrics_ingest.domain.bulk.shapes import Adds, Shape, Shapes
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.definitions import (
    SKETCH_KINDS,
    Kind,
    Measure,
    Metric,
    MetricKind,
    Source,
)
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.measures import MeasurePlan
from metrics_ingest.domain.money.exchange import BUDGET, DAY
from metrics_ingest.domain.plans import MetricPlan, SourcePlan
from metrics_ingest.domain.scan.cells import NOTHING, ONE
from metrics_ingest.domain.seen.stamps import (
    MASK,
    TYPE,
    VERSION_SHIFT,
    field_weight,
    hash_of,
    weight,
)
from metrics_ingest.domain.values import Value, text_of

_KINDS = (MetricKind.ADDITIVE, MetricKind.CUMULATIVE, MetricKind.RATIO, *SKETCH_KINDS)
_ONE = Decimal(1)


class NotPlainError(Exception):
    """Something needs the general reading."""


class _Fields:
    """What of a source's fields its metrics look at.

    ``deciding`` are those that tell where an event counts, ``amounts`` those that are added up or
    noted.
    """

    def __init__(self, plan: SourcePlan) -> None:
        plain = [metric for metric in plan.metrics if _is_plain(metric, plan.source)]
        measures = [each.definition for metric in plain for each in _sides(metric)]
        deciding = {name for metric in plain for name in metric.dims}
        deciding |= {condition.field for measure in measures for condition in measure.where}
        deciding |= {name for metric in plain for name in _currencies(metric)}
        amounts = {measure.value for measure in measures if measure.value}
        amounts |= {metric.of for metric in plain if metric.of is not None}
        self.deciding = tuple(sorted(deciding))
        self.amounts = tuple(sorted(amounts))


class BulkPlan:
    """Sources that can be folded in bulk, and are read alike; an owner is one of them, by number.

    ``doors`` are those whose mapping is plain; ``versions`` are what an owner's definitions put
    into the stamp of a content.
    """

    def __init__(self, plans: list[SourcePlan]) -> None:
        """``plans`` have the same :func:`likeness`."""
        self.plans = plans
        self.names = [(plan.tenant, plan.source.name) for plan in plans]
        heads = np.array([plan.head & 0xFF for plan in plans], np.uint64)
        self.versions = heads << np.uint64(VERSION_SHIFT)
        self.any = plans[0]
        fields = _Fields(self.any)
        self.deciding, self.amounts = fields.deciding, fields.amounts
        self.doors: dict[str, BulkDoor] = {}
        zone = ZoneInfo(self.any.source.zone)
        for name, mapping in self.any.source.doors.items():
            try:
                self.doors[name] = BulkDoor(name, mapping, zone, self.deciding, self.amounts)
            except ValueError:
                continue
        self._shapes: dict[str, Shapes] = {}

    def shapes_of(self, door: BulkDoor) -> Shapes:
        """Return the shapes of a door's events: new ones, when they have become too many."""
        known = self._shapes.get(door.name)
        if known is None or known.full:
            known = self._shapes[door.name] = Shapes()
        return known

    @property
    def held(self) -> int:
        """How many targets are remembered."""
        return sum(len(shapes.targets) for shapes in self._shapes.values())

    def forget(self) -> None:
        """Drop what is remembered; who has columns keeps what they need."""
        self._shapes.clear()

    def shape_of(self, owner: int, door: BulkDoor, value: bytes) -> Shape | None:
        """Return what an owner's records like this come to, None: they need the general way."""
        try:
            return self._read(self.plans[owner], *door.shape_of(value))
        except (Unfit, NotPlainError):
            return None

    def _read(self, plan: SourcePlan, raw_kind: object, fields: dict[str, Value]) -> Shape | None:
        kind = text_of(raw_kind, "")
        if plan.is_record(kind) or plan.diverter.plan_for(kind) is not None:
            return None
        metrics = plan.metrics_for(kind)
        stamp = hash_of(kind) * weight(TYPE)
        if metrics:
            stamp += sum(hash_of(value) * field_weight(name) for name, value in fields.items())
        adds = [self._adds(plan.source, metric, kind, fields) for metric in metrics]
        return Shape(bool(metrics), stamp & MASK, tuple(each for each in adds if each))

    def _adds(
        self, source: Source, metric: MetricPlan, kind: str, fields: dict[str, Value]
    ) -> Adds | None:
        """Return where an event counts, None if not at all; raises NotPlainError unless it adds."""
        if not _is_plain(metric, source):
            raise NotPlainError
        definition = metric.definition
        found = [self._amount(measure, kind, fields) for measure in _sides(metric)]
        if metric.of is not None:
            found = [NOTHING, NOTHING if found == [NOTHING] else self.amounts.index(metric.of)]
        elif definition.kind is MetricKind.QUANTILE:
            found *= 2
        if all(amount == NOTHING for amount in found):
            return None
        dims = metric.dims_of(fields)
        return Adds(definition.name, definition.kind, metric.dims, dims, *found)

    def _amount(self, measure: MeasurePlan, kind: str, fields: dict[str, Value]) -> int:
        """Return the number of the amount that events add to a measure, ONE or NOTHING.

        An amount that decides nothing is filled in for the question; which events lack it is told
        by its column.
        """
        value = measure.definition.value
        filled = fields if value is None or value in self.deciding else fields | {value: _ONE}
        event = Mapped(kind, 0, None, filled)
        amount = measure.amount(event)
        if amount is None:
            return NOTHING
        if value is not None and measure.convert and not measure.convert.keeps(event, value):
            raise NotPlainError
        if amount != (_ONE if value is None else Decimal(filled[value])):
            raise NotPlainError
        return ONE if value is None else self.amounts.index(value)


def bulk_plans(plans: Iterable[SourcePlan]) -> list[BulkPlan]:
    """Return the plans for folding in bulk those of the sources that are plain enough."""
    alike: dict[bytes, list[SourcePlan]] = {}
    for plan in plans:
        if _plain(plan.source):
            alike.setdefault(_likeness(plan), []).append(plan)
    return [found for found in map(BulkPlan, alike.values()) if found.doors]


def _likeness(plan: SourcePlan) -> bytes:
    """Return what two sources share whose events are read alike, whatever each adds up."""
    source, fields = plan.source, _Fields(plan)
    return msgspec.json.encode(
        [
            source.doors,
            source.zone,
            source.ahead_hours,
            source.late_days,
            fields.deciding,
            fields.amounts,
        ]
    )


def _plain(source: Source) -> bool:
    return source == Source(
        name=source.name,
        doors=source.doors,
        zone=source.zone,
        records=source.records,
        version=source.version,
        contributions=source.contributions,
        restates_days=source.restates_days,
        signature=source.signature,
        ahead_hours=source.ahead_hours,
        late_days=source.late_days,
    )


def _sides(metric: MetricPlan) -> Iterator[MeasurePlan]:
    """Yield what the metric sums, and its denominator if it has one."""
    yield metric.own
    if metric.over is not None:
        yield metric.over


def _is_plain(metric: MetricPlan, source: Source) -> bool:
    return _adds_up(metric) and _names_a_text(metric, source)


def _names_a_text(metric: MetricPlan, source: Source) -> bool:
    """Whether what a metric counts is nothing, or a text as it stands in events."""
    fields = [door.fields[metric.of] for door in source.doors.values() if metric.of in door.fields]
    return all(field.kind is Kind.STRING and not is_worked_text(field) for field in fields)


def _currencies(metric: MetricPlan) -> Iterator[str]:
    """Yield the fields that name the currencies of what the metric sums."""
    for measure in _sides(metric):
        convert, value = measure.convert, measure.definition.value
        if convert is not None and value is not None and (field := convert.currency_field(value)):
            yield field


def _adds_up(plan: MetricPlan) -> bool:
    """Whether the metric is one sum or two; which money is taken as it stands, its shape tells."""
    metric = plan.definition
    if metric.kind not in _KINDS or metric.rates not in (DAY, BUDGET):
        return False
    over = metric.over
    return metric == Metric(
        name=metric.name,
        source=metric.source,
        kind=metric.kind,
        types=metric.types,
        value=metric.value,
        where=metric.where,
        dims=metric.dims,
        unit=metric.unit,
        currency=metric.currency,
        good=metric.good,
        version=metric.version,
        rates=metric.rates,
        budget=metric.budget,
        of=metric.of,
        quantile=metric.quantile,
        over=over and Measure(types=over.types, value=over.value, where=over.where),
    )
