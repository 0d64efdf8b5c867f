"""What the plot comes to, computed again from plain sums by the settled rules: lights and deeds.

The sums are those of ``plot``; the colours of sums come from the trials' oracle, those of a ratio,
a guardrail and a silent source from the rules here. Nothing of the services is asked.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from paceline.demo.firm.aims import Aim
from paceline.demo.firm.plot import Plot
from paceline.trial.oracle import (
    LOW,
    RED_AFTER,
    TO_DATE_FROM,
    Deed,
    alarmed,
    headlines,
    lights,
    reached,
    told,
    working,
)

RATIO_DAYS = 5
Colours = dict[date, str]


@dataclass(slots=True)
class Truth:
    """One goal's colours by day, and what was told of it."""

    run: Colours = field(default_factory=dict)
    to_date: Colours = field(default_factory=dict)
    deeds: Counter[Deed] = field(default_factory=Counter)


def truth(plot: Plot, aim: Aim) -> Truth:
    """Return what the days come to, judged one after the other with what was known then."""
    found = Truth()
    alarms: dict[date, date] = {}
    breached = silent = False
    tiers: set[Deed] = set()
    for close in plot.days:
        if close < aim.start:
            continue
        known = plot.known(aim, close)
        dear, grey = _breached(plot, aim, close), plot.silent(aim)
        run = _seen(_run(plot, aim, known, close), dear, grey)
        to_date = _seen(_to_date(plot, aim, known, close), dear, grey)
        found.deeds.update(told(found.run, run) + told(found.to_date, to_date))
        alarms, rung = alarmed(alarms, run)
        found.deeds.update(rung)
        if (close in dear) != breached:
            breached = close in dear
            found.deeds[Deed(f"guardrail.{'breached' if breached else 'cleared'}", close)] += 1
        if (close in grey) != silent:
            silent = close in grey
            found.deeds[Deed(f"source.{'silent' if silent else 'resumed'}", close)] += 1
        now = set(reached(aim.wanted, known, list(run))) if aim.ratio is None else set()
        found.deeds.update(now - tiers)
        tiers |= now
        found.run, found.to_date = run, to_date
    return found


def _run(plot: Plot, aim: Aim, known: Mapping[date, Decimal], close: date) -> Colours:
    if aim.ratio is None:
        return lights(aim.wanted, known, close)
    found: Colours = {}
    low = 0
    for day, value in _ratios(plot, aim, known, close, RATIO_DAYS).items():
        low = low + 1 if value < LOW * aim.ratio else 0
        found[day] = "red" if low >= RED_AFTER else "green" if value >= aim.ratio else "yellow"
    return found


def _to_date(plot: Plot, aim: Aim, known: Mapping[date, Decimal], close: date) -> Colours:
    if aim.ratio is None:
        return headlines(aim.wanted, known, close)
    whole = len(working(aim.start, aim.end))
    found: Colours = {}
    for number, (day, value) in enumerate(_ratios(plot, aim, known, close, whole).items(), 1):
        if number >= TO_DATE_FROM * whole:
            good = "green" if value >= aim.ratio else "yellow"
            found[day] = good if value >= LOW * aim.ratio else "red"
    return found


def _ratios(
    plot: Plot, aim: Aim, known: Mapping[date, Decimal], close: date, window: int
) -> dict[date, Decimal]:
    """Return each day's ratio of the sums over the window that ends with it."""
    below = plot.known(aim, close, aim.over)
    days = working(aim.start, close)
    found = {}
    for number, day in enumerate(days, 1):
        over = days[max(0, number - window) : number]
        above = sum((known[d] for d in over), Decimal(0))
        found[day] = above / sum((below[d] for d in over), Decimal(0))
    return found


def _breached(plot: Plot, aim: Aim, close: date) -> set[date]:
    """Return the days at whose close the guardrail is breached, to date."""
    if aim.rail is None:
        return set()
    above = plot.known(aim, close, aim.rail.metric)
    below = plot.known(aim, close, aim.rail.over)
    return {
        day
        for day in working(aim.start, close)
        if _to(above, day) > aim.rail.limit * _to(below, day)
    }


def _to(values: Mapping[date, Decimal], last: date) -> Decimal:
    return sum((value for day, value in values.items() if day <= last), Decimal(0))


def _seen(colours: Colours, dear: set[date], grey: set[date]) -> Colours:
    """Return the colours as they are shown: never green beyond a guardrail, grey in silence."""
    return {
        day: "grey" if day in grey else "yellow" if day in dear and colour == "green" else colour
        for day, colour in colours.items()
    }
