"""What a light is judged on: a span's figures, and the r of the settled rules as an exact fraction.

r is ``done / wanted``; both are kept whole, so that a boundary is compared by products:

- a sum: actual / plan. At most: (2 * plan - actual) / plan, not below 0: of 80, 104 gives 0.7.
- a ratio n / d against the ratio wanted w: n / (w * d). At most: (2 * w * d - n) / (w * d).
- a level from s to t, planned to be at p by now: (actual - s) / (p - s), whether it shall rise or
  fall: 25 % to 40 %, planned 32.5, actual 31: 0.8.

Few results: a denominator below the policy's ``ratio_least`` gives no light ("too-few"), for an
at-most ratio too, with one exception: spend without any result is r = 0. A policy that wants every
result judged sets ``ratio_least`` to 0; neither spend nor result is no light in any case.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from alerting.domain.figures import ZERO, distance, minus, ratio, share, total
from alerting.domain.goal import MAIN, OVER, Form, Goal, Grain
from alerting.domain.plans import Curve, plan_of
from alerting.domain.spans import Span, counted_days, first_counted
from alerting.domain.sums import Sums

NO_PLAN = "no-plan"
TOO_EARLY = "too-early"
TOO_FEW = "too-few"

_TWO = Decimal(2)
_UNIT = Decimal(1)


@dataclass(frozen=True, slots=True)
class Reading:
    """``actual`` and ``plan`` as shown; r is ``done / wanted``.

    ``why`` says why there is no light. What is short by ``slack`` or less is not low.
    """

    actual: Decimal
    plan: Decimal
    done: Decimal = ZERO
    wanted: Decimal = ZERO
    why: str = ""
    slack: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Known:
    """A goal's plan and what is known of its days."""

    curve: Curve
    sums: Sums

    @property
    def goal(self) -> Goal:
        """The version of the goal."""
        return self.curve.goal


@dataclass(frozen=True, slots=True)
class Standing:
    """A goal's figure to date as an exact fraction; over 0 it is above every amount."""

    above: Decimal
    below: Decimal

    @property
    def shown(self) -> Decimal:
        """The figure; over 0 what stands above, as if over 1."""
        return ratio(self.above, self.below) if self.below else self.above

    def reaches(self, goal: Goal, amount: Decimal) -> bool:
        """Whether the figure is at the amount or on the goal's good side of it."""
        bound = share(amount, self.below)
        return self.above <= bound if goal.less_is_better else self.above >= bound


def run_reading(known: Known, span: Span) -> Reading:
    """Return what the run light of the span is judged on."""
    return RUN[known.goal.form](known, span)


def to_date_reading(known: Known, span: Span) -> Reading:
    """Return what the to-date light at the end of the span is judged on.

    There is none before ``to_date_from`` of the period's plan; of a ratio, whose plan is the same
    all the time, before that share of the period's working days.
    """
    return TO_DATE[known.goal.form](known, span)


def standing(known: Known, end: date) -> Standing | None:
    """Return the figure that the tiers are compared with; None where nothing stands over nothing.

    So it is, too, for something over nothing, but for spend without a result: it misses every tier.
    """
    goal, sums = known.goal, known.sums
    if goal.form is Form.LEVEL:
        above, below = _level_parts(known, end)
    else:
        above, below = sums[MAIN].through(goal.start, end), _UNIT
        if goal.form is Form.RATIO:
            below = sums[OVER].through(goal.start, end)
    if below > 0 or (above > 0 and goal.at_most):
        return Standing(above, max(below, ZERO))
    return None


def _sum_of_span(known: Known, span: Span) -> Reading:
    goal = known.goal
    if goal.policy.grain is Grain.RUNNING:
        return _sum_so_far(known, span)
    days = counted_days(goal, span.first, span.end)
    return _sum(goal, known.sums[MAIN].of(days), plan_of(goal, span))


def _sum_to_date(known: Known, span: Span) -> Reading:
    reading, curve = _sum_so_far(known, span), known.curve
    early = reading.plan < share(known.goal.policy.to_date_from, curve.whole)
    return _without_light(reading, TOO_EARLY) if early else reading


def _sum_so_far(known: Known, span: Span) -> Reading:
    goal = known.goal
    return _sum(goal, known.sums[MAIN].through(goal.start, span.end), known.curve.to(span.end))


def _sum(goal: Goal, actual: Decimal, plan: Decimal) -> Reading:
    if plan <= 0:
        return Reading(actual, plan, why=NO_PLAN)
    done = _left_of_double(plan, actual) if goal.at_most else actual
    slack = _UNIT if goal.policy.grain is Grain.RUNNING else ZERO
    return Reading(actual, plan, done, plan, slack=slack)


def _ratio_of_window(known: Known, span: Span) -> Reading:
    return _ratio(known.goal, *_window(known, span.end))


def _ratio_to_date(known: Known, span: Span) -> Reading:
    goal, sums, curve = known.goal, known.sums, known.curve
    reading = _ratio(goal, *(sums[part].through(goal.start, span.end) for part in (MAIN, OVER)))
    from_day = share(goal.policy.to_date_from, Decimal(curve.working))
    return _without_light(reading, TOO_EARLY) if curve.worked(span.end) < from_day else reading


def _ratio(goal: Goal, above: Decimal, below: Decimal) -> Reading:
    plan = goal.target
    if plan <= 0:
        return Reading(ZERO, plan, why=NO_PLAN)
    if below <= 0:
        if goal.at_most and above > 0:
            return Reading(above, plan, ZERO, plan)  # shown as if for one result
        return Reading(ZERO, plan, why=TOO_FEW)
    wanted = share(plan, below)
    done = _left_of_double(wanted, above) if goal.at_most else above
    reading = Reading(ratio(above, below), plan, done, wanted)
    return _without_light(reading, TOO_FEW) if below < goal.policy.ratio_least else reading


def _level(known: Known, span: Span) -> Reading:
    goal = known.goal
    above, below = _level_parts(known, span.end)
    move, of = known.curve.moved(span.end)
    plan = total((goal.level_start, ratio(move, of)))
    if below <= 0:
        return Reading(ZERO, plan, why=TOO_FEW)
    done = share(minus(above, share(goal.level_start, below)), of)
    wanted = share(move, below)
    if wanted < 0:  # it shall fall
        done, wanted = minus(ZERO, done), minus(ZERO, wanted)
    reading = Reading(ratio(above, below), plan, done, wanted)
    if _has_hardly_moved(goal, move, of):
        return _without_light(reading, TOO_EARLY)
    few = goal.over_metric is not None and below < goal.policy.ratio_least
    return _without_light(reading, TOO_FEW) if few else reading


def _level_parts(known: Known, end: date) -> tuple[Decimal, Decimal]:
    """Return the level at the day's close as a fraction."""
    goal = known.goal
    if goal.over_metric is not None:
        return _window(known, end)
    moved = known.sums[MAIN].through(goal.start, end)
    return total((goal.level_start, moved)), _UNIT


def _has_hardly_moved(goal: Goal, move: Decimal, of: Decimal) -> bool:
    way = distance(goal.target, goal.level_start)
    return move == 0 or distance(move, ZERO) < share(share(goal.policy.level_from, way), of)


def _window(known: Known, end: date) -> tuple[Decimal, Decimal]:
    """Return both sums over the last working days up to the day, as the policy counts them."""
    goal = known.goal
    first = first_counted(goal, known.curve.last_working(end, goal.policy.ratio_days))
    days = list(counted_days(goal, first, end))
    return known.sums[MAIN].of(days), known.sums[OVER].of(days)


def _left_of_double(wanted: Decimal, actual: Decimal) -> Decimal:
    return max(ZERO, minus(share(_TWO, wanted), actual))


def _without_light(reading: Reading, why: str) -> Reading:
    return Reading(reading.actual, reading.plan, reading.done, reading.wanted, reading.why or why)


Reader = Callable[[Known, Span], Reading]
RUN: dict[Form, Reader] = {
    Form.SUM: _sum_of_span,
    Form.RATIO: _ratio_of_window,
    Form.LEVEL: _level,
}
TO_DATE: dict[Form, Reader] = {
    Form.SUM: _sum_to_date,
    Form.RATIO: _ratio_to_date,
    Form.LEVEL: _level,
}
