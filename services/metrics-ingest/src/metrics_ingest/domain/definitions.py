"""What a tenant declares: sources with a mapping per door, and the metrics folded from them."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from metrics_ingest.domain.money.rates import Rate


class Kind(StrEnum):
    """What a mapped field holds."""

    DECIMAL = "decimal"
    STRING = "string"
    INTEGER = "integer"
    TIME = "time"  # an instant: epoch milliseconds once it is read


class Op(StrEnum):
    """How a condition compares a field with its value."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"
    IN = "in"
    EXISTS = "exists"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all parts of a definition. The door refuses unknown names, the store does not."""


class FieldMapping(Part, frozen=True):
    """Where a field stands: the first of ``paths`` that exists and is not null wins.

    Paths: domain.mapping.paths. ``format`` says how a time is written (domain.mapping.times) or a
    decimal with thousands (domain.mapping.written), or that a text is to be in ``upper`` or
    ``lower`` case. ``scale`` is what a decimal is multiplied by: 0.01 for cents, 0.000001 for
    micros; with ``minor`` it is in the smallest unit of its currency, which has as many digits as
    ISO 4217 says, or ``digits`` for a sender who sees it differently.
    ``values`` translates texts; what it does not name stays. Texts in ``absent`` count as null.
    ``currency`` makes a decimal money: an ISO 4217 code, the name of the field that holds it, or
    ``NAME or CODE``: the code where an event, or the state that it changes, has no such field.
    """

    paths: tuple[str, ...]
    kind: Kind = Kind.STRING
    required: bool = False
    format: str = "iso"
    scale: Decimal | None = None
    values: dict[str, str] = {}
    currency: str | None = None
    minor: bool = False
    digits: dict[str, int] = {}
    absent: tuple[str, ...] = ()


class Mapping(Part, frozen=True):
    """How one door's events are read. Of a list of paths the first that exists wins.

    ``each`` is the path of the list whose items are the events of a body; an item is then read as
    ``{"item", "root", "query"}`` (domain.mapping.items). ``skip`` are conditions on mapped fields
    under which an event is none (a test, a hint). ``drop`` are the paths of secrets, taken out
    before anything is kept. ``known`` are paths that are not read and no drift either, each with
    all that is below it. ``schema`` is the JSON Schema of an event (domain.mapping.schemas),
    ``wire`` how a topic's records are written (domain.mapping.wire).
    """

    id: tuple[str, ...]
    type: tuple[str, ...]
    time: tuple[str, ...]
    subject: tuple[str, ...] = ()
    fields: dict[str, FieldMapping] = {}
    time_format: str = "iso"
    each: str | None = None
    skip: tuple["Condition", ...] = ()
    drop: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None
    wire: str = "json"


class ContributionKind(StrEnum):
    """What an event says of a number."""

    DELTA = "delta"  # it happened: add it
    SNAPSHOT = "snapshot"  # this cell is now X, as of t
    SLICE = "slice"  # the whole of an account's day: what is missing is 0
    ENTITY = "entity"  # the newest state of one record


class Contribution(Part, frozen=True):
    """How events of these types (none named: all others of the source) contribute.

    ``key`` are the mapped fields that name the cell, the slice or the entity (inside the source);
    ``as_of`` is the field (integer or time) whose higher value is newer, None: the time of arrival.
    A slice's cells are named by ``cell``; it takes effect when ``parts`` (a field with their
    number, None: 1) different values of ``part`` are there. An event without any of the ``cell``
    fields and without an amount is a part without a row: alone, it is the slice in which all is 0.
    Of an entity ``partial`` events carry changed fields only: an absent one is unchanged, those
    named in the field ``nulled`` (a list, comma separated) are emptied; ``gone`` are the conditions
    under which the entity is no more; ``at`` is the field (time) of when it counts, None: the event
    time of its newest version. ``grain`` day keeps the cells in the account's days (zone: that of
    the source).
    """

    kind: ContributionKind = ContributionKind.DELTA
    types: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    as_of: str | None = None
    cell: tuple[str, ...] = ()
    part: str | None = None
    parts: str | None = None
    partial: bool = False
    nulled: str | None = None
    gone: tuple["Condition", ...] = ()
    at: str | None = None
    grain: str = "minute"


class Source(Part, frozen=True):
    """A source of events. Its doors share one id space.

    ``doors`` maps ``http``, ``segment``, ``hook`` or ``topic:<name>`` to a mapping. ``zone`` is the
    IANA zone of times that carry none. ``records`` are the types that are business records; ``*``
    means all. ``paused`` says why its records become dead letters at once, None while it runs.

    ``contributions`` say what its events are; without one they are deltas. The platform may restate
    a day for ``restates_days``: until then its facts are settling. ``drift`` says what happens to
    fields that no mapping knows: ``ignore`` counts them, ``quarantine`` makes dead letters.
    ``signature`` is how its webhook is signed (domain.doors.signatures), None: not at all.

    An event that lies more than ``ahead_hours`` (a year, unless given) after its acceptance is a
    dead letter, and so is one more than ``late_days`` before it, if that is given: without it no
    event is too late.
    """

    name: str
    doors: dict[str, Mapping]
    zone: str = "UTC"
    records: tuple[str, ...] = ()
    version: int = 0
    paused: str | None = None
    contributions: tuple[Contribution, ...] = ()
    restates_days: int = 0
    drift: str = "ignore"
    signature: str | None = None
    ahead_hours: int = 24 * 366
    late_days: int | None = None

    @property
    def by_arrival(self) -> bool:
        """Whether of some of its states arrival alone tells which is newer."""
        return any(
            each.kind is not ContributionKind.DELTA and each.as_of is None
            for each in self.contributions
        )

    @property
    def topics(self) -> tuple[str, ...]:
        """The organisation's topics that this source is read from."""
        return tuple(sorted(d[len(TOPIC_DOOR) :] for d in self.doors if d.startswith(TOPIC_DOOR)))


class Condition(Part, frozen=True):
    """A filter on one field. ``value`` is a list for ``in``; for ``exists`` true (or left out)
    means that the field must be there and false that it must not.
    """

    field: str
    op: Op
    value: Any = None


class MetricKind(StrEnum):
    """How a metric is made of events."""

    ADDITIVE = "additive"
    RATIO = "ratio"
    UNIQUE = "unique"
    QUANTILE = "quantile"
    CUMULATIVE = "cumulative"
    UNITS = "unit-threshold"
    CONVERSION = "conversion"


OVER_KINDS = (MetricKind.RATIO, MetricKind.CONVERSION)
SKETCH_KINDS = (MetricKind.UNIQUE, MetricKind.QUANTILE)


class Elapsed(Part, frozen=True):
    """Working minutes of an event: from its time field ``since`` to ``until`` (None: its own time).

    A working day has the local ``hours`` of ``zone`` ("24:00" is its end); working days are the ISO
    ``weekdays`` (1 is Monday) without ``off`` and with ``on``, days of make-up work.
    """

    since: str
    zone: str
    until: str | None = None
    hours: tuple[str, str] = ("09:00", "18:00")
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5)
    off: tuple[date, ...] = ()
    on: tuple[date, ...] = ()


class Measure(Part, frozen=True):
    """What is summed over the matching events: ``value``, ``elapsed``, else 1 for each.

    An event matches when its type is in ``types`` (empty: any) and it meets every condition of
    ``where``; one without the fields of its value adds nothing.
    """

    types: tuple[str, ...] = ()
    value: str | None = None
    where: tuple[Condition, ...] = ()
    elapsed: Elapsed | None = None


class Metric(Part, frozen=True):
    """A metric: its own measure (as in Measure) and what its kind needs beside.

    additive: the sum. ratio: the sum over that of ``over``, kept apart. unique: how many different
    values the field ``of`` has (HLL). quantile: the ``quantile`` (0 < q < 1) of ``value`` (KLL).
    cumulative: the running total of the sum. unit-threshold: how many units (values of the field
    ``of``) have come to ``threshold``, within ``window_days`` of the unit's first event if given.
    conversion: the share of subjects (values of ``of``) with an event of the own measure that have
    one of ``over`` within ``window_days``; booked ``by`` cohort (the day of the first) or period
    (the day of the second).

    ``unit`` is free text, ``currency`` an ISO 4217 code, ``good`` is ``up`` or ``down``. Money in
    another currency is taken at the ``rates`` of the event's ``day`` or at the ``budget`` rates
    (one unit of the foreign currency in ``currency``); ``effect`` is their difference, of metrics
    that Paceline makes itself (domain.money.exchange).
    """

    name: str
    source: str
    kind: MetricKind = MetricKind.ADDITIVE
    types: tuple[str, ...] = ()
    value: str | None = None
    where: tuple[Condition, ...] = ()
    dims: tuple[str, ...] = ()
    unit: str = ""
    currency: str | None = None
    good: str = "up"
    version: int = 0
    over: Measure | None = None
    of: str | None = None
    quantile: Decimal | None = None
    threshold: Decimal | None = None
    window_days: int | None = None
    by: str = "cohort"
    rates: str = "day"
    budget: dict[str, Decimal] = {}
    elapsed: Elapsed | None = None


class Definitions(msgspec.Struct, frozen=True):
    """Everything that one tenant has declared, as of one version of its head.

    ``rates`` are those into currencies of its metrics, every version.
    """

    tenant: str
    version: int
    sources: tuple[Source, ...] = ()
    metrics: tuple[Metric, ...] = ()
    rates: tuple[Rate, ...] = ()


HTTP_DOOR = "http"
SEGMENT_DOOR = "segment"  # track, page, screen, identify, group, alias, batch
HOOK_DOOR = "hook"  # signed webhooks
TOPIC_DOOR = "topic:"
ALL_TYPES = "*"
BY_HAND = "by-hand"  # the source of the numbers that people type
