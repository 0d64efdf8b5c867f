"""What a goal asks for without the days of its owner's leave."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_contracts.goals import Calendar, GoalChanged, Plan
from event_contracts.metrics import MetricDefined
from goal_service.domain.calendar import DAY, working_days
from goal_service.domain.calendars import CalendarWish
from goal_service.domain.drafts import Draft, Share
from goal_service.domain.forms import planned_on
from goal_service.domain.goals import GoalVersion, Settled, Surroundings, settle, under_leave
from goal_service.domain.people import Leave
from goal_service.domain.policies import Rules
from goal_service.domain.splits import SplitPart, part_draft
from service_kit.errors import UserError

LEADS = MetricDefined(
    tenant="shop", metric="leads", version=1, kind="additive", source="crm", unit="leads"
)
MONDAY, THURSDAY, FRIDAY = date(2026, 4, 6), date(2026, 4, 9), date(2026, 4, 10)
TUESDAY, WEDNESDAY = date(2026, 4, 7), date(2026, 4, 8)
SICK = (Leave(TUESDAY, TUESDAY),)
SATURDAY = date(2026, 4, 11)
ONE_DAY = (Leave(FRIDAY, FRIDAY),)
WHOLE = (Leave(date(2026, 4, 1), date(2026, 4, 30)),)
WEEK = Draft(
    name="Leads",
    metric="leads",
    start=MONDAY,
    end=FRIDAY,
    zone="UTC",
    target=Decimal(100),
    level="individual",
    owner="anna",
)


def settled(leave: tuple[Leave, ...], **fields: Any) -> Settled:
    draft = Draft(**({name: getattr(WEEK, name) for name in Draft.__slots__} | fields))
    known = {"leads": LEADS, "visits": msgspec.structs.replace(LEADS, metric="visits")}
    around = Surroundings(known, lambda country, year: None, leave=leave)
    return settle(draft, around, "g", 1, 0)


def version(leave: tuple[Leave, ...], **fields: Any) -> GoalVersion:
    found = settled(leave, **fields)
    return GoalVersion(found.goal, "", "key:x", wanted=found.wanted)


def working(goal: GoalChanged) -> list[int]:
    return [day.day for day in working_days(goal.calendar, goal.start, goal.end)]


def test_a_straight_plan_is_spread_over_the_days_that_are_left() -> None:
    found = settled(ONE_DAY)
    assert (found.goal.plan.daily, working(found.goal)) == (Decimal(25), [6, 7, 8, 9])
    assert (found.goal.target, found.remarks) == (100, ())
    assert (found.wanted.calendar, found.wanted.plan) == (Calendar(), None)


def test_a_plan_that_does_not_divide_still_adds_up_to_its_target() -> None:
    goal = settled((Leave(THURSDAY, FRIDAY),)).goal
    assert list(goal.plan.days.values()) == [33, 33, 34]


@pytest.mark.parametrize(
    ("leave", "days"),
    [
        ((Leave(date(2026, 4, 3), MONDAY),), [7, 8, 9, 10]),  # from before the period
        ((Leave(FRIDAY, date(2026, 4, 20)),), [6, 7, 8, 9]),  # beyond its end
        ((Leave(date(2026, 4, 3), date(2026, 4, 5)),), [6, 7, 8, 9, 10]),  # the day before it
        ((Leave(SATURDAY, SATURDAY),), [6, 7, 8, 9, 10]),  # a day that is not worked on
        ((), [6, 7, 8, 9, 10]),
    ],
)
def test_leave_counts_within_the_period_alone(leave: tuple[Leave, ...], days: list[int]) -> None:
    assert working(settled(leave).goal) == days


def test_floor_and_target_stay_when_the_plan_gave_them() -> None:
    by_hand = Plan(days={MONDAY: Decimal(60), THURSDAY: Decimal(40)})
    goal = settled(ONE_DAY, target=None, plan=by_hand, floor=Share(Decimal("0.8"))).goal
    assert (goal.target, goal.floor, goal.plan, working(goal)) == (100, 80, by_hand, [6, 7, 8, 9])


@pytest.mark.parametrize(
    ("plan", "leave", "code"),
    [
        (Plan(daily=Decimal(20)), ONE_DAY, "plan-on-leave"),
        (Plan(days={MONDAY: Decimal(60), FRIDAY: Decimal(40)}), ONE_DAY, "plan-on-leave"),
        (None, WHOLE, "leave-covers-period"),
    ],
)
def test_what_cannot_do_without_a_day_of_leave_stays_as_it_is_and_is_told(
    plan: Plan | None, leave: tuple[Leave, ...], code: str
) -> None:
    found = settled(leave, plan=plan)
    assert working(found.goal) == [6, 7, 8, 9, 10]
    assert found.goal.plan == (plan or Plan(daily=Decimal(20)))
    (remark,) = found.remarks
    assert remark.code == code
    assert any("\u4e00" <= letter <= "\u9fff" for letter in remark.zh)


def test_a_daily_plan_meets_no_leave_at_a_weekend() -> None:
    assert settled((Leave(SATURDAY, SATURDAY),), plan=Plan(daily=Decimal(20))).remarks == ()


def test_a_ratio_wants_the_same_on_fewer_days_and_a_level_gets_there_over_them() -> None:
    ratio = settled(ONE_DAY, form="ratio", over_metric="visits", target=Decimal("0.1")).goal
    assert (ratio.plan.daily, working(ratio)) == (Decimal("0.1"), [6, 7, 8, 9])
    level = {"form": "level", "level_start": Decimal(20), "target": Decimal(30)}
    straight = settled(ONE_DAY, **level).goal
    assert (straight.plan, working(straight)) == (Plan(), [6, 7, 8, 9])
    steps = Plan(days={MONDAY: Decimal(25), THURSDAY: Decimal(30)})
    by_hand = settled(ONE_DAY, plan=steps, **level).goal
    assert [int(each) for each in by_hand.plan.days.values()] == [25, 25, 25, 30]


def test_withdrawn_leave_takes_nothing_with_it_and_the_way_there_does_not_matter() -> None:
    plain = version(())
    away, clash = under_leave(plain, ONE_DAY, None, "person:anna", 7)
    assert away is not None
    assert clash is None
    assert (away.goal.version, away.goal.changed_ms, away.reason) == (2, 7, "leave")
    assert away.actor == "person:anna"
    assert (away.goal.plan, away.goal.calendar) == (
        settled(ONE_DAY).goal.plan,
        settled(ONE_DAY).goal.calendar,
    )
    back, _ = under_leave(away, (), None, "person:anna", 8)
    assert back is not None
    assert (back.goal.plan, back.goal.calendar) == (plain.goal.plan, plain.goal.calendar)
    assert under_leave(back, (), None, "person:anna", 9) == (None, None)


def test_leave_that_cannot_be_followed_takes_an_earlier_one_back() -> None:
    away, clash = under_leave(version(ONE_DAY), WHOLE, None, "person:anna", 7)
    assert away is not None
    assert isinstance(clash, UserError)
    assert working(away.goal) == [6, 7, 8, 9, 10]


def test_the_grain_is_settled_anew_for_the_days_that_are_left() -> None:
    # 49 over five days are 9.8 a day: by week. Over four they are 12.25: by day.
    plain = version((), target=Decimal(49))
    away, _ = under_leave(plain, ONE_DAY, None, "person:anna", 7)
    assert away is not None
    assert (plain.goal.policy.grain, away.goal.policy.grain) == ("week", "day")


def test_a_part_has_the_calendar_that_was_wanted_and_not_the_leave_of_who_owns_the_whole() -> None:
    parent = version(ONE_DAY, calendar=CalendarWish(off=(MONDAY,)), rules=Rules(grain="day"))
    assert working(parent.goal) == [7, 8, 9]
    draft = part_draft(parent, SplitPart("p", "Part", Decimal(50)), Decimal(50))
    assert (draft.calendar.off, draft.calendar.on) == ((MONDAY,), ())


def at(day: date, hour: int = 9) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp() * 1000)


def moved(
    before: GoalVersion, leave: tuple[Leave, ...], day: date, hour: int = 9
) -> tuple[GoalVersion | None, UserError | None]:
    return under_leave(before, leave, None, "person:anna", at(day, hour))


def daily(goal: GoalChanged) -> dict[int, Decimal]:
    days = working_days(goal.calendar, goal.start, goal.end)
    return {day.day: planned_on(goal, day, days) for day in days}


def test_leave_known_in_mid_period_spreads_what_is_left_and_leaves_the_past_as_it_was() -> None:
    found, clash = moved(version(()), ONE_DAY, WEDNESDAY)
    assert found is not None
    assert daily(found.goal) == {6: 20, 7: 20, 8: 30, 9: 30}
    assert (found.goal.restates, clash) == ((), None)


def test_a_day_that_turns_out_to_have_been_leave_is_restated_and_its_plan_moves_on() -> None:
    found, _ = moved(version(()), SICK, WEDNESDAY)
    assert found is not None
    assert daily(found.goal) == {6: 20, 8: 26, 9: 27, 10: 27}
    assert found.goal.restates == (TUESDAY,)
    assert sum(found.goal.plan.days.values()) == found.goal.target


def test_today_is_no_past_day_and_today_is_that_of_the_goals_zone() -> None:
    today, _ = moved(version(()), SICK, TUESDAY, 23)
    assert today is not None
    assert (daily(today.goal)[8], today.goal.restates) == (Decimal(26), ())
    # 23:00 UTC on Tuesday is Wednesday in Shanghai.
    found, _ = moved(version((), zone="Asia/Shanghai"), SICK, TUESDAY, 23)
    assert found is not None
    assert found.goal.restates == (TUESDAY,)


def test_the_same_leave_again_is_no_change_whatever_day_it_is() -> None:
    away, _ = moved(version(()), ONE_DAY, MONDAY)
    assert away is not None
    for day in (TUESDAY, WEDNESDAY, FRIDAY):
        assert moved(away, ONE_DAY, day) == (None, None)


def test_leave_withdrawn_for_a_day_that_is_over_gives_nothing_back_but_today_and_later_do() -> None:
    away, _ = moved(version(()), (Leave(TUESDAY, THURSDAY),), MONDAY)
    assert away is not None
    assert daily(away.goal) == {6: 50, 10: 50}
    back, _ = moved(away, (), WEDNESDAY)  # Tuesday was leave, Wednesday is not
    assert back is not None
    assert [int(amount) for amount in daily(back.goal).values()] == [50, 16, 17, 17]
    assert (sorted(daily(back.goal)), back.goal.restates) == ([6, 8, 9, 10], ())


def test_further_leave_known_late_keeps_the_days_that_were_restated_before() -> None:
    first, _ = moved(version(()), (Leave(MONDAY, MONDAY),), TUESDAY)
    assert first is not None
    second, _ = moved(first, (Leave(MONDAY, TUESDAY),), WEDNESDAY)
    assert second is not None
    assert second.goal.restates == (MONDAY, TUESDAY)
    assert [int(amount) for amount in daily(second.goal).values()] == [33, 33, 34]


def test_a_level_keeps_its_past_way_and_goes_straight_from_there() -> None:
    level = {"form": "level", "level_start": Decimal(20), "target": Decimal(30)}
    found, _ = moved(version((), **level), ONE_DAY, WEDNESDAY)
    assert found is not None
    assert daily(found.goal) == {6: 22, 7: 24, 8: 27, 9: 30}
    late, _ = moved(version((), **level), SICK, WEDNESDAY)
    assert late is not None
    assert [round(each, 2) for each in daily(late.goal).values()] == [
        22,
        Decimal("24.67"),
        Decimal("27.33"),
        30,
    ]
    assert late.goal.restates == (TUESDAY,)


def test_a_plan_by_hand_stays_and_a_late_day_that_it_left_out_is_restated() -> None:
    by_hand = Plan(days={MONDAY: Decimal(60), THURSDAY: Decimal(40)})
    found, clash = moved(version((), plan=by_hand), SICK, WEDNESDAY)
    assert found is not None
    assert (found.goal.plan, found.goal.restates, clash) == (by_hand, (TUESDAY,), None)
    _, clash = moved(version((), plan=by_hand), (Leave(MONDAY, MONDAY),), WEDNESDAY)
    assert isinstance(clash, UserError)
    assert clash.code == "plan-on-leave"


def test_a_late_day_whose_plan_no_day_is_left_to_take_stays_as_it_was_judged() -> None:
    over = (Leave(TUESDAY, TUESDAY), Leave(FRIDAY, FRIDAY))
    found, clash = moved(version(()), over, FRIDAY)
    assert found is None
    assert isinstance(clash, UserError)
    assert clash.code == "leave-covers-period"


@given(
    target=st.integers(1, 10**6).map(lambda cents: Decimal(cents) / 100),
    steps=st.lists(
        st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(0, 9)), max_size=6
    ),
)
def test_the_plan_adds_up_and_days_that_are_over_keep_theirs_whatever_leave_comes(
    target: Decimal, steps: list[tuple[int, int, int]]
) -> None:
    goal = version((), target=target, start=date(2026, 4, 1), end=date(2026, 4, 30))
    for today, first, length in sorted(steps):
        day = date(2026, 4, first)
        before = daily(goal.goal)
        found, _ = moved(goal, (Leave(day, day + length * DAY),), date(2026, 4, today))
        goal = found or goal
        after = daily(goal.goal)
        assert sum(after.values()) == target
        assert all(after[past] == before[past] for past in after if past < today)
        lost = [past for past in before if past < today and past not in after]
        assert {date(2026, 4, past) for past in lost} <= set(goal.goal.restates)
