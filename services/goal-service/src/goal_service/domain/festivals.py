"""History compared by its distance to Spring Festival, which moves by up to a month each year."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple, TypeAlias

FestivalOf: TypeAlias = Callable[[int], date]
"""Returns the first day of Spring Festival in a year; raises LookupError for one not known."""


class Aligned(NamedTuple):
    """A day, its distance in days from the nearest festival, and the day compared with it."""

    day: date
    festival: date
    distance: int
    against: date


def align(day: date, back: int, festival_of: FestivalOf) -> Aligned:
    """Return the day that lies as far from the festival ``back`` years earlier.

    The nearest festival counts, so the weeks before it go with it and not with the year past. Right
    between two festivals the days change over: there a day may be compared twice, or never.
    """
    festival = nearest(day, festival_of)
    distance = (day - festival).days
    against = festival_of(festival.year - back) + timedelta(days=distance)
    return Aligned(day, festival, distance, against)


def nearest(day: date, festival_of: FestivalOf) -> date:
    """Return the festival that the day is nearest to; of two as near the one to come."""
    near = (festival_of(year) for year in (day.year + 1, day.year, day.year - 1))
    return min(near, key=lambda festival: abs((day - festival).days))
