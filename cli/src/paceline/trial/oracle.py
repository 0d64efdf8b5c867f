"""The truth, computed again: lights and deeds from plain sums, without the services' code.

Written against product.md's settled rules and nothing else, so that an error in the services' domain
is not repeated here. Grain day, Monday to Friday, an empty day counts as 0, weekends left out of
the day's light but not of the period's total.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

LOW = Decimal("0.70")
RED_AFTER = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a goal asks for: the plan per working day, and its period's tiers."""

    daily: Decimal
    start: date
    end: date
    floor: Decimal
    target: Decimal
    stretch: Decimal


@dataclass(frozen=True, order=True, slots=True)
class Deed:
    """What makes a deed that one: its kind, the first day of its span, and its tier or colour."""

    kind: str
    day: date
    what: str = ""


def days(start: date, end: date) -> Iterator[date]:
    """Yield every day from ``start`` to ``end``, both included."""
    for number in range((end - start).days + 1):
        yield start + timedelta(days=number)


def working(start: date, end: date) -> list[date]:
    """Return Mondays to Fridays from ``start`` to ``end``."""
    return [day for day in days(start, end) if day.isoweekday() <= 5]


def lights(wanted: Wanted, values: Mapping[date, Decimal], last: date) -> dict[date, str]:
    """Return the run light of every working day up to ``last``."""
    found: dict[date, str] = {}
    low = 0
    for day in working(wanted.start, min(last, wanted.end)):
        actual = values.get(day, Decimal(0))
        low = low + 1 if actual < LOW * wanted.daily else 0
        if low >= RED_AFTER:
            found[day] = "red"
        else:
            found[day] = "green" if actual >= wanted.daily else "yellow"
    return found


def first_deeds(wanted: Wanted, values: Mapping[date, Decimal], last: date) -> list[Deed]:
    """Return the deeds of a goal whose days were complete when they were judged."""
    colours = lights(wanted, values, last)
    found: list[Deed] = []
    before: str | None = None
    for day, colour in colours.items():
        if before is not None and colour != before:
            found.append(Deed("light.changed", day, colour))
        if colour == "red" and before != "red":
            found.append(Deed("goal.off_track", day))
        before = colour
    found += _reached(wanted, values, list(colours))
    if colours and max(colours) == working(wanted.start, wanted.end)[-1]:
        total = sum(values.values(), Decimal(0))
        found += [Deed("goal.missed", wanted.start)] if total < wanted.floor else []
    return sorted(found)


def _reached(wanted: Wanted, values: Mapping[date, Decimal], judged: Sequence[date]) -> list[Deed]:
    tiers = {"floor": wanted.floor, "target": wanted.target, "stretch": wanted.stretch}
    found = []
    for day in judged:
        total = sum((v for d, v in values.items() if wanted.start <= d <= day), Decimal(0))
        for tier in [tier for tier, amount in tiers.items() if total >= amount]:
            found.append(Deed("goal.reached", day, tier))
            del tiers[tier]
    return found


def praised(sums: Mapping[tuple[str, date], Decimal], threshold: Decimal) -> set[tuple[str, date]]:
    """Return which (dimension value, day) reached the threshold."""
    return {key for key, amount in sums.items() if amount >= threshold}


def restated(wanted: Wanted, history: Sequence[tuple[date, Mapping[date, Decimal]]]) -> list[date]:
    """Return the span of every change of a judged light, from the values known at each close."""
    found: list[date] = []
    judged: dict[date, str] = {}
    for close, values in history:
        now = lights(wanted, values, close)
        found += [day for day, colour in judged.items() if now[day] != colour]
        judged = now
    return sorted(found)
