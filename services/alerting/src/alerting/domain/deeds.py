"""Which deeds follow: from a light judged anew, from one restated, from guardrails and the total.

Rules (docs of the numbers: product.md, "Events that others subscribe to"). Run light and to-date
light are told each by itself, with ids of their own:

- light.changed: the colour differs from the last light before it (the first light differs from no
  light), or a restatement changed it. No light (plan 0) says nothing and is stepped over.
- goal.off_track: a run turns red; once for the run, though a restatement moves its beginning.
- goal.escalated: the run of an off_track that went to the owner alone still stands red when, in the
  newest span, the to-date light is yellow or red; once for the run.
- goal.recovered: a restatement leaves nothing of an alarmed run red, or lifts a missed total.
- goal.restated: a judged colour changed, or a run light's actual moved by the policy's share of the
  plan. The to-date light is restated by colour alone: what a late result moves is told once, where
  it belongs, and not again at the close of every later span.
- guardrail.breached, guardrail.cleared: what was last told of a guardrail differs from what is
  known at the close of the newest span. A restatement moves the colours of the spans between, but
  tells of a guardrail only if it is breached now and was not, or the other way round.
- source.silent, source.resumed: in the newest span the source of one of the metrics that the goal's
  own figure is made of was silent, and was not when it was last told; or the other way round.
- goal.changed: a version after the first, with the figure as it stands.
- goal.closed: the period is final, ``settle_days`` after its end, once all accepted until then is
  known; ``tier`` is the highest that the figure reaches.
- goal.reached: the total reaches a tier for the first time (a raised tier may be reached again);
  goal.missed: below the floor at close. A figure that may yet turn back (of a ratio, a level, or a
  goal where less is better) reaches its tiers at the close only.
"""

from dataclasses import replace
from decimal import Decimal

from alerting.domain.figures import distance, share
from alerting.domain.goal import Form, Goal
from alerting.domain.guardrails import Gauge
from alerting.domain.judged import Judged, Kind
from alerting.domain.lights import Colour, Light, LightKind
from alerting.domain.readings import Standing
from alerting.domain.schedule import Appointment
from alerting.domain.scribe import Scribe, lit
from alerting.domain.spans import Span


def tell_light(
    scribe: Scribe, light: Light, stored: Judged | None, before: Judged | None
) -> Judged:
    """Write the deeds of one of a span's lights; alarms come apart.

    ``stored`` is the light as it was judged before, ``before`` that of the span before.
    """
    if stored is None:
        return _tell_new(scribe, light, before)
    return _tell_again(scribe, light, stored, before)


def tell_escalated(scribe: Scribe, run: Judged, headline: Judged, before: Colour | None) -> Judged:
    """Write that a red run which the owner alone knows goes up; return the to-date light.

    ``headline`` is the to-date light of the same, newest span, ``before`` its colour before. Grey
    and no light say nothing of where the goal stands.
    """
    alarm, colour = run.alarm, headline.light.colour
    if alarm is None or alarm not in scribe.state.quiet:
        return headline
    if colour not in (Colour.YELLOW, Colour.RED):
        return headline
    return scribe.escalated(headline, before, alarm)


def tell_guardrail(scribe: Scribe, gauge: Gauge, span: Span) -> None:
    """Write that the guardrail's state at the close of the newest span is another than was told."""
    known = scribe.state.guards.get(gauge.name)
    if gauge.breached != (known is not None and known.breached):
        scribe.guard(gauge, span)


def tell_source(scribe: Scribe, metric: str, silent: bool, light: Light) -> None:
    """Write that the silence of a metric's source is another than was told."""
    known = scribe.state.sources.get(metric)
    if silent != (known is not None and known.silent):
        scribe.source(metric, silent, light)


def tell_closed(scribe: Scribe, standing: Standing | None) -> None:
    """Write that the period's figure is final; without one it is 0 and reaches nothing."""
    if standing is None:
        scribe.closed(Decimal(0), None)
        return
    goal = scribe.goal
    reached = [tier for tier, amount in goal.tiers() if standing.reaches(goal, amount)]
    scribe.closed(standing.shown, reached[-1] if reached else None)


def tell_total(scribe: Scribe, appointment: Appointment, standing: Standing) -> None:
    """Write the tiers that the figure reaches by the span, and at the close what it misses."""
    goal = scribe.goal
    settled = goal.form is Form.SUM and not goal.less_is_better
    if settled or appointment.is_period:
        for tier, amount in goal.tiers():
            known = scribe.state.tiers.get(tier)
            fresh = known is None or _harder(goal, amount, known.amount)
            if fresh and standing.reaches(goal, amount):
                scribe.reached(tier, amount, standing.shown)
    if not appointment.is_period:
        return
    short = not standing.reaches(goal, goal.least)
    if short and scribe.state.missed is None:
        scribe.close(Kind.MISSED, standing.shown)
    elif not short and scribe.state.missed is not None:
        scribe.close(Kind.RECOVERED, standing.shown)


def _tell_new(scribe: Scribe, light: Light, before: Judged | None) -> Judged:
    shown = before.shown if before else None
    deed = before.deed if before else None
    judged = Judged(light, told=light.actual, shown=shown, deed=deed)
    if light.colour in (Colour.NONE, shown):
        return judged
    judged = scribe.light(
        Kind.LIGHT_CHANGED, replace(judged, shown=light.colour), before=shown, corrects=None
    )
    return replace(judged, deed=scribe.last)


def _tell_again(scribe: Scribe, light: Light, stored: Judged, before: Judged | None) -> Judged:
    shown = lit(light.colour) or (before.shown if before else None)
    judged = replace(stored, light=light, shown=shown)
    old = lit(stored.light.colour)
    if light.colour is not stored.light.colour:
        judged = scribe.light(Kind.RESTATED, judged, before=old, corrects=stored.deed)
        judged = scribe.light(Kind.LIGHT_CHANGED, judged, before=old, corrects=stored.deed)
        return replace(judged, told=light.actual, deed=scribe.last)
    if _moved(scribe.goal, light, stored.told):
        judged = scribe.light(Kind.RESTATED, judged, before=old, corrects=stored.deed)
        return replace(judged, told=light.actual)
    return judged


def _moved(goal: Goal, light: Light, told: Decimal) -> bool:
    """Return whether the actual is further from what was told than the policy lets pass."""
    least = goal.policy.restate_share
    if least is None or light.ratio is None or light.kind is LightKind.TO_DATE:
        return False
    return light.actual != told and distance(light.actual, told) >= share(least, light.plan)


def _harder(goal: Goal, amount: Decimal, than: Decimal) -> bool:
    return amount < than if goal.less_is_better else amount > than
