"""Leave: days on which nobody expects a person's own goal to move.

The days of the owner's leave are no working days of an individual goal. Judged so, a day of leave
has no light and breaks no run. A straight plan is spread over the working days of the period
without them, the past ones too: what a goal asks for hangs on the leave alone, not on when it
became known, and leave that is withdrawn takes nothing with it. A plan by hand that expects
something of such a day stays, and so does the calendar.

Example: 100 from Monday to Friday are 20 a day; with Friday on leave 25 a day until Thursday.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from event_contracts.goals import Calendar, GoalChanged, Plan
from goal_service.domain.calendar import DAY, working_days
from goal_service.domain.forms import settle_plan
from goal_service.domain.people import WEEKDAYS, Kept, Leave, Person
from goal_service.domain.remarks import Remark
from service_kit.errors import UserError


@dataclass(frozen=True, slots=True)
class Wanted:
    """What holds of a goal without leave: its calendar, and its plan, None for a straight one."""

    calendar: Calendar = WEEKDAYS
    plan: Plan | None = None


def leave_of(person: Kept | None) -> tuple[Leave, ...]:
    """Return the person's leave; none of somebody who is not in the directory."""
    return person.entry.leave if person and isinstance(person.entry, Person) else ()


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

    A make-up day that falls into the leave is not worked on either. Leave on days that are not
    worked on anyway changes nothing.
    """
    away = set(leave_days(leave, start, end)) & set(working_days(calendar, start, end))
    if not away:
        return calendar
    return msgspec.structs.replace(
        calendar,
        off=tuple(sorted(away | set(calendar.off))),
        on=tuple(day for day in calendar.on if day not in away),
    )


def outside_leave(
    goal: GoalChanged, wanted: Wanted, leave: Sequence[Leave]
) -> tuple[GoalChanged, UserError | None]:
    """Return the goal with the leave taken out of its calendar and its plan.

    Where that cannot be it is the goal as wanted, and why.
    """
    calendar = with_leave(wanted.calendar, leave, goal.start, goal.end)
    clash = _clash(goal, wanted, calendar)
    if clash is not None:
        calendar = wanted.calendar
    days = working_days(calendar, goal.start, goal.end)
    plan = settle_plan(goal.form, wanted.plan, goal.level_start, goal.target, days)
    return msgspec.structs.replace(goal, calendar=calendar, plan=plan), clash


def clash_remark(clash: UserError) -> Remark:
    """Return why a leave is not followed, as a warning of an answer."""
    return Remark(clash.code, clash.where, clash.en, clash.zh)


def _clash(goal: GoalChanged, wanted: Wanted, calendar: Calendar) -> UserError | None:
    """Return why the goal cannot do without the days that ``calendar`` lacks, if it cannot."""
    left = working_days(calendar, goal.start, goal.end)
    if not left:
        return UserError(
            "leave-covers-period",
            "owner",
            "the owner is on leave on every working day of the period, so the leave is not taken "
            "out; give the goal another owner, or stop it",
            "负责人在期间的所有工作日均休假，因此未扣除休假；请更换负责人或停止该目标",
        )
    worked = working_days(wanted.calendar, goal.start, goal.end)
    planned = _planned(wanted.plan, [day for day in worked if day not in set(left)])
    return _planned_on_leave(planned) if planned is not None else None


def _planned(plan: Plan | None, away: Collection[date]) -> date | None:
    """Return the first day away for which somebody has planned by hand."""
    if plan is None:
        return None
    every = plan.daily is not None
    return min((day for day in away if every or day in plan.days), default=None)


def _planned_on_leave(day: date) -> UserError:
    return UserError(
        "plan-on-leave",
        "plan",
        f"the owner is on leave on {day}, for which the plan by hand has an amount, so the leave "
        "is not taken out; plan without the days of leave, or drop the plan for a straight one",
        f"负责人在 {day} 休假，而手工计划在该日有数额，因此未扣除休假；"
        "请在计划中去掉休假日，或省略计划以采用直线计划",
    )
