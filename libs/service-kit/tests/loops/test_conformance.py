"""What every loop promises, shown on a real broker and a real document server."""

import asyncio
import signal
import time

import pytest

from service_kit.errors import Infrastructure
from service_kit.loops import make_loop
from service_kit.records import Partition
from service_kit.testing.loop_worker import Tally, applier_of, settings_of
from service_kit.testing.waiting import PATIENCE, until

ONCE = 1


def once(values: list[str]) -> dict[str, int]:
    return dict.fromkeys(values, ONCE)


def numbered(name: str, count: int, start: int = 0) -> list[str]:
    return [f"{name}{number:04d}" for number in range(start, count)]


@pytest.mark.parametrize("committed", [80, 10], ids=["30 ahead", "40 back"])
async def test_starts_at_mongodbs_next_and_not_at_kafkas_committed_offset(world, committed):
    await world.topic(partitions=1)
    world.produce(0, numbered("a", 100))
    await world.set_document(0, next=50)
    world.commit_to_kafka(0, committed)
    async with world.worker() as worker:
        await world.until_applied(once(numbered("a", 100, start=50)))
        await until(lambda: worker.applier.next[Partition("numbers", 0)] == 100)
        assert worker.tally.seen == 50
    assert (await world.document(0))["next"] == 100
    assert (await world.document(0))["halted"] is None


async def test_applies_every_record_once_while_a_second_worker_joins_and_leaves(world):
    await world.topic(partitions=4)
    sent = 0
    enough = asyncio.Event()

    async def load() -> None:
        nonlocal sent
        while not enough.is_set():
            for number in range(4):
                values = numbered(f"p{number}-", sent // 4 + 5, start=sent // 4)
                await asyncio.to_thread(world.produce, number, values)
            sent += 20
            await asyncio.sleep(0.1)

    loading = asyncio.create_task(load())
    async with world.worker(instance="tally-0") as first:
        await until(lambda: len(first.applier.next) == 4)
        async with world.worker(instance="tally-1") as second:
            await until(lambda: len(first.applier.next) == len(second.applier.next) == 2)
            await until(lambda: second.tally.seen > 0)
        await until(lambda: len(first.applier.next) == 4)
        enough.set()
        await loading
        await world.until_applied(
            once([v for n in range(4) for v in numbered(f"p{n}-", sent // 4)])
        )
        await until(lambda: sum(first.applier.next.values()) == sent)
        # Of a commit whose answer it did not hear as it left, the second's memory knows nothing.
        missing = sent - first.tally.seen - second.tally.seen
        assert missing in (0, sum(second.tally.unheard.values()))
    assert [(await world.document(n))["halted"] for n in range(4)] == [None] * 4


async def test_goes_on_at_once_after_a_worker_was_killed_inside_its_transaction(world):
    await world.topic(partitions=2)
    for number in range(2):
        world.produce(number, numbered(f"p{number}-", 50))
    victim = world.process(kill_at="p0-0020")
    assert await world.exit_code(victim) == -signal.SIGKILL
    began = time.monotonic()
    async with world.worker():
        await world.until_applied(once(numbered("p0-", 50) + numbered("p1-", 50)), seconds=120)
    # Without the owners rule: the server's transaction lifetime, a minute.
    assert time.monotonic() - began < 30


async def test_halts_the_partition_with_a_gap_and_no_other(world):
    await world.topic(partitions=2)
    world.produce(0, numbered("a", 3), transaction=True)
    world.produce(0, numbered("b", 2))
    world.produce(1, numbered("c", 10))
    async with world.worker():
        await world.until_halted(0, "gap")
        world.produce(1, numbered("d", 10))
        await world.until_applied(once(numbered("a", 3) + numbered("c", 10) + numbered("d", 10)))
    assert (await world.document(0))["next"] == 3
    assert (await world.document(1))["halted"] is None


async def test_takes_a_hole_in_a_state_topic_for_what_compaction_leaves(world, kind):
    await world.topic(partitions=1, compacted=True)
    world.produce(0, numbered("a", 3), transaction=True)
    world.produce(0, ["b", ""])
    async with world.worker(gapless=False) as worker:
        await world.until_applied(once([*numbered("a", 3), "b", ""]))
        world.produce(0, ["c"], transaction=True)
        await world.until_applied(once([*numbered("a", 3), "b", "", "c"]))
        # Faust does not show what stands behind its last record; the others see the marker's place.
        end = {Partition("numbers", 0): 7 if kind == "faust" else 8}
        await until(lambda: worker.applier.next == end)
    document = await world.document(0)
    assert document["next"] == next(iter(end.values()))
    assert document["halted"] is None


async def test_halts_a_partition_of_another_topic_than_its_position_counts_in(world):
    await world.topic(partitions=2)
    await world.set_document(0, topic_id="the-topic-before")
    world.produce(0, numbered("a", 5))
    world.produce(1, numbered("b", 5))
    async with world.worker():
        await world.until_halted(0, "log-moved")
        await world.until_applied(once(numbered("b", 5)))


async def test_the_older_of_two_workers_with_one_instance_name_leaves(world):
    await world.topic(partitions=1)
    older = world.process()
    world.produce(0, numbered("a", 5))
    await world.until_applied(once(numbered("a", 5)))
    newer = world.process()
    assert await world.exit_code(older) == 70
    world.produce(0, numbered("b", 5))
    await world.until_applied(once(numbered("a", 5) + numbered("b", 5)))
    assert newer.poll() is None


async def test_a_record_that_its_handler_refuses_is_not_lost(world):
    await world.topic(partitions=1)
    world.produce(0, numbered("a", 20))
    assert await world.exit_code(world.process(refuse="a0010")) == 70
    # What came before it in a batch of its own may be applied; the refused one may not.
    assert (await world.document(0))["next"] <= 10
    async with world.worker():
        await world.until_applied(once(numbered("a", 20)))


class Away(Tally):
    """Cannot do its work a few times, as when something that it asks is away."""

    left = 3

    async def apply(self, tx, batch, outbox):
        if batch.records and self.left:
            self.left -= 1
            raise Infrastructure("away")
        return await super().apply(tx, batch, outbox)


@pytest.mark.parametrize("kind", ["confluent", "aiokafka"])  # Faust leaves the process
async def test_goes_on_where_it_stood_when_it_is_run_again_after_an_error(world):
    await world.topic(partitions=2)
    for number in range(2):
        world.produce(number, numbered(f"p{number}-", 20))
    handler = Away(world.job)
    applier = await applier_of(world.job, world.store, handler, world.guards)
    loop = make_loop(world.job.kind, settings_of(world.job), applier, world.guards)
    for _ in range(Away.left):
        with pytest.raises(Infrastructure, match="away"):
            await asyncio.wait_for(loop.run(), PATIENCE)
        assert await world.applied() == {}
    running = asyncio.create_task(loop.run())
    try:
        await world.until_applied(once(numbered("p0-", 20) + numbered("p1-", 20)))
        await until(lambda: sum(applier.next.values()) == 40)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert handler.seen == 40
