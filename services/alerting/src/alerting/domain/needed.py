"""What is needed from now."""

from datetime import timedelta
from decimal import Decimal

from alerting.domain.calendar import working_days
from alerting.domain.figures import ZERO, minus, ratio
from alerting.domain.goal import Form, Goal
from alerting.domain.judged import Verdict


def needed_per_day(goal: Goal, last: Verdict | None) -> Decimal | None:
    """Return what each working day behind the last judged span has to bring to reach the target.

    (target - total) / working days left, not below 0; of a goal where less is better, what each
    day may still bring. None where the figure does not add up over days, or no day is left.
    """
    if goal.form is not Form.SUM or goal.stopped:
        return None
    total = last.to_date.light.actual if last else ZERO
    first = last.span.end + timedelta(days=1) if last else goal.start
    left = working_days(goal.calendar, max(first, goal.start), goal.end)
    return max(ZERO, ratio(minus(goal.target, total), Decimal(left))) if left else None
