"""What a source's events say of a number, compiled: which of them need their subject's history.

A snapshot, a part of a slice and a version of an entity are diverted whole: no metric gets them as
they come. An event that a unit-threshold or conversion metric looks at is diverted for this metric
beside whatever else becomes of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from event_contracts.raw import RawEvent
from event_contracts.subjects import Role, SubjectEvent
from metrics_ingest.domain.causes import MISSING_FIELD, OUT_OF_RANGE, WRONG_KIND, Unfit
from metrics_ingest.domain.cells import Amount
from metrics_ingest.domain.conditions import predicate_of
from metrics_ingest.domain.definitions import (
    ALL_TYPES,
    Contribution,
    ContributionKind,
    Kind,
    MetricKind,
    Source,
)
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.subjects import Bookings, booked_of
from metrics_ingest.domain.values import Value

if TYPE_CHECKING:
    from metrics_ingest.domain.plans import MetricPlan

DAY = "day"
ROLES = {
    ContributionKind.SNAPSHOT: Role.SNAPSHOT,
    ContributionKind.SLICE: Role.SLICE,
    ContributionKind.ENTITY: Role.ENTITY,
}
METRIC_ROLES = {MetricKind.UNITS: Role.UNITS, MetricKind.CONVERSION: Role.CONVERSION}
SKETCHED = (MetricKind.UNIQUE, MetricKind.QUANTILE)  # they cannot take back
MOST_PARTS = 100_000
MOST_CHARACTERS = 8192  # of a key


def name_of(contribution: Contribution) -> str:
    """Return the name of a contribution in its subjects' keys: its first type, or ``*``."""
    return contribution.types[0] if contribution.types else ALL_TYPES


def key_text(values: Iterable[Value | None]) -> str:
    """Join the values of a key; one that is not there is no other value, not even an empty one."""
    return "|".join(
        "%0" if value is None else str(value).replace("%", "%25").replace("|", "%7C")
        for value in values
    )


class ContributionPlan:
    """One contribution that is not a delta, with the metrics that get what it holds."""

    def __init__(
        self,
        source: Source,
        contribution: Contribution,
        metrics: Sequence["MetricPlan"],
        kinds: Mapping[str, Kind],
    ) -> None:
        self.contribution = contribution
        self.name = name_of(contribution)
        self.role = ROLES[contribution.kind]
        self.by_arrival = contribution.as_of is None
        self._gone = tuple(predicate_of(c, kinds[c.field]) for c in contribution.gone)
        self._zone = ZoneInfo(source.zone) if contribution.grain == DAY else None
        self._metrics = _with_types(source, contribution, metrics)
        # Nothing but money that has to be converted can be wrong when a state is booked.
        self._paid = tuple(each for each in self._metrics if each[0].convert is not None)
        self._brought = {name for metric, _ in self._metrics for name in _values_of(metric)}
        self._aliases = _aliases(source)

    def event_of(self, raw: RawEvent, event: Mapped) -> SubjectEvent:
        """Return what is sent to the subject; raises Unfit where a name of it is missing."""
        wanted = self.contribution
        fields = event.fields
        cell = None
        if self.role is Role.SLICE and self._is_row(fields):
            cell = key_text(fields.get(name) for name in wanted.cell)
        return _subject_event(
            raw,
            event,
            self.role,
            self.name,
            self._key(fields),
            as_of=self._as_of(raw, fields),
            cell=cell,
            part="" if wanted.part is None else str(_there(fields, wanted.part)),
            parts=1 if wanted.parts is None else _count(fields, wanted.parts),
        )

    def _is_row(self, fields: Mapping[str, Value]) -> bool:
        """Whether a part of a slice has a row: one that names its cell, or brings an amount."""
        named = any(name in fields for name in self.contribution.cell)
        return named or any(fields.get(name) for name in self._brought)

    def _key(self, fields: Mapping[str, Value]) -> str:
        names = self.contribution.key
        if self.role is Role.ENTITY or not any(name in fields for name in names):
            for name in names:
                _there(fields, name)
        return key_text(fields.get(name) for name in names)

    def _as_of(self, raw: RawEvent, fields: Mapping[str, Value]) -> int:
        if self.contribution.as_of is None:
            return raw.received_ms
        return int(_there(fields, self.contribution.as_of))

    def _placed(self, event: Mapped) -> Mapped:
        """Return the state when it counts: at its own time, if it has one, or its version's."""
        found = event.fields.get(self.contribution.at or "")
        if not isinstance(found, int):
            return event
        return Mapped(event.type, found, event.subject, event.fields)

    def emptied(self, fields: Mapping[str, Value]) -> frozenset[str]:
        """Return the fields that a partial event empties, by their name or their path's end."""
        listed = fields.get(self.contribution.nulled or "")
        if listed is None:
            return frozenset()
        names = (name.strip() for name in str(listed).split(","))
        return frozenset(self._aliases[name] for name in names if name in self._aliases)

    def check(self, event: Mapped) -> None:
        """Raise Unfit where what an event tells could not be booked when it counts.

        What a partial one leaves out stands in the state that it changes.
        """
        if not self._paid:
            return
        if not self.contribution.partial:
            self._book(event, self._paid)
            return
        _, at_ms, subject, fields = msgspec.structs.astuple(self._placed(event))
        for metric, types in self._paid:
            for kind in types or (event.type,):
                metric.check_money(Mapped(kind, at_ms, subject, fields), partial=True)

    def book(self, event: Mapped) -> Bookings:
        """Return what the metrics get of this state, nothing if it is no more; raises Unfit."""
        return self._book(event, self._metrics)

    def _book(self, event: Mapped, metrics: "TypedMetrics") -> Bookings:
        if any(gone(event.fields) for gone in self._gone):
            return ()
        placed = self._placed(event)
        found = []
        for metric, types in metrics:
            amount = _amount(metric, placed, types)
            if amount is not None:
                found.append(booked_of(metric, placed, amount, self._zone))
        return tuple(found)


TypedMetrics = tuple[tuple["MetricPlan", tuple[str, ...]], ...]


def _with_types(
    source: Source, contribution: Contribution, metrics: Sequence["MetricPlan"]
) -> TypedMetrics:
    """Return the metrics that look at the contribution, each with the types of it that they name.

    An entity that is told by changes, or of which several named types tell, has no one type: any
    that is named will do. Of all others it is that of the newest event: no types here.
    """
    told_by_several = contribution.kind is ContributionKind.ENTITY and (
        contribution.partial or contribution.types
    )
    claimed = {kind for each in source.contributions for kind in each.types}
    found = []
    for metric in metrics:
        kind = metric.definition.kind
        if kind in METRIC_ROLES or kind in SKETCHED:
            continue
        named = _types_of(metric)
        own = set(contribution.types)
        here = named & own if own else named - claimed
        if here or not named:
            found.append((metric, tuple(sorted(here or own)) if told_by_several else ()))
    return tuple(found)


def _values_of(metric: "MetricPlan") -> list[str]:
    """Return the fields that the metric sums."""
    own, over = metric.definition.value, metric.definition.over
    return [name for name in (own, over and over.value) if name]


def _types_of(metric: "MetricPlan") -> set[str]:
    """Return the types that a metric names; none of them: it looks at all."""
    over = metric.definition.over
    if not metric.definition.types or (over is not None and not over.types):
        return set()
    return set(metric.definition.types) | set(over.types if over is not None else ())


def _amount(metric: "MetricPlan", event: Mapped, types: tuple[str, ...]) -> Amount | None:
    """Return what a state adds, whichever of the types a part of the metric asks for."""
    if len(types) < 2:
        kind = types[0] if types else event.type
        return metric.amount(Mapped(kind, event.at_ms, event.subject, event.fields))
    found = [metric.amount(Mapped(t, event.at_ms, event.subject, event.fields)) for t in types]
    met = [amount for amount in found if amount is not None]
    if not met:
        return None
    none = Decimal(0)
    return Amount(
        next((a.sum for a in met if a.sum), none), next((a.over for a in met if a.over), none)
    )


def _aliases(source: Source) -> dict[str, str]:
    """Return the fields by their names and by what their senders call them."""
    aliases: dict[str, str] = {}
    for mapping in source.doors.values():
        for name, field in mapping.fields.items():
            aliases |= {path.rpartition(".")[2]: name for path in field.paths}
    names = {name: name for mapping in source.doors.values() for name in mapping.fields}
    return aliases | names


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
        found: list[SubjectEvent] = []
        if not self._active:
            return found
        plan = self.plan_for(event.type)
        if plan is not None:
            found.append(plan.event_of(raw, event))
            plan.check(event)
        for metric in metrics:
            role = METRIC_ROLES.get(metric.definition.kind)
            unit = event.fields.get(metric.definition.of or "")
            if role is not None and unit is not None:
                metric.amount(event)
                name = metric.definition.name
                found.append(_subject_event(raw, event, role, name, key_text([unit])))
        return found


def _subject_event(
    raw: RawEvent, event: Mapped, role: Role, name: str, key: str, **more: Any
) -> SubjectEvent:
    """Return the event; raises Unfit where its names alone would fill a record."""
    if len(key) > MOST_CHARACTERS or len(more.get("cell") or "") > MOST_CHARACTERS:
        raise Unfit(OUT_OF_RANGE, name, f"a key of at most {MOST_CHARACTERS} characters")
    fields = event.fields.items()
    return SubjectEvent(
        role=role,
        name=name,
        key=key,
        id=raw.id,
        type=event.type,
        at_ms=event.at_ms,
        received_ms=raw.received_ms,
        subject=event.subject,
        decimals={n: v for n, v in fields if isinstance(v, Decimal)},
        texts={n: v for n, v in fields if isinstance(v, str)},
        integers={n: v for n, v in fields if isinstance(v, int)},
        **more,
    )


def _there(fields: Mapping[str, Value], name: str) -> Value:
    found = fields.get(name)
    if found is None:
        raise Unfit(MISSING_FIELD, name, "the source's contribution is named by it")
    return found


def _count(fields: Mapping[str, Value], name: str) -> int:
    found = _there(fields, name)
    if not isinstance(found, int) or not 1 <= found <= MOST_PARTS:
        raise Unfit(WRONG_KIND, name, f"a number of parts from 1 to {MOST_PARTS} is wanted")
    return found
