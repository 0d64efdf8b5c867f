"""One seed: build the world, feed it, disturb it, let it drain, and check."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiokafka.structs import TopicPartition

from service_kit.guards import Guards
from service_kit.records import Partition
from service_kit.testing.sim import goals
from service_kit.testing.sim.checks import drained, violations
from service_kit.testing.sim.faults import Faults
from service_kit.testing.sim.loop import StuckError
from service_kit.testing.sim.wiring import CLOSES, TICK, seed_databases
from service_kit.testing.sim.world import DRAIN, NAMES, Apart, World

ALL = Guards()
SOME = Faults()


@dataclass(frozen=True, slots=True)
class Result:
    """What a seed showed. ``trace`` has virtual seconds, process and what it did."""

    seed: int
    violations: tuple[str, ...]
    faults: int
    steps: int
    seconds: float
    trace: Sequence[tuple[float, str, str]]

    def __str__(self) -> str:
        lines = [f"{at:9.4f} {who:12} {what}" for at, who, what in self.trace]
        wrong = [f"  - {violation}" for violation in self.violations]
        return "\n".join([*lines, f"seed {self.seed}, {self.faults} faults:", *wrong])


def run_seed(
    seed: int,
    guards: Guards = ALL,
    faults: Faults = SOME,
    holes: Iterable[tuple[Partition, int]] = (),
    apart: Apart = Apart.NO,
) -> Result:
    """Run one seed. The same arguments give the same trace on every machine.

    ``faults`` are the full rates; the seed picks which kinds it brings and how strongly. ``holes``
    are offsets that no consumer ever gets. ``apart``: one goal's events come by a foreign topic
    that stands still now and then.
    """
    chance = random.Random(seed)
    world = World(chance, guards, faults.some(chance), chance.random() < 0.3, apart)
    world.kafka.holes |= {(TopicPartition(*partition), offset) for partition, offset in holes}
    try:
        found = world.loop.run(_story(world))
    except StuckError as error:
        found = [str(error), *world.violations]
    finally:
        world.bury()
    loop = world.loop
    return Result(seed, tuple(found), world.injected, loop.steps, loop.time(), world.trace)


def failing(seeds: Iterable[int], guards: Guards = ALL, apart: Apart = Apart.NO) -> list[int]:
    """Return the seeds that show a violation."""
    return [seed for seed in seeds if run_seed(seed, guards, apart=apart).violations]


def first_failing(seeds: Iterable[int], guards: Guards) -> Result | None:
    """Return what the first seed showed that has a violation."""
    results = (run_seed(seed, guards) for seed in seeds)
    return next((result for result in results if result.violations), None)


async def _story(world: World) -> list[str]:
    await seed_databases(world)
    for name in NAMES:
        world.start(name)
    disturbing = [asyncio.ensure_future(_rebalance(world))]
    rekeying = None if world.apart is Apart.NO else asyncio.ensure_future(world.rekey())
    await _feed_until_closed(world)
    if world.strict:
        await _until_judged(world)
    await _feed_corrections(world)
    await asyncio.gather(*disturbing)
    await asyncio.sleep(max(0.0, world.faults.until - world.loop.time()))
    world.clock.stopped_at = world.clock.now_ms()
    if rekeying is not None:
        await asyncio.sleep(3 * TICK)  # who is released is told so by the next tick
    await _until_drained(world)
    if rekeying is not None:
        rekeying.cancel()
        await asyncio.gather(rekeying, return_exceptions=True)
    return await violations(world)


async def _feed_until_closed(world: World) -> None:
    """Events before the close; the totals lie about the threshold."""
    chance = world.chance
    times = sorted(chance.random() * (CLOSES - 0.5) for _ in range(chance.randint(8, 16)))
    for at in times:
        await asyncio.sleep(max(0.0, at - world.loop.time()))
        world.produce(chance.choice(goals.GOALS), chance.randint(1, 6))
    await asyncio.sleep(max(0.0, CLOSES - world.loop.time()))


async def _feed_corrections(world: World) -> None:
    """Late events, each goal's all up or all down, so that a judgement turns over at most once."""
    chance = world.chance
    signs = {goal: chance.choice((-1, 1)) for goal in goals.GOALS}
    for _ in range(chance.randint(6, 14)):
        await asyncio.sleep(chance.choice((0.0, 0.05, 0.3, 2.5)) * chance.random())
        goal = chance.choice(goals.GOALS)
        world.produce(goal, signs[goal] * chance.randint(1, 6))


async def _rebalance(world: World) -> None:
    for _ in range(int(world.chance.random() * world.faults.rebalances * 2)):
        await asyncio.sleep(world.chance.random() * 8)
        if world.loop.time() < world.faults.until:
            world.note(None, "REBALANCE")
            world.kafka.groups[world.chance.choice("abc")].rebalance()


async def _until_judged(world: World) -> None:
    due = world.store("c").db["due"]
    for _ in range(int(DRAIN)):
        if not await due.count_documents({"dirty": True}):
            return
        await asyncio.sleep(1.0)


async def _until_drained(world: World) -> None:
    for _ in range(int(DRAIN)):
        await asyncio.sleep(1.0)
        if await drained(world):
            return
