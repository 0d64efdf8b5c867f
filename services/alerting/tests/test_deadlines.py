"""When a working day is over, and what hangs on it."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from alerting.domain.deadlines import working_day_end_ms
from alerting.domain.goal import Calendar, Policy


def ms(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def ends(goal, at):
    end = datetime.fromtimestamp(working_day_end_ms(goal, ms(at)) / 1000, UTC)
    return end.isoformat()[:16]


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-06-04T01:00+01:00", "2026-06-04T17:00"),  # judged at night: that day's 18:00 BST
        ("2026-06-04T17:59:59.999+01:00", "2026-06-04T17:00"),
        ("2026-06-04T18:00+01:00", "2026-06-05T17:00"),  # over: the next working day
        ("2026-06-05T18:00+01:00", "2026-06-08T17:00"),  # Friday evening: Monday
        ("2026-06-06T01:00+01:00", "2026-06-08T17:00"),  # Saturday: Monday
        ("2026-03-27T18:00+00:00", "2026-03-30T17:00"),  # the clocks go forward on Sunday
    ],
)
def test_a_working_day_ends_at_18_and_what_comes_then_has_the_next_one(make_goal, at, end):
    assert ends(make_goal(), at) == end


def test_days_off_are_stepped_over_and_make_up_days_count(make_goal):
    off, on = frozenset([date(2026, 6, 5)]), frozenset([date(2026, 6, 6)])
    holiday = make_goal(calendar=Calendar(off=off))
    made_up = make_goal(calendar=Calendar(off=off, on=on))
    assert ends(holiday, "2026-06-05T01:00+01:00") == "2026-06-08T17:00"
    assert ends(made_up, "2026-06-05T01:00+01:00") == "2026-06-06T17:00"


def test_a_policy_names_another_hour_and_24_is_midnight(make_goal):
    early = make_goal(policy=Policy(working_day_ends=1))
    late = make_goal(policy=Policy(working_day_ends=24))
    assert ends(early, "2026-06-04T00:59+01:00") == "2026-06-04T00:00"
    assert ends(early, "2026-06-04T01:00+01:00") == "2026-06-05T00:00"
    assert ends(late, "2026-06-04T23:59+01:00") == "2026-06-04T23:00"


def test_a_calendar_without_working_days_counts_all(make_goal):
    never = make_goal(calendar=Calendar(weekdays=frozenset()))
    assert ends(never, "2026-06-06T01:00+01:00") == "2026-06-06T17:00"


async def test_the_investigation_is_due_on_the_working_day_on_which_red_is_judged(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 65, 2: 60, 3: 69, 4: 65, 5: 65})
    await team.at(4, 16)  # 17:00 in London
    await team.settle()
    due = {deed.kind: deed.due for deed in await team.deeds()}
    assert due["goal.off_track"] == datetime(2026, 6, 4, 17, tzinfo=UTC)
    assert due["light.changed"] is None


@pytest.mark.parametrize(
    ("level", "owner", "held"),
    [("individual", "anna", True), ("individual", "", False), ("team", "anna", False)],
)
async def test_a_red_light_of_a_persons_own_goal_says_from_when_it_is_the_leads(
    stage, level, owner, held
):
    team = await stage()
    await team.goal(level=level, owner=owner)
    await team.put({1: 65, 2: 60, 3: 69})
    await team.at(4)
    await team.settle()
    end = datetime(2026, 6, 4, 17, tzinfo=UTC) if held else None
    deeds = await team.deeds()
    assert {deed.lead_from for deed in deeds if deed.light == "red"} == {end}
    assert {deed.lead_from for deed in deeds if deed.light != "red"} == {None}
    assert {deed.kind for deed in deeds if deed.light == "red"} >= {"goal.off_track"}


def test_the_goal_of_a_person_is_an_individual_one_with_an_owner(make_goal):
    mine = make_goal(level="individual", owner="anna")
    assert mine.is_a_persons
    assert not replace(mine, owner="").is_a_persons
    assert not replace(mine, level="team").is_a_persons


def test_behind_the_last_of_single_days_the_next_day_counts(make_goal):
    """A correction may turn a run red on the evening of the campaign's last day."""
    last = make_goal(calendar=Calendar(weekdays=frozenset(), on=frozenset([date(2026, 6, 5)])))
    assert ends(last, "2026-06-05T01:00+01:00") == "2026-06-05T17:00"
    assert ends(last, "2026-06-05T18:00+01:00") == "2026-06-06T17:00"
