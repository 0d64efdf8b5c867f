"""What needs a history to count: events on their way to the one partition that knows their subject.

A cell of a report, an account's day, a record of the CRM, a unit or a converting person each live
in one partition, whichever raw partition their events came through.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from event_contracts.facts import Watermark
from event_contracts.wire import Event, Part


class Role(StrEnum):
    """What an event says about its subject, and so which state it meets."""

    SNAPSHOT = "snapshot"
    SLICE = "slice"
    ENTITY = "entity"
    UNITS = "units"
    CONVERSION = "conversion"


class SubjectEvent(Part, frozen=True, kw_only=True):
    """One accepted event, mapped, beside the subject that it is about.

    The subject is (tenant, source, ``role``, ``name``, ``key``): ``name`` is that of the source's
    contribution (its first type, ``*`` for the one without types) or of the metric. ``as_of`` says
    which of two versions is newer, ``mapping`` (the version of the source that read it) which of
    two readings of one version. Of a slice, ``cell`` names the row (None: a part without one) and
    ``part`` is one of ``parts``; for a conversion ``cell`` names the record that the event says
    something of (None: it happened). Fields stand apart by what they hold, so that each comes back
    as what it was: an amount never as a text.
    """

    role: Role
    name: str
    key: str
    id: str
    type: str
    at_ms: int
    received_ms: int
    as_of: int = 0
    mapping: int = 0
    subject: str | None = None
    cell: str | None = None
    part: str = ""
    parts: int = 1
    decimals: dict[str, Decimal] = msgspec.field(default_factory=dict)
    texts: dict[str, str] = msgspec.field(default_factory=dict)
    integers: dict[str, int] = msgspec.field(default_factory=dict)


class SubjectBatch(Event, frozen=True, kw_only=True, tag="subjects.batch.v1"):
    """A delta: events of one source from one flush of one input partition, each once.

    ``definitions`` is the version of the tenant's head that mapped them, ``as_of_ms`` when the
    newest of the flush was accepted: what comes of them is as of then.
    """

    tenant: str
    source: str
    definitions: int
    as_of_ms: int
    events: tuple[SubjectEvent, ...]


SubjectsMessage = SubjectBatch | Watermark
