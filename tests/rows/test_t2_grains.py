"""Row T2: spans of a week, a month and a running total, in quarters of 61 working days."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from math import exp
from typing import Any

import pytest

from paceline.trial.stage import Stage, noon, of_channel

LAST = timedelta(days=84)  # a quarter from a Monday to a Monday: 61 working days
AUTO = {"grain": "auto"}
WEEKLY = {"grain": "week"}
QUARTERS = 20


@pytest.mark.row("T2", "grain-of-the-plan")
async def test_a_goal_is_judged_on_the_smallest_span_that_expects_ten(stage: Stage) -> None:
    monday = stage.weeks(13)
    team = await stage.tenant()
    expected = {
        6_100: ("day", 3),  # 100 a day
        610: ("day", 3),  # exactly 10 a day
        609: ("week", 2),
        300: ("week", 2),  # 4.9 a day, 24.6 a week
        122: ("week", 2),  # 122 x 5 / 61: exactly 10 a week
        121: ("month", 1),
        20: ("running", 2),  # under 7 a month
    }

    settled = {
        target: await team.settle(monday, monday + LAST, target=target, policy=AUTO)
        for target in expected
    }

    assert {goal["working_days"] for goal in settled.values()} == {61}
    found = {target: goal["policy"] for target, goal in settled.items()}
    assert {t: (p["grain"], p["red_after"]) for t, p in found.items()} == expected
    named = await team.settle(monday, monday + LAST, target=20, policy=WEEKLY)
    assert named["policy"]["grain"] == "week"


@pytest.mark.row("T2", "grain-of-the-plan")
async def test_two_low_weeks_in_a_row_are_red_and_one_at_70_percent_breaks_the_run(
    stage: Stage,
) -> None:
    monday = stage.weeks(3)
    team = await stage.tenant()
    end = monday + timedelta(days=18)
    # 25 a week: 17.5 are exactly 70 %.
    weeks = {"red": ("17.49", "17.49", 25), "broken": ("17.49", "17.5", "17.49")}
    goals = [
        await team.goal(monday, end, target=75, policy=AUTO, where=of_channel(name))
        for name in weeks
    ]
    seen = []
    for number in range(3):
        start = monday + timedelta(weeks=number)
        sunday = min(start + timedelta(days=6), end)
        brought = [
            team.event(noon(start + timedelta(days=4)), amounts[number], channel=name)
            for name, amounts in weeks.items()
        ]
        seen.append(await team.span(goals, start, sunday, *brought))

    red, broken = zip(*seen, strict=True)
    assert [(row["light"], row["watch"]) for row in red] == [
        *(("yellow", True), ("red", False)),
        ("green", False),
    ]
    assert [(row["light"], row["watch"]) for row in broken] == [
        *(("yellow", True), ("yellow", False)),
        ("yellow", True),
    ]
    assert {(row["span"]["kind"], Decimal(row["plan"])) for row in red} == {("week", 25)}
    (off,) = await team.deeds(goals[0], "goal.off_track")
    assert off["span"]["start"] == str(monday + timedelta(weeks=1))


@pytest.mark.row("T2", "week-edges-join")
async def test_less_than_half_a_week_joins_its_neighbour_and_half_stands_alone(
    stage: Stage,
) -> None:
    monday = stage.weeks(4)
    team = await stage.tenant()
    day = [monday + timedelta(days=n) for n in range(28)]
    # Thursday and Friday are 2 of 5 and join the next week, Wednesday to Friday stand alone; so
    # do Monday to Wednesday at the end, and Monday and Tuesday do not.
    periods = {
        (3, 16): [(3, 13), (14, 16)],
        (2, 15): [(2, 6), (7, 15)],
    }
    goals = {
        period: await team.goal(day[period[0]], day[period[1]], target=300, policy=WEEKLY)
        for period in periods
    }
    team.close(day[16])

    for period, spans in periods.items():
        rows = [await team.judged(goals[period], day[first]) for first, _ in spans]
        assert [row["span"] for row in rows] == [
            {"kind": "week", "start": str(day[first]), "end": str(day[last])}
            for first, last in spans
        ]
        page = await team.api.get("alerting", "/v1/lights", goal=goals[period])
        assert len(page["items"]) == len(spans)


@pytest.mark.row("T2", "week-edges-join")
async def test_less_than_half_a_month_joins_its_neighbour(stage: Stage) -> None:
    monday = stage.weeks(20)
    team = await stage.tenant()
    first, second, third = _months(monday)
    # From the last day of a month to the first of another, with two whole months between.
    start, end = first - timedelta(days=4), third + timedelta(days=3)
    goal = await team.goal(start, end, target=3_000, policy={"grain": "month"})
    team.close(end)

    rows = [await team.judged(goal, day) for day in (start, second)]

    assert [(row["span"]["kind"], row["span"]["end"]) for row in rows] == [
        ("month", str(second - timedelta(days=1))),
        ("month", str(end)),
    ]
    assert [row["light"] for row in rows] == ["red", "red"]  # one low month is enough


@pytest.mark.row("T2", "editor-a-day-early")
@pytest.mark.row("T2", "editor-stops-after-4")
@pytest.mark.row("T2", "one-unit-short")
async def test_editors_with_20_articles_are_judged_weekly_on_the_running_total(
    stage: Stage,
) -> None:
    """The plan's running total at the close of week w is the whole part of 20 * 5w / 61.

    week                     1      2      3      4      5
    planned                  1      3      4      6      8    (1.64 3.28 4.92 6.56 8.20)
    one who stops after 4    1      3      4      4      4
    r                        1      1      1  0.667  0.500
    short                    0      0      0      2      4

    Week 4 is the first below 70 % and more than one short: at its close the to-date light is red
    at once (6 of 20 is beyond 10 %), and the run light with the second low week, at that of week 5.
    Two of three in week 2 are below 70 %, too, but one short: not low; 1.99 are more than one
    short.
    """
    monday = stage.weeks(13)
    team = await stage.tenant()
    fields = {"value": "amount", "dims": ["channel"], "unit": "articles"}
    await team.metric("articles", types=["article"], **fields)
    names = ("early", "stops", "short", "low")
    made = [
        await team.settle(
            *(monday, monday + LAST),
            metric="articles",
            target=20,
            policy=AUTO,
            where=of_channel(name),
        )
        for name in names
    ]
    planned = [date.fromisoformat(d) for d, n in made[0]["plan"]["days"].items() if Decimal(n)]
    assert len(planned) == 20
    written: dict[str, dict[date, Any]] = {
        "early": {_working_day_before(day): 1 for day in planned},
        "stops": dict.fromkeys(planned[:4], 1),
        "short": dict.fromkeys(planned[:2], 1),
        "low": {planned[0]: 1, planned[1]: "0.99"},
    }
    goals = [goal["id"] for goal in made]
    seen: list[list[dict[str, Any]]] = []
    for start, end in _weeks(monday):
        events = [
            team.event(noon(day), amount, channel=name, type="article")
            for name in names
            for day, amount in written[name].items()
            if start <= day <= end
        ]
        seen.append(await team.span(goals, start, end, *events))

    early, stops, short, low = zip(*seen, strict=True)
    assert [(row["light"], row["to_date"]["light"] == "red") for row in early] == [
        ("green", False)
    ] * 12
    assert [_figures(row) for row in stops[:5]] == [(1, 1), (3, 3), (4, 4), (4, 6), (4, 8)]
    assert [row["light"] for row in stops[:5]] == ["green"] * 3 + ["yellow", "red"]
    assert [row["to_date"]["light"] == "red" for row in stops[:5]] == [False] * 3 + [True] * 2
    assert [(row["span"]["end"], row["watch"]) for row in stops[3:5]] == [
        (str(monday + timedelta(days=27)), True),
        (str(monday + timedelta(days=34)), False),
    ]
    (off,) = await team.deeds(goals[1], "goal.off_track")
    assert (off["span"]["end"], off["escalated_to"]) == (stops[4]["span"]["end"], "lead")
    assert (_figures(short[1]), short[1]["band"], short[1]["watch"]) == ((2, 3), "yellow", False)
    assert (low[1]["band"], low[1]["watch"]) == ("low", True)


@pytest.mark.row("T2", "300-leads-by-chance")
async def test_drawn_quarters_of_300_leads_are_judged_as_the_rules_say(stage: Stage) -> None:
    """Twenty of the quarters of which 10,000 are drawn in alerting's test_chance.py."""
    monday = stage.weeks(13)
    team = await stage.tenant()
    names = [f"quarter-{number}" for number in range(QUARTERS)]
    made = [
        await team.settle(monday, monday + LAST, target=300, policy=AUTO, where=of_channel(name))
        for name in names
    ]
    assert made[0]["policy"]["grain"] == "week"
    planned = {date.fromisoformat(day): Decimal(n) for day, n in made[0]["plan"]["days"].items()}
    plans = [
        sum(n for day, n in planned.items() if start <= day <= end) for start, end in _weeks(monday)
    ]
    dice = random.Random(4)
    lengths = [5] * 11 + [6]  # the last Monday joins the twelfth week
    drawn = {name: [_poisson(dice, 300 / 61 * length) for length in lengths] for name in names}
    goals = [goal["id"] for goal in made]
    seen = []
    for number, (start, end) in enumerate(_weeks(monday)):
        events = [team.event(noon(start), drawn[name][number], channel=name) for name in names]
        seen.append(await team.span(goals, start, end, *events))

    rows = dict(zip(names, zip(*seen, strict=True), strict=True))
    for name in names:
        assert [row["light"] for row in rows[name]] == _run(drawn[name], plans), name
    ever = [
        name
        for name in names
        if any("red" in (row["light"], row["to_date"]["light"]) for row in rows[name])
    ]
    assert len(ever) <= QUARTERS / 10


def _run(actuals: Sequence[int], plans: Sequence[Decimal]) -> list[str]:
    """Return the weeks' run lights: below 70 % twice in a row is red."""
    found, low = [], 0
    for actual, plan in zip(actuals, plans, strict=True):
        low = low + 1 if actual < plan * Decimal("0.7") else 0
        found.append("red" if low >= 2 else "green" if actual >= plan else "yellow")
    return found


def _poisson(dice: random.Random, mean: float) -> int:
    """Draw by Knuth's multiplication."""
    count, product, floor = 0, dice.random(), exp(-mean)
    while product > floor:
        product *= dice.random()
        count += 1
    return count


def _weeks(monday: date) -> Iterator[tuple[date, date]]:
    """Yield the quarter's twelve weeks; its last Monday joins the twelfth."""
    for number in range(12):
        start = monday + timedelta(weeks=number)
        yield start, monday + LAST if number == 11 else start + timedelta(days=6)


def _months(day: date) -> list[date]:
    """Return the first days of the three months behind the day's own."""
    whole = [day.year * 12 + day.month + number for number in range(1, 4)]
    return [date(number // 12, number % 12 + 1, 1) for number in whole]


def _working_day_before(day: date) -> date:
    return day - timedelta(days=3 if day.isoweekday() == 1 else 1)


def _figures(row: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    return Decimal(row["actual"]), Decimal(row["plan"])
