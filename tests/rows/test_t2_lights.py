"""Row T2: the run light at grain day, on a running system."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from paceline.trial.oracle import of_run
from paceline.trial.stage import Stage, noon
from paceline.trial.system import until


@pytest.mark.row("T2", "red-65-60-69")
async def test_three_low_days_in_a_row_are_red_on_the_third(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    goal = await team.goal(monday, monday + timedelta(days=4), 100)
    days = [monday + timedelta(days=n) for n in range(3)]

    lights = await team.play(goal, zip(days, (65, 60, 69), strict=True))

    assert lights == ["yellow", "yellow", "red"]
    first = await team.judged(goal, days[0])
    assert (first["watch"], Decimal(first["completion"])) == (True, Decimal("0.65"))
    assert [d["span"]["start"] for d in await team.deeds(goal, "goal.off_track")] == [str(days[2])]


@pytest.mark.row("T2", "not-red-65-75-60")
async def test_a_day_at_75_breaks_the_run(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    goal = await team.goal(monday, monday + timedelta(days=4), 100)
    days = [monday + timedelta(days=n) for n in range(3)]

    lights = await team.play(goal, zip(days, (65, 75, 60), strict=True))

    assert lights == ["yellow", "yellow", "yellow"]
    assert [(await team.judged(goal, day))["watch"] for day in days] == [True, False, True]
    assert await team.deeds(goal, "goal.off_track") == []


@pytest.mark.row("T2", "exactly-70-is-yellow")
@pytest.mark.row("T2", "exactly-100-is-green")
async def test_the_bounds_belong_to_the_better_light(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    goal = await team.goal(monday, monday + timedelta(days=4), 100)
    days = [monday + timedelta(days=n) for n in range(4)]

    lights = await team.play(goal, zip(days, ("69.999", 70, "99.999", 100), strict=True))

    assert lights == ["yellow", "yellow", "yellow", "green"]
    assert [(await team.judged(goal, day))["watch"] for day in days] == [True, False, False, False]


@pytest.mark.row("T2", "friday-left-out")
@pytest.mark.row("T2", "friday-added")
async def test_a_weekend_is_left_out_of_the_light_or_added_to_the_next_working_day(
    stage: Stage,
) -> None:
    monday = stage.weeks(2)
    team = await stage.tenant()
    end = monday + timedelta(days=11)
    out = await team.goal(monday, end, 20, policy={"non_working": "leave_out"})
    added = await team.goal(monday, end, 20, policy={"non_working": "add_to_next"})
    friday = monday + timedelta(days=4)
    amounts = {friday: 20, friday + timedelta(days=1): 8, friday + timedelta(days=2): 6}
    next_monday = monday + timedelta(days=7)
    for day, amount in (amounts | {next_monday: 12}).items():
        stage.clock(noon(day))
        await team.on(day, amount)
        team.close(day)

    left = await team.judged(out, next_monday)
    rolled = await team.judged(added, next_monday)

    assert (Decimal(left["completion"]), left["light"], left["watch"]) == (
        Decimal("0.6"),
        "yellow",
        True,
    )
    assert (Decimal(rolled["completion"]), rolled["light"]) == (Decimal("1.3"), "green")
    assert (await team.judged(out, friday))["light"] == "green"
    assert await team.total(out) == await team.total(added) == 46


@pytest.mark.row("T2", "silent-day-is-grey")
async def test_a_day_of_a_silent_source_is_grey_and_does_not_break_the_run(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    policy = {"source_always_alive": False}
    goal = await team.goal(monday, monday + timedelta(days=4), 100, policy=policy)
    days = [monday + timedelta(days=n) for n in range(4)]

    lights = await team.play(goal, zip(days, (65, 60, None, 69), strict=True))

    assert lights == ["yellow", "yellow", "grey", "red"]


@pytest.mark.row("T2", "delivered-without-a-match-is-0")
async def test_a_day_on_which_the_source_delivered_nothing_for_the_goal_is_0(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    goal = await team.goal(
        monday,
        monday + timedelta(days=4),
        100,
        where=[{"dim": "channel", "any_of": ["content"]}],
        policy={"source_always_alive": False},
    )
    days = [monday + timedelta(days=n) for n in range(3)]

    lights = await team.play(goal, [(day, 500) for day in days])  # all of it is channel sem

    assert lights == ["yellow", "yellow", "red"]
    assert Decimal((await team.judged(goal, days[0]))["actual"]) == 0


@pytest.mark.row("T2", "always-alive-is-0")
async def test_a_source_declared_always_alive_has_no_silent_day(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    goal = await team.goal(monday, monday + timedelta(days=4), 100)
    days = [monday + timedelta(days=n) for n in range(3)]

    assert await team.play(goal, [(day, None) for day in days]) == ["yellow", "yellow", "red"]


@pytest.mark.row("T2", "provisional-before-close")
async def test_a_light_is_provisional_until_close_and_freshness_have_passed(stage: Stage) -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    monday = stage.weeks(1)
    team = await stage.tenant("Asia/Shanghai")
    goal = await team.goal(monday, monday + timedelta(days=4), 100)
    stage.clock(noon(monday))
    await team.on(monday, 80)

    async def arrived() -> bool:
        row = await team.light(goal, monday)
        return row is not None and Decimal(row["actual"]) == 80

    await until(arrived, 60, "alerting knows Monday's 80")
    close = datetime.combine(monday + timedelta(days=1), time(), shanghai)

    stage.clock(close + timedelta(minutes=59))
    await team.settled()
    before = await team.light(goal, monday)
    stage.clock(close + timedelta(minutes=60, seconds=1))
    after = await team.judged(goal, monday)

    assert before is not None
    assert (before["provisional"], before["light"]) == (True, "yellow")
    assert (after["provisional"], after["light"]) == (False, "yellow")
    assert [deed["kind"] for deed in of_run(await team.deeds(goal))] == ["light.changed"]


@pytest.mark.row("T2", "late-restates-once")
@pytest.mark.row("T6", "goal-restated")
@pytest.mark.row("T6", "goal-recovered")
@pytest.mark.row("T6", "goal-off-track")
@pytest.mark.row("T6", "light-changed")
async def test_a_late_event_restates_a_judged_red_with_one_event_and_no_second_alarm(
    stage: Stage,
) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    goal = await team.goal(monday, monday + timedelta(days=4), 100)
    days = [monday + timedelta(days=n) for n in range(4)]
    assert await team.play(goal, zip(days, (110, 65, 60, 69), strict=True)) == [
        *("green", "yellow", "yellow", "red")
    ]

    await team.on(days[3], 40)  # 109 of 100: Thursday was no low day
    await team.total_becomes(goal, 344)
    await team.settled()
    stage.clock(noon(days[3] + timedelta(days=1)))
    (restated,) = await team.deeds_become(goal, "goal.restated", 1)
    await team.settled()

    thursday = await team.judged(goal, days[3])
    assert (thursday["light"], Decimal(thursday["actual"])) == ("green", 109)
    deeds = await team.deeds(goal)
    by_id = {deed["id"]: deed for deed in deeds}
    assert restated["span"]["start"] == str(days[3])
    assert by_id[restated["corrects"]]["span"]["start"] == str(days[3])
    kinds = [deed["kind"] for deed in deeds]
    assert kinds.count("goal.restated") == 1
    assert kinds.count("goal.recovered") == 1
    assert kinds.count("goal.off_track") == 1
    changed = [
        (d["span"]["start"], d["light"]) for d in of_run(deeds) if d["kind"] == "light.changed"
    ]
    assert changed == [
        (str(days[0]), "green"),  # the first light differs from none
        (str(days[1]), "yellow"),
        (str(days[3]), "red"),
        (str(days[3]), "green"),
    ]
    assert [deed["seq"] for deed in deeds] == list(range(1, len(deeds) + 1))
