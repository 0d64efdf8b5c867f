"""Foreign topics are re-keyed into the raw log: one loop a topic, begun and ended at run time.

Each topic has a consumer group of its own on the broker, so a new door disturbs no other topic;
the positions stand under the one group ``metrics-ingest-rekey`` in MongoDB.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol
from zoneinfo import ZoneInfo

from metrics_ingest.adapters.definitions import MongoDefinitions, StoredSources
from metrics_ingest.adapters.foreign import ForeignTopics
from metrics_ingest.domain.definitions import TOPIC_DOOR
from metrics_ingest.domain.mapping import Reader
from metrics_ingest.handlers import HANDLERS
from metrics_ingest.handlers.rekeying import ForeignDoor, RekeySlice
from metrics_ingest.metrics import FOREIGN_TOPICS, REKEYED
from metrics_ingest.ports.raw import RawLog, RegistryDown, Schemas
from service_kit.batch import Handler
from service_kit.broker import FOREIGN, is_of_topic
from service_kit.clock import Clock
from service_kit.errors import Infrastructure
from service_kit.outbox import Outbox
from service_kit.records import Partition, Slice
from service_kit.store import Store, Tx

GROUP = "metrics-ingest-rekey"

log = logging.getLogger(__name__)


class RekeyHandler:
    """Re-keys one foreign topic. It remembers nothing: every batch reads the current mapping.

    The events stand in the raw log before the position moves; run again they are sent again.
    """

    def __init__(
        self, clock: Clock, raw: RawLog, schemas: Schemas, tenant: str, source: str, topic: str
    ) -> None:
        self._clock = clock
        self._raw = raw
        self._schemas = schemas
        self._tenant = tenant
        self._source = source
        self._topic = topic

    async def load(self, partition: Partition) -> None:
        """Do nothing."""

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> int:
        """Send the slice's events; return how many. Raises RegistryDown, Infrastructure."""
        if not batch.records:
            return 0
        now_ms = self._clock.now_ms()
        command = RekeySlice(await self._door(tx, now_ms), batch.records)
        count: int = await HANDLERS[RekeySlice](command, self._raw, self._schemas, now_ms)
        return count

    async def _door(self, tx: Tx, now_ms: int) -> ForeignDoor:
        source = await MongoDefinitions(tx, now_ms).source(self._tenant, self._source)
        mapping = source.doors.get(TOPIC_DOOR + self._topic) if source is not None else None
        reader = None
        if source is not None and mapping is not None:
            reader = Reader(mapping, ZoneInfo(source.zone))
        return ForeignDoor(self._tenant, self._source, self._topic, reader)

    def committed(self, batch: Slice, effect: int) -> None:
        """Count."""
        REKEYED.inc(effect)

    def forget(self, partition: Partition) -> None:
        """Do nothing."""


class Runs(Protocol):
    """A loop."""

    async def run(self) -> None:
        """Run until cancelled."""
        ...


MakeLoop = Callable[[Handler, str], Awaitable[Runs]]


class Waits(Protocol):
    """Where it is told that something waits (service_kit.readiness.Readiness)."""

    def wait(self, what: str, why: str) -> None:
        """Begin to wait."""
        ...

    def go_on(self, what: str) -> None:
        """End waiting."""
        ...


class Rekeyer:
    """Keeps one loop running for every foreign topic that a source declares.

    A topic whose schemas cannot be fetched, or that cannot be read, waits, and only that one: its
    position stays where it is, and with it its tenant's watermark.
    """

    def __init__(
        self,
        store: Store,
        topics: ForeignTopics,
        clock: Clock,
        raw: RawLog,
        schemas: Schemas,
        waits: Waits,
        make_loop: MakeLoop,
        look_seconds: float,
    ) -> None:
        self._sources = StoredSources(store)
        self._topics = topics
        self._clock = clock
        self._raw = raw
        self._schemas = schemas
        self._waits = waits
        self._waiting: set[str] = set()
        self._denied: set[str] = set()
        self._make_loop = make_loop
        self._look_seconds = look_seconds
        self._running: dict[tuple[str, str, str], asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Look for doors for ever; raises what a loop raises."""
        try:
            while True:
                await self.look()
                await self._rest()
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def look(self) -> None:
        """Begin with new doors and end with those that are gone."""
        active = await self._sources.active_topics()
        wanted = {(topic, tenant, source) for topic, (tenant, source) in active.items()}
        for door in self._running.keys() - wanted:
            await self._end(door)
        absent = 0
        for door in sorted(wanted - self._running.keys()):
            absent += not await self._begun(*door)
        held = len(self._waiting) + len(self._denied)
        FOREIGN_TOPICS.labels("read").set(len(self._running) - held)
        FOREIGN_TOPICS.labels("waiting").set(len(self._waiting))
        FOREIGN_TOPICS.labels("absent").set(absent + len(self._denied))

    async def _begun(self, topic: str, tenant: str, source: str) -> bool:
        """Begin; return whether it could be. A topic that cannot be read stops no other."""
        try:
            return await self._begin(topic, tenant, source)
        except Infrastructure as error:
            if not is_of_topic(error):
                raise
            log.warning("topic %s cannot be read: %s", topic, error)
            return False

    async def _begin(self, topic: str, tenant: str, source: str) -> bool:
        partitions = await self._topics.partitions(topic)
        if not partitions:
            return False
        await self._topics.seed(partitions)
        handler = RekeyHandler(self._clock, self._raw, self._schemas, tenant, source, topic)
        loop = await self._make_loop(handler, FOREIGN + topic)
        log.info("topic %s is read for source %s of %s", topic, source, tenant)
        self._running[topic, tenant, source] = asyncio.create_task(
            self._read(loop, topic), name=topic
        )
        return True

    async def _read(self, loop: Runs, topic: str) -> None:
        """Run the loop, again and again while it stops for want of a schema or of a right."""
        while True:
            try:
                await loop.run()
                return
            except RegistryDown as down:
                await self._registry(topic, down)
            except Infrastructure as error:
                if not is_of_topic(error):
                    raise
                await self._rest_of(topic, error)

    async def _rest_of(self, topic: str, error: Infrastructure) -> None:
        """Return when it is time to try again."""
        log.warning("topic %s cannot be read: %s", topic, error)
        self._denied.add(topic)
        try:
            await asyncio.sleep(self._look_seconds)
        finally:
            self._denied.discard(topic)

    async def _registry(self, topic: str, down: RegistryDown) -> None:
        """Return when the registry answers again."""
        what = f"topic {topic}"
        log.warning("%s waits: %s", what, down)
        self._waiting.add(topic)
        try:
            while True:
                self._waits.wait(what, str(down))
                await asyncio.sleep(self._look_seconds)
                try:
                    await self._schemas.find({down.wanted})
                except RegistryDown as still:
                    down = still
                else:
                    break
        finally:
            self._waiting.discard(topic)
            self._waits.go_on(what)
        log.info("%s is read on", what)

    async def _end(self, door: tuple[str, str, str]) -> None:
        log.info("topic %s is no longer read", door[0])
        task = self._running.pop(door)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _rest(self) -> None:
        """Wait until it is time to look again; raises what a loop raised meanwhile."""
        running = list(self._running.values())
        if not running:
            await asyncio.sleep(self._look_seconds)
            return
        done, _ = await asyncio.wait(
            running, timeout=self._look_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            await task
            raise RuntimeError(f"the loop of topic {task.get_name()} ended")
