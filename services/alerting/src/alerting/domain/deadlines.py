"""When somebody has to have done something, and from when somebody may be told."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerting.domain.calendar import DAY, days_between, is_working, local_day
from alerting.domain.goal import Goal
from alerting.domain.judged import Deed, Kind
from alerting.domain.lights import Colour

_LONGEST = 366


def working_day_end_ms(goal: Goal, at_ms: int) -> int:
    """Return when the working day of an instant ends; outside of one, the end of the next one.

    The day that is over at its last instant: what comes exactly then has the next one. A calendar
    without a further working day in a year counts all days.
    """
    today = local_day(goal.zone, at_ms)
    coming = list(days_between(today, today + _LONGEST * DAY))
    worked = [day for day in coming if is_working(goal.calendar, day)]
    hours = timedelta(hours=goal.policy.working_day_ends)
    zone = ZoneInfo(goal.zone)
    ends = (datetime.combine(day, time.min, zone) + hours for day in (*worked, *coming))
    return next(end for end in (int(end.timestamp() * 1000) for end in ends) if end > at_ms)


def due_ms(deed: Deed, goal: Goal, now_ms: int) -> int | None:
    """Return until when the investigation is to be done that the deed opens; None: it opens none.

    It is due by the end of the working day on which red is judged.
    """
    return working_day_end_ms(goal, now_ms) if deed.kind is Kind.OFF_TRACK else None


def lead_from_ms(deed: Deed, goal: Goal, now_ms: int) -> int | None:
    """Return from when anybody but the owner is told; None: at once.

    A red light of a person's own goal goes to that person first, and up at the end of the working
    day; so does the news that a red run goes up.
    """
    if goal.is_a_persons and (deed.light is Colour.RED or deed.kind is Kind.ESCALATED):
        return working_day_end_ms(goal, now_ms)
    return None
