"""Which sources can be folded in bulk, and what an event of a given shape adds.

A shape is an event's type and the values of all fields that decide where it counts: dimensions and
conditions. Few shapes stand behind many events, so the plan is asked once for each, and its answer
kept; the general plan (plans.SourcePlan) gives it, so that the rules stand in one place.
"""

from decimal import Decimal
from typing import Any

from metrics_ingest.domain.bulk_doors import BulkDoor
from metrics_ingest.domain.bulk_shapes import Adds, Shape, Shapes
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.cells import Amount
from metrics_ingest.domain.definitions import Contribution, Metric, MetricKind, Source
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.plans import MetricPlan, SourcePlan, kinds_of
from metrics_ingest.domain.stamps import MASK, TYPE, field_weight, hash_of, weight
from metrics_ingest.domain.values import CONVERT, Value, text_of

_ONE = Decimal(1)

RawShape = tuple[Any, ...]
"""The type and the deciding values as they stand in the event."""


class NotPlainError(Exception):
    """Something needs the general reading."""


class BulkPlan:
    """One source that can be folded in bulk; ``doors`` are those whose mapping is plain.

    ``deciding`` are the fields that tell where an event counts, ``amounts`` those that metrics add
    up.
    """

    def __init__(self, plan: SourcePlan) -> None:
        self.plan = plan
        self.kinds = kinds_of(plan.source)
        metrics = [metric.definition for metric in plan.metrics]
        deciding = {name for metric in metrics for name in metric.dims}
        deciding |= {condition.field for metric in metrics for condition in metric.where}
        self.deciding = tuple(sorted(deciding))
        self.amounts = tuple(sorted({metric.value for metric in metrics if metric.value}))
        self._dims = {metric.definition.name: metric.dims for metric in plan.metrics}
        self.doors: dict[str, BulkDoor] = {}
        for name, mapping in plan.source.doors.items():
            try:
                self.doors[name] = BulkDoor(name, mapping, self.deciding, self.amounts)
            except ValueError:
                continue
        self._shapes: dict[str, Shapes] = {}

    def shapes_of(self, door: BulkDoor) -> Shapes:
        """Return the shapes of a door's events: new ones, when they have become too many."""
        known = self._shapes.get(door.name)
        if known is None or known.full:
            known = self._shapes[door.name] = Shapes(self._shape, self.amounts, self._dims)
        return known

    @property
    def held(self) -> int:
        """How many targets are remembered."""
        return sum(len(shapes.targets.dims) for shapes in self._shapes.values())

    def forget(self) -> None:
        """Drop what is remembered; who has columns keeps what they need."""
        self._shapes.clear()

    def _shape(self, raw: RawShape) -> Shape | None:
        """Return what events of this shape come to, None if they need the general reading."""
        try:
            return self._read(raw)
        except (Unfit, NotPlainError):
            return None

    def _read(self, raw: RawShape) -> Shape | None:
        kind = text_of(raw[0], "")
        fields = {
            name: CONVERT[self.kinds[name]](value, name)
            for name, value in zip(self.deciding, raw[1:], strict=True)
            if value is not None
        }
        if self.plan.is_record(kind):
            return None
        metrics = self.plan.metrics_for(kind)
        stamp = hash_of(kind) * weight(TYPE)
        if metrics:
            stamp += sum(hash_of(value) * field_weight(name) for name, value in fields.items())
        adds = [self._adds(metric, kind, fields) for metric in metrics]
        return Shape(bool(metrics), stamp & MASK, tuple(each for each in adds if each))

    def _adds(self, metric: MetricPlan, kind: str, fields: dict[str, Value]) -> Adds | None:
        """Return where an event counts, None if not at all; raises NotPlainError if it is no sum.

        An amount that decides nothing is filled in for the question; which events lack it is told
        by its column.
        """
        value = metric.definition.value
        filled = fields if value is None or value in fields else fields | {value: _ONE}
        if value is not None and value in self.deciding and value not in fields:
            return None
        amount = metric.amount(Mapped(kind, 0, None, filled))
        if amount is None:
            return None
        if amount != Amount(_ONE if value is None else Decimal(filled[value])):
            raise NotPlainError
        return Adds(metric.definition.name, metric.dims_of(fields), value)


def bulk_plan(plan: SourcePlan) -> BulkPlan | None:
    """Return the plan for folding a source in bulk, None if it is not plain enough."""
    if not _plain(plan.source) or not all(map(_adds_up, plan.metrics)):
        return None
    found = BulkPlan(plan)
    return found if found.doors else None


def _plain(source: Source) -> bool:
    plain = Source(
        name=source.name,
        doors=source.doors,
        zone=source.zone,
        records=source.records,
        version=source.version,
        contributions=source.contributions,
        signature=source.signature,
        ahead_hours=source.ahead_hours,
        late_days=source.late_days,
    )
    return source == plain and all(
        each == Contribution(types=each.types) for each in source.contributions
    )


def _adds_up(plan: MetricPlan) -> bool:
    metric = plan.definition
    return plan.convert is None and metric == Metric(
        name=metric.name,
        source=metric.source,
        kind=MetricKind.CUMULATIVE if metric.kind is MetricKind.CUMULATIVE else MetricKind.ADDITIVE,
        types=metric.types,
        value=metric.value,
        where=metric.where,
        dims=metric.dims,
        unit=metric.unit,
        currency=metric.currency,
        good=metric.good,
        version=metric.version,
    )
