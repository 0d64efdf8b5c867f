"""Which days are hot, which are spilled, and what a stripe knows of how far goals are judged."""

from datetime import date
from decimal import Decimal

import msgspec

from alerting.domain.goal import GoalKey, Source
from alerting.domain.stripes import DayPlace, DayState, Stripe
from alerting.domain.sums import DayValue

JUDGED = date(2026, 5, 31)


def key(goal):
    return GoalKey("acme", goal)


def place(goal, day, part=""):
    return DayPlace(key(goal), Source(part, "leads"), date(2026, 6, day))


def state(version):
    return DayState(DayValue(Decimal(version), version), version)


def keep(stripe, *places, version=1, most=3):
    judged = {one.key: JUDGED for one in places}
    return stripe.with_days(dict.fromkeys(places, state(version)), judged, most)


def test_the_days_that_changed_last_are_hot_and_the_coldest_are_spilled():
    stripe = Stripe()
    for goal in "abc":
        stripe, cold = keep(stripe, place(goal, 1))
        assert cold == {}
    stripe, cold = keep(stripe, place("a", 1), version=2)
    assert cold == {}
    stripe, cold = keep(stripe, place("d", 1), place("e", 1))
    assert cold == {place("b", 1): state(1), place("c", 1): state(1)}
    assert list(stripe.days) == [place("a", 1), place("d", 1), place("e", 1)]
    assert stripe.days[place("a", 1)] == state(2)


def test_of_a_back_fill_only_the_last_day_of_each_sum_is_hot():
    days = [place("a", day, part) for day in (3, 1, 2) for part in ("", "over")]
    stripe, cold = keep(Stripe(), *days)
    assert set(stripe.days) == {place("a", 3), place("a", 3, "over")}
    assert set(cold) == set(days) - stripe.days.keys()


def test_an_earlier_day_that_is_hot_stays_so_when_it_changes_with_a_later_one():
    stripe, _ = keep(Stripe(), place("a", 1))
    stripe, cold = keep(stripe, place("a", 1), place("a", 2), version=2)
    assert cold == {}
    assert stripe.days == {place("a", 1): state(2), place("a", 2): state(2)}


def test_more_days_at_once_than_there_is_room_for_are_cold():
    stripe, cold = keep(Stripe(), *(place(goal, 1) for goal in "abcde"))
    assert len(stripe.days) == 3
    assert set(cold) | set(stripe.days) == {place(goal, 1) for goal in "abcde"}


def test_how_far_a_goal_is_judged_stands_there_as_long_as_a_day_of_it_is_hot():
    stripe, _ = keep(Stripe(), place("a", 1), place("b", 1), most=2)
    stripe = stripe.with_judged({key("a"): date(2026, 6, 1)})
    assert stripe.judged == {key("a"): date(2026, 6, 1), key("b"): JUDGED}
    assert stripe.with_judged({key("c"): date(2026, 6, 1)}) is stripe
    stripe, _ = keep(stripe, place("c", 1), most=2)
    assert stripe.judged == {key("b"): JUDGED, key("c"): JUDGED}


def test_a_stripe_comes_back_from_bytes_as_it_was_to_the_last_zero():
    days = {place("a|b", 1, "guardrail.0"): DayState(DayValue(Decimal("1.50"), 3), 7, 1)}
    stripe = Stripe(days, {key("a|b"): date.min})
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(stripe), type=Stripe)
    assert again == stripe
    assert str(again.days[place("a|b", 1, "guardrail.0")].value.value) == "1.50"
