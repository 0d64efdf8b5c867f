"""Which holidays a goal is settled by: the country's, and over them what the organisation says."""

from goal_service.domain.calendars import HolidaysOf, overridden
from goal_service.domain.people import NamedCalendar, Ref
from goal_service.ports import GoalBooks


async def holidays_for(tenant: str, country: str | None, books: GoalBooks) -> HolidaysOf:
    """Return the holidays; the organisation's calendar named like the country stands over them."""
    if country is None:
        return books.holidays
    ref = Ref(NamedCalendar, country)
    kept = (await books.directory.find(tenant, [ref])).get(ref)
    if kept is None or not isinstance(kept.entry, NamedCalendar):
        return books.holidays
    return overridden(books.holidays, country, kept.entry.calendar)
