"""The drill's truth of reports and deals: whatever is told, an order ends at its amount."""

import random
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from paceline.trial.events import DRILL, Event
from paceline.trial.journal import Journal
from paceline.trial.oracle import working
from paceline.trial.states import CELL, DEAL, LOST, ORDER, ROW, standing, told
from paceline.trial.world import PRAISE_AT, REGIONS, START, World

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ORDERS = [Event(f"o{n}", AT, "north", Decimal(n + 1)) for n in range(64)]


def test_every_order_stands_at_its_amount_however_it_was_told() -> None:
    events = told(ORDERS, "n", random.Random(1))
    random.Random(2).shuffle(events)
    assert Counter(e.amount for e in standing(events)) == Counter(o.amount for o in ORDERS)
    assert {e.type for e in events} == {ORDER, CELL, ROW, DEAL}
    assert any(e.stage == LOST for e in events)


def test_no_sum_ever_stands_above_its_last_but_for_deals_that_are_lost() -> None:
    events = [e for e in told(ORDERS, "n", random.Random(1)) if not e.subject.startswith("lost")]
    random.Random(3).shuffle(events)
    whole = sum(e.amount for e in standing(events))
    for count in range(len(events)):
        assert sum(e.amount for e in standing(events[:count])) <= whole


@pytest.mark.parametrize(("events", "days"), [(3_000, 19), (7_500, 19), (24_000, 14)])
@pytest.mark.parametrize("seed", [3, 7, 47])
def test_deals_that_are_lost_earn_no_praise_while_they_stand(
    seed: int, events: int, days: int
) -> None:
    world = World(seed, events, days)
    for day in world.days:
        told_of = [e for e in world.events(day) if e.source == DRILL and not e.flaw]
        for region in REGIONS:
            mine = [e for e in told_of if e.region == region]
            last = sum(e.amount for e in standing(mine))
            most = sum(e.amount for e in standing([e for e in mine if e.stage != LOST]))
            assert last < most
            assert (most >= PRAISE_AT) == (last >= PRAISE_AT)


def test_a_slice_stands_when_all_its_parts_are_there() -> None:
    rows = [e for e in told(ORDERS, "n", random.Random(1)) if e.type == ROW]
    first = [e for e in rows if e.as_of == 1]
    last = [e for e in rows if e.as_of == 2]
    assert standing(first[1:]) == []
    assert standing(first + last[1:]) == first
    assert standing(last + first) == last


def test_what_comes_late_is_the_last_version_of_what_was_told_before() -> None:
    world = World(1, 20_000, 14)
    late_day = working(START, world.days[-1])[4]
    journal = Journal()
    journal.add(world.events(late_day))
    late = [e for e in journal.of(DRILL) if e.late]
    assert {e.type for e in late} == {ORDER, CELL, ROW, DEAL}
    assert all(e.as_of > 1 for e in late if e.type != ORDER)
    early, whole = (journal.per_day(late=each)["all"][late_day] for each in (False, True))
    assert early < whole
