"""Which deeds follow: from a span judged anew, from a span restated, from the period's total.

Rules (docs of the numbers: product.md, "Events that others subscribe to"):

- light.changed: the colour differs from the last light before it (the first light differs from no
  light), or a restatement changed it. No light (plan 0) says nothing and is stepped over.
- goal.off_track: a run turns red; once for the run, though a restatement moves its beginning.
- goal.recovered: a restatement leaves nothing of an alarmed run red, or lifts a missed total.
- goal.restated: a judged colour changed, or its actual moved by the policy's share of the plan.
- goal.reached: the total reaches a tier for the first time (a raised tier may be reached again);
  goal.missed: below the floor at close.
"""

from dataclasses import replace
from decimal import Decimal

from alerting.domain.figures import distance, share
from alerting.domain.goal import Goal
from alerting.domain.judged import Deed, Judged, Kind, State, Tier
from alerting.domain.lights import Colour, Light
from alerting.domain.schedule import Appointment
from alerting.domain.spans import Span, period
from event_contracts.wire import deed_id

RUN = "run"


class Scribe:
    """Numbers the deeds of one goal as they are written down, in order."""

    def __init__(self, goal: Goal, state: State, final: bool) -> None:
        self.goal = goal  # the version that the deeds speak of
        self.state = state
        self._final = final
        self.deeds: list[Deed] = []

    def light(
        self, kind: Kind, span: Judged, *, before: Colour | None, corrects: str | None
    ) -> Judged:
        """Write a deed of a span's light; return the span with the deed counted."""
        light, span = span.light, span.counted(kind)
        self._write(
            kind,
            light.span,
            level=RUN,
            ordinal=span.ordinals[kind],
            figures=(light.actual, light.plan),
            light=lit(light.colour),
            before=before,
            corrects=corrects,
        )
        return span

    def off_track(self, span: Judged, before: Colour | None) -> Judged:
        """Write that a run turns red in the span; return the span with its alarm."""
        span = self.light(Kind.OFF_TRACK, span, before=before, corrects=None)
        return replace(span, alarm=self.last)

    def reached(self, tier: str, amount: Decimal, total: Decimal) -> None:
        """Write that the period's total crossed a tier."""
        known = self.state.tiers.get(tier)
        ordinal = known.ordinal + 1 if known else 1
        figures = (total, self.goal.target)
        whole = period(self.goal)
        self._write(Kind.REACHED, whole, level=tier, ordinal=ordinal, figures=figures, tier=tier)
        tiers = {**self.state.tiers, tier: Tier(amount, ordinal)}
        self.state = replace(self.state, tiers=tiers)

    def close(self, kind: Kind, total: Decimal) -> None:
        """Write that the period is missed, or that a correction takes that back."""
        corrects = self.state.missed if kind is Kind.RECOVERED else None
        self.state = replace(self.state, turns=self.state.turns + 1)
        self._write(
            kind,
            period(self.goal),
            level="floor",
            ordinal=self.state.turns,
            figures=(total, self.goal.target),
            tier="floor",
            corrects=corrects,
        )
        missed = self.last if kind is Kind.MISSED else None
        self.state = replace(self.state, missed=missed)

    @property
    def last(self) -> str:
        """The id of the deed written last."""
        return self.deeds[-1].id

    def _write(
        self,
        kind: Kind,
        span: Span,
        *,
        level: str,
        ordinal: int,
        figures: tuple[Decimal, Decimal],
        light: Colour | None = None,
        before: Colour | None = None,
        tier: str | None = None,
        corrects: str | None = None,
    ) -> None:
        goal = self.goal
        parts = (*goal.key, span.start.isoformat(), level, str(kind), str(ordinal))
        self.state = replace(self.state, seq=self.state.seq + 1)
        self.deeds.append(
            Deed(
                deed_id(*parts),
                kind,
                goal.key,
                goal.version,
                self.state.seq,
                span,
                ordinal,
                figures[0],
                figures[1],
                self._final,
                light=light,
                before=before,
                tier=tier,
                corrects=corrects,
            )
        )


def lit(colour: Colour) -> Colour | None:
    """Return the colour; None where there is no light."""
    return None if colour is Colour.NONE else colour


def tell_new(scribe: Scribe, light: Light, before: Judged | None) -> Judged:
    """Write the deeds of a span judged for the first time; alarms come apart."""
    shown = before.shown if before else None
    deed = before.deed if before else None
    span = Judged(light, told=light.actual, shown=shown, deed=deed)
    if light.colour in (Colour.NONE, shown):
        return span
    span = scribe.light(
        Kind.LIGHT_CHANGED, replace(span, shown=light.colour), before=shown, corrects=None
    )
    return replace(span, deed=scribe.last)


def tell_again(scribe: Scribe, light: Light, stored: Judged, before: Judged | None) -> Judged:
    """Write the deeds of a span judged again; alarms come apart."""
    shown = lit(light.colour) or (before.shown if before else None)
    span = replace(stored, light=light, shown=shown)
    old = lit(stored.light.colour)
    if light.colour is not stored.light.colour:
        span = scribe.light(Kind.RESTATED, span, before=old, corrects=stored.deed)
        span = scribe.light(Kind.LIGHT_CHANGED, span, before=old, corrects=stored.deed)
        return replace(span, told=light.actual, deed=scribe.last)
    if moved(scribe.goal, light, stored.told):
        span = scribe.light(Kind.RESTATED, span, before=old, corrects=stored.deed)
        return replace(span, told=light.actual)
    return span


def moved(goal: Goal, light: Light, told: Decimal) -> bool:
    """Return whether the actual is further from what was told than the policy lets pass."""
    least = goal.policy.restate_share
    if least is None or light.ratio is None:
        return False
    return light.actual != told and distance(light.actual, told) >= share(least, light.plan)


def tell_total(scribe: Scribe, appointment: Appointment, total: Decimal) -> None:
    """Write the tiers that the total through the span reaches, and at the close what it misses."""
    for tier, amount in scribe.goal.tiers():
        known = scribe.state.tiers.get(tier)
        if total >= amount and (known is None or amount > known.amount):
            scribe.reached(tier, amount, total)
    if not appointment.is_period:
        return
    short = total < scribe.goal.least
    if short and scribe.state.missed is None:
        scribe.close(Kind.MISSED, total)
    elif not short and scribe.state.missed is not None:
        scribe.close(Kind.RECOVERED, total)
