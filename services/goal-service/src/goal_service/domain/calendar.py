"""Which local days of a period are working days."""

from datetime import date, timedelta

from event_contracts.goals import Calendar
from service_kit.errors import UserError

DAY = timedelta(days=1)


def working_days(calendar: Calendar, start: date, end: date) -> tuple[date, ...]:
    """Return the working days from ``start`` to ``end``, both inclusive, in order.

    A day in ``on`` is a working day whatever its weekday (a make-up day), one in ``off`` is none.
    """
    weekdays, off, on = set(calendar.weekdays), set(calendar.off), set(calendar.on)
    days = (start + DAY * i for i in range((end - start).days + 1))
    return tuple(d for d in days if d in on or (d.isoweekday() in weekdays and d not in off))


def check_calendar(calendar: Calendar) -> None:
    """Raise UserError unless the weekdays are ISO weekdays and no day is both off and on."""
    wrong = [number for number in calendar.weekdays if not 1 <= number <= 7]
    if wrong:
        raise UserError(
            "weekday-unknown",
            "calendar.weekdays",
            f"{wrong[0]} is no weekday; use 1 (Monday) to 7 (Sunday)",
            f"{wrong[0]} 不是星期；请使用 1（星期一）到 7（星期日）",
        )
    both = sorted(set(calendar.off) & set(calendar.on))
    if both:
        raise UserError(
            "day-off-and-on",
            "calendar",
            f"{both[0]} stands in off and in on; keep it in one of them",
            f"{both[0]} 同时出现在 off 和 on 中；请只保留其中之一",
        )
