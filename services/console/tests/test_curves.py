"""Plan and actual to date over a goal's period."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from console.domain.answers import Day, Goal, Light
from console.domain.curves import curve, spans_chart, to_date_chart


def goal(make: Any, **fields: Any) -> Goal:
    return msgspec.convert(make.goal(**fields), Goal, strict=False)


def days(**values: int) -> list[Day]:
    return [Day(day=date(2026, 3, int(name[1:])), value=Decimal(v)) for name, v in values.items()]


def judged(make: Any, day: str) -> Light:
    return msgspec.convert(make.light("g", day, "green"), Light, strict=False)


def test_sums_grow_to_the_target_and_days_are_provisional_until_they_are_judged(
    make: Any,
) -> None:
    points = curve(goal(make), days(d9=18, d11=5), [judged(make, "2026-03-10")], date(2026, 3, 11))
    assert [str(point.plan) for point in points] == ["20", "40", "60", "80", "100"]
    assert [point.actual for point in points] == [18, 18, 23, None, None]
    assert [point.provisional for point in points] == [False, False, True, False, False]


def test_days_off_plan_nothing_and_days_of_their_own_plan_what_they_say(make: Any) -> None:
    off = {"weekdays": [1, 2, 3, 4, 5], "off": ["2026-03-10"], "on": ["2026-03-14"]}
    week = goal(make, end="2026-03-15", calendar=off)
    points = curve(week, [], [], date(2026, 3, 11))
    assert [str(p.plan) for p in points] == ["20", "20", "40", "60", "80", "100", "100"]
    own = goal(make, plan={"daily": None, "days": {"2026-03-09": "7", "2026-03-13": "93"}})
    assert [str(p.plan) for p in curve(own, [], [], date(2026, 3, 1))] == [
        *("7", "7", "7", "7", "100")
    ]


def test_what_is_no_sum_has_no_sum_to_date(make: Any) -> None:
    assert curve(goal(make, form="ratio"), [], [], date(2026, 3, 11)) == []
    assert to_date_chart(goal(make), []) is None
    assert spans_chart([]) is None


def test_a_chart_has_the_tiers_that_the_goal_has(make: Any) -> None:
    wanted = goal(make, floor="80")
    chart = to_date_chart(wanted, curve(wanted, [], [], date(2026, 3, 9)))
    assert chart is not None
    assert chart["tiers"] == {"floor": 80.0, "target": 100.0}
    assert chart["actual"] == [0.0, None, None, None, None]
