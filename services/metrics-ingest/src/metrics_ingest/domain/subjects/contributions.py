"""What a source's events say of a number, compiled: how what is no delta is named and booked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from event_contracts.raw import RawEvent
from event_contracts.subjects import Role, SubjectEvent
from metrics_ingest.domain.causes import MISSING_FIELD, OUT_OF_RANGE, WRONG_KIND, Unfit
from metrics_ingest.domain.conditions import predicate_of
from metrics_ingest.domain.definitions import (
    ALL_TYPES,
    Contribution,
    ContributionKind,
    Kind,
    MetricKind,
    Source,
)
from metrics_ingest.domain.facts.cells import Amount
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.subjects.runs import RunsPlan
from metrics_ingest.domain.subjects.subject import (
    MINUTE_MS,
    QUARTER_MS,
    Booked,
    Bookings,
    booked_of,
    day_minute,
    day_sign,
)
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
PLACES = 2**14  # in a request: no door takes more events at once
NO_RUNS: Mapping[str, int] = {}


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
        self._version = source.version
        self.records = key_text([self.name])
        self.role = ROLES[contribution.kind]
        self.by_arrival = contribution.as_of is None
        self._gone = tuple(predicate_of(c, kinds[c.field]) for c in contribution.gone)
        self.gone_fields = frozenset(condition.field for condition in contribution.gone)
        self._zone = ZoneInfo(source.zone) if contribution.grain == DAY else None
        found = _with_types(source, contribution, metrics)
        self._metrics = [each for each in found if each[0].definition.kind not in METRIC_ROLES]
        self.conversions = {
            metric.definition.name: (metric, types)
            for metric, types in found
            if metric.definition.kind is MetricKind.CONVERSION
        }
        self._types = {metric.definition.name: types for metric, types in found}
        # Without a time of its own a record counts since its run began, whatever is edited later.
        without_at = self.role is Role.ENTITY and contribution.at is None
        counted = [metric for metric, _ in self._metrics] if without_at else []
        self.runs = RunsPlan(self, counted, source.version) if counted else None
        # Nothing but money that has to be converted can be wrong when a state is booked.
        self._paid = [
            each
            for each in (*self._metrics, *self.conversions.values())
            if each[0].convert is not None
        ]
        self._brought = {name for metric, _ in self._metrics for name in _values_of(metric)}
        self._aliases = _aliases(source)

    def event_of(self, raw: RawEvent, event: Mapped) -> SubjectEvent:
        """Return what is sent to the subject; raises Unfit where a name of it is missing."""
        wanted = self.contribution
        fields = event.fields
        cell = None
        if self.role is Role.SLICE and self._is_row(fields):
            cell = key_text(fields.get(name) for name in wanted.cell)
        return subject_event(
            raw,
            event,
            self.role,
            self.name,
            self._key(fields),
            as_of=self._as_of(raw, fields),
            mapping=self._version,
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
            return raw.received_ms * PLACES + min(raw.place, PLACES - 1)
        return int(_there(fields, self.contribution.as_of))

    def _placed(self, event: Mapped) -> Mapped:
        """Return the state when it counts: at its own time, if it has one, or its version's."""
        found = event.fields.get(self.contribution.at or "")
        if not isinstance(found, int):
            return event
        return Mapped(event.type, found, event.subject, event.fields)

    def quarter_of(self, event: Mapped) -> int:
        """Return the quarter hour (since the epoch) in which the event is a sign of life."""
        if self._zone is None:
            return event.at_ms // QUARTER_MS
        return day_sign(self._placed(event).at_ms, self._zone)

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
        partial = self.contribution.partial
        if not self._paid or (not partial and self.is_gone(event)):
            return
        placed = self._placed(event)
        for metric, types in self._paid:
            state = event if metric.definition.name in self.conversions else placed
            if not partial:
                _amount(metric, state, types)
                continue
            for kind in types or (event.type,):
                told = Mapped(kind, state.at_ms, state.subject, state.fields)
                metric.check_money(told, partial=True)

    def amount(self, metric: "MetricPlan", state: Mapped) -> Amount | None:
        """Return what a state is to a metric; None: nothing, or it is no more. Raises Unfit."""
        if self.is_gone(state):
            return None
        return _amount(metric, state, self._types[metric.definition.name])

    def minute_of(self, at_ms: int) -> int:
        """Return the minute in which what counts at an instant is booked."""
        return at_ms // MINUTE_MS if self._zone is None else day_minute(at_ms, self._zone)

    def is_elsewhere(self, booked: Booked, begins: Mapping[str, int]) -> bool:
        """Whether something is booked elsewhere than where its run began."""
        begin_ms = begins.get(booked.metric)
        return begin_ms is not None and self.minute_of(begin_ms) != booked.minute

    def is_gone(self, state: Mapped) -> bool:
        """Whether a state says that its record is no more."""
        return any(gone(state.fields) for gone in self._gone)

    def book(self, event: Mapped, kept: Bookings = ()) -> Bookings:
        """Return what the metrics get of this state, nothing if it is no more; raises Unfit.

        Of ``kept``, what they got of the same state, that of a metric stays that is as it was: a
        rate that was revised since restates nothing.
        """
        stays = {(each.metric, each.version): each for each in kept}
        return tuple(self._booked(event, stays))

    def book_again(
        self,
        event: Mapped,
        held: Bookings,
        begins: Mapping[str, int] = NO_RUNS,
        kept: Sequence[Booked] = (),
    ) -> tuple[Bookings, list[Unfit]]:
        """Return the same of a record, and what it lacks, each cause and place once.

        What cannot be had of it now (an amount whose currency was not told, the rate of the day on
        which its run began) stays as ``held``, and takes nothing else with it. ``begins`` says by
        metric since when the record counts, where that is not the state's own time.
        """
        stays = {(each.metric, each.version): each for each in kept}
        lacking: dict[tuple[str, str], Unfit] = {}
        booked = tuple(self._booked(event, stays, held, lacking, begins))
        return booked, list(lacking.values())

    def _booked(
        self,
        event: Mapped,
        stays: Mapping[tuple[str, int], Booked],
        held: Bookings = (),
        lacking: dict[tuple[str, str], Unfit] | None = None,
        begins: Mapping[str, int] = NO_RUNS,
    ) -> Iterator[Booked]:
        if self.is_gone(event):
            return
        placed = self._placed(event)
        for metric, types in self._metrics:
            name = metric.definition.name
            booked = stays.get((name, metric.definition.version))
            if booked is not None:
                yield booked
                continue
            state = placed
            if name in begins:
                state = Mapped(event.type, begins[name], event.subject, event.fields)
            try:
                amount = _amount(metric, state, types)
            except Unfit as unfit:
                if lacking is None:
                    raise
                lacking[unfit.cause, unfit.where] = unfit.without_frames()
                yield from (each for each in held if each.metric == name)
                continue
            if amount is not None:
                yield booked_of(metric, state, amount, self._zone)


def _with_types(
    source: Source, contribution: Contribution, metrics: Sequence["MetricPlan"]
) -> tuple[tuple["MetricPlan", tuple[str, ...]], ...]:
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
        if metric.definition.kind in SKETCHED:
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


def subject_event(
    raw: RawEvent, event: Mapped, role: Role, name: str, key: str, **more: Any
) -> SubjectEvent:
    """Return what is sent to a subject; raises Unfit where its names alone would fill a record."""
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
