"""Days that turn out to have been leave once they are over, and what the judge makes of them.

A goal's newest version names them. The versions before it asked for something on such a day and
judged it: the day loses its lights, and its plan counts no further. A version that was made in
that knowledge has the day out of its plan already and is left as it is.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import date

from alerting.domain.calendar import days_between, is_working
from alerting.domain.goal import Form, Goal
from alerting.domain.spans import Span

LEAVE = "leave"
"""Why a span has no light."""


def relieved_days(goal: Goal, newest: Goal) -> frozenset[date]:
    """Return the days that became known as leave after the version was made."""
    return newest.restates - goal.restates


def relieve(goal: Goal, days: Collection[date]) -> Goal:
    """Return the version without what it asked for on the days.

    A level has no plan of a day but a way, which stays as it was.
    """
    if not days or goal.form is Form.LEVEL:
        return goal
    calendar = replace(
        goal.calendar, off=goal.calendar.off.union(days), on=goal.calendar.on.difference(days)
    )
    planned = {day: amount for day, amount in goal.days.items() if day not in days}
    return replace(goal, calendar=calendar, days=planned)


def is_relieved(goal: Goal, span: Span, days: Collection[date]) -> bool:
    """Whether the days are all that was worked on in the span, which has no light then."""
    worked = [day for day in days_between(span.start, span.end) if is_working(goal.calendar, day)]
    return bool(worked) and all(day in days for day in worked)
