"""How many cells a second of one metric goal-service applies: they all stand in one partition."""

import asyncio
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psutil
from confluent_kafka import Producer

from event_contracts.facts import Cell, FactBatch, FactBatches
from event_contracts.topics import FACTS
from event_contracts.wire import encode, key_of, partition_of
from paceline import bench_load, running
from paceline.access import access_to
from paceline.bench_load import Shape
from paceline.fold.whole import Whole
from paceline.trial.system import System, TrialFailed
from service_kit.broker import physical_name
from service_kit.lanes import Stamp
from service_kit.store import Store

GROUP = "goal-service"
ORIGIN = "bench:raw/0"  # a lane of its own: no fold has ever written it
LOOK_SECONDS = 0.1
STALLED_SECONDS = 120.0


async def limit(system: System, cells: int, per_record: int, goals: int) -> dict[str, Any]:
    """Write ``cells`` cells of one metric as fat records; return how fast they were applied.

    Each goal has a campaign of its own, which every record names. Raises TrialFailed when a
    goal's total is not what was written.
    """
    shape = Shape(1, 1, goals, 1, goals, 1, 0)
    whole = await Whole.declare(system, shape)
    try:
        batch, totals = _batch(whole, max(1, per_record // goals))
        records = max(1, cells // len(batch.cells))
        position = Position(whole, batch)
        began, cpu = time.monotonic(), _cpu(whole)
        end = await asyncio.to_thread(_write, system, batch, records)
        written = time.monotonic() - began
        await position.reaches(end)
        seconds = time.monotonic() - began
        await position.close()
        wanted = {(0, goal): total * records for goal, total in totals.items()}
        wrong = await whole.wrong_totals(wanted)
        if wrong:
            raise TrialFailed(f"not what was written: {'; '.join(wrong[:5])}")
        done = records * len(batch.cells)
        return {
            "what": "cells of one metric, one partition, applied by goal-service",
            "cells": done,
            "cells_per_record": len(batch.cells),
            "record_bytes": len(_value(batch)),
            "records": records,
            "goals": goals,
            "seconds": round(seconds, 2),
            "writing_seconds": round(written, 2),
            "cells_per_second": round(done / seconds),
            "records_per_second": round(records / seconds, 1),
            "goal_service_cpu_us_per_cell": round((_cpu(whole) - cpu) / done * 1e6, 2),
        }
    finally:
        await whole.close()


def _batch(whole: Whole, minutes: int) -> tuple[FactBatch, dict[str, Decimal]]:
    """Return one record's facts, and what it adds to each goal."""
    goals = bench_load.goals(whole.shape, 0, whole.today, 1)
    names = [goal["where"][0]["any_of"][0] for goal in goals]
    midnight = int(datetime.combine(whole.today, datetime.min.time(), UTC).timestamp()) // 60
    cells = tuple(
        Cell(midnight + minute, place, Decimal(place + 1) / 4, 3)
        for place in range(len(names))
        for minute in range(minutes)
    )
    batch = FactBatch(
        tenant=whole.tenants[0],
        metric=bench_load.metric_of(0),
        source=bench_load.SOURCE,
        definition=1,
        as_of_ms=int(time.time() * 1000),
        dims=tuple({"campaign": name} for name in names),
        cells=cells,
    )
    added = {g["id"]: Decimal(place + 1) / 4 * minutes for place, g in enumerate(goals)}
    return batch, added


def _write(system: System, batch: FactBatch, records: int) -> int:
    """Write the record so many times; return the offset behind the last one."""
    end = 0

    def delivered(_: Any, message: Any) -> None:
        nonlocal end
        end = max(end, message.offset() + 1)

    found = running.read(system.file)
    producer = Producer({**access_to(found.kafka).librdkafka(), "acks": "all", "linger.ms": 20})
    key, value = key_of(batch.tenant).encode(), _value(batch)
    topic, partition = physical_name(found.prefix, FACTS.name), _partition(found, batch)
    for number in range(records):
        stamp: Any = Stamp(ORIGIN, number + 1, number, number + 1).headers()
        while True:
            try:
                producer.produce(topic, value, key, partition, headers=stamp, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(60):
        raise TrialFailed("the facts could not be written")
    return end


def _value(batch: FactBatch) -> bytes:
    return encode(FactBatches(tenant=batch.tenant, batches=(batch,)))


def _partition(found: running.Running, batch: FactBatch) -> int:
    return partition_of(found.partitions, batch.tenant, batch.metric)


class Position:
    """Where goal-service stands in the partition of one metric; asked for by itself alone."""

    def __init__(self, whole: Whole, batch: FactBatch) -> None:
        found = running.read(whole.system.file)
        self._store = Store.connect(found.mongodb, f"{found.database_prefix}goal_service")
        self._id = f"{GROUP}|{FACTS.name}|{_partition(found, batch)}"

    async def close(self) -> None:
        """Close the connection."""
        await self._store.close()

    async def now(self) -> int:
        """Return the position."""
        document = await self._store.db["offsets"].find_one({"_id": self._id})
        return int(document["next"]) if document else 0

    async def reaches(self, end: int) -> None:
        """Wait for a position; raises TrialFailed when it stands still."""
        moved, last = time.monotonic(), -1
        while (position := await self.now()) < end:
            if position != last:
                moved, last = time.monotonic(), position
            if time.monotonic() - moved > STALLED_SECONDS:
                raise TrialFailed(f"{self._id} stands still at {position} of {end}")
            await asyncio.sleep(LOOK_SECONDS)


def _cpu(whole: Whole) -> float:
    times: Any = psutil.Process(whole.pid(GROUP)).cpu_times()
    return float(times.user + times.system)
