"""Records that nobody can use, sources that are silent, and what a slice leaves behind."""

from datetime import date, timedelta

import msgspec
import pytest

from alerting.adapters.values import alive_in
from event_contracts.progress import SourceAlive
from event_contracts.wire import encode, partition_of
from service_kit.marks import Mark
from service_kit.metrics import REGISTRY
from service_kit.records import Partition, Slice

HERE = partition_of(4, "acme", "a")
SILENCE_COUNTS = {"source_always_alive": False}


def alive(version=1, quarters=1 << 40):
    return SourceAlive(
        tenant="acme",
        metric="leads",
        day=date(2026, 6, 1),
        quarters=f"{quarters:x}",
        version=version,
    )


async def letters(team):
    found = await team.store.db["dead_letters"].find({}).to_list(None)
    return [row["cause"] for row in found]


async def test_records_that_nothing_can_read_are_dead_letters_and_the_rest_goes_on(stage):
    team = await stage()
    await team.goal()
    shapeless = b'{"type": "progress.day.v1", "tenant": 5}'
    await team.apply("progress", HERE, b"{", shapeless, team.day("a", 1, 100))
    assert sorted(await letters(team)) == ["no-json", "wrong-shape"]
    await team.at(2)
    await team.settle()
    assert await team.colours() == ["green"]


async def test_progress_may_come_before_its_goal(stage):
    team = await stage()
    await team.put({1: 100})
    await team.at(2)
    await team.settle()
    assert await team.colours() == []
    await team.goal()
    await team.settle()
    assert await team.colours() == ["green"]


async def test_a_silent_day_is_grey_and_a_day_of_a_source_that_was_there_is_zero(stage):
    team = await stage()
    await team.goal(policy=SILENCE_COUNTS)
    await team.apply("progress", HERE, alive())
    await team.at(3)
    await team.settle()
    assert await team.colours() == ["yellow", "grey"]


async def test_a_late_sign_of_life_turns_a_grey_day_into_zero(stage):
    team = await stage()
    await team.goal(policy=SILENCE_COUNTS)
    await team.at(2)
    await team.settle()
    assert await team.colours() == ["grey"]
    await team.apply("progress", HERE, alive())
    await team.at(2, 13)
    await team.settle()
    assert await team.colours() == ["yellow"]


async def test_a_late_sign_of_life_reaches_the_goals_of_every_partition(stage):
    team = await stage()
    await team.goal(policy=SILENCE_COUNTS)
    await team.at(2)
    await team.settle()
    for number in sorted(range(4), key=lambda number: number == HERE):
        await team.apply("progress", number, alive())
    await team.at(2, 13)
    await team.settle()
    assert await team.colours() == ["yellow"]


async def test_quarters_that_are_no_hexadecimal_are_a_dead_letter(stage):
    team = await stage()
    bad = alive()
    await team.apply("progress", HERE, encode_with(bad, quarters="xyz"))
    assert len(await letters(team)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Mars/Olympus"},
        {"policy": {"grain": "fortnight"}},
        {"form": "mood"},
        {"form": "ratio"},
        {"form": "level"},
    ],
)
async def test_a_goal_that_cannot_be_judged_is_a_dead_letter(stage, wrong):
    team = await stage()
    await team.goal(filled=False, **wrong)
    await team.at(2)
    await team.settle()
    assert len(await letters(team)) == 1


def encode_with(event, **changes):
    return encode(msgspec.structs.replace(event, **changes))


async def test_the_partitions_watermark_is_shown_while_it_is_held_and_is_the_lowest_origins(stage):
    team = await stage()
    partition = Partition("progress", 0)
    batch = Slice(partition, 0, 0, ())

    def shown():
        labels = {"partition": "0"}
        return REGISTRY.get_sample_value("paceline_alerting_watermark_seconds", labels)

    team.stream.committed(batch, {"facts/0": Mark(5000), "facts/1": Mark(3000)})
    team.stream.committed(batch, {"facts/0": Mark(9000)})
    assert shown() == 3
    team.stream.forget(partition)
    assert shown() is None


async def test_the_signs_of_life_of_years_are_few_documents_and_all_are_known(stage):
    """History that is loaded tells of thousands of days in one slice."""
    team = await stage()
    await team.goal(policy=SILENCE_COUNTS)
    days = [date(2023, 6, 1) + timedelta(days=number) for number in range(3 * 366)]
    told = [msgspec.structs.replace(alive(), day=day) for day in days]
    await team.apply("progress", HERE, *told)
    assert len(await team.store.db["alive"].find({}).to_list(None)) == 37  # months
    known = await alive_in(team.store, HERE, "acme", "leads", days[0], days[-1])
    assert known == dict.fromkeys(days, 1 << 40)
    await team.apply("progress", HERE, alive(version=2, quarters=1), alive(version=1, quarters=2))
    await team.apply("progress", HERE, alive(version=2, quarters=4))
    known = await alive_in(team.store, HERE, "acme", "leads", days[0], days[-1])
    assert known == dict.fromkeys(days, 1 << 40) | {date(2026, 6, 1): 1 << 40 | 3}
