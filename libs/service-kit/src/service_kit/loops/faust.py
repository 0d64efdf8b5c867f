"""Faust as the loop for few, fat messages, fenced where it would lose some.

Faust acknowledges what an agent failed on, and commits over what it has not acknowledged. So no
exception ever reaches it: the process leaves at once. Kafka's committed offsets are display only;
every start comes from MongoDB. Touches private members of 0.15.3: pinned, and held by the
conformance suite.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import faust
import faust.transport.drivers.aiokafka as driver
from faust.contrib.asgi import faust_app_running
from faust.sensors import Monitor
from faust.types import TP
from mode.utils.queues import ThrowableQueue

from service_kit.batch import Applier
from service_kit.broker import FOREIGN
from service_kit.errors import Infrastructure
from service_kit.guards import Guards
from service_kit.loops.base import (
    COMMIT_SECONDS,
    HEARTBEAT_SECONDS,
    NO_HEADERS,
    SESSION_SECONDS,
    Leave,
    LoopSettings,
    apply_guarded,
    leave,
    light_waves,
    slices_of,
)
from service_kit.loops.gathered import Gathered
from service_kit.records import Partition, Record

log = logging.getLogger(__name__)

WATCH_SECONDS = 0.2
# Below several batches Faust sleeps a second whenever every partition's buffer is full.
BUFFERED_BATCHES = 8
# Of what Faust holds for a stream, and again of what is gathered from it: records may be fat.
BUFFERED_BYTES = 64 * 1024 * 1024
NEVER = 10**9


class FaustLoop:
    """Reads with Faust, one agent per topic; whatever fails leaves the process."""

    def __init__(
        self,
        settings: LoopSettings,
        applier: Applier,
        guards: Guards | None = None,
        *,
        leave: Leave = leave,
    ) -> None:
        """Raises ValueError for a foreign topic: Faust does not show positions behind holes."""
        if any(topic.startswith(FOREIGN) for topic in settings.topics):
            raise ValueError("Faust cannot read foreign topics: use the confluent loop")
        self._settings = settings
        self._applier = applier
        self._guards = guards or Guards()
        self._leave = leave
        self._logical = settings.names

    async def run(self) -> None:
        """Read and apply until cancelled, on the running event loop."""
        app = self._app()
        try:
            async with faust_app_running(app):
                # Nothing tells: only a Faust worker, which we do not run, hears of a crash.
                while not (app.crashed or app.should_stop):  # noqa: ASYNC110
                    await asyncio.sleep(WATCH_SECONDS)
                self._leave(Infrastructure(f"Faust ended: {app.crash_reason!r}"))
        except Exception as error:
            self._leave(error)

    def _app(self) -> Any:
        app = _App(**app_settings(self._settings), monitor=_QuietMonitor())
        app.transport = _transport(self, app)
        for name, topic in self._logical.items():
            channel = app.topic(name, key_type=bytes, value_type=bytes, allow_empty=True)
            app.agent(channel, name=f"{self._settings.group}.{topic}", concurrency=1)(self._agent)
        return app

    async def _agent(self, stream: Any) -> None:
        """Receive events while earlier ones are applied, which Faust's noack_take does not."""
        settings = self._settings
        gathered = Gathered(settings.batch, settings.within, BUFFERED_BYTES, _weight)
        applying = asyncio.create_task(self._apply_all(gathered))
        try:
            async for event in stream.noack().events():
                await gathered.put(event)
        finally:
            applying.cancel()

    async def _apply_all(self, gathered: Gathered) -> None:
        """Apply, then acknowledge. Events of a halted partition are acknowledged all the same."""
        try:
            while True:
                events = await gathered.take()
                await self._apply(events)
                for event in events:
                    event.ack()
        except Exception as error:
            self._leave(error)

    async def _apply(self, events: Sequence[Any]) -> None:
        found: dict[Partition, list[Record]] = {}
        for event in events:
            record = self._record(event.message)
            found.setdefault(record.partition, []).append(record)
        gapless = self._applier.gapless
        for wave in light_waves(slices_of(p, r, p.topic in gapless) for p, r in found.items()):
            await apply_guarded(self._applier, wave, self._guards)

    async def take(self, assigned: Iterable[TP]) -> None:
        """Take the partitions over before Faust seeks."""
        try:
            await self._applier.take(self._partition(p) for p in assigned)
        except Exception as error:
            self._leave(error)

    async def drop(self, revoked: Iterable[TP]) -> None:
        """Let the partitions go after Faust has waited for what was being applied."""
        try:
            await self._applier.drop(self._partition(p) for p in revoked)
        except Exception as error:
            self._leave(error)

    def starts(self, assignment: Iterable[TP]) -> Mapping[TP, int]:
        """Return where reading begins, for those that are held."""
        positions = {p: self._applier.next.get(self._partition(p)) for p in assignment}
        return {p: position for p, position in positions.items() if position is not None}

    def _partition(self, raw: TP) -> Partition:
        return Partition(self._logical[raw.topic], raw.partition)

    def _record(self, message: Any) -> Record:
        return Record(
            Partition(self._logical[message.topic], message.partition),
            message.offset,
            message.key,
            message.value,
            round(message.timestamp * 1000),
            dict(message.headers) if message.headers else NO_HEADERS,
        )


def app_settings(settings: LoopSettings) -> dict[str, Any]:
    """Return Faust's settings: raw bytes, no topics or tables of its own, static membership."""
    return {
        "id": settings.broker_group,
        **settings.kafka.faust(),
        "store": "memory://",
        "key_serializer": "raw",
        "value_serializer": "raw",
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "table_standby_replicas": 0,
        "web_enabled": False,
        "consumer_auto_offset_reset": "earliest",
        "consumer_group_instance_id": settings.instance,
        "broker_request_timeout": 30.0,
        "broker_session_timeout": SESSION_SECONDS,
        "broker_heartbeat_interval": HEARTBEAT_SECONDS,
        "broker_rebalance_timeout": SESSION_SECONDS,
        "broker_commit_interval": COMMIT_SECONDS,
        "broker_commit_every": NEVER,
        "broker_max_poll_records": settings.batch,
        "stream_buffer_maxsize": settings.batch * BUFFERED_BATCHES,
        "stream_recovery_delay": 0.0,
        "agent_supervisor": "mode.supervisors.CrashingSupervisor",
    }


class _QuietMonitor(Monitor):  # type: ignore[misc]  # an untyped base
    """Notes what Faust's own watch over slow streams needs, and no more: it costs every event."""

    def on_message_in(self, tp: TP, offset: int, message: Any) -> None:
        pass

    def on_message_out(self, tp: TP, offset: int, message: Any) -> None:
        pass

    def on_stream_event_in(self, tp: TP, offset: int, stream: Any, event: Any) -> None:
        self.stream_inbound_time[tp] = self.time()

    def on_stream_event_out(
        self, tp: TP, offset: int, stream: Any, event: Any, state: Any = None
    ) -> None:
        pass

    def track_tp_end_offset(self, tp: TP, offset: int) -> None:
        pass


class Buffer(ThrowableQueue):  # type: ignore[misc]  # an untyped base
    """What Faust holds for a stream, bounded by its records' bytes as well as by their number."""

    def __init__(self, most: int, most_bytes: int, **more: Any) -> None:
        """At most ``most`` records; beyond ``most_bytes`` no further one is taken."""
        self._place = max(most_bytes // most, 1)
        self._bytes = 0
        super().__init__(most, **more)

    def qsize(self) -> int:
        """Return how many places are used up, by number or by bytes: by this reading is paused."""
        return max(len(self._queue), self._bytes // self._place)

    def clear(self) -> None:
        """Drop everything."""
        super().clear()
        self._bytes = 0

    def _put(self, item: Any) -> None:
        self._bytes += _weight(item)
        super()._put(item)

    def _get(self) -> Any:
        item = super()._get()
        self._bytes -= _weight(item)
        return item


def _weight(event: Any) -> int:
    """Return the bytes of an event's record; Faust's own queues may hold other things."""
    message = getattr(event, "message", None)
    return 0 if message is None else len(message.value or b"")


def _buffer(app: Any, maxsize: int | None = None, *, clear_on_resume: bool = False) -> Buffer:
    flow = app.flow_control
    return Buffer(maxsize or 1, BUFFERED_BYTES, flow_control=flow, clear_on_resume=clear_on_resume)


class _App(faust.App):  # type: ignore[misc]  # an untyped base
    """A Faust app that keeps nothing on disk, and little of each stream in memory."""

    FlowControlQueue = _buffer

    def _create_directories(self) -> None:
        pass


def _transport(loop: FaustLoop, app: Any) -> Any:
    """Return Faust's transport with a consumer that begins where MongoDB says."""

    class MongoOffsets(driver.Consumer):  # type: ignore[misc]  # an untyped base
        async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
            await loop.take(assigned)
            await super().on_partitions_assigned(assigned, generation_id)

        async def on_partitions_revoked(self, revoked: set[TP]) -> None:
            await super().on_partitions_revoked(revoked)
            await loop.drop(revoked)

        async def seek_to_committed(self) -> Mapping[TP, int]:
            """Every path to a start offset (assignment, recovery, resumed flow) comes here."""
            starts = loop.starts(self.assignment())
            await self._thread.seek_wait(starts)
            return starts

    class Transport(driver.Transport):  # type: ignore[misc]  # an untyped base
        Consumer = MongoOffsets

    return Transport(app.conf.broker, app, asyncio.get_running_loop())
