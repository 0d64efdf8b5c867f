"""What a metric of each kind shows of its cells."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from event_contracts.metrics import MetricDefined
from goal_service.domain.amounts import divide
from goal_service.domain.kinds import CONVERSION, QUANTILE, RATIO, UNIQUE
from goal_service.domain.series import Bucket
from goal_service.domain.tallies import Tally
from service_kit.sketches import Distinct, Estimate, Ranks

HALF = Decimal("0.5")


def reading(definition: MetricDefined, tally: Tally) -> dict[str, Any]:
    """Return ``value`` and what stands beside it.

    A ratio over nothing and a quantile of nothing are null. ``low`` and ``high`` are the bounds of
    an estimate: two standard errors of a unique count, one rank error of a quantile.
    """
    read = _READINGS.get(definition.kind)
    return {"value": tally.value} if read is None else read(definition, tally)


def running(buckets: Iterable[Bucket], before: Mapping[str, Tally]) -> list[Bucket]:
    """Return each bucket as the total up to its end; ``before`` is what stood at the beginning."""
    totals: dict[str, Tally] = {by: Tally(t.value, t.events) for by, t in before.items()}
    found = []
    for bucket in buckets:
        total = totals.setdefault(bucket.by, Tally())
        total.add(bucket.tally)
        found.append(bucket._replace(tally=Tally(total.value, total.events)))
    return found


def _ratio(definition: MetricDefined, tally: Tally) -> dict[str, Any]:
    over = tally.over
    value = divide(tally.value, over) if over else None
    return {"value": value, "numerator": tally.value, "denominator": over or Decimal(0)}


def _unique(definition: MetricDefined, tally: Tally) -> dict[str, Any]:
    sketch = tally.sketch()
    found = sketch.estimate() if isinstance(sketch, Distinct) else Distinct().estimate()
    return found._asdict()


def _quantile(definition: MetricDefined, tally: Tally) -> dict[str, Any]:
    sketch, found = tally.sketch(), None
    if isinstance(sketch, Ranks):
        found = sketch.quantile(definition.quantile or HALF)
    shown = dict.fromkeys(Estimate._fields) if found is None else found._asdict()
    return shown | {"sum": tally.value}


_READINGS: dict[str, Callable[[MetricDefined, Tally], dict[str, Any]]] = {
    RATIO: _ratio,
    CONVERSION: _ratio,
    UNIQUE: _unique,
    QUANTILE: _quantile,
}
