"""Wiring: store, broker, loops and doors of metrics-ingest."""

import asyncio
from dataclasses import replace

from event_contracts.topics import FACTS, METRIC_DEFINITIONS, RAW, SUBJECTS
from metrics_ingest.adapters.definitions import StoredSources
from metrics_ingest.adapters.foreign import ForeignTopics
from metrics_ingest.adapters.queries import make_indexes
from metrics_ingest.adapters.raw_log import KafkaRawLog
from metrics_ingest.adapters.registry import Access, SchemaRegistry
from metrics_ingest.adapters.routes import Counts
from metrics_ingest.api import make_api
from metrics_ingest.domain.bulk.warm import warm
from metrics_ingest.domain.holding import Holding
from metrics_ingest.domain.memory import Memory
from metrics_ingest.settings import IngestSettings
from metrics_ingest.stream.folding import FoldHandler
from metrics_ingest.stream.rekeying import GROUP as REKEY_GROUP
from metrics_ingest.stream.rekeying import Rekeyer
from metrics_ingest.stream.subjects import GROUP as SUBJECTS_GROUP
from metrics_ingest.stream.subjects import SubjectsHandler
from metrics_ingest.stream.waiting import ForeignWaits
from metrics_ingest.stream.watermarks import Prober
from service_kit.batch import Handler
from service_kit.kafka_producer import DirectProducer
from service_kit.loops import Loop, LoopSettings, make_loop
from service_kit.runtime import Runtime
from service_kit.service import run_service
from service_kit.ticker import tick_every

SERVICE = "metrics-ingest"
PORT = 8101
SUBJECTS_BATCH = 100  # records, each of up to 400 KB of events
# A thousand events each: a hundred records of long histories would outlast a transaction's life,
# and whoever began with so many again after that would never come past them.
SUBJECTS_FIRST = 8
# What the producer holds while a broker is slow, beside the bodies that the gate counts.
_QUEUE = {"queue.buffering.max.kbytes": 64 * 1024}


async def run(runtime: Runtime, ingest: IngestSettings | None = None) -> None:
    """Run the service until it is told to stop."""
    ingest = ingest or IngestSettings.from_environment(runtime.settings)
    settings, store, broker, clock = (
        runtime.settings,
        runtime.store,
        runtime.broker,
        runtime.clock,
    )
    await asyncio.to_thread(warm)
    await make_indexes(store)
    counts = Counts(
        raw=await broker.partition_count(RAW.name),
        subjects=await broker.partition_count(SUBJECTS.name),
        facts=await broker.partition_count(FACTS.name),
        metric_definitions=await broker.partition_count(METRIC_DEFINITIONS.name),
    )
    producer = DirectProducer(settings.access, settings.prefix, _QUEUE)
    raw = KafkaRawLog(producer, RAW.name, counts.raw)
    memory = Memory(ingest.window_bytes)
    handler = FoldHandler(store, clock, counts, memory, guards=runtime.guards)
    applier = await runtime.applier(handler, group=SERVICE, gapless=frozenset({RAW.name}))
    fold_loop = make_loop(
        _kind(runtime),
        _loop_settings(runtime, SERVICE, RAW.name, ingest.batch),
        applier,
        runtime.guards,
    )

    subjects_loop = make_loop(
        _kind(runtime),
        replace(
            _loop_settings(runtime, SUBJECTS_GROUP, SUBJECTS.name, SUBJECTS_BATCH),
            first=SUBJECTS_FIRST,
        ),
        await runtime.applier(
            SubjectsHandler(store, clock, counts, runtime.guards),
            group=SUBJECTS_GROUP,
            gapless=frozenset({SUBJECTS.name}),
        ),
        runtime.guards,
    )

    async def foreign_loop(handler: Handler, topic: str) -> Loop:
        applier = await runtime.applier(handler, group=REKEY_GROUP)
        # A group of its own for each topic: a static member's topics cannot change.
        group = f"{REKEY_GROUP}.{broker.physical(topic)}"
        wanted = _loop_settings(runtime, group, topic, ingest.batch)
        return make_loop(_kind(runtime), wanted, applier, runtime.guards)

    foreign = ForeignTopics(store, broker, REKEY_GROUP)
    schemas = SchemaRegistry(
        Access(ingest.registry, ingest.registry_user, ingest.registry_password)
    )
    rekeyer = Rekeyer(
        store,
        foreign,
        clock,
        raw,
        schemas,
        runtime.readiness,
        foreign_loop,
        ingest.look_seconds,
    )
    holding = Holding()
    waits = ForeignWaits(
        foreign, StoredSources(store), holding, ingest.hold_seconds, ingest.held_tenants
    )
    prober = Prober(clock, memory, broker.ends, waits)
    await runtime.serve(
        make_api(runtime, raw, counts, ingest, schemas=schemas, holding=holding),
        fold_loop.run(),
        subjects_loop.run(),
        rekeyer.run(),
        tick_every(applier, settings.watermark_seconds, prober.probe),
    )


def _kind(runtime: Runtime) -> str:
    """Single events at a high rate: confluent-kafka, unless the plain loop is asked for."""
    return "aiokafka" if runtime.settings.loop == "aiokafka" else "confluent"


def _loop_settings(runtime: Runtime, group: str, topic: str, batch: int) -> LoopSettings:
    settings = runtime.settings
    return LoopSettings(
        kafka=settings.access,
        prefix=settings.prefix,
        group_prefix=settings.groups,
        group=group,
        instance=settings.instance,
        topics=(topic,),
        batch=batch,
    )


def main() -> None:
    """Start the process."""
    run_service(SERVICE, PORT, run)
