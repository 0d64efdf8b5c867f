"""What the latency benchmark sends: events that fill cells, and probes that can be told apart.

A probe adds a power of two to a day of its own goal. Whatever order the probes are applied in, the
binary digits of the day's exact sum say which of them it holds, and each of them once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

SOURCE = "bench"
PROBE = "probe"
BITS = 55  # an amount may have 18 digits before the point
DAY_PLAN = 1_000


@dataclass(frozen=True, slots=True)
class Shape:
    """How much of what. ``rate`` is events a second over all tenants, ``slot`` seconds a batch."""

    rate: int
    seconds: float
    goals: int
    types: int
    campaigns: int
    tenants: int
    probes: int
    slot: float = 0.02
    warm_up: float = 3.0
    patience: float = 60.0  # seconds that the last probes and events may take

    @property
    def cells(self) -> int:
        """Distinct (tenant, metric, campaign): what a minute of load folds into."""
        return self.types * self.campaigns * self.tenants

    @property
    def batch(self) -> int:
        """Events a request."""
        return max(1, round(self.rate * self.slot))

    @property
    def slots(self) -> int:
        """Requests of the whole run, the warm-up's included."""
        return round((self.warm_up + self.seconds) * self.rate / self.batch)

    def tenant_of(self, slot: int) -> int:
        """Return which tenant's turn the slot is."""
        return slot % self.tenants

    def probes_of(self, tenant: int) -> list[int]:
        """Return the numbers of a tenant's probes."""
        return [probe for probe in range(self.probes) if probe % self.tenants == tenant]


def metric_of(kind: int) -> str:
    """Return the name of the metric that sums the events of one type."""
    return f"metric-{kind:02}"


def probe_goal(probe: int) -> str:
    """Return a probe goal's id."""
    return f"probe-{probe}"


def source() -> dict[str, Any]:
    """Return the source document."""
    fields = {
        "amount": {"paths": ["data.amount"], "kind": "decimal", "required": True},
        "campaign": {"paths": ["data.campaign"], "kind": "string", "required": True},
    }
    mapping = {"id": ["id"], "type": ["type"], "time": ["time"], "fields": fields}
    return {"name": SOURCE, "doors": {"http": mapping}}


def metrics(shape: Shape) -> list[dict[str, Any]]:
    """Return a metric for each type."""
    return [
        {
            "name": metric_of(kind),
            "source": SOURCE,
            "types": [f"type-{kind:02}"],
            "value": "amount",
            "dims": ["campaign"],
        }
        for kind in range(shape.types)
    ]


def goals(shape: Shape, tenant: int, today: date, days: int) -> list[dict[str, Any]]:
    """Return a tenant's goals: its probes, and its part of the others, each of one campaign."""
    probes = shape.probes_of(tenant)
    others = range(tenant, shape.goals - shape.probes, shape.tenants)
    found = [_goal(probe_goal(p), p % shape.types, PROBE, today, days) for p in probes]
    for number in others:
        turn = number // shape.tenants
        campaign = f"campaign-{turn // shape.types % shape.campaigns:03}"
        found.append(_goal(f"goal-{number:05}", turn % shape.types, campaign, today, days))
    return found


def _goal(name: str, kind: int, campaign: str, today: date, days: int) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "metric": metric_of(kind),
        "where": [{"dim": "campaign", "any_of": [campaign]}],
        "start": today.isoformat(),
        "end": (today + timedelta(days=days)).isoformat(),
        "zone": "UTC",
        "plan": {"daily": DAY_PLAN},
        "calendar": {"weekdays": [1, 2, 3, 4, 5, 6, 7]},
        "policy": {"grain": "day"},
    }


class Events:
    """Makes events, the types and campaigns by turns so that all cells are touched."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._made = [0] * shape.tenants

    def batch(self, tenant: int, count: int) -> list[dict[str, Any]]:
        """Return ``count`` events of a tenant."""
        begin = self._made[tenant]
        self._made[tenant] += count
        at = datetime.now(UTC).isoformat()
        return [self._event(number, at) for number in range(begin, begin + count)]

    def _event(self, number: int, at: str) -> dict[str, Any]:
        shape = self._shape
        campaign = f"campaign-{number // shape.types % shape.campaigns:03}"
        return event(f"load-{number}", number % shape.types, at, campaign, Decimal(1))


def first_of_days(shape: Shape, today: date, days: int) -> list[dict[str, Any]]:
    """Return an event of each type on each of the probes' days, beside the probes' cells.

    A source that delivers for the first time on a day is told of, metric by metric. The probes
    begin a day every few seconds, which no organisation does: so each day begins before.
    """
    dates = [today + timedelta(days=1 + number) for number in range(days)]
    return [
        event(f"first-{day}-{kind}", kind, _noon(day), "first", Decimal(1))
        for day in dates
        for kind in range(shape.types)
    ]


@dataclass(frozen=True, slots=True)
class Probe:
    """The ``number``-th event of a probe goal: ``bit`` of the day's sum."""

    goal: int
    number: int

    def place(self, today: date) -> tuple[date, int]:
        """Return its day, in the future so that nothing is judged meanwhile, and its bit."""
        return today + timedelta(days=1 + self.number // BITS), self.number % BITS

    def event(self, shape: Shape, today: date) -> dict[str, Any]:
        """Return the CloudEvent."""
        day, bit = self.place(today)
        name = f"{probe_goal(self.goal)}-{self.number}"
        return event(name, self.goal % shape.types, _noon(day), PROBE, Decimal(2**bit))


def event(name: str, kind: int, at: str, campaign: str, amount: Decimal) -> dict[str, Any]:
    """Return a CloudEvent."""
    return {
        "specversion": "1.0",
        "id": name,
        "source": "/bench",
        "type": f"type-{kind:02}",
        "time": at,
        "data": {"campaign": campaign, "amount": amount},
    }


def _noon(day: date) -> str:
    return f"{day}T12:00:00Z"


def seen(goal: int, items: Sequence[Mapping[str, Any]], today: date) -> Iterator[Probe]:
    """Yield the probes that a goal's progress holds."""
    for item in items:
        day = (date.fromisoformat(item["day"]) - today).days - 1
        amount = int(Decimal(item["value"]))
        if bin(amount).count("1") != item["count"]:
            raise ValueError(f"{item['count']} probes cannot come to {amount}: one counted twice")
        for bit in range(amount.bit_length()):
            if amount >> bit & 1:
                yield Probe(goal, day * BITS + bit)
