"""The scribe writes deeds down: their ids, their numbers, their figures."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from alerting.domain.figures import ratio
from alerting.domain.goal import Goal
from alerting.domain.guardrails import Gauge
from alerting.domain.judged import Deed, Guard, Judged, Kind, State, Tier, Voice
from alerting.domain.lights import Colour, Light
from alerting.domain.spans import Span, period
from event_contracts.wire import deed_id

OWNER = "owner"
LEAD = "lead"


class Scribe:
    """Numbers the deeds of one goal as they are written down, in order."""

    def __init__(self, goal: Goal, state: State, final: bool) -> None:
        self.goal = goal  # the version that the deeds speak of
        self.state = state
        self._final = final
        self.deeds: list[Deed] = []

    def light(
        self,
        kind: Kind,
        judged: Judged,
        *,
        before: Colour | None,
        corrects: str | None,
        escalated_to: str | None = None,
        alarm: str | None = None,
    ) -> Judged:
        """Write a deed of one of a span's lights; return the light with the deed counted."""
        light, judged = judged.light, judged.counted(kind)
        self._write(
            kind,
            light.span,
            level=str(light.kind),
            ordinal=judged.ordinals[kind],
            figures=(light.actual, light.plan),
            ratio=light.ratio,
            light=lit(light.colour),
            before=before,
            light_kind=light.kind,
            corrects=corrects,
            escalated_to=escalated_to,
            alarm=alarm,
        )
        return judged

    def off_track(self, judged: Judged, before: Colour | None, headline: Colour) -> Judged:
        """Write that a run turns red in the span; return its light with its alarm.

        It goes to the owner alone while the headline, the to-date light, is green.
        """
        spared = self.goal.policy.owner_only_while_green and headline is Colour.GREEN
        to = OWNER if spared else LEAD
        judged = self.light(Kind.OFF_TRACK, judged, before=before, corrects=None, escalated_to=to)
        if spared:
            self.state = replace(self.state, quiet=self.state.quiet | {self.last})
        return replace(judged, alarm=self.last)

    def escalated(self, headline: Judged, before: Colour | None, alarm: str) -> Judged:
        """Write that the alarm goes up, of which the owner alone knew; return the to-date light."""
        self.state = replace(self.state, quiet=self.state.quiet - {alarm})
        return self.light(
            Kind.ESCALATED, headline, before=before, corrects=None, escalated_to=LEAD, alarm=alarm
        )

    def reached(self, tier: str, amount: Decimal, total: Decimal) -> None:
        """Write that the period's total crossed a tier."""
        known = self.state.tiers.get(tier)
        ordinal = known.ordinal + 1 if known else 1
        self._total(Kind.REACHED, total, level=tier, ordinal=ordinal, tier=tier)
        tiers = {**self.state.tiers, tier: Tier(amount, ordinal)}
        self.state = replace(self.state, tiers=tiers)

    def close(self, kind: Kind, total: Decimal) -> None:
        """Write that the period is missed, or that a correction takes that back."""
        corrects = self.state.missed if kind is Kind.RECOVERED else None
        turns = self.state.turns + 1
        self._total(kind, total, level="floor", ordinal=turns, tier="floor", corrects=corrects)
        missed = self.last if kind is Kind.MISSED else None
        self.state = replace(self.state, missed=missed, turns=turns)

    def guard(self, gauge: Gauge, span: Span) -> None:
        """Write that a guardrail is breached at the close of the span, or is so no more."""
        known = self.state.guards.get(gauge.name)
        ordinal = known.ordinal + 1 if known else 1
        self._write(
            Kind.BREACHED if gauge.breached else Kind.CLEARED,
            span,
            level=f"guardrail.{gauge.name}",
            ordinal=ordinal,
            figures=(gauge.actual or Decimal(0), gauge.limit),
            guardrail=gauge.name,
        )
        guards = {**self.state.guards, gauge.name: Guard(gauge.breached, ordinal)}
        self.state = replace(self.state, guards=guards)

    def source(self, metric: str, silent: bool, light: Light) -> None:
        """Write that a metric's source was silent in the light's span, or is so no more."""
        known = self.state.sources.get(metric)
        ordinal = known.ordinal + 1 if known else 1
        self._write(
            Kind.SILENT if silent else Kind.RESUMED,
            light.span,
            level=f"source.{metric}",
            ordinal=ordinal,
            figures=(light.actual, light.plan),
            source=metric,
        )
        sources = {**self.state.sources, metric: Voice(silent, ordinal)}
        self.state = replace(self.state, sources=sources)

    def changed(self, total: Decimal) -> None:
        """Write that the goal has a new version."""
        goal = self.goal
        self._total(
            Kind.CHANGED,
            total,
            level="version",
            ordinal=goal.version,
            changed_by=goal.actor,
            reason=goal.reason,
            stopped=goal.stopped,
        )
        self.state = replace(self.state, version=goal.version)

    def closed(self, total: Decimal, tier: str | None) -> None:
        """Write that the period's number is final; of a period moved later, once more."""
        self._total(Kind.CLOSED, total, level="period", ordinal=self.goal.version, tier=tier)
        self.state = replace(self.state, closed=self.goal.end)

    @property
    def last(self) -> str:
        """The id of the deed written last."""
        return self.deeds[-1].id

    def _total(
        self, kind: Kind, total: Decimal, *, level: str, ordinal: int, **fields: Any
    ) -> None:
        target = self.goal.target
        part = ratio(total, target) if target else None
        whole, figures = period(self.goal), (total, target)
        self._write(
            kind, whole, level=level, ordinal=ordinal, figures=figures, ratio=part, **fields
        )

    def _write(
        self,
        kind: Kind,
        span: Span,
        *,
        level: str,
        ordinal: int,
        figures: tuple[Decimal, Decimal],
        **fields: Any,
    ) -> None:
        goal = self.goal
        parts = (*goal.key, span.start.isoformat(), level, str(kind), str(ordinal))
        self.state = replace(self.state, seq=self.state.seq + 1)
        deed = Deed(
            id=deed_id(*parts),
            kind=kind,
            goal=goal.key,
            goal_version=goal.version,
            seq=self.state.seq,
            span=span,
            ordinal=ordinal,
            actual=figures[0],
            plan=figures[1],
            final=self._final,
            **fields,
        )
        self.deeds.append(deed)


def lit(colour: Colour) -> Colour | None:
    """Return the colour; None where there is no light."""
    return None if colour is Colour.NONE else colour
