"""Which sources can be folded in bulk, and what an event of a given shape adds.

A shape is an event's type and the values of all fields that decide where it counts: dimensions and
conditions. Few shapes stand behind many events, so the plan is asked once for each, and its answer
kept; the general plan (plans.SourcePlan) gives it, so that the rules stand in one place.

Sources of many tenants are often declared alike. Those are one plan: their events are read and
added up together, so that many tenants cost little more than one (decision 0037).
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from metrics_ingest.domain.bulk_doors import BulkDoor
from metrics_ingest.domain.bulk_shapes import Adds, Shape, Shapes
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.cells import Amount
from metrics_ingest.domain.definitions import Contribution, Metric, MetricKind, Source
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.plans import MetricPlan, SourcePlan, kinds_of
from metrics_ingest.domain.stamps import MASK, TYPE, VERSION_SHIFT, field_weight, hash_of, weight
from metrics_ingest.domain.values import CONVERT, Value, text_of

_ONE = Decimal(1)

RawShape = tuple[Any, ...]
"""The type and the deciding values as they stand in the event."""


class NotPlainError(Exception):
    """Something needs the general reading."""


class _Fields:
    """What of a source's fields its metrics look at.

    ``deciding`` are those that tell where an event counts, ``amounts`` those that are added up.
    """

    def __init__(self, plan: SourcePlan) -> None:
        metrics = [metric.definition for metric in plan.metrics]
        deciding = {name for metric in metrics for name in metric.dims}
        deciding |= {condition.field for metric in metrics for condition in metric.where}
        self.deciding = tuple(sorted(deciding))
        self.amounts = tuple(sorted({metric.value for metric in metrics if metric.value}))


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
        self.kinds = kinds_of(self.any.source)
        fields = _Fields(self.any)
        self.deciding, self.amounts = fields.deciding, fields.amounts
        self.doors: dict[str, BulkDoor] = {}
        for name, mapping in self.any.source.doors.items():
            try:
                self.doors[name] = BulkDoor(name, mapping, self.deciding, self.amounts)
            except ValueError:
                continue
        self._shapes: dict[str, Shapes] = {}

    def shapes_of(self, door: BulkDoor) -> Shapes:
        """Return the shapes of a door's events: new ones, when they have become too many."""
        known = self._shapes.get(door.name)
        if known is None or known.full:
            known = self._shapes[door.name] = Shapes(self._shape, self.amounts)
        return known

    @property
    def held(self) -> int:
        """How many targets are remembered."""
        return sum(len(shapes.targets) for shapes in self._shapes.values())

    def forget(self) -> None:
        """Drop what is remembered; who has columns keeps what they need."""
        self._shapes.clear()

    def _shape(self, owner: int, raw: RawShape) -> Shape | None:
        """Return what an owner's events of this shape come to, None: they need the general way."""
        try:
            return self._read(self.plans[owner], raw)
        except (Unfit, NotPlainError):
            return None

    def _read(self, plan: SourcePlan, raw: RawShape) -> Shape | None:
        kind = text_of(raw[0], "")
        fields = {
            name: CONVERT[self.kinds[name]](value, name)
            for name, value in zip(self.deciding, raw[1:], strict=True)
            if value is not None
        }
        if plan.is_record(kind):
            return None
        metrics = plan.metrics_for(kind)
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
        return Adds(metric.definition.name, metric.dims, metric.dims_of(fields), value)


def bulk_plans(plans: Iterable[SourcePlan]) -> list[BulkPlan]:
    """Return the plans for folding in bulk those of the sources that are plain enough."""
    alike: dict[bytes, list[SourcePlan]] = {}
    for plan in plans:
        if _plain(plan.source) and all(map(_adds_up, plan.metrics)):
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
