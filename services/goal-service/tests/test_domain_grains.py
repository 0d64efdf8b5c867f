"""The smallest span in which a plan expects at least ten units, and what is red in it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_contracts.goals import Calendar, GoalChanged, Policy
from event_contracts.metrics import MetricDefined
from goal_service.domain.calendar import working_days
from goal_service.domain.calendars import CalendarWish
from goal_service.domain.drafts import Draft
from goal_service.domain.goals import Surroundings, settle
from goal_service.domain.grains import fitting
from goal_service.domain.policies import Rules, check_policy
from service_kit.errors import UserError

# Monday 5 January to Friday 27 March 2026, without Monday 23 March: 12 weeks less a day are 59
# working days; with two make-up Saturdays 61.
MADE_UP = (date(2026, 2, 14), date(2026, 2, 28))
QUARTER = Calendar(off=(date(2026, 3, 23),), on=MADE_UP)
START, END = date(2026, 1, 5), date(2026, 3, 27)
LEADS = MetricDefined(
    tenant="t", metric="leads", version=1, kind="additive", source="crm", unit="leads"
)
MONEY = MetricDefined(
    tenant="t",
    metric="revenue",
    version=1,
    kind="additive",
    source="crm",
    unit="CNY",
    currency="CNY",
)
DRAFT = Draft(
    name="Leads",
    metric="leads",
    start=START,
    end=END,
    zone="UTC",
    calendar=CalendarWish(off=QUARTER.off, on=QUARTER.on),
)


def settled(draft: Draft, **fields: Any) -> GoalChanged:
    around = Surroundings({"leads": LEADS, "revenue": MONEY}, lambda country, year: None)
    return settle(replace(draft, **fields), around, "g", 1, 0)[0]


def judged(**fields: Any) -> tuple[str, int]:
    policy = settled(DRAFT, **fields).policy
    return policy.grain, policy.red_after


def test_the_quarter_of_these_tests_has_61_working_days() -> None:
    assert len(working_days(QUARTER, START, END)) == 61


@pytest.mark.parametrize(
    ("target", "grain", "red_after"),
    [
        ("6100", "day", 3),  # 100 a day
        ("610", "day", 3),  # exactly 10 a day
        ("609", "week", 2),
        ("300", "week", 2),  # 4.9 a day, 24.6 a week
        ("122", "week", 2),  # 122 x 5 / 61: exactly 10 a week
        ("121", "month", 1),
        ("20", "running", 2),  # under 7 a month
    ],
)
def test_61_working_days_are_judged_by_the_smallest_span_that_expects_ten(
    target: str, grain: str, red_after: int
) -> None:
    assert judged(target=Decimal(target)) == (grain, red_after)


def test_exactly_ten_in_a_month_is_a_month_and_a_little_less_is_the_running_total() -> None:
    july = (date(2026, 7, 1), date(2026, 7, 31))
    assert fitting(Fraction(10), Calendar(), *july) == "month"
    assert fitting(Fraction("9.999"), Calendar(), *july) == "running"
    # January to March 2026 have 22, 20 and 22 working days: 64, and a month has 64 / 3 of them.
    quarter = (date(2026, 1, 1), date(2026, 3, 31))
    assert fitting(Fraction(30), Calendar(), *quarter) == "month"
    assert fitting(Fraction("29.99"), Calendar(), *quarter) == "running"


def test_a_span_is_no_longer_than_the_period() -> None:
    week = (date(2026, 7, 6), date(2026, 7, 10))
    assert fitting(Fraction(10), Calendar(), *week) == "week"
    assert fitting(Fraction("9.5"), Calendar(), *week) == "running"  # not 42 in a month
    single = (date(2026, 7, 6), date(2026, 7, 6))
    assert fitting(Fraction(10), Calendar(), *single) == "day"


def test_a_campaign_of_single_days_counts_a_week_as_seven() -> None:
    days = tuple(date(2026, 6, day) for day in range(1, 19))
    calendar = Calendar(weekdays=(), on=days)
    assert fitting(Fraction(26), calendar, days[0], days[-1]) == "week"  # 26 x 7 / 18 = 10.1
    assert fitting(Fraction(25), calendar, days[0], days[-1]) == "month"


@given(st.integers(1, 20_000), st.integers(1, 200), st.integers(0, 400))
def test_more_units_never_make_the_grain_coarser(units: int, more: int, length: int) -> None:
    order = ("day", "week", "month", "running")
    end = date.fromordinal(START.toordinal() + length)
    grains = [fitting(Fraction(n), Calendar(), START, end) for n in (units, units + more)]
    assert order.index(grains[1]) <= order.index(grains[0])


def test_a_policy_may_fix_the_grain_and_how_many_low_spans_are_red() -> None:
    assert judged(target=Decimal(20), rules=Rules(grain="day")) == ("day", 3)
    assert judged(target=Decimal(20), rules=Rules(grain="month", red_after=2)) == ("month", 2)
    assert judged(target=Decimal(300), rules=Rules(red_after=4)) == ("week", 4)


def test_what_is_settled_is_a_whole_policy_of_the_contract() -> None:
    policy = settled(DRAFT, target=Decimal(300), rules=Rules(low=Decimal("0.6"))).policy
    assert type(policy) is Policy
    assert policy == Policy(grain="week", red_after=2, low=Decimal("0.6"))


def test_a_goal_in_money_counts_its_deals() -> None:
    money = replace(DRAFT, metric="revenue")
    # 6,100,000 at 50,000 are 122 deals: exactly 10 a week.
    goal = settled(money, target=Decimal(6_100_000), deal_value=Decimal(50_000))
    assert goal.policy.grain == "week"
    fewer = settled(money, target=Decimal(6_100_000), deal_value=Decimal(50_001))
    assert fewer.policy.grain == "month"
    fixed = settled(money, target=Decimal(6_100_000), rules=Rules(grain="day"))
    assert (fixed.policy.grain, fixed.deal_value) == ("day", None)


@pytest.mark.parametrize(
    ("fields", "code", "where"),
    [
        ({"metric": "revenue"}, "deal-value-missing", "deal_value"),
        ({"metric": "revenue", "deal_value": Decimal(0)}, "deal-value-not-positive", "deal_value"),
        ({"deal_value": Decimal(5)}, "deal-value-not-money", "deal_value"),
        ({"deal_value": Decimal("NaN")}, "amount-invalid", "deal_value"),
    ],
)
def test_a_goal_whose_deals_cannot_be_counted_is_refused_with_the_way_out(
    fields: dict[str, Any], code: str, where: str
) -> None:
    with pytest.raises(UserError) as caught:
        settled(DRAFT, target=Decimal(1000), **fields)
    assert (caught.value.code, caught.value.where) == (code, where)


@pytest.mark.parametrize(
    ("field", "fine", "wrong"),
    [
        ("to_date_from", "0", "1.01"),
        ("ratio_days", "1", "0"),
        ("ratio_least", "0", "-1"),
        ("level_from", "1", "1.1"),
        ("red_after", "31", "32"),
    ],
)
def test_each_number_of_a_policy_has_bounds(field: str, fine: str, wrong: str) -> None:
    check_policy(Rules(**{field: Decimal(fine)}))
    with pytest.raises(UserError) as caught:
        check_policy(Rules(**{field: Decimal(wrong)}))
    assert caught.value.where == f"policy.{field}"
