"""Which of a source's events need their subject's history.

A snapshot, a part of a slice and a version of an entity are diverted whole: no metric gets them as
they come. An event that a unit-threshold or conversion metric looks at is diverted for this metric
beside whatever else becomes of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from event_contracts.raw import RawEvent
from event_contracts.subjects import Role, SubjectEvent
from metrics_ingest.domain.definitions import (
    ALL_TYPES,
    ContributionKind,
    Kind,
    MetricKind,
    Source,
)
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.subjects.contributions import (
    METRIC_ROLES,
    ContributionPlan,
    key_text,
    name_of,
    subject_event,
)
from metrics_ingest.domain.subjects.conversions import ConversionPlan

if TYPE_CHECKING:
    from metrics_ingest.domain.plans import MetricPlan


class Diverter:
    """What leaves a source's fold for ``subjects``."""

    def __init__(
        self, source: Source, metrics: Sequence["MetricPlan"], kinds: Mapping[str, Kind]
    ) -> None:
        plans = [
            ContributionPlan(source, each, metrics, kinds)
            for each in source.contributions
            if each.kind is not ContributionKind.DELTA
        ]
        self.plans = {plan.name: plan for plan in plans}
        self.metrics = {
            metric.definition.name: metric
            for metric in metrics
            if metric.definition.kind in METRIC_ROLES
        }
        self._conversions = {
            name: ConversionPlan(metric, list(self.plans.values()))
            for name, metric in self.metrics.items()
            if metric.definition.kind is MetricKind.CONVERSION
        }
        self._typed = {
            kind: self.plans.get(name_of(each))
            for each in source.contributions
            for kind in each.types
        }
        self._rest = self.plans.get(ALL_TYPES)
        self._active = bool(self.plans or self.metrics)

    def plan_for(self, kind: str) -> ContributionPlan | None:
        """Return the plan of events of this type; None: they are deltas."""
        return self._typed.get(kind, self._rest)

    def plan_of(
        self, role: Role, name: str
    ) -> "ContributionPlan | MetricPlan | ConversionPlan | None":
        """Return by what the subjects of this role and name are led from state to state."""
        if role is Role.CONVERSION:
            return self._conversions.get(name)
        return self.metrics.get(name) if role is Role.UNITS else self.plans.get(name)

    def plain(self, kind: str, metrics: tuple["MetricPlan", ...]) -> tuple["MetricPlan", ...]:
        """Return those metrics that get an event of this type as it comes."""
        if not self._active:
            return metrics
        if self.plan_for(kind) is not None:
            return ()
        return tuple(m for m in metrics if m.definition.kind not in METRIC_ROLES)

    def divert(
        self, raw: RawEvent, event: Mapped, metrics: Iterable["MetricPlan"]
    ) -> list[SubjectEvent]:
        """Return what an accepted event sends to its subjects; raises Unfit.

        Everything that can be wrong with it is found here, while it can be a dead letter: a whole
        state is booked once on trial, where it will count (a rate of that day may be missing).
        """
        if not self._active:
            return []
        plan = self.plan_for(event.type)
        if plan is not None:
            return self._state(plan, raw, event)
        found = []
        for metric in metrics:
            role = METRIC_ROLES.get(metric.definition.kind)
            unit = event.fields.get(metric.definition.of or "")
            if role is not None and unit is not None:
                metric.amount(event)
                name = metric.definition.name
                found.append(subject_event(raw, event, role, name, key_text([unit])))
        return found

    def _state(self, plan: ContributionPlan, raw: RawEvent, event: Mapped) -> list[SubjectEvent]:
        """Return a state on its way to its own subject, and to whom it may have converted."""
        own = plan.event_of(raw, event)
        plan.check(event)
        found = [own]
        record = f"{plan.records}|{own.key}"
        for name, (metric, _) in plan.conversions.items():
            unit = event.fields.get(metric.definition.of or "")
            if unit is not None:
                about: dict[str, Any] = {"as_of": own.as_of, "mapping": own.mapping, "cell": record}
                key = key_text([unit])
                found.append(subject_event(raw, event, Role.CONVERSION, name, key, **about))
        return found
