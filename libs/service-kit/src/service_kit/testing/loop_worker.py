"""A worker that counts what it applies: the subject of the loops' conformance suite.

``python -m service_kit.testing.loop_worker JSON`` runs one as a process of its own that can be
killed; JSON is a :class:`Job`.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import uuid
from typing import Any

import msgspec
import uvloop
from pymongo import UpdateOne

from service_kit.batch import Applier
from service_kit.broker import Broker
from service_kit.clock import SystemClock
from service_kit.errors import Infrastructure
from service_kit.guards import Guards
from service_kit.loops import Loop, LoopSettings, make_loop
from service_kit.loops.base import leave
from service_kit.outbox import Outbox
from service_kit.owners import Fence
from service_kit.records import Partition, Slice
from service_kit.security import KafkaAccess
from service_kit.store import Store, Tx

COLUMNS = "columns"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker reads, and where it fails.

    ``kind`` COLUMNS: the confluent loop under a handler that works ahead and so gets columns.
    ``kill_at`` ends the process with SIGKILL inside the transaction that applies this value;
    ``refuse`` makes the handler raise on it.
    """

    kind: str
    kafka: str
    mongodb: str
    database: str
    prefix: str
    topics: tuple[str, ...]
    gapless: bool = True
    group: str = "tally"
    instance: str = "tally-0"
    kill_at: str | None = None
    refuse: str | None = None


class Tally:
    """A handler that counts every value, so that a lost and a doubled one both show."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.loaded: list[Partition] = []
        self.seen = 0
        self.unheard: dict[Partition, int] = {}  # applied; whether it was committed is not known

    async def load(self, partition: Partition) -> None:
        """Note it. What was not heard of so far was not committed, or is read as it stands now."""
        self.loaded.append(partition)
        self.unheard.pop(partition, None)

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> int:
        """Count the values; die or raise where the job says."""
        values = ["" if r.value is None else r.value.decode() for r in batch.records]
        await tx["applied"].bulk_write(
            [UpdateOne({"_id": value}, {"$inc": {"times": 1}}, upsert=True) for value in values]
        )
        if self._job.kill_at in values:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._job.refuse in values:
            raise ValueError(f"refused: {self._job.refuse}")
        self.unheard[batch.partition] = len(values)
        return len(values)

    def committed(self, batch: Slice, effect: Any) -> None:
        """Count in memory."""
        self.seen += effect
        del self.unheard[batch.partition]

    def forget(self, partition: Partition) -> None:
        """Nothing is remembered."""


class TallyAhead(Tally):
    """The same, with work ahead of the transaction (batch.Preparing)."""

    def prepare(self, batch: Slice) -> int:
        """Note how much there is."""
        return len(batch.records)

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> int:
        """Count the values, if the slice is the one that was prepared."""
        if batch.prepared not in (None, len(batch.records)):
            raise RuntimeError(f"{len(batch.records)} records, {batch.prepared} were prepared")
        return await super().apply(tx, batch, outbox)


def tally_of(job: Job) -> Tally:
    """Return the job's handler."""
    return TallyAhead(job) if job.kind == COLUMNS else Tally(job)


def loop_of(job: Job, applier: Applier, guards: Guards) -> Loop:
    """Return the job's loop."""
    kind = "confluent" if job.kind == COLUMNS else job.kind
    return make_loop(kind, settings_of(job), applier, guards)


async def applier_of(job: Job, store: Store, handler: Tally, guards: Guards) -> Applier:
    """Return the worker's applier, with the flag of its instance raised."""
    fence = Fence(store, job.instance, uuid.uuid4().hex)
    await fence.raise_flag()
    return Applier(
        store=store,
        session=await store.session(),
        fence=fence,
        group=job.group,
        handler=handler,
        bounds=Broker(KafkaAccess(job.kafka), job.prefix).bounds,
        gapless=frozenset(job.topics if job.gapless else ()),
        clock=SystemClock(),
        guards=guards,
    )


def settings_of(job: Job) -> LoopSettings:
    """Return the settings of the worker's loop."""
    return LoopSettings(KafkaAccess(job.kafka), job.prefix, job.group, job.instance, job.topics)


async def work(job: Job) -> None:
    """Run the job until SIGTERM; an error ends the process with code 70."""
    guards = Guards.from_environment()
    store = Store.connect(job.mongodb, job.database)
    applier = await applier_of(job, store, tally_of(job), guards)
    loop = loop_of(job, applier, guards)
    running = asyncio.create_task(loop.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await running
        except Exception as error:
            leave(error)
        leave(Infrastructure("the loop ended"))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    uvloop.run(work(msgspec.json.decode(sys.argv[1], type=Job)))
