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
from service_kit.loops import LoopSettings, make_loop
from service_kit.loops.base import leave
from service_kit.outbox import Outbox
from service_kit.owners import Fence
from service_kit.records import Partition, Slice
from service_kit.security import KafkaAccess
from service_kit.store import Store, Tx


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker reads, and where it fails.

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

    async def load(self, partition: Partition) -> None:
        """Note it."""
        self.loaded.append(partition)

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
        return len(values)

    def committed(self, batch: Slice, effect: Any) -> None:
        """Count in memory."""
        self.seen += effect

    def forget(self, partition: Partition) -> None:
        """Nothing is remembered."""


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
    applier = await applier_of(job, Store.connect(job.mongodb, job.database), Tally(job), guards)
    loop = make_loop(job.kind, settings_of(job), applier, guards)
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
