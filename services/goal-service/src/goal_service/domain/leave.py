"""Leave: days on which nobody expects a person's own goal to move.

The days of the owner's leave are no working days of an individual goal. Judged so, a day of leave
has no light and breaks no run. A straight plan is spread over the working days of the period
without them. Of a goal that runs already, the days before today keep their plan, and what is left
is spread over today and the later working days: nobody is judged by a plan that was not there.
A day before today that turns out to have been leave has no plan, and ``restates`` names it, so
that it loses its light; leave withdrawn for such a day gives it none back. A plan by hand that
expects something of a day of leave stays, and so does the calendar.

Example: 100 from Monday to Friday are 20 a day; with Friday on leave 25 a day until Thursday. Known
on Wednesday only: 20, 20, 30, 30. On Wednesday Tuesday is entered as sick: 20, -, 26, 27, 27.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from event_contracts.goals import Calendar, GoalChanged, Plan
from goal_service.domain.calendar import DAY, working_days
from goal_service.domain.people import WEEKDAYS, Kept, Leave, Person
from goal_service.domain.remarks import Remark
from goal_service.domain.replanning import left_over, plan_from
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


def without_days(calendar: Calendar, days: Collection[date], start: date, end: date) -> Calendar:
    """Return the calendar in which the days are none that is worked on from ``start`` to ``end``.

    A make-up day among them is not worked on either. Days that are not worked on anyway change
    nothing.
    """
    away = set(days) & set(working_days(calendar, start, end))
    if not away:
        return calendar
    return msgspec.structs.replace(
        calendar,
        off=tuple(sorted(away | set(calendar.off))),
        on=tuple(day for day in calendar.on if day not in away),
    )


def outside_leave(
    goal: GoalChanged, wanted: Wanted, leave: Sequence[Leave], today: date = date.min
) -> tuple[GoalChanged, UserError | None]:
    """Return the goal as it holds from ``today`` on, with the leave out of calendar and plan.

    Where that cannot be it is the goal as wanted from today on, and why.
    """
    gone = _gone(goal, wanted, today)
    away = gone.union(leave_days(leave, goal.start, goal.end))
    calendar = without_days(wanted.calendar, away, goal.start, goal.end)
    clash = _clash(goal, wanted, calendar, today)
    if clash is not None:
        calendar = without_days(wanted.calendar, gone, goal.start, goal.end)
    if calendar == goal.calendar:
        return goal, clash
    worked = working_days(calendar, goal.start, goal.end)
    held = working_days(goal.calendar, goal.start, goal.end)
    fresh = {day for day in held if day < today} - set(worked)
    return (
        msgspec.structs.replace(
            goal,
            calendar=calendar,
            plan=plan_from(goal, wanted.plan, worked, today),
            restates=tuple(sorted({*goal.restates, *fresh})),
        ),
        clash,
    )


def clash_remark(clash: UserError) -> Remark:
    """Return why a leave is not followed, as a warning of an answer."""
    return Remark(clash.code, clash.where, clash.en, clash.zh)


def _gone(goal: GoalChanged, wanted: Wanted, today: date) -> set[date]:
    """Return the days before today that were leave already: they stay what they were."""
    if today <= goal.start:
        return set()
    until = min(today - DAY, goal.end)
    held = set(working_days(goal.calendar, goal.start, until))
    return set(working_days(wanted.calendar, goal.start, until)) - held


def _clash(goal: GoalChanged, wanted: Wanted, calendar: Calendar, today: date) -> UserError | None:
    """Return why the goal cannot do without the days that ``calendar`` lacks, if it cannot."""
    left = working_days(calendar, goal.start, goal.end)
    if not left or not (left[-1] >= today or _is_done(goal, wanted, left)):
        return UserError(
            "leave-covers-period",
            "owner",
            "the owner is on leave on every working day that is left of the period, so the leave "
            "is not taken out; give the goal another owner, or stop it",
            "负责人在期间剩余的所有工作日均休假，因此未扣除休假；请更换负责人或停止该目标",
        )
    worked = working_days(wanted.calendar, goal.start, goal.end)
    planned = _planned(wanted.plan, [day for day in worked if day not in set(left)])
    return _planned_on_leave(planned) if planned is not None else None


def _is_done(goal: GoalChanged, wanted: Wanted, left: Sequence[date]) -> bool:
    """Whether days that are all over have the whole plan, so that nothing is left to spread."""
    return wanted.plan is not None or goal.form == "ratio" or left_over(goal, left) == 0


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
