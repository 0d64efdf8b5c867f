"""The drill's truth of clicks, members and leads, and what a verdict says of a difference."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from paceline.trial import clicks
from paceline.trial.bulk import BulkWatch
from paceline.trial.compare import SHOWN, Verdict
from paceline.trial.events import DRILL, FLAWS, SITE, WEB, Event
from paceline.trial.journal import CLICKS, MEMBERS, Journal
from paceline.trial.system import System
from paceline.trial.visits import LEAD, SIGNED, VISIT, came_up, converted
from paceline.trial.world import START, World

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = int(AT.timestamp()) // 60


def visit(minute: int, amount: int, member: str = "a") -> Event:
    at = AT + timedelta(minutes=minute)
    return Event(f"{member}{minute}", at, "north", Decimal(amount), type=VISIT, subject=member)


def lead(kind: str, hours: float, member: str = "a") -> Event:
    at = AT + timedelta(hours=hours)
    return Event(f"{kind}{hours}", at, "north", Decimal(1), type=kind, subject=member)


def test_a_member_counts_in_the_minute_with_which_it_came_up_and_stayed() -> None:
    steady = [visit(0, 10), visit(5, 10), visit(9, 10)]
    assert came_up(steady) == {("north", MINUTE + 9): 1}
    assert came_up([*steady, visit(3, 10)]) == {("north", MINUTE + 5): 1}
    fell = [*steady, visit(12, -10)]
    assert came_up(fell) == {}
    assert came_up([visit(20, 10), *fell]) == {("north", MINUTE + 20): 1}
    assert came_up(steady[1:]) == {}


def test_a_lead_is_won_within_its_window_by_its_first_event() -> None:
    place = "north", MINUTE
    assert converted([lead(LEAD, 0)]) == {place: (0, 1)}
    assert converted([lead(SIGNED, 48), lead(LEAD, 0)]) == {place: (1, 1)}
    assert converted([lead(LEAD, 0), lead(SIGNED, 49), lead(LEAD, 20)]) == {place: (0, 1)}
    assert converted([lead(LEAD, 0), lead(SIGNED, -1)]) == {place: (0, 1)}
    assert converted([lead(SIGNED, 0)]) == {}


def test_clicks_come_to_their_amount_with_copies_and_what_cannot_count_among_them() -> None:
    found = clicks.clicks(START, "north", 400, Decimal(1000), False, random.Random(1))
    journal = Journal()
    journal.add(found)
    counted = clicks.counted(journal.of(WEB))
    assert len(found) > len(journal.events)  # copies
    assert {event.flaw for event in found} == {"", "amount", "region", "time"}
    mended = {e.id for e in counted} & {e.id for e in found if e.flaw}
    assert mended
    assert {e.id for e in journal.letters()} == {e.id for e in found if e.flaw} - mended
    assert abs(sum(event.amount for event in counted) - 1000) < 20


def test_every_way_to_spoil_an_event_is_told_apart_by_its_cause() -> None:
    click = replace(visit(0, 1), source=WEB)
    spoilt = [replace(click, flaw=flaw).cloud_event() for flaw in FLAWS]
    assert click.cloud_event() not in spoilt
    assert len(set(FLAWS.values())) == len(FLAWS)


def test_half_of_the_load_is_plain_and_late_events_change_every_goal_of_the_company() -> None:
    world = World(1, 20_000, 14)
    journal = Journal()
    sent: Counter[str] = Counter()
    for day in world.days:
        events = world.events(day)
        assert events == world.events(day)
        sent.update(event.source for event in events)
        journal.add(events)
    assert sent[WEB] > 0.4 * sent.total()
    assert min(sent[DRILL], sent[SITE]) > 0.1 * sent.total()
    early, final = journal.per_day(late=False), journal.per_day(late=True)
    assert {CLICKS, MEMBERS} <= {name for name in final if final[name] != early[name]}
    won = journal.facts()["won"].values()
    assert 0 < sum(each.value for each in won) < sum(each.over for each in won)


def test_a_verdict_shows_a_few_differences_of_each_kind_and_counts_all() -> None:
    verdict = Verdict()
    verdict.sets("records", range(10), [])
    verdict.amounts("facts", {1: 2, 3: 4}, {1: 3})
    assert verdict.lost == {"records": 10, "facts": 1}
    assert verdict.doubled == {"facts": 1}
    assert len([note for note in verdict.notes if note.startswith("records")]) == SHOWN
    assert len(verdict.notes) == SHOWN + 2


def test_counters_of_processes_that_follow_each_other_add_up() -> None:
    watch = BulkWatch(System.__new__(System))
    for count in (0, 70, 100, 10, 30):
        watch.note(f"# HELP x\npaceline_ingest_bulk_events_total {count}.0\n")
    assert watch.total == 130
