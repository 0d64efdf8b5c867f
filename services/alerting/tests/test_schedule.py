"""Closes in any zone, freshness, watermarks, and which version judges which span."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from alerting.domain.calendar import close_ms, local_day, open_ms
from alerting.domain.goal import Policy
from alerting.domain.schedule import Position, appointments, due, next_appointment
from alerting.domain.silence import delivered, fresh_quarters

HOUR = 3_600_000
MONDAY = date(2026, 6, 1)


def instant(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("zone", "day", "close"),
    [
        ("Europe/London", date(2026, 1, 5), (2026, 1, 6)),
        ("Europe/London", date(2026, 6, 1), (2026, 6, 1, 23)),
        ("Asia/Shanghai", date(2026, 6, 1), (2026, 6, 1, 16)),
        ("Asia/Kolkata", date(2026, 6, 1), (2026, 6, 1, 18, 30)),
        ("America/New_York", date(2026, 3, 8), (2026, 3, 9, 4)),
        # 30 March 2024 ends at the jump from 24:00 to 1:00 in Beirut.
        ("Asia/Beirut", date(2024, 3, 30), (2024, 3, 30, 22)),
        # 26 October 2024 has 25 hours: 24:00 becomes 23:00 once more.
        ("Asia/Beirut", date(2024, 10, 26), (2024, 10, 26, 22)),
    ],
)
def test_a_day_closes_at_the_local_midnight_after_it(zone, day, close):
    assert close_ms(zone, day) == instant(*close)


def test_days_of_a_changing_clock_have_23_and_25_hours():
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (MONDAY, 24)):
        zone = "Europe/London"
        assert close_ms(zone, day) - open_ms(zone, day) == hours * HOUR


def test_an_instant_belongs_to_the_local_day():
    assert local_day("Asia/Shanghai", instant(2026, 6, 1, 15, 59)) == MONDAY
    assert local_day("Asia/Shanghai", instant(2026, 6, 1, 16)) == date(2026, 6, 2)


def test_a_span_is_due_at_close_plus_freshness_by_clock_and_watermark(make_goal):
    goal = make_goal()
    moment = instant(2026, 6, 1, 23) + HOUR
    assert due([goal], Position(), moment, moment - 1) == []
    assert due([goal], Position(), moment - 1, moment + 9 * HOUR) == []
    (one,) = due([goal], Position(), moment, moment)
    assert (one.span.start, one.close_ms, one.at_ms) == (MONDAY, moment - HOUR, moment)


def test_days_behind_a_new_goal_wait_for_what_was_accepted_before_it_was_made(make_goal):
    made = instant(2026, 6, 9, 12)
    goal = replace(make_goal(days=5), changed_ms=made)
    later = made + HOUR
    assert due([goal], Position(), made - 1, later) == []
    lit = [one for one in due([goal], Position(), made, later) if not one.is_period]
    assert [one.span.start for one in lit] == [MONDAY + timedelta(days=n) for n in range(5)]
    assert {one.at_ms for one in lit} == {made}
    early = make_goal(days=5)  # made before: nothing changes
    assert due([early], Position(), made - 1, later) != []


def test_a_span_without_watermark_is_given_up_after_48_hours_a_period_never(make_goal):
    goal = make_goal(days=1)
    moment = instant(2026, 6, 1, 23) + HOUR
    limit = moment + 48 * HOUR
    assert due([goal], Position(), -1, limit - 1, patient=False) == []
    assert due([goal], Position(), -1, limit, patient=True) == []
    assert [a.span.kind for a in due([goal], Position(), -1, limit, patient=False)] == ["day"]


def test_the_period_closes_behind_its_last_span(make_goal):
    goal = make_goal(days=7)
    kinds = [(a.span.kind, a.span.end) for a in appointments([goal], MONDAY)]
    assert kinds[-2:] == [("day", date(2026, 6, 5)), ("period", date(2026, 6, 7))]


def test_a_new_version_judges_the_spans_that_close_after_it(make_goal):
    old = make_goal(days=5)
    changed = instant(2026, 6, 3, 12)
    new = replace(old, version=2, daily=Decimal(50), changed_ms=changed)
    found = [(a.span.start.day, a.goal.version) for a in appointments([old, new], MONDAY)]
    assert found == [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2), (1, 2)]


def test_a_version_made_at_the_close_leaves_the_closed_span_alone(make_goal):
    old = make_goal(days=2)
    new = replace(old, version=2, changed_ms=instant(2026, 6, 1, 23))
    assert [a.goal.version for a in appointments([old, new], MONDAY)] == [1, 2, 2]


def test_a_stopped_goal_has_no_more_appointments(make_goal):
    old = make_goal(days=5)
    new = replace(old, version=2, stopped=True, changed_ms=instant(2026, 6, 3, 12))
    assert [a.span.start.day for a in appointments([old, new], MONDAY)] == [1, 2]


def test_an_extended_goal_closes_its_new_period_only(make_goal):
    old = make_goal(days=2)
    new = replace(old, version=2, end=date(2026, 6, 3), changed_ms=instant(2026, 6, 2, 12))
    ends = [a.span.end.day for a in appointments([old, new], MONDAY) if a.is_period]
    assert ends == [3]


def test_a_goal_reopened_after_its_close_closes_twice(make_goal):
    old = make_goal(days=2)
    new = replace(old, version=2, end=date(2026, 6, 4), changed_ms=instant(2026, 6, 3, 12))
    found = [(a.span.kind, a.span.end.day) for a in appointments([old, new], MONDAY)]
    assert found == [("day", 1), ("day", 2), ("period", 2), ("day", 3), ("day", 4), ("period", 4)]


def test_an_end_moved_into_the_past_closes_when_it_was_moved(make_goal):
    old = make_goal(days=5)
    new = replace(old, version=2, end=MONDAY, changed_ms=instant(2026, 6, 3, 12))
    last = list(appointments([old, new], MONDAY))[-1]
    assert (last.is_period, last.close_ms) == (True, new.changed_ms)
    position = Position(judged_through=date(2026, 6, 2))
    assert next_appointment([old, new], position) == last


def test_a_done_goal_has_no_next_appointment(make_goal):
    goal = make_goal(days=1)
    position = Position()
    for appointment in appointments([goal], MONDAY):
        position = position.after(appointment)
    assert position == Position(MONDAY, MONDAY)
    assert next_appointment([goal], position) is None


def test_an_unknown_grain_is_refused(make_goal):
    with pytest.raises(KeyError, match="fortnight"):
        list(appointments([make_goal(policy=Policy(grain="fortnight"))], MONDAY))


def test_quarters_are_heard_from_the_first_moment_to_the_close():
    start, end = instant(2026, 6, 1, 22), instant(2026, 6, 2, 22)
    assert not delivered({MONDAY: (1 << 88) - 1}, start, end)
    assert delivered({MONDAY: 1 << 88}, start, end)
    assert delivered({date(2026, 6, 2): 1 << 87}, start, end)
    assert not delivered({date(2026, 6, 2): 1 << 88}, start, end)


def test_fresh_quarters_are_those_not_heard_before():
    assert fresh_quarters(0b01, 0b11, MONDAY) == [instant(2026, 6, 1, 0, 15)]
    assert timedelta(milliseconds=instant(2026, 6, 1) - instant(2026, 5, 31)) == timedelta(days=1)
