"""The truth, computed again: lights and deeds from plain sums, without the services' code.

Written from product.md's settled rules alone, so that an error of the services is not repeated.
Grain day, Monday to Friday, an empty day counts as 0, weekends left out of the day's light but not
of the period's total. The run light looks at each day, the to-date light, the headline, at all days
so far.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

LOW = Decimal("0.70")
RED_AFTER = 3
TO_DATE_FROM = Decimal("0.10")


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


def of_run(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the goal events but those of the to-date light."""
    return [row for row in rows if row.get("light_kind", "run") == "run"]


def of_headline(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the goal events of the to-date light."""
    return [row for row in rows if row.get("light_kind", "run") == "to-date"]


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


def headlines(wanted: Wanted, values: Mapping[date, Decimal], last: date) -> dict[date, str]:
    """Return the to-date light of every working day up to ``last`` that has one.

    It begins with 10 % of the period's plan and is red at once below 0.70.
    """
    found: dict[date, str] = {}
    whole = wanted.daily * len(working(wanted.start, wanted.end))
    for number, day in enumerate(working(wanted.start, min(last, wanted.end)), 1):
        plan = wanted.daily * number
        total = sum((v for d, v in values.items() if wanted.start <= d <= day), Decimal(0))
        if plan < TO_DATE_FROM * whole:
            continue
        if total < LOW * plan:
            found[day] = "red"
        else:
            found[day] = "green" if total >= plan else "yellow"
    return found


Judge = Callable[[Wanted, Mapping[date, Decimal], date], dict[date, str]]


def first_headline_deeds(wanted: Wanted, values: Mapping[date, Decimal], last: date) -> list[Deed]:
    """Return the deeds of the to-date light whose days were complete when they were judged."""
    return told({}, headlines(wanted, values, last))


def first_deeds(wanted: Wanted, values: Mapping[date, Decimal], last: date) -> list[Deed]:
    """Return the deeds of a goal whose days were complete when they were judged."""
    colours = lights(wanted, values, last)
    found: list[Deed] = []
    before: str | None = None
    for day, colour in colours.items():
        if colour != before:  # the first light differs from none
            found.append(Deed("light.changed", day, colour))
        if colour == "red" and before != "red":
            found.append(Deed("goal.off_track", day))
        before = colour
    found += reached(wanted, values, list(colours))
    if colours and max(colours) == working(wanted.start, wanted.end)[-1]:
        total = sum(values.values(), Decimal(0))
        found += [Deed("goal.missed", wanted.start)] if total < wanted.floor else []
    return sorted(found)


def reached(wanted: Wanted, values: Mapping[date, Decimal], judged: Sequence[date]) -> list[Deed]:
    """Return the tiers that the total reaches by one of the judged days."""
    tiers = {"floor": wanted.floor, "target": wanted.target, "stretch": wanted.stretch}
    found = []
    for day in judged:
        total = sum((v for d, v in values.items() if wanted.start <= d <= day), Decimal(0))
        for tier in [tier for tier, amount in tiers.items() if total >= amount]:
            found.append(Deed("goal.reached", wanted.start, tier))
            del tiers[tier]
    return found


def praised(sums: Mapping[tuple[str, date], Decimal], threshold: Decimal) -> set[tuple[str, date]]:
    """Return which (dimension value, day) reached the threshold."""
    return {key for key, amount in sums.items() if amount >= threshold}


def restated(
    wanted: Wanted,
    history: Sequence[tuple[date, Mapping[date, Decimal]]],
    judge: Judge = lights,
) -> list[date]:
    """Return the span of every change of a judged light, from the values known at each close.

    ``judge`` is ``lights`` or ``headlines``.
    """
    found: list[date] = []
    judged: dict[date, str] = {}
    for close, values in history:
        now = judge(wanted, values, close)
        found += [day for day, colour in judged.items() if now[day] != colour]
        judged = now
    return sorted(found)


def all_deeds(
    wanted: Wanted, early: Mapping[date, Decimal], final: Mapping[date, Decimal], late_days: int
) -> list[Deed]:
    """Return the deeds of a goal whose days are judged ``early`` and corrected to ``final``.

    What comes late for a day is known ``late_days`` later, together with that day's own close.
    """
    found: list[Deed] = []
    judged: dict[date, str] = {}
    alarms: dict[date, date] = {}
    tiers = {"floor": wanted.floor, "target": wanted.target, "stretch": wanted.stretch}
    missed = False
    for step, known in _known(wanted, early, final, late_days):
        now = lights(wanted, known, step)
        found += told(judged, now)
        alarms, more = alarmed(alarms, now)
        found += more
        for tier, amount in list(tiers.items()):
            sums = (sum(v for d, v in known.items() if d <= day) for day in [*now, step])
            if any(total >= amount for total in sums):
                found.append(Deed("goal.reached", wanted.start, tier))
                del tiers[tier]
        if step >= wanted.end:
            short = sum(known.values()) < wanted.floor
            if short != missed:
                found.append(Deed("goal.missed" if short else "goal.recovered", wanted.start))
            missed = short
        judged = now
    return sorted(found)


def headline_deeds(
    wanted: Wanted, early: Mapping[date, Decimal], final: Mapping[date, Decimal], late_days: int
) -> list[Deed]:
    """Return the deeds of the to-date light of such a goal, goal.escalated among them."""
    found: list[Deed] = []
    judged: dict[date, str] = {}
    for step, known in _known(wanted, early, final, late_days):
        now = headlines(wanted, known, step)
        found += told(judged, now)
        judged = now
    return sorted(found + escalated(wanted, early, final, late_days))


def escalated(
    wanted: Wanted, early: Mapping[date, Decimal], final: Mapping[date, Decimal], late_days: int
) -> list[Deed]:
    """Return when a red run of which the owner alone was told went up to the lead.

    The owner alone is told while the to-date light of the run's first red day is green. It goes up
    once, when that of the newest day is yellow or red and the day is red in that run.
    """
    found: list[Deed] = []
    alarms: dict[date, date] = {}
    quiet: set[date] = set()
    for step, known in _known(wanted, early, final, late_days):
        run, to_date = lights(wanted, known, step), headlines(wanted, known, step)
        alarms, turned = alarmed(alarms, run)
        raised = {deed.day for deed in turned if deed.kind == "goal.off_track"}
        quiet = (quiet - raised) | {day for day in raised if to_date.get(day) == "green"}
        newest = max(run, default=step)
        if alarms.get(newest) in quiet and to_date.get(newest) in ("yellow", "red"):
            found.append(Deed("goal.escalated", newest))
            quiet.remove(alarms[newest])
    return found


def _known(
    wanted: Wanted, early: Mapping[date, Decimal], final: Mapping[date, Decimal], late_days: int
) -> Iterator[tuple[date, dict[date, Decimal]]]:
    """Yield each day until all is known, with the values that are known at its close."""
    for step in days(wanted.start, wanted.end + timedelta(days=late_days + 1)):
        ripe = step - timedelta(days=late_days)
        yield (
            step,
            {
                day: (final if day <= ripe else early).get(day, Decimal(0))
                for day in days(wanted.start, min(step, wanted.end))
            },
        )


def told(judged: Mapping[date, str], now: Mapping[date, str]) -> list[Deed]:
    """Return what follows from each span's colour: changed against before, or judged anew."""
    found: list[Deed] = []
    before: str | None = None
    for day, colour in now.items():
        if day in judged and judged[day] != colour:
            found += [Deed("goal.restated", day), Deed("light.changed", day, colour)]
        elif day not in judged and colour != before:
            found.append(Deed("light.changed", day, colour))
        before = colour
    return found


def alarmed(
    alarms: Mapping[date, date], now: Mapping[date, str]
) -> tuple[dict[date, date], list[Deed]]:
    """Return the alarm over each red day, and the alarms raised and taken back."""
    runs: list[list[date]] = []
    before: str | None = None
    for day, colour in now.items():
        if colour == "red":
            runs = runs if before == "red" else [*runs, []]
            runs[-1].append(day)
        before = colour
    kept: dict[date, date] = {}
    found: list[Deed] = []
    for run in runs:
        old = next((alarms[day] for day in run if day in alarms), None)
        if old is None:
            found.append(Deed("goal.off_track", run[0]))
        kept |= dict.fromkeys(run, old or run[0])
    for gone in sorted(set(alarms.values()) - set(kept.values())):
        first = min(day for day, alarm in alarms.items() if alarm == gone)
        found.append(Deed("goal.recovered", first))
    return kept, found
