"""Numbers kept by hand. A cell is one metric's number of one day and one set of dimensions.

What counts is a sum of events, so a cell is corrected by what is missing to its new number. The id
of such an event is that of the cell and its revision: of two corrections of one number made at the
same time the second has the id of the first, is dropped as its copy, and has to be told so.
"""

import hashlib
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from console.domain.answers import TypedNumber

SOURCE = "by-hand"
TYPE = "number.typed"
# The source has a fixed set of dimensions; each metric uses some of them.
DIMS = ("channel", "campaign", "team", "product", "region")
NOON = "12:00:00"  # local time of the day; nowhere does a day's noon belong to another day
ZERO = Decimal(0)


class Cell(NamedTuple):
    """One number: ``dims`` are names and values in the order of the metric's dimensions."""

    metric: str
    day: date
    dims: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """The dimensions in words; empty without any."""
        return " · ".join(value for _, value in self.dims)


class Stand(NamedTuple):
    """What a cell holds: the number that was said last, by whom, and in which revision."""

    value: Decimal = ZERO
    revision: int = 0
    author: str = ""
    evidence: str = ""
    received_ms: int = -1


class Change(NamedTuple):
    """A cell that gets another number."""

    cell: Cell
    before: Stand
    value: Decimal
    evidence: str = ""

    @property
    def id(self) -> str:
        """The event's id: the same for the same revision of the same cell."""
        parts = [self.cell.metric, str(self.cell.day), *(f"{n}={v}" for n, v in self.cell.dims)]
        text = "\x1f".join([*parts, str(self.before.revision + 1)])
        return hashlib.sha256(text.encode()).hexdigest()

    def event(self) -> dict[str, Any]:
        """Return the CloudEvent that makes the change; its author is added where it is taken in."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": "/console",
            "type": TYPE,
            "time": f"{self.cell.day}T{NOON}",
            "data": {
                "metric": self.cell.metric,
                "day": str(self.cell.day),
                "amount": str(self.value - self.before.value),
                "said": str(self.value),
                "revision": self.before.revision + 1,
                "evidence": self.evidence,
                **dict(self.cell.dims),
            },
        }


def standing(numbers: Iterable[TypedNumber]) -> dict[Cell, Stand]:
    """Return what each cell holds: its highest revision."""
    found: dict[Cell, Stand] = {}
    for each in numbers:
        cell = cell_of(each)
        stand = stand_of(each)
        if stand.revision > found.get(cell, Stand()).revision:
            found[cell] = stand
    return found


def cell_of(typed: TypedNumber) -> Cell:
    """Return the cell that a typed number belongs to."""
    fields = typed.fields
    dims = tuple((dim, str(fields[dim])) for dim in DIMS if dim in fields)
    return Cell(str(fields["metric"]), date.fromisoformat(str(fields["day"])), dims)


def stand_of(typed: TypedNumber) -> Stand:
    """Return what a typed number says."""
    fields = typed.fields
    return Stand(
        value=Decimal(str(fields.get("said", 0))),
        revision=int(fields.get("revision", 0)),
        author=str(fields.get("author", "")),
        evidence=str(fields.get("evidence", "")),
        received_ms=typed.received_ms,
    )


def source_document(zone: str) -> dict[str, Any]:
    """Return the source of numbers kept by hand, as metrics-ingest declares it."""
    fields: dict[str, Any] = {
        "metric": {"paths": ["data.metric"], "kind": "string", "required": True},
        "day": {"paths": ["data.day"], "kind": "string", "required": True},
        "amount": {"paths": ["data.amount"], "kind": "decimal", "required": True},
        "said": {"paths": ["data.said"], "kind": "decimal", "required": True},
        "revision": {"paths": ["data.revision"], "kind": "integer", "required": True},
        "author": {"paths": ["data.author"], "kind": "string", "required": True},
        "evidence": {"paths": ["data.evidence"], "kind": "string"},
    }
    fields |= {dim: {"paths": [f"data.{dim}"], "kind": "string"} for dim in DIMS}
    door = {"id": ["id"], "type": ["type"], "time": ["time"], "fields": fields}
    return {"name": SOURCE, "zone": zone, "records": [TYPE], "doors": {"http": door}}


def metric_document(name: str, unit: str, dims: Iterable[str]) -> dict[str, Any]:
    """Return a metric kept by hand, as metrics-ingest defines it."""
    return {
        "name": name,
        "source": SOURCE,
        "types": [TYPE],
        "value": "amount",
        "where": [{"field": "metric", "op": "eq", "value": name}],
        "dims": [dim for dim in DIMS if dim in dims],
        "unit": unit,
    }
