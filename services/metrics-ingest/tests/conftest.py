"""A stage for metrics-ingest: its HTTP door, its fold and its re-keyer on in-memory stand-ins."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn

from event_contracts.facts import FactBatch, FactsMessage, Watermark, batches_of
from event_contracts.raw import RawEvent
from event_contracts.wire import decoder_of
from metrics_ingest.adapters.raw_log import KafkaRawLog
from metrics_ingest.adapters.routes import Counts
from metrics_ingest.api import make_api
from metrics_ingest.domain.holding import Holding
from metrics_ingest.domain.memory import Memory
from metrics_ingest.settings import IngestSettings
from metrics_ingest.stream.folding import FoldHandler
from metrics_ingest.stream.subjects import GROUP as SUBJECTS_GROUP
from metrics_ingest.stream.subjects import SubjectsHandler
from service_kit import offsets
from service_kit.batch import Applier, Bounds
from service_kit.errors import Infrastructure
from service_kit.guards import Guards
from service_kit.lanes import Stamp
from service_kit.records import Partition, Record, Slice
from service_kit.runtime import Runtime
from service_kit.serving import configured
from service_kit.settings import Settings
from service_kit.store import Document, Store
from service_kit.testing.fake_mongo import FakeMongo, Fault
from service_kit.testing.outboxes import lane_order, rows_in

ALL_GUARDS = Guards()
NOON_MS = 1_304_683_200_000  # 2011-05-06 12:00 UTC, 13:00 in London
COUNTS = Counts(raw=2, subjects=2, facts=2, metric_definitions=2)
EVENTS = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
SEAL = "a key to seal secrets with, for tests"


class HandClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.ms = NOON_MS

    def now_ms(self) -> int:
        return self.ms


class MemoryLog:
    """The raw log in memory: what DirectProducer and Broker are to the service."""

    def __init__(self) -> None:
        self.records: dict[int, list[bytes]] = {number: [] for number in range(COUNTS.raw)}
        self.keys: dict[bytes, bytes] = {}
        self.subjects: dict[int, list[Record]] = {number: [] for number in range(COUNTS.subjects)}
        self.broken = False
        self.slow: asyncio.Event | None = None

    async def send(self, topic: str, records: Iterable[tuple[int, bytes, bytes]]) -> None:
        assert topic == "raw"
        if self.broken:
            raise Infrastructure("no broker")
        if self.slow is not None:
            await self.slow.wait()
        for partition, key, value in records:
            self.records[partition].append(value)
            self.keys[value] = key

    async def bounds(self, partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
        return {p: Bounds("t", 0, self._end(p)) for p in partitions}

    async def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        return {p: self._end(p) for p in partitions}

    def _end(self, partition: Partition) -> int:
        logs: Any = self.subjects if partition.topic == "subjects" else self.records
        return len(logs.get(partition.number, []))


class Stage:
    """One worker that holds both raw partitions; tenant ``acme`` unless named."""

    def __init__(
        self, runtime: Runtime, log: MemoryLog, clock: HandClock, mongo: FakeMongo
    ) -> None:
        self.runtime = runtime
        self.log = log
        self.clock = clock
        self.mongo = mongo
        self.keys: dict[str, dict[str, str]] = {}
        self.store = runtime.store
        self.holding = Holding()
        self.raw = KafkaRawLog(log, "raw", COUNTS.raw)
        self.now = HandClock()  # the machine's clock
        self.ingest = IngestSettings(
            public_url="https://in.example.com",
            secrets_keys=(SEAL,),
            registry="https://registry.example.com",
        )
        self.handler: FoldHandler
        self.applier: Applier
        self.subjects: Applier
        self.relayed: set[tuple[str, int]] = set()
        self.counts = COUNTS
        self.schemas: Any = None  # a registry that others share, or none
        self.open()

    def open(self) -> None:
        """Open the HTTP door."""
        self.app = app = make_api(
            self.runtime,
            self.raw,
            COUNTS,
            self.ingest,
            self.now,
            self.schemas,
            self.holding,
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://ingest")

    async def start(self, window_bytes: int = 2**20) -> None:
        """Take both partitions, as a new process does."""
        self.handler = FoldHandler(self.store, self.clock, COUNTS, Memory(window_bytes))
        self.applier = await self.runtime.applier(
            self.handler, group="metrics-ingest", gapless=frozenset({"raw"})
        )
        held = [Partition("raw", number) for number in range(COUNTS.raw)]
        for partition in held:
            await offsets.seed(self.store, "metrics-ingest", partition, 0, "t")
        await self.applier.take(held)
        await self.start_subjects()

    async def start_subjects(self, guards: Guards = ALL_GUARDS) -> None:
        """Take all partitions of subjects, as a new process does."""
        self.subjects = await self.runtime.applier(
            SubjectsHandler(self.store, self.clock, COUNTS, guards),
            group=SUBJECTS_GROUP,
            gapless=frozenset({"subjects"}),
        )
        held = [Partition("subjects", number) for number in range(COUNTS.subjects)]
        for partition in held:
            await offsets.seed(self.store, SUBJECTS_GROUP, partition, 0, "t")
        await self.subjects.take(held)

    async def key(self, tenant: str, *scopes: str, source: str | None = None) -> dict[str, str]:
        text = await self.runtime.keys.create(tenant, scopes or ("*",), source=source)
        return {"Authorization": f"Bearer {text}"}

    async def call(
        self, method: str, path: str, body: Any = None, *, tenant: str = "acme", **headers: str
    ) -> httpx.Response:
        if tenant not in self.keys:
            self.keys[tenant] = await self.key(tenant)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        return await self.http.request(
            method, path, content=content, headers=self.keys[tenant] | sent
        )

    async def done(self, method: str, path: str, body: Any = None, **options: str) -> Any:
        response = await self.call(method, path, body, **options)
        assert response.status_code < 300, response.text
        return response.json()

    async def send(self, *events: Any, source: str = "shop", **options: str) -> Any:
        headers = {"content_type": BATCH, "x_paceline_source": source} | options
        return await self.done("POST", "/v1/events", list(events), **headers)

    async def append(self, event: RawEvent) -> None:
        await self.raw.append([self.raw.record_of(event)])

    async def pump(self, at_once: int = 10_000) -> None:
        """Relay replays, then fold everything that stands in the log."""
        await self._relay()
        for number, records in self.log.records.items():
            partition = Partition("raw", number)
            while (start := self.applier.next[partition]) < len(records):
                end = min(len(records), start + at_once)
                await self.applier.apply([slice_of(partition, records, start, end, self.log.keys)])
                if partition in self.applier.halted:
                    return

    async def settle(self, at_once: int = 10_000) -> None:
        """Relay what is on its way to its subject, and apply everything that stands there."""
        await self.relay_subjects()
        for number, records in self.log.subjects.items():
            partition = Partition("subjects", number)
            while (start := self.subjects.next[partition]) < len(records):
                end = min(len(records), start + at_once)
                await self.subjects.apply([Slice(partition, start, end, tuple(records[start:end]))])
                if partition in self.subjects.halted:
                    return

    async def relay_subjects(self) -> None:
        """Append the outbox's rows to their logs, each once, in the order of their lanes."""
        for row in await self.rows("subjects"):
            place = row["lane"], row["seq"]
            if place not in self.relayed:
                self.relayed.add(place)
                self.deliver(row)

    def deliver(self, row: Document) -> None:
        """Append a row to its log, as the relay does."""
        log = self.log.subjects[row["partition"]]
        origin = row["lane"].rpartition(">")[0]
        stamp = Stamp(origin, row["seq"], row["range"][0], row["range"][1])
        partition = Partition("subjects", row["partition"])
        log.append(Record(partition, len(log), row["key"], row["value"], 0, dict(stamp.headers())))

    async def _relay(self) -> None:
        for row in await self.rows("raw"):
            place = row["lane"], row["seq"]
            if place not in self.relayed:
                self.relayed.add(place)
                self.log.records[row["partition"]].append(row["value"])

    @contextlib.contextmanager
    def losing_commits(self) -> Iterator[None]:
        """Lose the answers to four commits, of which two were done, and see that they were lost."""
        lost = {Fault.DONE: 2, Fault.NOT_DONE: 2}

        async def point(what: str) -> Fault | None:
            for fault, left in lost.items():
                if what == "commit:" and left:
                    lost[fault] -= 1
                    return fault
            return None

        self.mongo.point = point
        yield
        self.mongo.point = None
        assert lost == {Fault.DONE: 0, Fault.NOT_DONE: 0}

    async def rows(self, topic: str) -> list[Document]:
        found = await rows_in(self.store, topic)
        return sorted(found, key=lane_order)

    async def facts(self) -> list[FactBatch]:
        return [m for m in await self.messages() if isinstance(m, FactBatch)]

    async def messages(self) -> list[FactBatch | Watermark]:
        """Return what was sent to the topic of facts; what travels together, apart."""
        decode = decoder_of(FactsMessage)
        sent = [decode(row["value"]) for row in await self.rows("facts")]
        return [each for message in sent for each in batches_of(message) or (message,)]

    async def total(self, metric: str, **dims: str) -> tuple[Decimal, int]:
        """Return sum and count of a metric over everything sent, for cells with these dims."""
        cells = [
            cell
            for batch in await self.facts()
            for cell in batch.cells
            if batch.metric == metric and dims.items() <= batch.dims[cell.dims].items()
        ]
        return sum((c.sum for c in cells), Decimal(0)), sum(c.count for c in cells)

    async def stats(self, source: str = "shop") -> dict[str, int]:
        found = await self.done("GET", f"/v1/sources/{source}/stats")
        names = ("accepted", "duplicates", "conflicts", "skipped", "dead_letters", "unmatched")
        return {name: found[name] for name in names if found[name]}

    async def letters(self, **query: str) -> list[dict[str, Any]]:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        found: list[dict[str, Any]] = (await self.done("GET", f"/v1/dead-letters?{text}"))["items"]
        return found

    async def declare(self, tenant: str = "acme") -> None:
        """Declare the shop: its source with both doors, and its three metrics."""
        await self.done("POST", "/v1/sources", shop(tenant), tenant=tenant)
        for metric in shop_metrics():
            await self.done("POST", "/v1/metrics", metric, tenant=tenant)


def slice_of(
    partition: Partition,
    records: Sequence[bytes],
    start: int,
    end: int,
    keys: Mapping[bytes, bytes] = MappingProxyType({}),
) -> Slice:
    """Return the records from start to end as a loop would; ``keys`` are theirs by their values."""
    made = [Record(partition, n, keys.get(records[n], b"k"), records[n]) for n in range(start, end)]
    return Slice(partition, start, end, made)


def shop_mapping(at: str, identity: str) -> dict[str, Any]:
    fields = {
        "gross": {"paths": [f"{at}gross"], "kind": "decimal", "required": True},
        "net": {"paths": [f"{at}net"], "kind": "decimal", "required": True},
        "country": {"paths": [f"{at}dims.country"]},
    }
    return {
        "id": [identity],
        "type": ["type"],
        "time": [f"{at}occurred_at"],
        "subject": [f"{at}key"],
        "fields": fields,
    }


def shop(tenant: str = "acme") -> dict[str, Any]:
    """Return the source of the shop: over HTTP as CloudEvents, and bare on a topic."""
    doors = {
        "http": shop_mapping("data.", "id"),
        f"topic:{'shop' if tenant == 'acme' else tenant}.orders": shop_mapping("", "event_id"),
    }
    return {"name": "shop", "zone": "Europe/London", "records": ["*"], "doors": doors}


def shop_metrics() -> list[dict[str, Any]]:
    money = {"source": "shop", "dims": ["country"], "unit": "GBP", "currency": "GBP"}
    orders = {"source": "shop", "dims": ["country"], "unit": "orders", "name": "orders"}
    return [
        money | {"name": "gross_revenue", "value": "gross"},
        money | {"name": "net_revenue", "value": "net"},
        orders | {"where": [{"field": "gross", "op": "gt", "value": 0}]},
    ]


def order(
    identity: str,
    gross: Any,
    net: Any = None,
    country: str = "United Kingdom",
    at: str = "2011-05-06T13:07:00",
) -> dict[str, Any]:
    """Return an event of the shop as the shop writes it."""
    return {
        "event_id": identity,
        "type": "order.placed",
        "occurred_at": at,
        "key": None,
        "net": gross if net is None else net,
        "gross": gross,
        "dims": {"country": country},
    }


def cloud(event: dict[str, Any]) -> dict[str, Any]:
    """Return it as a CloudEvent."""
    return {
        "specversion": "1.0",
        "id": event["event_id"],
        "source": "/shop",
        "type": event["type"],
        "data": event,
    }


def raw_event(body: Any, **fields: Any) -> RawEvent:
    """Return an event as it stands in the raw log."""
    given = {"tenant": "acme", "source": "shop", "door": "http", "received_ms": NOON_MS} | fields
    given.setdefault("id", body.get("id", "x") if isinstance(body, dict) else "x")
    return RawEvent(**given, body=msgspec.Raw(msgspec.json.encode(body)))


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    mongo, clock = FakeMongo(), HandClock()
    log: Any = MemoryLog()
    runtime = await Runtime.over(
        Settings("metrics-ingest", instance="m-0"),
        Store(mongo, "paceline_metrics_ingest"),
        log,
        clock=clock,
    )
    made = Stage(runtime, log, clock, mongo)
    await made.start()
    async with made.http:
        yield made
    if runtime._failed.done():
        runtime._failed.exception()


@pytest.fixture
async def address(stage: Any) -> AsyncIterator[str]:
    """The stage's door on a port of its own."""
    server = uvicorn.Server(configured(stage.app, "127.0.0.1", 0, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


@pytest.fixture
def make() -> Any:
    """Return the makers of sample events, for tests that need no stage."""
    return Makers


class Makers:
    """The makers of samples, under one name."""

    order = staticmethod(order)
    cloud = staticmethod(cloud)
    raw_event = staticmethod(raw_event)
    shop = staticmethod(shop)
    shop_mapping = staticmethod(shop_mapping)
    shop_metrics = staticmethod(shop_metrics)
    slice_of = staticmethod(slice_of)
