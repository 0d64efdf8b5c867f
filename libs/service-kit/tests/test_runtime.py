import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from service_kit.embedded import free_port
from service_kit.errors import Infrastructure
from service_kit.loops import SeenFirst
from service_kit.runtime import GRACE_SECONDS
from service_kit.testing.waiting import PATIENCE, until
from service_kit.ticker import tick_every

PROGRAM = """
import asyncio, os, sys
import service_kit.runtime
from service_kit.clock import SystemClock
from service_kit.runtime import Runtime
from service_kit.settings import Settings
from service_kit.store import Store
from service_kit.testing.fake_mongo import FakeMongo
from service_kit.web import make_app

class NoBroker:
    async def ends(self, partitions): return {}

async def steady(): await asyncio.Event().wait()
async def ends(): pass
async def raises(): raise ValueError("a loop failed")
async def stubborn():
    while True:
        try: await asyncio.sleep(60)
        except asyncio.CancelledError: pass

async def main():
    settings = Settings("goal-service", instance="g-0", port=int(sys.argv[1]))
    store = Store(FakeMongo(), settings.database)
    runtime = await Runtime.over(settings, store, NoBroker(), clock=SystemClock())
    await runtime.serve(make_app("g", runtime), *(globals()[name]() for name in sys.argv[2:]))

service_kit.runtime.GRACE_SECONDS = float(os.environ["GRACE"])
asyncio.run(main())
"""


GRACE = 0.5  # instead of the service's own, so that a crowded machine has the rest of the bound


def start(tmp_path: Path, port: int, *coroutines: str) -> "subprocess.Popen[bytes]":
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    arguments = [sys.executable, str(program), str(port), *coroutines]
    environment = os.environ | {"PYTHONUTF8": "1", "GRACE": str(GRACE)}
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, env=environment)


@pytest.mark.parametrize("work", ["steady", "stubborn"])
def test_sigterm_ends_a_service_with_code_0_within_five_seconds(tmp_path: Path, work: str) -> None:
    port = free_port()
    process = start(tmp_path, port, "steady", work)
    assert until_healthy(port, process) == {"status": "ok"}
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error.decode()
    assert time.monotonic() - begin < GRACE + 4.5
    assert GRACE_SECONDS + 1 < 5  # of the work, and of the database


@pytest.mark.parametrize("work", ["ends", "raises"])
def test_a_loop_that_ends_or_raises_takes_the_process_with_it(tmp_path: Path, work: str) -> None:
    process = start(tmp_path, free_port(), "steady", work)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 70
    assert b"the process leaves" in error
    assert (b"ValueError: a loop failed" in error) == (work == "raises")


def test_a_port_that_is_taken_ends_the_process(tmp_path: Path) -> None:
    port = free_port()
    first = start(tmp_path, port, "steady")
    until_healthy(port, first)
    second = start(tmp_path, port, "steady")
    second.communicate(timeout=PATIENCE)
    first.terminate()
    first.communicate(timeout=PATIENCE)
    assert (first.returncode, second.returncode) == (0, 70)


def until_healthy(port: int, process: "subprocess.Popen[bytes]") -> object:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).json()
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("never healthy")


class Ticks:
    def __init__(self) -> None:
        self.seen: list[str] = []

    async def tick(self) -> None:
        self.seen.append("tick")
        await asyncio.sleep(0.05)  # longer than the pause
        self.seen.append("over")


async def test_a_loop_does_not_begin_on_a_topic_that_may_not_be_read() -> None:
    begun = []

    class Endless:
        async def run(self) -> None:
            begun.append(True)

    async def look(topic: str) -> int:
        if topic == "facts":
            raise Infrastructure("Topic authorization failed")
        return 4

    with pytest.raises(Infrastructure, match="authorization"):
        await SeenFirst(Endless(), look, ["goals", "facts"]).run()
    assert begun == []
    await SeenFirst(Endless(), look, ["goals"]).run()
    assert begun == [True]


async def test_each_tick_comes_after_its_before_and_alone() -> None:
    ticks: Any = Ticks()

    async def before() -> None:
        ticks.seen.append("before")

    task = asyncio.create_task(tick_every(ticks, 0.01, before))
    await until(lambda: ticks.seen.count("over") >= 4)
    task.cancel()
    assert ticks.seen[:12] == ["before", "tick", "over"] * 4


async def test_what_a_tick_raises_reaches_the_caller() -> None:
    async def before() -> None:
        raise ValueError("broken")

    ticks: Any = Ticks()
    with pytest.raises(ValueError, match="broken"):
        await tick_every(ticks, 0.01, before)
