"""The trials' own truth: the to-date light, from the product's examples."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from paceline.trial import oracle
from paceline.trial.oracle import Deed, Wanted

MONDAY = date(2026, 1, 5)


def plan(daily: int, last: date) -> Wanted:
    target = Decimal(daily * len(oracle.working(MONDAY, last)))
    return Wanted(Decimal(daily), MONDAY, last, target * 8 / 10, target, target * 12 / 10)


QUARTER = plan(20, MONDAY + timedelta(days=84))  # 61 working days, 1,220


def days(*amounts: str) -> dict[date, Decimal]:
    working = oracle.working(MONDAY, QUARTER.end)
    return {day: Decimal(amount) for day, amount in zip(working, amounts, strict=False)}


def test_ten_days_at_12_of_20_then_20_are_red_from_ten_percent_of_the_plan_on() -> None:
    values = days(*["12"] * 10, "20")
    found = oracle.headlines(QUARTER, values, max(values))
    # 10 % of 1,220 are 122: six days plan 120, the seventh 140.
    assert found == dict.fromkeys(sorted(values)[6:], "red")


def test_339_of_260_is_green_while_the_run_is_red() -> None:
    values = days(*["30"] * 10, "13", "13", "13")
    assert oracle.headlines(QUARTER, values, max(values))[max(values)] == "green"
    assert oracle.lights(QUARTER, values, max(values))[max(values)] == "red"


@pytest.mark.parametrize(
    ("amount", "light"),
    [("13.999", "red"), ("14", "yellow"), ("19.999", "yellow"), ("20", "green")],
)
def test_the_bounds_belong_to_the_better_light(amount: str, light: str) -> None:
    week = plan(20, MONDAY + timedelta(days=4))
    assert oracle.headlines(week, {MONDAY: Decimal(amount)}, MONDAY) == {MONDAY: light}


def test_exactly_ten_percent_of_the_plan_has_a_light_and_a_weekend_counts() -> None:
    ten = plan(20, MONDAY + timedelta(days=11))
    saturday = MONDAY + timedelta(days=5)
    values = days("20", "20", "20", "20", "10") | {saturday: Decimal(10)}
    found = oracle.headlines(ten, values | {MONDAY + timedelta(days=7): Decimal(20)}, ten.end)
    assert found[MONDAY] == "green"  # 20 of 200
    assert [found[MONDAY + timedelta(days=n)] for n in (4, 7)] == ["yellow", "green"]


def test_what_comes_late_restates_every_headline_that_it_changes() -> None:
    week = plan(20, MONDAY + timedelta(days=4))
    tuesday = MONDAY + timedelta(days=1)
    early = {MONDAY: Decimal(10), tuesday: Decimal(20)}
    final = early | {MONDAY: Decimal(20)}
    deeds = [d for d in oracle.headline_deeds(week, early, final, 1) if d.day <= tuesday]
    # Monday's rest is known with Tuesday's close: only Monday was judged before, at 10 of 20.
    assert deeds == [
        Deed("goal.restated", MONDAY),
        Deed("light.changed", MONDAY, "green"),
        Deed("light.changed", MONDAY, "red"),
    ]
    history = [(MONDAY, early), (tuesday, final)]
    assert oracle.restated(week, history, oracle.headlines) == [MONDAY]


def test_the_lead_is_told_of_a_red_run_once_the_headline_is_green_no_more() -> None:
    month = plan(100, MONDAY + timedelta(days=18))
    values = days(*["150"] * 5, *["65"] * 3, "0", "0", "0")  # 945 of 800, 900, 1,000, 1,100
    told = oracle.headline_deeds(month, values, values, 1)
    friday = MONDAY + timedelta(days=11)
    assert [deed for deed in told if deed.kind == "goal.escalated"] == [
        Deed("goal.escalated", friday)
    ]
    knew = days(*["60"] * 3, *["0"] * 8)  # red at 180 of 300: no green headline ever
    told = oracle.headline_deeds(month, knew, knew, 1)
    assert "goal.escalated" not in {deed.kind for deed in told}
