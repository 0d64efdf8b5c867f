"""What Faust holds for a stream: so many records, and no more bytes than is said."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from mode.utils.queues import FlowControlEvent

from service_kit.loops.faust import Buffer


def event(size: int) -> Any:
    return SimpleNamespace(message=SimpleNamespace(value=b"x" * size))


def buffer(most: int, most_bytes: int) -> Buffer:
    flow = FlowControlEvent(initially_suspended=False)
    return Buffer(most, most_bytes, flow_control=flow, clear_on_resume=True)


async def test_thin_records_fill_it_by_their_number() -> None:
    held = buffer(4, 1000)
    for _ in range(4):
        assert not held.full()
        await held.put(event(1))
    assert held.full()


async def test_fat_records_fill_it_by_their_bytes_and_reading_pauses_and_goes_on() -> None:
    held, told = buffer(100, 1000), []
    pressure = {
        "on_pressure_high": lambda: told.append("high"),
        "on_pressure_drop": lambda: told.append("drop"),
    }
    pressure_drop = pressure["on_pressure_drop"]
    for _ in range(9):
        held.put_nowait_enhanced(event(100), **pressure)
    assert (told, held.full()) == (["high"], False)
    await held.put(event(100))
    assert held.full()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(held.put(event(1)), 0.05)
    while not held.empty():
        held.get_nowait()
    assert held.qsize() == 0
    held.maybe_endorse_pressure_drop()
    assert told == ["high", "drop"]
    assert not held.in_pressure_high_state(pressure_drop)


async def test_a_cleared_one_is_empty() -> None:
    held = buffer(100, 1000)
    await held.put(event(1000))
    held.clear()
    assert (held.qsize(), held.full()) == (0, False)
