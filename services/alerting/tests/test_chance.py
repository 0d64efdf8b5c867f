"""What chance does to the lights of a quarter: 61 working days that start on a Monday.

The quarter is 1 June to 24 August 2026 (Monday), twelve whole weeks and one day: the last Monday
alone is less than half a week and joins the twelfth.
"""

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from math import exp

import pytest

from alerting.domain.goal import Grain, Policy
from alerting.domain.lights import Circumstances, Colour, judge_run, judge_to_date
from alerting.domain.plans import Curve
from alerting.domain.readings import Known, run_reading, to_date_reading
from alerting.domain.spans import spans
from alerting.domain.sums import DayValue, Sums

MONDAY = date(2026, 6, 1)
WORKING = [day for n in range(85) if (day := MONDAY + timedelta(days=n)).isoweekday() <= 5]
QUARTERS = 10_000
AROUND = Circumstances()


def straight(units):
    """Spread whole units over the 61 days by largest remainder, as goal-service does."""
    parts = [(i + 1) * units // 61 - i * units // 61 for i in range(61)]
    return {day: Decimal(part) for day, part in zip(WORKING, parts, strict=True)}


@pytest.fixture(scope="module")
def quarter(make_goal):
    def make(units, grain):
        policy = Policy(grain=grain, red_after=2, source_always_alive=True)
        goal = make_goal(days=85, daily=None, policy=policy, target=Decimal(units))
        return replace(goal, days=straight(units))

    return make


def test_the_quarter_has_61_working_days_and_twelve_weeks(quarter):
    goal = quarter(300, Grain.WEEK)
    assert len(WORKING) == 61
    assert sum(goal.days.values()) == 300
    assert [one.end for one in spans(goal, MONDAY)][-2:] == [date(2026, 8, 16), date(2026, 8, 24)]
    assert len(list(spans(goal, MONDAY))) == 12


def test_an_editor_who_publishes_each_of_20_articles_a_day_early_is_never_red(bench, quarter):
    # 20 articles are 6.5 a month, below 10: judged weekly on the running total.
    goal = quarter(20, Grain.RUNNING)
    planned = [day for day, part in goal.days.items() if part]
    assert len(planned) == 20
    desk = bench(goal)
    desk.put({WORKING[WORKING.index(day) - 1]: 1 for day in planned})
    desk.judge()
    assert "red" not in desk.colours() + desk.headlines()
    assert desk.colours() == ["green"] * 12
    # By the day, the same editor would be red on most days.
    by_day = bench(replace(goal, policy=Policy(source_always_alive=True)))
    by_day.put({WORKING[WORKING.index(day) - 1]: 1 for day in planned})
    by_day.judge()
    lit = [one.light.colour for one in by_day.lights.values() if one.light.colour != "none"]
    assert (len(lit), lit.count("red")) == (20, 18)


def test_an_editor_who_stops_after_4_articles_turns_red_when_computed_by_hand(bench, quarter):
    """The plan's running total at the close of week w is the whole part of 20 * 5w / 61.

    week                     1      2      3      4      5
    planned                  1      3      4      6      8    (1.64 3.28 4.92 6.56 8.20)
    published                1      3      4      4      4
    r                        1      1      1  0.667  0.500
    short                    0      0      0      2      4

    Week 4 is the first below 70 % and more than one short. It closes on Sunday 28 June: the
    to-date light is red at once (6 of 20 planned is beyond 10 %). The run light is low for the
    first time and turns red with the second low week, which closes on Sunday 5 July.
    """
    goal = quarter(20, Grain.RUNNING)
    planned = [day for day, part in goal.days.items() if part]
    desk = bench(goal)
    desk.put(dict.fromkeys(planned[:4], 1))
    desk.judge()
    totals = [(one.light.actual, one.light.plan) for one in desk.lights.values()][:5]
    assert totals == [(1, 1), (3, 3), (4, 4), (4, 6), (4, 8)]
    assert _first_red(desk.to_date) == date(2026, 6, 28)
    assert _first_red(desk.lights) == date(2026, 7, 5)
    off = next(d for d in desk.deeds if d.kind == "goal.off_track")
    assert (off.span.end, off.escalated_to) == (date(2026, 7, 5), "lead")


@pytest.mark.row("T2", "300-leads-by-chance")
def test_at_most_one_in_ten_quarters_of_300_leads_truly_on_target_is_ever_red(quarter):
    """300 leads are 4.9 a day, below 10, and 24.6 a week: judged by the week, red after two."""
    look = Quarter(quarter(300, Grain.WEEK))
    dice = random.Random(4)
    seen = [look.ever_red(dice) for _ in range(QUARTERS)]
    run = sum(red for red, _ in seen) / QUARTERS
    either = sum(red or headline for red, headline in seen) / QUARTERS
    assert 0.01 < run <= 0.10
    assert either <= 0.10


class Quarter:
    """Draws quarters of a goal; what spans, plan and readings give is worked out once."""

    def __init__(self, goal):
        self.goal, self.curve = goal, Curve(goal)
        self.spans = list(spans(goal, MONDAY))
        # Each working day draws the same mean; a sum of Poissons is one.
        days = [sum(one.start <= day <= one.end for day in WORKING) for one in self.spans]
        self.floors = [exp(-300 / 61 * count) for count in days]
        self.run = lru_cache(lambda n, leads: run_reading(self.known(n, leads), self.spans[n]))
        self.so_far = lru_cache(
            lambda n, leads: to_date_reading(self.known(n, leads), self.spans[n])
        )

    def known(self, number, leads):
        day = self.spans[number].start
        return Known(self.curve, Sums({"": {day: DayValue(Decimal(leads))}}))

    def ever_red(self, dice):
        """Return whether one quarter's run light, and its to-date light, were ever red."""
        low_run, total, run_red, headline_red = 0, 0, False, False
        for number, span in enumerate(self.spans):
            leads = poisson(dice, self.floors[number])
            total += leads
            run = judge_run(self.goal, span, self.run(number, leads), low_run, AROUND)
            headline = judge_to_date(self.goal, span, self.so_far(number, total), AROUND)
            low_run = run.low_run
            run_red |= run.colour is Colour.RED
            headline_red |= headline.colour is Colour.RED
        return run_red, headline_red


def poisson(dice, floor):
    """Draw by Knuth's multiplication; ``floor`` is e to the minus mean."""
    count, product = 0, dice.random()
    while product > floor:
        product *= dice.random()
        count += 1
    return count


def _first_red(lights):
    return next(one.light.span.end for one in lights.values() if one.light.colour == "red")
