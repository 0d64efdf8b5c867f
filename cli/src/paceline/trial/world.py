"""The drill's organisation: a seeded stream of orders, and what it must come to.

Orders are told as events, as reports and as deals (states.py). Every event belongs to a simulated
day. Some are sent twice, some come two days late, after their
day was judged. The truth grows from the journal of acknowledged events, never from the services.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from paceline.trial.oracle import Wanted, working
from paceline.trial.states import Event, standing, told

REGIONS = ("north", "south", "east", "west", "centre", "coast", "hills", "isles")
START = date(2026, 3, 2)  # a Monday
DAILY = Decimal(1000)  # every goal's plan per working day and region
LATE_EVERY = 5
LATE_DAYS = 2
MOODS = (
    Decimal("0.5"),
    Decimal("0.6"),
    Decimal("0.69"),
    Decimal("0.85"),
    Decimal("1.1"),
    Decimal("1.3"),
)
PRAISE_AT = Decimal(1200)


class World:
    """Makes the events of each day from the seed; the same seed gives the same world."""

    def __init__(self, seed: int, events: int, days: int) -> None:
        self._seed = seed
        # Ten orders come to about seventeen events: reports and deals are told in versions.
        self._per_day = max(len(REGIONS) * 4, events * 10 // 17 // days)
        self.days = [START + timedelta(days=number) for number in range(days)]

    def events(self, day: date) -> list[Event]:
        """Return the day's events; on every LATE_EVERY-th working day a part of them comes late."""
        rng = random.Random(f"{self._seed}:{day}")
        weekly = working(START, day)
        has_late = day.isoweekday() <= 5 and len(weekly) % LATE_EVERY == 0
        per_region = self._per_day // len(REGIONS)
        found = []
        for region in REGIONS:
            mood = self._mood(day, region)
            each = (DAILY * mood / per_region).quantize(Decimal("0.001"))
            orders = [
                Event(
                    id=f"{day}-{region}-{number}",
                    at=datetime.combine(day, time(8), UTC)
                    + timedelta(milliseconds=rng.randrange(10 * 3600 * 1000)),
                    region=region,
                    amount=each + Decimal(rng.randrange(-5, 6)) / 1000,
                    late=has_late and number < per_region // 3,
                )
                for number in range(per_region)
            ]
            found += told(orders, f"{day}-{region}", rng)
        rng.shuffle(found)
        return found

    def _mood(self, day: date, region: str) -> Decimal:
        """How good the region's day is; moods last some days so that runs turn red."""
        stretch = (day - START).days // 3
        return random.Random(f"{self._seed}:{region}:{stretch}").choice(MOODS)

    def goals(self) -> dict[str, Wanted]:
        """Return the goals by region; ``all`` is the company's."""
        start, end = self.days[0], self.days[-1]
        count = len(working(start, end))
        return {
            name: _wanted(daily, start, end, count)
            for name, daily in {
                "all": DAILY * len(REGIONS),
                **dict.fromkeys(REGIONS, DAILY),
            }.items()
        }


def _wanted(daily: Decimal, start: date, end: date, count: int) -> Wanted:
    target = daily * count
    return Wanted(daily, start, end, target * 8 / 10, target, target * 12 / 10)


@dataclass(slots=True)
class Journal:
    """What was acknowledged: the driver's own book, and the only truth."""

    events: dict[str, Event] = field(default_factory=dict)

    def add(self, events: Iterable[Event]) -> None:
        """Note acknowledged events; a copy changes nothing."""
        self.events.update({event.id: event for event in events})

    def counting(self) -> int:
        """Return how many events stand behind the sums."""
        return len(standing(self.events.values()))

    def per_minute(self) -> dict[tuple[str, int], tuple[Decimal, int]]:
        """Return (sum, count) by region and UTC epoch minute."""
        sums: dict[tuple[str, int], tuple[Decimal, int]] = defaultdict(lambda: (Decimal(0), 0))
        for event in standing(self.events.values()):
            key = (event.region, int(event.at.timestamp()) // 60)
            amount, count = sums[key]
            sums[key] = (amount + event.amount, count + 1)
        return dict(sums)

    def per_day(self, *, late: bool) -> dict[str, dict[date, Decimal]]:
        """Return sums by region (and ``all``) and day, with the late events or without them."""
        sums: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for event in standing(e for e in self.events.values() if late or not e.late):
            sums[event.region][event.at.date()] += event.amount
            sums["all"][event.at.date()] += event.amount
        return {name: dict(values) for name, values in sums.items()}


def praise_sums(per_day: Mapping[str, Mapping[date, Decimal]]) -> dict[tuple[str, date], Decimal]:
    """Return the sums that the praise rule looks at: one per region and day."""
    return {
        (name, day): amount
        for name, values in per_day.items()
        if name != "all"
        for day, amount in values.items()
    }
