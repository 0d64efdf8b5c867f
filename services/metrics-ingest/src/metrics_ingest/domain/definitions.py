"""What a tenant declares: sources with a mapping per door, and the metrics folded from them."""

from enum import StrEnum
from typing import Any

import msgspec


class Kind(StrEnum):
    """What a mapped field holds."""

    DECIMAL = "decimal"
    STRING = "string"
    INTEGER = "integer"


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
    """Where a field stands: the first of ``paths`` that exists and is not null wins."""

    paths: tuple[str, ...]
    kind: Kind = Kind.STRING
    required: bool = False


class Mapping(Part, frozen=True):
    """How one door's events are read. Each path is dotted; of a list the first that exists wins."""

    id: tuple[str, ...]
    type: tuple[str, ...]
    time: tuple[str, ...]
    subject: tuple[str, ...] = ()
    fields: dict[str, FieldMapping] = {}


class Source(Part, frozen=True):
    """A source of events. Its doors share one id space.

    ``doors`` maps ``http`` or ``topic:<name>`` to a mapping. ``zone`` is the IANA zone of times
    that carry none. ``records`` are the types that are business records; ``*`` means all.
    ``paused`` says why its records become dead letters at once, None while it runs.
    """

    name: str
    doors: dict[str, Mapping]
    zone: str = "UTC"
    records: tuple[str, ...] = ()
    version: int = 0
    paused: str | None = None

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


class Metric(Part, frozen=True):
    """An additive metric: the sum of ``value`` (None: 1 for each event) over matching events.

    An event matches when its type is in ``types`` (empty: any) and it meets every condition of
    ``where``; one without the value's field adds nothing. ``unit`` is free text, ``currency`` an
    ISO 4217 code, ``good`` is ``up`` or ``down``.
    """

    name: str
    source: str
    kind: str = "additive"
    types: tuple[str, ...] = ()
    value: str | None = None
    where: tuple[Condition, ...] = ()
    dims: tuple[str, ...] = ()
    unit: str = ""
    currency: str | None = None
    good: str = "up"
    version: int = 0


class Definitions(msgspec.Struct, frozen=True):
    """Everything that one tenant has declared, as of one version of its head."""

    tenant: str
    version: int
    sources: tuple[Source, ...] = ()
    metrics: tuple[Metric, ...] = ()


HTTP_DOOR = "http"
TOPIC_DOOR = "topic:"
ALL_TYPES = "*"
BY_HAND = "by-hand"  # the source of the numbers that people type
