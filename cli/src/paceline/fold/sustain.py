"""Events at a steady rate into the log, through the whole system, to the goals: does lag grow?"""

import asyncio
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import psutil

from paceline import bench_load
from paceline.bench_load import Shape
from paceline.fold.pump import Pump
from paceline.fold.rows import AMOUNT
from paceline.fold.waiting import KINDS, Look, trend, verdict
from paceline.fold.whole import Whole
from paceline.trial.system import System, TrialFailed, until

LOOK_SECONDS = 2.0
DRAIN_SECONDS = 600
MEBIBYTE = 2**20


async def sustain(system: System, shape: Shape, say: Any) -> dict[str, Any]:
    """Keep the rate for the shape's seconds, then wait for the rest; every goal is checked.

    Raises TrialFailed when an event could not be written, or a goal is not what was written.
    """
    whole = await Whole.declare(system, shape)
    try:
        pump = Pump(whole, shape.rate, shape.seconds)
        before, began = await _cells(system), time.monotonic()
        pump.thread.start()
        rows, looks = [], []
        await asyncio.sleep(LOOK_SECONDS)
        while pump.thread.is_alive():  # what is looked at after its end is the draining
            looks.append(await _look(whole, began))
            rows.append(await _row(whole, looks[-1], pump.written, before))
            say(rows[-1])
            await asyncio.sleep(LOOK_SECONDS)
        pump.raise_failure()
        await until(whole.caught_up, DRAIN_SECONDS, "nothing is left to fold", 0.2)
        drained = time.monotonic() - began - pump.took
        cells = await _cells(system) - before
        wrong = await whole.wrong_totals(_wanted(shape, pump))
        if wrong:
            raise TrialFailed(f"not what was written: {'; '.join(wrong[:5])}")
        trends = {kind: trend([look[kind] for look in looks]) for kind in KINDS}
        return {
            "what": "raw events at a steady rate, folded, and added to goals",
            "rate": {"asked": shape.rate, "reached": round(pump.written / pump.took)},
            "events": pump.written,
            "goals": shape.goals,
            "seconds": round(pump.took, 1),
            "caught_up_after_seconds": round(drained, 1),
            "cells": cells,
            "cells_per_second": round(cells / (pump.took + drained)),
            "waiting": trends,
            "lag_grows": verdict(list(trends.values())),
            "rows": rows,
        }
    finally:
        await whole.close()


def _wanted(shape: Shape, pump: Pump) -> dict[tuple[int, str], Decimal]:
    wanted, counts = {}, pump.events.counts(pump.written)
    for tenant in range(shape.tenants):
        for goal in bench_load.goals(shape, tenant, datetime.now(UTC).date(), 1):
            kind = int(goal["metric"].rpartition("-")[2])
            campaign = int(goal["where"][0]["any_of"][0].rpartition("-")[2])
            wanted[tenant, goal["id"]] = AMOUNT * counts[tenant, kind, campaign]
    return wanted


async def _look(whole: Whole, began: float) -> dict[str, Look]:
    """Return, by kind, what waits now."""
    standing = await whole.standing()
    at = time.monotonic() - began
    return {kind: Look(at, *standing[name]) for kind, name in KINDS.items()}


async def _row(whole: Whole, look: dict[str, Look], written: int, before: int) -> dict[str, Any]:
    sizes = {
        name: psutil.Process(whole.pid(name)).memory_info().rss // MEBIBYTE
        for name in ("metrics-ingest", "goal-service")
    }
    return {
        "at": round(look["events"].at, 1),
        "written": written,
        "waiting": {kind: each.waiting for kind, each in look.items()},
        "cells": await _cells(whole.system) - before,
        "rss_mib": sizes,
    }


async def _cells(system: System) -> int:
    """Return how many cells goal-service has added, as it says itself."""
    async with httpx.AsyncClient(timeout=20) as client:
        text = (await client.get(system.url("goal-service") + "/metrics")).text
    for line in text.splitlines():
        if line.startswith("paceline_goal_cells_total "):
            return int(float(line.split()[1]))
    raise TrialFailed("goal-service does not say how many cells it has added")
