"""Leave: days on which nobody expects a person's own goal to move.

Where it takes effect: the calendar of an individual goal is ``with_leave(calendar, leave of the
goal's owner, start, end)``. Judged with it, a day of leave has no light and breaks no run; a
straight plan made with it asks nothing of those days.
"""

from collections.abc import Sequence
from datetime import date

import msgspec

from event_contracts.goals import Calendar
from goal_service.domain.calendar import DAY
from goal_service.domain.people import Leave


def leave_days(leave: Sequence[Leave], start: date, end: date) -> tuple[date, ...]:
    """Return the days of leave from ``start`` to ``end``, both inclusive, in order, each once."""
    found = {
        max(each.start, start) + DAY * i
        for each in leave
        for i in range((min(each.end, end) - max(each.start, start)).days + 1)
    }
    return tuple(sorted(found))


def with_leave(calendar: Calendar, leave: Sequence[Leave], start: date, end: date) -> Calendar:
    """Return the calendar in which the days of leave are none that is worked on.

    A make-up day that falls into the leave is not worked on either.
    """
    away = set(leave_days(leave, start, end))
    if not away:
        return calendar
    return msgspec.structs.replace(
        calendar,
        off=tuple(sorted(away | set(calendar.off))),
        on=tuple(day for day in calendar.on if day not in away),
    )
