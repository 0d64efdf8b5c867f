"""Hot days on the store: few documents, nothing asked for a goal, and nothing lost by it."""

import random
from collections import Counter
from decimal import Decimal

import pytest

from alerting.adapters.days import parts_in
from alerting.adapters.goals import versions_of
from alerting.adapters.lights import judged_between
from alerting.adapters.stripes import STRIPES
from alerting.adapters.values import watermarks
from alerting.domain.goal import GoalKey
from event_contracts.facts import Watermark
from event_contracts.wire import partition_of
from service_kit.guards import Guards
from service_kit.marks import Mark
from service_kit.store import Store
from service_kit.testing.fake_mongo import FakeMongo

HERE = partition_of(4, "acme", "a")


def goals_of(number, count):
    names = (f"g{n}" for n in range(10**6))
    mine = (name for name in names if partition_of(4, "acme", name) == number)
    return [next(mine) for _ in range(count)]


def watched(team):
    """Return counters of the documents that are committed and of what is asked, from now on."""
    written, asked = Counter(), Counter()
    server = team.store.client.server
    server.on_write = lambda name: written.update([name.rpartition(".")[2]])

    async def point(what):
        asked[what] += 1

    team.store.client.point = point
    return written, asked


async def test_a_slice_of_three_hundred_goals_writes_four_documents_and_asks_for_no_goal(stage):
    team = await stage()
    names = goals_of(HERE, 300)
    await team.apply("progress", HERE, *(team.day(name, 1, 5) for name in names))
    written, asked = watched(team)
    await team.apply("progress", HERE, *(team.day(name, 1, 6) for name in names))
    assert written == {"stripes": STRIPES}
    assert {what: n for what, n in asked.items() if not what.endswith(":")} == {
        "find:stripes": 1,
        "bulk_write:stripes": 1,
    }


async def test_what_was_asked_for_a_goal_once_is_not_asked_on_the_next_day(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 100})
    await team.at(2)
    await team.settle()
    _, asked = watched(team)
    await team.put({2: 100})
    assert asked["find:due"] == 0
    assert asked["find:progress"] == 1  # may be known already: a slice may come twice


async def test_watermarks_of_all_origins_are_one_document_of_a_partition(stage):
    team = await stage()
    written, _ = watched(team)
    marks = [Watermark(origin=f"facts/{n}", at_ms=n) for n in range(4)]
    odd = Watermark(origin="$a.b%2E/c", at_ms=9)
    await team.apply("progress", HERE, *marks, odd)
    await team.apply("progress", HERE, Watermark(origin="facts/3", at_ms=2))  # never back
    assert written == {"watermarks": 1}  # nothing that stands back is written
    found = await watermarks(team.store)
    assert found == {HERE: {f"facts/{n}": Mark(n) for n in range(4)} | {"$a.b%2E/c": Mark(9)}}


async def test_a_day_that_was_spilled_is_judged_by_and_keeps_its_version(stage):
    team = await stage(most=1)
    await team.goal()
    old = team.day("a", 1, 5)
    await team.put({1: 100})
    await team.put({2: 60})
    await team.put({3: 100})
    await team.apply("progress", HERE, old)  # older than what stands in the month
    await team.at(4)
    await team.settle()
    assert await team.colours() == ["green", "yellow", "green"]


async def test_a_spilled_day_that_is_hot_again_is_read_at_its_newest(stage):
    team = await stage(most=1)
    await team.goal()
    await team.put({1: 60})
    await team.put({2: 60})  # the first is spilled
    await team.put({1: 100})  # and hot again, the second is spilled
    await team.at(3)
    await team.settle()
    assert await team.colours() == ["green", "yellow"]


async def test_a_reader_loses_no_day_that_is_spilled_between_stripe_and_months(stage):
    team = await stage(most=1)
    await team.goal()
    await team.put({1: 60})
    await team.put({2: 70})
    met = []

    async def spill(what):
        if what == "find:progress":
            met.append(what)
            await team.put({3: 80})  # the second goes to its month now

    (goal,) = await versions_of(team.store, GoalKey("acme", "a"))
    reader = Store(FakeMongo(team.store.client.server, spill), "paceline_alerting")
    parts = await parts_in(reader, HERE, goal)
    assert met
    assert [parts[""][day].value for day in sorted(parts[""])] == [60, 70]


@pytest.mark.parametrize("head", [True, False], ids=["heads", "no-heads"])
async def test_a_first_day_that_commits_while_the_judge_holds_is_not_lost(stage, judge_while, head):
    """The judge finds others in the stripe, and no day; the first value commits, he writes."""
    team = await stage(Guards(head=head))
    await team.goal()
    await team.apply("progress", HERE, *(team.day(name, 1, 5) for name in goals_of(HERE, 20)))
    await team.at(2)

    await judge_while(team, team.put({1: 100}))
    await team.at(2, 13)
    await team.settle()
    # Without the guard neither knows of the other: the light stays wrong for ever.
    assert await team.colours() == (["green"] if head else ["yellow"])


async def test_a_late_day_is_corrected_whichever_processs_judge_has_judged_it(stage):
    team = await stage()
    await team.goal()
    await team.put({1: 60, 2: 60})
    await team.at(2)
    await team.settle()
    await team.put({2: 65})
    await team.at(3)
    other = await team.another_judge()
    while await other.step():
        pass
    await team.put({2: 100})
    await team.at(3, 13)
    await team.settle()
    assert await team.colours() == ["yellow", "green"]


async def test_progress_ahead_of_its_goal_is_corrected_once_the_goal_is_judged(stage):
    team = await stage()
    await team.put({1: 60})  # nobody has told how far it is judged
    await team.goal()
    await team.at(2)
    await team.settle()
    await team.put({1: 100})
    await team.at(2, 13)
    await team.settle()
    assert await team.colours() == ["green"]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("most", [1, 3, 512])
async def test_whatever_is_hot_and_whenever_the_judge_looks_the_last_lights_are_the_same(
    stage, most, seed
):
    dice = random.Random(seed)
    team = await stage(most=most)
    names = [*goals_of(HERE, 3), *goals_of((HERE + 1) % 4, 2)]
    for name in names:
        await team.goal(name)
    last, sent = {}, []
    for day in range(1, 6):
        await team.at(day + 1, 1)
        for _ in range(12):
            name, on = dice.choice(names), dice.randint(max(day - 2, 1), day)
            amount = dice.choice([0, 60, 69, 70, 100])
            one = team.day(name, on, amount)
            last[name, on] = Decimal(amount)
            sent.append(one)
            again = dice.sample(sent, min(len(sent), 2))  # older versions, told once more
            for each in (one, *again):
                await team.apply("progress", partition_of(4, "acme", each.goal), each)
            if dice.random() < 0.3:
                await team.judge.step()
    await team.at(6, 13)
    await team.settle()
    for name in names:
        found = await judged_between(team.store, GoalKey("acme", name), "", "9", 10)
        assert {one.span.start.day: one.run.light.actual for one in found} == {
            on: last.get((name, on), 0) for on in range(1, 6)
        }
