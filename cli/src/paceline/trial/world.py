"""The drill's organisation: a seeded stream of events, and the goals over it.

Orders are told as events, as reports and as deals (states.py); clicks are plain (clicks.py);
members count by what they did before (visits.py). Every event belongs to a simulated day. Some are
sent twice, some come two days late, after their day was judged.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from paceline.trial import clicks, visits
from paceline.trial.events import Event
from paceline.trial.journal import ALL, CLICKS, MEMBERS
from paceline.trial.oracle import Wanted, working
from paceline.trial.states import told

REGIONS = ("north", "south", "east", "west", "centre", "coast", "hills", "isles")
START = date(2026, 3, 2)  # a Monday
DAILY = Decimal(1000)  # every goal's plan per working day and region
LATE_EVERY = 5
LATE_DAYS = 2
LATE_SHARE = 3  # one in so many of a day that has late ones
MOODS = (
    Decimal("0.5"),
    Decimal("0.6"),
    Decimal("0.69"),
    Decimal("0.85"),
    Decimal("1.1"),
    Decimal("1.3"),
)
PRAISE_AT = Decimal(1200)
COMPANY = (ALL, CLICKS, MEMBERS)

# Of a hundred events: how many tell of orders, are clicks, or come from members.
_ORDERS, _CLICKS, _MEMBERS = 38, 47, 15


class World:
    """Makes the events of each day from the seed; the same seed gives the same world."""

    def __init__(self, seed: int, events: int, days: int) -> None:
        self._seed = seed
        per_region = events // days // len(REGIONS)
        # Ten orders come to about seventeen events: reports and deals are told in versions.
        self._orders = max(4, per_region * _ORDERS * 10 // 1700)
        self._clicks = max(4, int(per_region * _CLICKS / 100 / clicks.TOLD_PER_CLICK))
        self._members = max(2, per_region * _MEMBERS // 100 // visits.TOLD_PER_MEMBER)
        self.days = [START + timedelta(days=number) for number in range(days)]

    def events(self, day: date) -> list[Event]:
        """Return the day's events; on every LATE_EVERY-th working day a part of them comes late."""
        rng = random.Random(f"{self._seed}:{day}")
        found = []
        for region in REGIONS:
            found += told(self._day_orders(day, region, rng), f"{day}-{region}", rng)
            value = DAILY * self._mood(day, CLICKS)
            found += clicks.clicks(day, region, self._clicks, value, self._has_late(day), rng)
        found += [*self._site(day), clicks.overlong(day, found)]
        rng.shuffle(found)
        return found

    def _day_orders(self, day: date, region: str, rng: random.Random) -> list[Event]:
        each = (DAILY * self._mood(day, region) / self._orders).quantize(Decimal("0.001"))
        return [
            Event(
                id=f"{day}-{region}-{number}",
                at=datetime.combine(day, time(8), UTC)
                + timedelta(milliseconds=rng.randrange(10 * 3600 * 1000)),
                region=region,
                amount=each + Decimal(rng.randrange(-5, 6)) / 1000,
                late=self._has_late(day) and number < self._orders // LATE_SHARE,
            )
            for number in range(self._orders)
        ]

    def _site(self, day: date) -> Iterator[Event]:
        """Yield what members do on the day; leads of the days before sign on it."""
        begun = [day - timedelta(days=number) for number in range(visits.SIGNS_WITHIN + 1)]
        come = round(self._members * self._mood(day, MEMBERS))
        number = 0
        for region in REGIONS:
            rng = random.Random(f"{self._seed}:{region}:{day}:visits")
            found = list(visits.visits(day, region, self._members, come, rng))
            for first in (one for one in begun if one in self.days):
                rng = random.Random(f"{self._seed}:{region}:{first}:leads")
                all_ = visits.leads(first, region, self._members, rng)
                found += [event for event in all_ if event.at.date() == day]
            for event in found:
                number += 1
                yield replace(event, late=self._has_late(day) and number % LATE_SHARE == 0)

    def _has_late(self, day: date) -> bool:
        return day.isoweekday() <= 5 and len(working(START, day)) % LATE_EVERY == 0

    def _mood(self, day: date, of: str) -> Decimal:
        """How good the day is for a region or a goal; moods last some days: runs turn red."""
        stretch = (day - START).days // 3
        return random.Random(f"{self._seed}:{of}:{stretch}").choice(MOODS)

    def goals(self) -> dict[str, Wanted]:
        """Return the goals by region; ``all``, ``clicks`` and ``members`` are the company's."""
        start, end = self.days[0], self.days[-1]
        count = len(working(start, end))
        dailies = {
            ALL: DAILY * len(REGIONS),
            CLICKS: DAILY * len(REGIONS),
            MEMBERS: Decimal(self._members * len(REGIONS)),
            **dict.fromkeys(REGIONS, DAILY),
        }
        return {name: _wanted(daily, start, end, count) for name, daily in dailies.items()}


def _wanted(daily: Decimal, start: date, end: date, count: int) -> Wanted:
    target = daily * count
    return Wanted(daily, start, end, target * 8 / 10, target, target * 12 / 10)


def praise_sums(per_day: Mapping[str, Mapping[date, Decimal]]) -> dict[tuple[str, date], Decimal]:
    """Return the sums that the praise rule looks at: one per region and day."""
    return {
        (name, day): amount
        for name, values in per_day.items()
        if name in REGIONS
        for day, amount in values.items()
    }
