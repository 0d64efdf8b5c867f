"""Countries' holidays and make-up working days, from the ``holidays`` package."""

from datetime import date
from functools import lru_cache
from typing import Any

import holidays

from goal_service.domain.calendars import HolidayYear


@lru_cache(maxsize=1_024)
def holidays_of(country: str, year: int) -> HolidayYear | None:
    """Return the country's year; None when the package does not know the country."""
    try:
        # The end of a year may be exchanged for days of the next one.
        known: Any = holidays.country_holidays(country, years=[year, year + 1])
    except NotImplementedError:
        return None
    make_up: set[date] = known.weekend_workdays
    return HolidayYear(
        off=frozenset(day for day in known if day.year == year),
        on=frozenset(day for day in make_up if day.year == year),
        complete=_is_complete(known, year),
    )


@lru_cache(maxsize=256)
def spring_festival(year: int) -> date:
    """Return the first day of the lunar year; raises LookupError for one that is not known."""
    if not 1950 <= year <= 2099:
        raise LookupError(year)
    # The package names China's holidays in English when asked to, whatever the machine's language.
    known: Any = holidays.country_holidays("CN", years=[year], language="en_US")
    first: date = min(day for day, name in known.items() if "(Spring Festival)" in name)
    return first


def _is_complete(entity: Any, year: int) -> bool:
    """Whether the package has all of the year.

    Where holidays are exchanged for working weekends, the government says so year by year: beyond
    the last exchange that the package knows, it has the statutory days only.
    """
    if not entity.start_year <= year <= entity.end_year:
        return False
    if not entity.has_substituted_holidays:
        return True
    exchanged = getattr(entity, "special_public_holidays", {})
    return bool(exchanged) and year <= int(max(exchanged))
