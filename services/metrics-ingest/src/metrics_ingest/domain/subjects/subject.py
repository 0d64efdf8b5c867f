"""A subject and what it has contributed: kept exactly, so that it can be taken back exactly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from event_contracts.subjects import Role, SubjectEvent
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.facts.cells import Amount
from metrics_ingest.domain.mapping import Mapped, content_stamp
from metrics_ingest.domain.values import Value

if TYPE_CHECKING:
    from metrics_ingest.domain.plans import MetricPlan

APPLIED = "applied"
REPEATED = "repeated"  # known already, with this content
STALE = "stale"  # older than what holds
CONFLICT = "conflict"  # another content of one version: the first holds
WAITING = "waiting"  # a part of a slice that is not whole yet
BEYOND = "beyond"  # a row of a slice that has no room for more
UNMATCHED = "unmatched"  # nothing of it counts

MINUTE_MS = 60_000
QUARTER_MS = 15 * MINUTE_MS
_QUARTER = 15
_EPOCH = date(1970, 1, 1).toordinal()


class Subject(NamedTuple):
    """Whose state it is: see event_contracts.subjects.SubjectEvent."""

    tenant: str
    source: str
    role: Role
    name: str
    key: str


class Booked(msgspec.Struct, frozen=True, array_like=True):
    """What one metric got of a subject, and where it landed.

    ``zone`` is that of the account's day when the minute is the day's beginning. ``dims`` are as
    they stand in the facts: a value beyond the limit is ``other``.
    """

    metric: str
    version: int
    minute: int
    dims: dict[str, str]
    sum: Decimal
    over: Decimal
    count: int
    zone: str | None = None


Bookings = tuple[Booked, ...]


class State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a subject: ``booked`` by cell; a subject that is one cell has the key "".

    ``lacking`` are the causes and places for which something of it cannot count as it is now.
    """

    booked: dict[str, Bookings] = {}
    lacking: tuple[tuple[str, str], ...] = ()

    @property
    def parts(self) -> int:
        """How many parts it has: one of many is not remembered, but read when it is needed."""
        return len(self.booked)


S = TypeVar("S", bound=State)


@dataclass(frozen=True, slots=True)
class Step:
    """A subject's state after some events, and what became of each of them.

    ``lacking`` tells of every cause and place in the state what would be right.
    """

    state: State
    outcomes: Sequence[str]
    lacking: Sequence[Unfit] = ()


Take = Callable[[Any, Sequence[SubjectEvent], Any], Step]
"""From a state, events in their order and the subject's plan to the next state."""


def mapped_of(event: SubjectEvent) -> Mapped:
    """Return the event as its mapping read it."""
    fields: dict[str, Value] = {**event.decimals, **event.texts, **event.integers}
    return Mapped(event.type, event.at_ms, event.subject, fields)


def is_touch(event: SubjectEvent) -> bool:
    """Whether an event says nothing but whose it is: a letter of what a record lacks, replayed."""
    return not (event.decimals or event.texts or event.integers)


def stamp_of(event: SubjectEvent) -> int:
    """Return 56 bits that tell one content from another."""
    return content_stamp(mapped_of(event), 0)


def booked_of(
    metric: "MetricPlan", event: Mapped, amount: Amount, zone: ZoneInfo | None = None
) -> Booked:
    """Return what a metric gets of an event; ``zone`` puts it into that zone's day."""
    return Booked(
        metric.definition.name,
        metric.definition.version,
        event.at_ms // MINUTE_MS if zone is None else day_minute(event.at_ms, zone),
        dims_of(metric, event),
        amount.sum,
        amount.over,
        1,
        None if zone is None else zone.key,
    )


def dims_of(metric: "MetricPlan", event: Mapped) -> dict[str, str]:
    """Return the metric's dimensions that the event has."""
    values = zip(metric.dims, metric.dims_of(event.fields), strict=True)
    return {name: str(value) for name, value in values if value is not None}


def day_sign(at_ms: int, zone: ZoneInfo) -> int:
    """Return the quarter hour (since the epoch) that says of a whole local day that it was told.

    A day counts on its date in every goal, so the quarter lies on that date in nearly every zone:
    10:45 UTC, from UTC-10:45 to UTC+13; and always within the day itself.
    """
    begin = day_minute(at_ms, zone) // _QUARTER
    day = datetime.fromtimestamp(at_ms // 1000, zone).date()
    end = day_minute(at_ms, zone, days=1) // _QUARTER
    noon = (day.toordinal() - _EPOCH) * 96 + 43
    return max(begin, min(noon, end - 1))


def day_minute(at_ms: int, zone: ZoneInfo, days: int = 0) -> int:
    """Return the epoch minute at which the local day of an instant begins, or one days later."""
    local = datetime.fromtimestamp(at_ms // 1000, zone).date() + timedelta(days)
    begin = datetime(local.year, local.month, local.day, tzinfo=zone)
    return int(begin.timestamp()) // 60
