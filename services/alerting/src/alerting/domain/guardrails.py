"""Guardrails: what must hold over the period to date for a goal to be green."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from alerting.domain.figures import ZERO, ratio, share
from alerting.domain.goal import OVER, Goal, Guardrail, guarded
from alerting.domain.sums import Sums


@dataclass(frozen=True, slots=True)
class Gauge:
    """What a guardrail shows. ``actual`` is None where nothing stands over nothing.

    Something over nothing is shown as what stands above, as if over one.
    """

    name: str
    limit: Decimal
    actual: Decimal | None
    breached: bool


def gauges(goal: Goal, newest: Goal, sums: Sums, end: date) -> dict[str, Gauge]:
    """Return the gauges of a version's guardrails at the close of a day, by name.

    The sums are those of the newest version's guardrails: one that is measured no more has none.
    """
    places = {one.measure: number for number, one in enumerate(newest.guardrails)}
    return {
        one.name: _gauge(one, places[one.measure], goal.start, end, sums)
        for one in goal.guardrails
        if one.measure in places
    }


def _gauge(one: Guardrail, number: int, start: date, end: date, sums: Sums) -> Gauge:
    above = sums[guarded(number)].through(start, end)
    if one.over_metric is None:
        return Gauge(one.name, one.limit, above, _is_breached(one, above, Decimal(1)))
    below = max(sums[guarded(number, OVER)].through(start, end), ZERO)
    if below == 0 and above <= 0:
        return Gauge(one.name, one.limit, None, breached=False)
    value = ratio(above, below) if below else above
    return Gauge(one.name, one.limit, value, _is_breached(one, above, below))


def _is_breached(one: Guardrail, above: Decimal, below: Decimal) -> bool:
    bound = share(one.limit, below)
    return above > bound if one.at_most else above < bound
