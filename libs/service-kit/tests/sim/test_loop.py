"""The virtual event loop and its processes."""

import asyncio
import random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from service_kit.testing.fake_mongo import Fault
from service_kit.testing.sim.loop import SimLoop, StuckError
from service_kit.testing.sim.process import Process


def make(seed: int = 0) -> tuple[SimLoop, Process]:
    loop = SimLoop(random.Random(seed))
    world = SimpleNamespace(
        loop=loop,
        context=None,
        note=lambda *_: None,
        gone=lambda *_: None,
        stopped=lambda *_: None,
        woke=lambda *_: None,
        at_point=lambda *_: (0.0, None),
    )
    return loop, Process(cast(Any, world), "p", 1)


def test_time_jumps_to_the_next_timer() -> None:
    loop, _ = make()

    async def main() -> float:
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(86400))
        return asyncio.get_running_loop().time()

    assert loop.run(main()) == 86400


def test_seeds_differ_in_who_runs_first() -> None:
    def order(seed: int) -> list[int]:
        loop, _ = make(seed)
        ran: list[int] = []

        async def note(number: int) -> None:
            ran.append(number)

        async def main() -> None:
            await asyncio.gather(*(note(number) for number in range(6)))

        loop.run(main())
        return ran

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(10)}) > 5


def test_who_waits_for_nothing_is_stuck() -> None:
    loop, _ = make()

    async def main() -> None:
        await loop.create_future()

    with pytest.raises(StuckError):
        loop.run(main())


def test_a_dead_process_never_runs_again() -> None:
    loop, process = make()
    done: list[str] = []

    async def work() -> None:
        try:
            for step in range(10):
                done.append(f"step {step}")
                await asyncio.sleep(1)
        finally:
            done.append("cleaned up")
            await process.point("clean up")
            done.append("with effect")

    async def main() -> None:
        loop.create_task(work(), context=process.context)
        await asyncio.sleep(2.5)
        process.die("test")
        await asyncio.sleep(100)

    loop.run(main())
    assert done == ["step 0", "step 1", "step 2"]
    process.bury()
    assert "with effect" not in done


def test_a_frozen_process_goes_on_where_it_stood() -> None:
    loop, process = make()
    done: list[float] = []

    async def work() -> None:
        for _ in range(3):
            done.append(loop.time())
            await asyncio.sleep(1)

    async def main() -> None:
        loop.create_task(work(), context=process.context)
        await asyncio.sleep(0.5)
        process.freeze(9.5)
        await asyncio.sleep(30)

    loop.run(main())
    assert done == [0, 10, 11]


def test_a_point_hands_the_fault_on() -> None:
    loop, process = make()
    process.world.at_point = lambda *_: (2.0, Fault.DONE)

    async def main() -> tuple[Fault | None, float]:
        return await process.point("x"), loop.time()

    assert loop.run(main()) == (Fault.DONE, 2.0)
