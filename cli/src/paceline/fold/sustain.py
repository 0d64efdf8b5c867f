"""Events at a steady rate into the log, through the whole system, to the goals: does lag grow?"""

import asyncio
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import psutil
from confluent_kafka import Producer
from xxhash import xxh3_128_digest

from event_contracts.topics import RAW
from event_contracts.wire import key_of
from paceline import bench_load, running
from paceline.access import access_to
from paceline.bench_load import SOURCE, Shape
from paceline.fold.waiting import KINDS, Look, trend, verdict
from paceline.fold.whole import Whole
from paceline.trial.system import System, TrialFailed, until
from service_kit.broker import physical_name

LOOK_SECONDS = 2.0
DRAIN_SECONDS = 600
MEBIBYTE = 2**20
Cell = tuple[int, int, int]
"""Tenant, type and campaign, by number."""


class Pump:
    """A thread that writes raw events at a rate and counts what it wrote, by cell."""

    def __init__(self, whole: Whole, rate: int, seconds: float) -> None:
        self._whole = whole
        self._rate = rate
        self._seconds = seconds
        self.written = 0
        self.took = 0.0
        self.counts: defaultdict[Cell, int] = defaultdict(int)
        self._made: dict[str, dict[Cell, tuple[str, str, str, str]]] = {}
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        found = running.read(self._whole.system.file)
        access = access_to(found.kafka).librdkafka()
        producer = Producer(
            {**access, "acks": "all", "linger.ms": 20, "batch.num.messages": 10_000}
        )
        topic = physical_name(found.prefix, RAW.name)
        begin = time.monotonic()
        while (elapsed := time.monotonic() - begin) < self._seconds:
            due = int(elapsed * self._rate) - self.written
            self._write(producer, topic, found.partitions, due)
            producer.poll(0)
            time.sleep(0.01)
        producer.flush(60)
        self.took = time.monotonic() - begin

    def _write(self, producer: Producer, topic: str, partitions: int, count: int) -> None:
        """Write so many events; what they share is formatted once, for the driver costs too."""
        shape, produce = self._whole.shape, producer.produce
        values = self._values(datetime.now(UTC))
        for number in range(self.written, self.written + count):
            rest, kind = divmod(number, shape.types)
            rest, campaign = divmod(rest, shape.campaigns)
            cell = rest % shape.tenants, kind, campaign
            prefix, head, middle, tail = values[cell]
            name = f"e{number:015}"
            key = f"{prefix}{name}".encode()
            value = f"{head}{name}{middle}{name}{tail}"
            partition = int.from_bytes(xxh3_128_digest(key)[:8], "big") % partitions
            while True:
                try:
                    produce(topic, value, key, partition)
                    break
                except BufferError:
                    producer.poll(0.1)
            self.counts[cell] += 1
        self.written += count

    def _values(self, now: datetime) -> dict[Cell, tuple[str, str, str, str]]:
        """Return, by cell, what stands before an id in its key, and around it in its record."""
        shape, at, at_ms = (
            self._whole.shape,
            f"{now:%Y-%m-%dT%H:%M:%S}Z",
            int(now.timestamp()) * 1000,
        )
        if at not in self._made:
            self._made = {
                at: {
                    (tenant, kind, campaign): (
                        key_of(who, SOURCE, ""),
                        f'{{"type":"raw.event.v1","tenant":"{who}","source":"{SOURCE}","id":"',
                        f'","door":"http","received_ms":{at_ms},"body":{{"specversion":"1.0","id":"',
                        f'","source":"/bench","type":"type-{kind:02}","time":"{at}","data":'
                        f'{{"campaign":"campaign-{campaign:03}","amount":1.25}}}}}}',
                    )
                    for tenant, who in enumerate(self._whole.tenants)
                    for kind in range(shape.types)
                    for campaign in range(shape.campaigns)
                }
            }
        return self._made[at]


async def sustain(system: System, shape: Shape, say: Any) -> dict[str, Any]:
    """Keep the rate for the shape's seconds, then wait for the rest; every goal is checked.

    Raises TrialFailed when a goal is not what was written.
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
    wanted = {}
    for tenant in range(shape.tenants):
        for goal in bench_load.goals(shape, tenant, datetime.now(UTC).date(), 1):
            kind = int(goal["metric"].rpartition("-")[2])
            campaign = int(goal["where"][0]["any_of"][0].rpartition("-")[2])
            wanted[tenant, goal["id"]] = Decimal("1.25") * pump.counts[tenant, kind, campaign]
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
