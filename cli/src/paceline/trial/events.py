"""One event of the drill: what is sent, and what the journal keeps."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

DRILL = "drill"  # orders, kept as business records
WEB = "web"  # clicks: a plain source, folded in bulk
SITE = "site"  # visits and leads: they count by the history of their member
SOURCES = (DRILL, WEB, SITE)

# How an event can be spoilt, and the cause of the dead letter that it becomes.
FLAWS = {
    "amount": "wrong-kind",
    "region": "missing-field",
    "time": "bad-time",
    "digits": "out-of-range",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event: ``at`` is its event time, ``late`` whether it is held back until judged.

    ``subject`` is the cell, the slice or the deal that it is a version of, ``as_of`` which one; or
    the member that visits. With a ``flaw`` it cannot count.
    """

    id: str
    at: datetime
    region: str
    amount: Decimal
    late: bool = False
    type: str = "order.placed"
    source: str = DRILL
    subject: str = ""
    as_of: int = 0
    cell: str = ""
    part: int = 0
    parts: int = 0
    stage: str = ""
    page: str = ""
    flaw: str = ""

    @property
    def minute(self) -> int:
        """The UTC epoch minute of its time."""
        return int(self.at.timestamp()) // 60

    def cloud_event(self) -> dict[str, object]:
        """Return the CloudEvent."""
        data: dict[str, object] = {"amount": self.amount, "region": self.region}
        for name in ("subject", "as_of", "cell", "part", "parts", "stage", "page"):
            if value := getattr(self, name):
                data[name] = value
        event: dict[str, object] = {
            "specversion": "1.0",
            "id": self.id,
            "source": f"/{self.source}",
            "type": self.type,
            "time": self.at.isoformat(timespec="milliseconds"),
            "data": data,
        }
        if self.flaw:
            _SPOIL[self.flaw](event, data)
        return event


_SPOIL: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "amount": lambda event, data: data.update(amount="n/a"),
    "region": lambda event, data: data.pop("region"),
    "time": lambda event, data: event.update(time="yesterday"),
    "digits": lambda event, data: data.update(amount=Decimal("0.1234567890123")),
}
