"""The year that the demonstration plays: the real shop's, or where that is absent a generated one.

Both come as the same documents and the same kind of events, so that everything after this module
does not know which one it plays.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import pi, sin

from paceline.trial import oracle, retail
from paceline.trial.oracle import LOW
from paceline.trial.retail import END, START, Invoice

SEED = 2011
HOME = "United Kingdom"
EXPORT = "export_revenue"
LATE_BY = timedelta(days=2)
SETTLED_AFTER = timedelta(days=60)  # by then a viewer has seen what is usual

ABROAD = ("Netherlands", "Germany", "France", "EIRE", "Spain")
FALL = (date(2011, 3, 14), date(2011, 4, 21))  # orders from abroad dry up
SLUMP = (date(2011, 1, 17), date(2011, 2, 4))  # everything is slow
SHUT = (date(2010, 12, 24), date(2011, 1, 3))
GIANTS_EVERY = 29  # days between single orders above the praise rule's threshold


@dataclass(frozen=True)
class Year:
    """Events by the day on which they are sent; ``late`` is the day whose exports come late."""

    days: Mapping[date, Sequence[Invoice]]
    generated: bool
    late: date | None = None
    held: Sequence[Invoice] = field(default=())

    def due(self, day: date) -> list[Invoice]:
        """Return what is sent on the day: its own events less the held ones, and those now due."""
        found = list(self.days[day])
        if day == self.late:
            found = [invoice for invoice in found if invoice.country == HOME]
        if self.arrives(day):
            found += self.held
        return found

    def arrives(self, day: date) -> bool:
        """Whether the held events are sent on this day."""
        return self.late is not None and day == self.late + LATE_BY

    @property
    def events(self) -> int:
        """How many events the year has."""
        return sum(map(len, self.days.values()))


def the_year(days: int | None = None) -> Year:
    """Return the shop's year, or its first ``days``; generated where the data are absent."""
    path = retail.folder()
    found = retail.by_day(path) if path else generated()
    late = late_day(found)
    if days is not None:
        found = dict(list(found.items())[:days])
    if late is None or late + LATE_BY not in found:
        return Year(found, generated=path is None)
    held = [invoice for invoice in found[late] if invoice.country != HOME]
    return Year(found, path is None, late, held)


def late_day(days: Mapping[date, Sequence[Invoice]]) -> date | None:
    """Return the first day whose exports, were they missing, would be the third low day in a row.

    Held back they turn the light red, and taken in late they make it green again: a restatement
    and a recovery that can be understood at a glance.
    """
    exports = retail.values([i for events in days.values() for i in events])[EXPORT]
    plan = Decimal(retail.DAILY[EXPORT])
    working = oracle.working(min(days), max(days))
    for four in zip(working, working[1:], working[2:], working[3:], strict=False):
        ratios = [exports.get(day, Decimal(0)) / plan for day in four]
        falls = ratios[0] >= LOW > max(ratios[1:3])
        if falls and ratios[3] >= 1 and four[3] >= START + SETTLED_AFTER:
            return four[3]
    return None


def generated(seed: int = SEED) -> dict[date, list[Invoice]]:
    """Return a year of orders, the same for the same seed.

    It has a slow January, a spring in which orders from abroad dry up, a strong autumn, and
    single orders that earn praise.
    """
    return {day: _orders(day, random.Random(f"{seed}:{day}")) for day in oracle.days(START, END)}


def _orders(day: date, rng: random.Random) -> list[Invoice]:
    if day.isoweekday() == 6 or _within(day, SHUT):
        return []
    usual = 26 if day.isoweekday() == 7 else 78
    count = round(usual * _season(day) * rng.uniform(0.8, 1.2))
    abroad = round(usual * 0.16 * _demand_abroad(day) * rng.uniform(0.7, 1.3))
    countries = [HOME] * max(0, count - abroad) + rng.choices(ABROAD, k=abroad)
    orders = [(country, _amount(country, rng)) for country in countries]
    if (day - START).days % GIANTS_EVERY == 6 and not _within(day, FALL):
        orders.append((ABROAD[0], Decimal(rng.randrange(10_200_00, 14_000_00)) / 100))
    rng.shuffle(orders)
    return [_invoice(day, number, *order, rng) for number, order in enumerate(orders)]


def _season(day: date) -> float:
    """How busy the shop is: a wave over the weeks, a slow January, a strong autumn."""
    wave = 0.16 * sin(2 * pi * (day - START).days / 33)
    autumn = 0.35 if day >= date(2011, 9, 5) else 0.0
    return (0.62 if _within(day, SLUMP) else 0.95) + wave + autumn


def _demand_abroad(day: date) -> float:
    return 0.22 if _within(day, FALL) else _season(day)


def _amount(country: str, rng: random.Random) -> Decimal:
    mean = 470 if country == HOME else 440
    return Decimal(round(mean * 100 * rng.lognormvariate(-0.18, 0.6))) / 100


def _within(day: date, span: tuple[date, date]) -> bool:
    return span[0] <= day <= span[1]


def _invoice(day: date, number: int, country: str, amount: Decimal, rng: random.Random) -> Invoice:
    cancelled = rng.random() < 0.08
    returned = Decimal(round(amount * rng.randrange(20, 90))) / 100
    at = datetime.combine(day, time(8)) + timedelta(seconds=rng.randrange(11 * 3600))
    name = f"gen-{day}-{number}"
    body = {
        "event_id": name,
        "type": "order.cancelled" if cancelled else "order.placed",
        "occurred_on": day.isoformat(),
        "occurred_at": at.isoformat(),
        "key": str(rng.randrange(12_000, 18_000)),
        "net": -returned if cancelled else amount,
        "gross": Decimal(0) if cancelled else amount,
        "dims": {"country": country},
    }
    return Invoice(name, day, body)
