"""The ways in which the shop's year reaches a system. Each is a tenant of its own.

All variants run side by side on one clock; whatever the way, the lights and totals must end the
same.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zlib import crc32

from paceline.trial.retail import Invoice

LATE_SHARE = 0.05
RENAMED = 200


@dataclass(frozen=True, slots=True)
class Variant:
    """``doors``: http, topic, half (by turns) or both (every event twice)."""

    name: str
    doors: str
    shuffled: bool = False
    late: bool = False
    hopeless: bool = False
    renamed: bool = False

    def delay(self, invoice: Invoice) -> int:
        """Return after how many days the event is delivered."""
        chance = random.Random(f"late:{invoice.id}")
        return chance.randint(1, 3) if self.late and chance.random() < LATE_SHARE else 0

    def order(self, day: date, invoices: Sequence[Invoice]) -> list[Invoice]:
        """Return the day's events in the order of sending."""
        found = list(invoices)
        if self.shuffled:
            random.Random(f"shuffle:{day}").shuffle(found)
        return found

    def by_http(self, invoice: Invoice) -> bool:
        """Whether the event goes through HTTP."""
        return self.doors in ("http", "both") or (self.doors == "half" and not _odd(invoice))

    def by_topic(self, invoice: Invoice) -> bool:
        """Whether the event goes through the organisation's own topic."""
        return self.doors in ("topic", "both") or (self.doors == "half" and _odd(invoice))


VARIANTS = (
    Variant("http", "http"),
    Variant("topic", "topic"),
    Variant("half", "half"),
    Variant("both", "both"),
    Variant("shuffled", "half", shuffled=True),
    Variant("late", "half", late=True),
    Variant("hopeless", "half", hopeless=True),
    Variant("renamed", "half", renamed=True),
)


def _odd(invoice: Invoice) -> bool:
    return crc32(invoice.id.encode()) % 2 == 1


def rename(invoice: Invoice) -> Invoice:
    """Return the event as a changed shop writes it: ``gross`` has become ``gross_amount``."""
    body = dict(invoice.body)
    body["gross_amount"] = body.pop("gross")
    return Invoice(invoice.id, invoice.day, body)


def hopeless_events(day: date) -> list[Invoice]:
    """Return events that are JSON but that no mapping can read."""
    broken: list[dict[str, Any]] = [
        {"gross": "a lot", "net": 1, "dims": {"country": "France"}},
        {"gross": 10, "net": 10, "dims": {}},
        {"gross": 10, "net": 10, "dims": {"country": "France"}, "occurred_at": "yesterday"},
    ]
    at = f"{day}T12:00:00"
    return [
        Invoice(
            f"hopeless-{day}-{number}",
            day,
            {
                "event_id": f"hopeless-{day}-{number}",
                "type": "order.placed",
                "occurred_at": at,
                "key": "",
            }
            | body,
        )
        for number, body in enumerate(broken)
    ]


HOPELESS_BYTES = (
    b"\xff\xfe no JSON",
    b'{"event_id": "nan", "type": "order.placed", "gross": NaN}',
    b"",
)
