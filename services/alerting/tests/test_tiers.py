"""What a period reaches and misses where its figure may yet turn back: told at the close only."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from alerting.domain.goal import Form, Policy

DAYS = [date(2026, 6, 1) + timedelta(days=n) for n in range(5)]
ALIVE = Policy(source_always_alive=True)


def closed(desk, values, *over):
    desk.put(dict(zip(DAYS, values, strict=False)))
    if over:
        desk.put(dict(zip(DAYS, over[0], strict=False)), "over")
    desk.judge()
    return [(str(d.kind), d.tier, d.actual) for d in desk.deeds if d.span.kind == "period"]


def test_a_ratio_reaches_its_tiers_at_the_close_only(bench, make_goal):
    fields = {
        "form": Form.RATIO,
        "over_metric": "clicks",
        "daily": None,
        "days": {},
        "policy": ALIVE,
    }
    goal = replace(make_goal(days=5), **fields, target=Decimal("0.1"), floor=Decimal("0.08"))
    assert closed(bench(goal), [20, 0, 0, 0, 20], [100] * 5) == [
        ("goal.reached", "floor", Decimal("0.08"))
    ]
    assert closed(bench(goal), [20, 0, 0, 0, 19], [100] * 5) == [
        ("goal.missed", "floor", Decimal("0.078"))
    ]
    assert closed(bench(goal), [], []) == []  # nothing over nothing is neither


def test_a_goal_where_less_is_better_is_missed_above_its_limit(bench, make_goal):
    fields = {"at_most": True, "target": Decimal(500), "floor": Decimal(550)}
    goal = make_goal(days=5, policy=ALIVE, **fields)
    assert closed(bench(goal), [110] * 5) == [("goal.reached", "floor", 550)]
    assert closed(bench(goal), [*[110] * 4, "110.01"]) == [
        ("goal.missed", "floor", Decimal("550.01"))
    ]
    assert closed(bench(goal), [100] * 5) == [
        ("goal.reached", "floor", 500),
        ("goal.reached", "target", 500),
    ]


def test_spend_without_result_misses_a_goal_of_cost(bench, make_goal):
    fields = {"form": Form.RATIO, "over_metric": "leads", "at_most": True, "daily": None}
    goal = make_goal(days=5, target=Decimal(80), policy=ALIVE, **fields)
    assert closed(bench(goal), [10]) == [("goal.missed", "floor", 10)]


def test_a_falling_level_reaches_its_target_from_above(bench, make_goal):
    fields = {"form": Form.LEVEL, "level_start": Decimal(40), "daily": None}
    goal = make_goal(days=5, target=Decimal(25), policy=ALIVE, **fields)
    assert closed(bench(goal), [-15]) == [("goal.reached", "target", 25)]
    assert closed(bench(goal), [-14]) == [("goal.missed", "floor", 26)]
