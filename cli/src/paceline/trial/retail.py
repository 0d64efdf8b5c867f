"""The real shop: a year of invoices of a UK web shop, its four goals and their published lights.

Chen, D. (2015), Online Retail, UCI Machine Learning Repository, doi 10.24432/C5BW33, CC BY 4.0. The
data stay outside the repository, in ``../shared/data/retail`` or where PACELINE_RETAIL points.
"""

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from paceline.trial.oracle import Wanted, working

ZONE = ZoneInfo("Europe/London")
START, END = date(2010, 12, 1), date(2011, 12, 9)
DAILY = {"gross_revenue": 35_000, "net_revenue": 30_000, "orders": 70, "export_revenue": 5_000}
SOURCE = "shop"


def folder() -> Path | None:
    """Return the folder of the shop's data, or None where it is absent."""
    default = Path(__file__).resolve().parents[5] / "shared" / "data" / "retail"
    found = Path(os.environ.get("PACELINE_RETAIL", default))
    return found if (found / "events.ndjson.gz").exists() else None


@dataclass(frozen=True, slots=True)
class Invoice:
    """One event as the shop wrote it; ``body`` is the line, figures as exact decimals."""

    id: str
    day: date
    body: dict[str, Any]

    @property
    def country(self) -> str:
        """The customer's country."""
        return str(self.body["dims"]["country"])

    def amount(self, field: str) -> Decimal:
        """Return ``net`` or ``gross``."""
        return Decimal(self.body[field])

    def cloud_event(self) -> dict[str, Any]:
        """Return the CloudEvent that carries the shop's event as its data."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": "/shop",
            "type": self.body["type"],
            "data": self.body,
        }


def invoices(path: Path) -> Iterator[Invoice]:
    """Yield all events in the order of the file (by day)."""
    with gzip.open(path / "events.ndjson.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            body = json.loads(line, parse_float=Decimal)
            yield Invoice(body["event_id"], date.fromisoformat(body["occurred_on"]), body)


def by_day(path: Path, start: date = START, end: date = END) -> dict[date, list[Invoice]]:
    """Return the events of every day from ``start`` to ``end``, empty days included."""
    days: dict[date, list[Invoice]] = {
        start + timedelta(days=number): [] for number in range((end - start).days + 1)
    }
    for invoice in invoices(path):
        if start <= invoice.day <= end:
            days[invoice.day].append(invoice)
    return days


def local(day: date, hour: int, minute: int = 0, second: int = 0) -> float:
    """Return the epoch seconds of a wall-clock time in London."""
    at = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=ZONE)
    return at.astimezone(UTC).timestamp()


def wanted(goal: str) -> Wanted:
    """Return what the goal asks for over the whole year."""
    daily = Decimal(DAILY[goal])
    target = daily * len(working(START, END))
    return Wanted(daily, START, END, target * 8 / 10, target, target * 12 / 10)


def values(events: list[Invoice]) -> dict[str, dict[date, Decimal]]:
    """Return every goal's value by day, summed here from the events themselves."""
    sums: dict[str, dict[date, Decimal]] = {goal: {} for goal in DAILY}

    def add(goal: str, day: date, amount: Decimal) -> None:
        sums[goal][day] = sums[goal].get(day, Decimal(0)) + amount

    for event in events:
        gross = event.amount("gross")
        add("gross_revenue", event.day, gross)
        add("net_revenue", event.day, event.amount("net"))
        add("orders", event.day, Decimal(1 if gross > 0 else 0))
        if event.country != "United Kingdom":
            add("export_revenue", event.day, gross)
    return sums


def source(topic: str | None) -> dict[str, Any]:
    """Return the source document: HTTP as CloudEvents and a topic of bare events, one id space."""
    doors = {"http": _mapping("data.", "id", "type")}
    if topic is not None:
        doors[f"topic:{topic}"] = _mapping("", "event_id", "type")
    return {
        "name": SOURCE,
        "zone": "Europe/London",
        "records": ["order.placed", "order.cancelled"],
        "doors": doors,
    }


def _mapping(at: str, identity: str, kind: str) -> dict[str, Any]:
    def field(path: str, of: str) -> dict[str, Any]:
        return {"paths": [at + path], "kind": of, "required": True}

    return {
        "id": [identity],
        "type": [kind],
        "time": [at + "occurred_at"],
        "subject": [at + "key"],
        "fields": {
            "gross": field("gross", "decimal"),
            "net": field("net", "decimal"),
            "country": field("dims.country", "string"),
        },
    }


def metrics() -> list[dict[str, Any]]:
    """Return the metric documents; exports are a goal's filter, not a metric."""
    money = {"source": SOURCE, "kind": "additive", "dims": ["country"], "unit": "GBP"}
    return [
        money | {"name": "gross_revenue", "value": "gross", "currency": "GBP"},
        money | {"name": "net_revenue", "value": "net", "currency": "GBP"},
        money
        | {
            "name": "orders",
            "unit": "orders",
            "where": [{"field": "gross", "op": "gt", "value": 0}],
        },
    ]


def goals() -> list[dict[str, Any]]:
    """Return the four goal documents of the data's README."""
    return [_goal(name) for name in DAILY]


def _goal(name: str) -> dict[str, Any]:
    export = name == "export_revenue"
    want = wanted(name)
    return {
        "id": name,
        "name": name.replace("_", " "),
        "metric": "gross_revenue" if export else name,
        "where": [{"dim": "country", "none_of": ["United Kingdom"]}] if export else [],
        "start": START.isoformat(),
        "end": END.isoformat(),
        "zone": "Europe/London",
        "plan": {"daily": want.daily},
        "target": want.target,
        "floor": want.floor,
        "stretch": want.stretch,
        "policy": {
            "grain": "day",
            "source_always_alive": True,
            "non_working": "leave_out",
            "freshness_minutes": 60,
            "restate_share": None,
        },
    }


def praise_rule() -> dict[str, Any]:
    """Return the rule of the data's README: a country passes 10,000 gross in a day."""
    return {
        "name": "a country passes 10,000 in a day",
        "metric": "gross_revenue",
        "dim": "country",
        "threshold": 10_000,
        "window": "day",
        "zone": "Europe/London",
        "start": START.isoformat(),
    }


def expected_lights(path: Path) -> dict[str, dict[date, str]]:
    """Return the published light of every goal and working day (weekends left out)."""
    document = json.loads((path / "expected_lights.json").read_text())
    return {
        goal: {date.fromisoformat(row["date"]): row["light"] for row in content["days"]}
        for goal, content in document["goals"].items()
    }
