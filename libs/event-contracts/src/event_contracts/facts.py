"""What is folded: sums per minute and dimensions of one metric, and what shares their log."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import msgspec

from event_contracts.wire import Event, Part, encode

OTHER = "other"
"""Every value of the one set of dimensions that takes what is beyond a metric's limit of sets."""


class Cell(msgspec.Struct, frozen=True, array_like=True):
    """One minute of one set of dimensions.

    ``minute`` is UTC epoch minutes of the event time, ``dims`` an index into the batch's table,
    ``sum`` the exact sum of the metric's values, ``count`` how many events stand behind it (a
    correction may make both negative).
    """

    minute: int
    dims: int
    sum: Decimal
    count: int


class Accepted(msgspec.Struct, frozen=True, array_like=True):
    """How many events of the source fell into a quarter hour (UTC epoch seconds // 900)."""

    quarter: int
    count: int


class FactBatch(Event, frozen=True, kw_only=True, tag="facts.batch.v1"):
    """A delta: one metric's cells from one flush of one input partition.

    Applied once by its lane (headers ``lane``, ``seq``, ``range``; see service_kit.lanes).
    ``accepted`` counts the source's new events whether or not they met the metric: a source that
    delivered without a match is not silent. ``definition`` is the version folded with.
    ``over`` holds the denominators of a ratio's or conversion's cells, ``sketches`` the serialised
    sketches of a unique count's (HLL) or a quantile's (KLL): one for each cell, or none at all.
    ``day_zone`` marks facts of day grain: each cell's minute is the beginning of a local day of
    that zone, and the day is never cut to another one. ``provisional``: the source restates it.
    """

    tenant: str
    metric: str
    source: str
    definition: int
    as_of_ms: int
    dims: tuple[dict[str, str], ...] = ()
    cells: tuple[Cell, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    provisional: bool = False
    history: bool = False
    corrects: str | None = None
    day_zone: str | None = None
    over: tuple[Decimal, ...] = ()
    sketches: tuple[bytes, ...] = ()


class FactBatches(Event, frozen=True, kw_only=True, tag="facts.batches.v1"):
    """A delta: what one flush of one input partition sends to one facts partition of a tenant.

    Each batch is whole in itself, as if it came alone; the record's lane counts them once, all
    together. A reader that cannot take one of them takes none. Raises ValueError, and is refused
    when read, if a batch is of another tenant.
    """

    tenant: str
    batches: tuple[FactBatch, ...]

    def __post_init__(self) -> None:
        strangers = {batch.tenant for batch in self.batches} - {self.tenant}
        if strangers:
            raise ValueError(f"facts of {sorted(strangers)} in a record of {self.tenant!r}")


class _Joined(Event, frozen=True, kw_only=True, tag="facts.batches.v1"):
    tenant: str
    batches: tuple[msgspec.Raw, ...]


def joined(tenant: str, batches: Iterable[bytes]) -> bytes:
    """Return the message FactBatches of a tenant's batches that are encoded already."""
    return encode(_Joined(tenant=tenant, batches=tuple(map(msgspec.Raw, batches))))


class Condition(Part, frozen=True, kw_only=True):
    """A filter on one dimension: its value is in ``any_of``, or it is not in ``none_of``."""

    dim: str
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()


class GoalControl(Event, frozen=True, kw_only=True, tag="facts.goal-control.v1"):
    """A goal begins, changes or stops to use a metric; travels in the metric's own log.

    Whoever reads it knows that everything before it in the log is to be back-filled and that
    everything after it arrives as facts. ``start`` and ``end`` are the first and last local day.
    ``part`` says which of the goal's sums this is: empty for the goal's own, ``over`` for its
    denominator, ``guardrail.N`` and ``guardrail.N.over`` for those of its N-th guardrail from 0.
    ``denominator``: it counts the metric's own denominators (FactBatch.over), not its sums.
    """

    tenant: str
    metric: str
    goal: str
    goal_version: int
    zone: str
    start: date
    end: date
    where: tuple[Condition, ...] = ()
    stopped: bool = False
    part: str = ""
    denominator: bool = False


class Watermark(Event, frozen=True, kw_only=True, tag="watermark.v1"):
    """All that was accepted before ``at_ms`` on the origin stands before it in its lane.

    Not so of the tenants in ``held``: of each only what was accepted before its own, earlier
    instant is promised; -1: this record says nothing of it. What was promised earlier still holds.
    """

    origin: str
    at_ms: int
    held: dict[str, int] = msgspec.field(default_factory=dict)


FactsMessage = FactBatch | FactBatches | GoalControl | Watermark


def batches_of(message: FactsMessage) -> tuple[FactBatch, ...]:
    """Return the facts in a message of the topic, alone or together; of any other, none."""
    if isinstance(message, FactBatches):
        return message.batches
    return (message,) if isinstance(message, FactBatch) else ()
