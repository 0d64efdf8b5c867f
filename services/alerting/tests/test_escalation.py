"""A red run that the owner alone knew goes up once the headline has left green (plan 100 a day)."""

from datetime import UTC, date, datetime

import pytest

from alerting.domain.goal import Policy

# 750 of 500 in the first week; three days at 65 turn the run red, to date 945 of 800.
AHEAD = {date(2026, 6, day): 150 for day in (1, 2, 3, 4, 5)}
LOW = {date(2026, 6, day): 65 for day in (8, 9, 10)}


def june(**days):
    return {date(2026, 6, int(name[1:])): value for name, value in days.items()}


@pytest.fixture
def red(bench, make_goal):
    """Return a bench on which the run is red since 10 June and the owner alone was told."""

    def make(**changes):
        it = bench(make_goal(**changes))
        it.put(AHEAD | LOW)
        through(it, 10)
        return it

    return make


def through(it, day):
    """Judge until the day's close and an hour."""
    at_ms = (date(2026, 6, day + 1) - date(1970, 1, 1)).days * 86_400_000 + 1
    return it.judge(at_ms, at_ms)


def told(it):
    kinds = ("goal.off_track", "goal.escalated")
    return [
        (deed.kind, deed.span.start.day, deed.escalated_to)
        for deed in it.deeds
        if deed.kind in kinds
    ]


def test_the_lead_is_told_when_the_headline_leaves_green_and_once(red):
    it = red()
    assert told(it) == [("goal.off_track", 10, "owner")]
    it.put(june(d11=0, d12=0, d15=0))  # 945 of 900, of 1,000, of 1,100
    through(it, 11)
    assert told(it) == [("goal.off_track", 10, "owner")]
    through(it, 15)
    assert told(it) == [("goal.off_track", 10, "owner"), ("goal.escalated", 12, "lead")]
    up = next(deed for deed in it.deeds if deed.kind == "goal.escalated")
    off = next(deed for deed in it.deeds if deed.kind == "goal.off_track")
    assert (up.alarm, up.light_kind) == (off.id, "to-date")
    assert (up.light, up.before, up.actual, up.plan) == ("yellow", "green", 945, 1000)


def test_exactly_green_is_the_owners_still_and_one_less_is_the_leads(red):
    it, other = red(), red()
    it.put(june(d11=0, d12=55))  # 1,000 of 1,000
    other.put(june(d11=0, d12=54))
    through(it, 12)
    through(other, 12)
    assert told(it) == [("goal.off_track", 10, "owner")]
    assert told(other)[1:] == [("goal.escalated", 12, "lead")]


def test_a_run_that_is_over_goes_up_no_more(red):
    it = red()
    it.put(june(d11=70, d12=0, d15=0))  # 70 % ends the run; to date 1,015 of 1,100
    through(it, 15)
    assert told(it) == [("goal.off_track", 10, "owner")]


def test_a_correction_that_takes_the_headline_from_green_tells_the_lead(red):
    it = red()
    it.put(june(d1=4))  # 799 of 800
    through(it, 10)
    assert told(it) == [("goal.off_track", 10, "owner"), ("goal.escalated", 10, "lead")]
    it.put(june(d1=3))
    through(it, 10)
    assert len(told(it)) == 2


def test_a_run_that_the_lead_knows_of_is_told_once(red):
    it = red(policy=Policy(source_always_alive=True, owner_only_while_green=False))
    it.put(june(d11=0, d12=0))
    through(it, 12)
    assert told(it) == [("goal.off_track", 10, "lead")]


def test_a_silent_headline_says_nothing_of_where_the_goal_stands(red):
    it = red(policy=Policy())
    assert told(it) == [("goal.off_track", 10, "owner")]
    it.put(june(d15=0))  # the source says nothing on 11 and 12 June
    through(it, 12)
    assert it.headlines()[-2:] == ["grey", "grey"]
    assert told(it) == [("goal.off_track", 10, "owner")]
    through(it, 15)
    assert told(it)[1:] == [("goal.escalated", 15, "lead")]


async def test_what_the_owner_alone_knows_is_known_after_a_restart(stage):
    team = await stage()
    days = {1: 400, 2: 0, 3: 0, 4: 0, 5: 0}
    await team.goal()
    await team.put(days)
    await team.at(5)
    await team.settle()  # on Thursday red, 400 of 400
    await team.start()
    await team.at(8)
    await team.settle()  # 400 of 500
    kinds = [(deed.kind, deed.span.start.day, deed.escalated_to) for deed in await team.deeds()]
    assert ("goal.off_track", 4, "owner") in kinds
    assert ("goal.escalated", 5, "lead") in kinds
    (up,) = [deed for deed in await team.deeds() if deed.kind == "goal.escalated"]
    (off,) = [deed for deed in await team.deeds() if deed.kind == "goal.off_track"]
    assert up.alarm == off.id


@pytest.mark.parametrize(("owner", "held"), [("anna", True), ("", False)])
async def test_an_escalation_of_a_persons_own_goal_is_the_persons_first_too(stage, owner, held):
    team = await stage()
    await team.goal(level="individual", owner=owner)
    await team.put({1: 400, 2: 0, 3: 0, 4: 0, 5: 0})
    await team.at(8)
    await team.settle()
    (up,) = [deed for deed in await team.deeds() if deed.kind == "goal.escalated"]
    assert up.lead_from == (datetime(2026, 6, 8, 17, tzinfo=UTC) if held else None)
