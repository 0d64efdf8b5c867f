"""Goals, plans and calendars, to the digit."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest

from event_contracts.facts import Condition
from event_contracts.goals import Calendar, GoalChanged, Plan
from event_contracts.metrics import MetricDefined
from goal_service.domain.calendar import working_days
from goal_service.domain.calendars import CalendarWish, HolidayYear
from goal_service.domain.drafts import Draft, Share
from goal_service.domain.goals import Surroundings, stopped
from goal_service.domain.goals import settle as settle_whole
from goal_service.domain.parts import controls
from goal_service.domain.plans import plan_of, plan_total, straight
from goal_service.domain.policies import Rules
from service_kit.errors import UserError

GROSS = MetricDefined(
    tenant="shop",
    metric="gross",
    version=1,
    kind="additive",
    source="orders",
    unit="GBP",
    dims=("country",),
)
RETAIL = Draft(
    name="Gross revenue",
    metric="gross",
    start=date(2010, 12, 1),
    end=date(2011, 12, 9),
    zone="Europe/London",
    plan=Plan(daily=Decimal(35_000)),
    floor=Share(Decimal("0.8")),
    stretch=Share(Decimal("1.2")),
)
LEADS = Draft(
    name="Leads",
    metric="gross",
    start=date(2026, 4, 1),
    end=date(2026, 6, 30),
    zone="Asia/Shanghai",
)


def no_holidays(country: str, year: int) -> HolidayYear | None:
    return None


def settle(
    draft: Draft, definition: MetricDefined, goal: str, version: int, at: int
) -> GoalChanged:
    around = Surroundings({definition.metric: definition}, no_holidays)
    return settle_whole(draft, around, goal, version, at)[0]


def refusal(draft: Draft) -> UserError:
    with pytest.raises(UserError) as caught:
        settle(draft, GROSS, "g", 1, 0)
    assert caught.value.en
    assert any("\u4e00" <= letter <= "\u9fff" for letter in caught.value.zh)
    return caught.value


def test_the_shops_year_has_268_working_days_and_its_target_is_268_times_the_daily_plan() -> None:
    goal = settle(RETAIL, GROSS, "g", 1, 5)
    assert len(working_days(goal.calendar, goal.start, goal.end)) == 268
    assert goal.target == 268 * 35_000 == 9_380_000
    assert (goal.floor, goal.stretch) == (7_504_000, 11_256_000)
    assert (goal.unit, goal.changed_ms, goal.version) == ("GBP", 5, 1)


def test_a_target_that_is_not_268_times_the_plan_is_refused_with_both_ways_out() -> None:
    error = refusal(replace(RETAIL, target=Decimal(9_000_000)))
    assert (error.code, error.where) == ("plan-does-not-add-up", "plan")
    assert "9380000" in error.en
    assert "268 working days" in error.en
    assert "9380000" in error.zh


def test_a_make_up_day_works_and_a_day_off_does_not() -> None:
    calendar = Calendar(off=(date(2026, 5, 1),), on=(date(2026, 5, 9),))
    days = working_days(calendar, date(2026, 4, 30), date(2026, 5, 10))
    assert [day.day for day in days] == [30, 4, 5, 6, 7, 8, 9]


def test_300_leads_over_61_days_become_whole_leads_that_add_up_and_hug_the_straight_line() -> None:
    days = [date(2026, 4, 1) + timedelta(days=n) for n in range(61)]
    plan = straight(Decimal(300), days)
    assert plan_total(plan, days) == 300
    assert sorted(set(plan.days.values())) == [4, 5]
    assert list(plan.days.values()).count(Decimal(5)) == 300 - 4 * 61
    running = Decimal(0)
    for number, day in enumerate(days, 1):
        running += plan.days[day]
        assert abs(running - Decimal(300) * number / 61) < 1


def test_a_target_in_pence_is_spread_in_pence() -> None:
    days = [date(2026, 4, 1) + timedelta(days=n) for n in range(3)]
    assert list(straight(Decimal("100.10"), days).days.values()) == [
        Decimal("33.36"),
        Decimal("33.37"),
        Decimal("33.37"),
    ]
    assert straight(Decimal("1.5"), days[:2]) == Plan(daily=Decimal("0.75"))


def test_an_even_straight_plan_is_one_daily_amount() -> None:
    days = [date(2026, 4, 1) + timedelta(days=n) for n in range(4)]
    assert straight(Decimal(1000), days) == Plan(daily=Decimal(250))


def test_800_to_1000_means_floor_800_target_900_stretch_1000() -> None:
    goal = settle(replace(LEADS, floor=Decimal(800), stretch=Decimal(1000)), GROSS, "g", 1, 0)
    assert (goal.floor, goal.target, goal.stretch) == (800, 900, 1000)
    working = working_days(goal.calendar, goal.start, goal.end)
    assert sum(plan_of(goal.plan, day, frozenset(working)) for day in working) == 900


def test_a_plan_by_hand_gives_the_target_and_plans_nothing_on_other_days() -> None:
    by_hand = Plan(days={date(2026, 4, 1): Decimal(7), date(2026, 4, 2): Decimal("2.5")})
    goal = settle(replace(LEADS, plan=by_hand), GROSS, "g", 1, 0)
    assert goal.target == Decimal("9.5")
    working = frozenset(working_days(goal.calendar, goal.start, goal.end))
    assert plan_of(goal.plan, date(2026, 4, 3), working) == 0


@pytest.mark.parametrize(
    ("draft", "code", "where"),
    [
        (replace(RETAIL, end=date(2010, 11, 30)), "period-reversed", "end"),
        (replace(RETAIL, end=date(2099, 1, 1)), "period-out-of-range", "end"),
        (replace(RETAIL, zone="Europe/Londn"), "zone-unknown", "zone"),
        (replace(RETAIL, zone="../etc/passwd"), "zone-unknown", "zone"),
        (replace(RETAIL, name=" "), "name-invalid", "name"),
        (replace(RETAIL, level="galaxy"), "level-unknown", "level"),
        (
            replace(RETAIL, calendar=CalendarWish(weekdays=(0,))),
            "weekday-unknown",
            "calendar.weekdays",
        ),
        (
            replace(
                RETAIL,
                calendar=CalendarWish(off=(date(2011, 1, 3),), on=(date(2011, 1, 3),)),
            ),
            "day-off-and-on",
            "calendar",
        ),
        (replace(RETAIL, calendar=CalendarWish(weekdays=())), "no-working-day", "calendar"),
        (
            replace(RETAIL, where=(Condition(dim="continent", any_of=("Asia",)),)),
            "dimension-unknown",
            "where.0.dim",
        ),
        (replace(RETAIL, where=(Condition(dim="country"),)), "condition-unclear", "where.0"),
        (replace(RETAIL, floor=Decimal(10_000_000)), "tiers-out-of-order", "floor"),
        (replace(RETAIL, stretch=Decimal(9_000_000)), "tiers-out-of-order", "stretch"),
        (replace(RETAIL, floor=Decimal("NaN")), "amount-invalid", "floor"),
        (replace(RETAIL, floor=Share(Decimal(80_000))), "share-invalid", "floor.share"),
        (replace(RETAIL, plan=Plan(daily=Decimal(-1))), "plan-negative", "plan"),
        (replace(RETAIL, plan=Plan(daily=Decimal("Infinity"))), "amount-invalid", "plan"),
        (replace(RETAIL, plan=Plan(daily=Decimal(0))), "target-not-positive", "target"),
        (
            replace(RETAIL, plan=Plan(days={date(2010, 12, 4): Decimal(1)})),
            "plan-day-not-working",
            "plan.days.2010-12-04",
        ),
        (replace(LEADS, target=None), "target-missing", "target"),
        (replace(LEADS, target=Decimal("1E+400")), "amount-invalid", "target"),
        (replace(RETAIL, rules=Rules(grain="hour")), "policy-value", "policy.grain"),
        (replace(RETAIL, rules=Rules(low=Decimal("NaN"))), "policy-value", "policy.low"),
        (replace(RETAIL, rules=Rules(green=Decimal("0.5"))), "policy-bands", "policy.green"),
        (replace(RETAIL, rules=Rules(settle_days=31)), "policy-value", "policy.settle_days"),
    ],
)
def test_what_cannot_be_tracked_is_refused_with_place_and_remedy_in_both_languages(
    draft: Draft, code: str, where: str
) -> None:
    error = refusal(draft)
    assert (error.code, error.where) == (code, where)


def test_a_goal_that_changes_its_metric_stops_at_the_old_one() -> None:
    first = settle(RETAIL, GROSS, "g", 1, 0)
    moved = settle(RETAIL, GROSS, "g", 2, 0)
    old = msgspec.structs.replace(first, metric="net")
    assert [(c.metric, c.stopped, c.goal_version) for c in controls(moved, old)] == [
        ("gross", False, 2),
        ("net", True, 2),
    ]
    assert [(c.stopped, c.goal_version) for c in controls(stopped(first, 9), first)] == [(True, 2)]
