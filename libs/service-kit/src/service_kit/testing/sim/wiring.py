"""How a simulated process is put together: as a service's main wires it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from service_kit import offsets
from service_kit.batch import Applier, Bounds, Handler
from service_kit.errors import Infrastructure
from service_kit.loops.aiokafka import AiokafkaLoop
from service_kit.loops.base import LoopSettings
from service_kit.owners import Fence
from service_kit.records import Partition
from service_kit.relay import Relay
from service_kit.security import KafkaAccess
from service_kit.store import Session, Store
from service_kit.testing.sim import goals, stages
from service_kit.testing.sim.consumer import FakeConsumer, FakeProducer, FakeWake
from service_kit.testing.sim.judge import Judge
from service_kit.testing.sim.process import Process
from service_kit.ticker import tick_every

if TYPE_CHECKING:
    from service_kit.testing.sim.world import World

CLOSES = 8.0
TICK = 4.0
INPUT = {"a": goals.RAW, "b": goals.FACTS, "c": goals.PROGRESS}


async def worker(world: "World", process: Process, stage: str) -> None:
    """A worker of one stage: the reference loop, the ticker and the stage's timers."""
    store = world.store(stage, process)
    fence = Fence(store, process.name, process.boot)
    await fence.raise_flag()
    session = await store.session()
    handler, before, timers = await _handler(world, process, stage, store)

    async def bounds(partitions: Any) -> dict[Partition, Bounds]:
        if await process.point("kafka.bounds"):
            raise Infrastructure("broker: request timed out")
        return world.kafka.bounds(partitions)

    topic = INPUT[stage][0].topic
    applier = Applier(
        store=store,
        session=session,
        fence=fence,
        group=stage,
        handler=handler,
        bounds=bounds,
        gapless=frozenset({topic}),
        clock=world.clock,
        guards=world.guards,
    )
    loop = AiokafkaLoop(
        LoopSettings(KafkaAccess(""), "", stage, process.name, (topic,), batch=5, within=3.0),
        applier,
        world.guards,
        consumer=lambda settings: FakeConsumer(world.kafka, settings, process),
        leave=process.leave,
    )
    await asyncio.gather(loop.run(), tick_every(applier, TICK, before), *timers)


async def _handler(
    world: "World", process: Process, stage: str, store: Store
) -> tuple[Handler, Callable[[], Awaitable[None]] | None, list[Coroutine[Any, Any, None]]]:
    if stage == "a":

        async def end(partition: Partition) -> int:
            if await process.point("kafka.ends"):
                raise Infrastructure("broker: request timed out")
            return world.kafka.end(partition)

        fold = stages.Fold(store, world.clock, end, process.point, world.held)
        return fold, fold.note_marks, []
    if stage == "b":
        return (
            stages.Total(store, world.guards, world.check_watermark, process.point),
            None,
            [],
        )
    session: Session = await store.session()
    judge = Judge(store, session, world.guards, int(CLOSES * 1000), process.point)
    return judge, None, [judge.judge_every(1.0)]


async def relay(world: "World", process: Process) -> None:
    """The relay process: it relays all three databases."""
    producer = FakeProducer(world.kafka, process)
    await asyncio.gather(
        *(
            Relay(
                world.store(stage, process), producer, FakeWake(stage, process), process.boot
            ).run()
            for stage in INPUT
        )
    )


async def seed_databases(world: "World") -> None:
    """Write what ``topics apply`` and the API have written before a worker starts."""
    for stage, partitions in INPUT.items():
        for partition in partitions:
            bounds = world.kafka.bounds([partition])[partition]
            await offsets.seed(world.store(stage), stage, partition, 0, bounds.topic_id)
    rows = [
        {"_id": g, "partition": str(goals.progress_of(g)), "dirty": True, "deeds": []}
        for g in goals.GOALS
    ]
    await world.store("c").db["due"].insert_many(rows)
