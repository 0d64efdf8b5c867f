"""A stage for goal-service, the kit's applier on an in-memory store, and its HTTP door."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from event_contracts.facts import Accepted, Cell, FactBatch, GoalControl, Watermark
from event_contracts.metrics import MetricDefined
from event_contracts.progress import DayProgress, ProgressMessage
from event_contracts.wire import Event, decoder_of, encode, key_of, partition_of
from goal_service.adapters.held import Held
from goal_service.adapters.hot_days import MOST_DAYS, HotDay, read_stripe
from goal_service.api import make_api
from goal_service.stream import GAPLESS, GROUP, make_stream
from service_kit import offsets
from service_kit.batch import Applier, Bounds
from service_kit.guards import Guards
from service_kit.lanes import Stamp
from service_kit.owners import Fence
from service_kit.records import Partition, Record, Slice
from service_kit.runtime import Runtime
from service_kit.settings import Settings
from service_kit.store import Store
from service_kit.testing.brokers import NoBroker
from service_kit.testing.fake_mongo import FakeMongo
from service_kit.testing.outboxes import lane_order, rows_in
from service_kit.testing.tokens import FakeTokens, bearer

NOW_MS = 1_295_344_800_000  # 2011-01-18 10:00 UTC
PARTITIONS = 4
FACTS = Partition("facts", 2)  # where the shop's gross_revenue is
DEFINITIONS = Partition("metric-definitions", 0)
LOGS = (*(Partition("facts", number) for number in range(PARTITIONS)), DEFINITIONS)
LANE = "metrics-ingest:raw/0"
REVENUE = MetricDefined(
    tenant="shop",
    metric="gross_revenue",
    version=1,
    kind="additive",
    source="orders",
    unit="GBP",
    dims=("country", "channel"),
)


class StandingClock:
    """A clock that stands at NOW_MS until it is set."""

    now = NOW_MS

    def now_ms(self) -> int:
        return self.now


class Stage:
    """One worker; ``restart`` is a new process on the same store."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.mongo = FakeMongo(point=self._count)
        self.store = Store(self.mongo, "paceline_goal_service")
        self.clock = StandingClock()
        self.held = Held()
        self.ends: Counter[Partition] = Counter()
        self.seqs: Counter[tuple[str, Partition]] = Counter()
        self.most_hot, self.tell_seconds = MOST_DAYS, 0.0
        self.applier: Applier
        self._boots = 0

    async def _count(self, call: str) -> None:
        self.calls[call] += 1

    async def start(self) -> None:
        for partition in LOGS:
            await offsets.seed(self.store, GROUP, partition, 0, "topic")
        await self.restart()

    async def restart(self) -> None:
        self._boots += 1
        fence = Fence(self.store, "goal-service-0", str(self._boots))
        await fence.raise_flag()
        self.applier = Applier(
            store=self.store,
            session=await self.store.session(),
            fence=fence,
            group=GROUP,
            handler=make_stream(
                self.store,
                self.clock,
                Guards(),
                PARTITIONS,
                self.held,
                self.tell_seconds,
                self.most_hot,
            ),
            bounds=self._bounds,
            gapless=GAPLESS,
            clock=self.clock,
            guards=Guards(),
        )
        await self.applier.take(LOGS)

    async def _bounds(self, partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
        return {partition: Bounds("topic", 0, 10**9) for partition in partitions}

    def row(self, event: Event, origin: str = LANE, key: str = "shop|gross_revenue") -> Record:
        """Return the next row of a lane; its place in the log is given when it is fed."""
        metric = getattr(event, "metric", None)
        log = FACTS if metric is None else Partition("facts", partition_of(4, "shop", metric))
        self.seqs[origin, log] += 1
        seq = self.seqs[origin, log]
        stamp = Stamp(origin, seq, seq * 10, seq * 10 + 10)
        return Record(log, -1, key.encode(), encode(event), headers=dict(stamp.headers()))

    def cells(self, *cells: tuple[int, str, str], origin: str = LANE, **fields: Any) -> Record:
        """Return a row of facts: (UTC epoch minute, country, amount) each."""
        return self.row(batch(*cells, **fields), origin)

    def use(self, goal: str, **fields: Any) -> Record:
        """Return a goal's control row."""
        return self.row(control(goal, **fields), "goal-service:api:goal-service-0")

    def watermark(self, origin: str, at_ms: int, **held: int) -> Record:
        group = "metrics-ingest-subjects" if origin.startswith("subjects/") else "metrics-ingest"
        return self.row(Watermark(origin=origin, at_ms=at_ms, held=held), f"{group}:{origin}")

    async def feed(self, *rows: Record) -> None:
        """Append the rows to their logs and apply them as one slice of each."""
        slices = []
        for log in dict.fromkeys(row.partition for row in rows):
            of_log = [row for row in rows if row.partition == log]
            first = self.ends[log]
            placed = tuple(replace(row, offset=first + i) for i, row in enumerate(of_log))
            self.ends[log] += len(placed)
            slices.append(Slice(log, first, first + len(placed), placed))
        await self.applier.apply(slices)

    async def define(self, definition: MetricDefined = REVENUE) -> None:
        key = key_of(definition.tenant, definition.metric).encode()
        await self.feed(Record(DEFINITIONS, -1, key, encode(definition)))

    async def days(self, goal: str, metric: str = "gross_revenue") -> dict[date, Decimal]:
        """Return the goal's stored days that are not 0."""
        found: dict[date, tuple[int, Decimal]] = {}
        for month in await self.all("progress"):
            if (month["goal"], month["metric"], month["part"]) == (goal, metric, ""):
                for name, day in month["days"].items():
                    found[date.fromisoformat(name)] = day["version"], day["value"]
        for hot in await self.hot_days():
            if (hot.goal, hot.metric, hot.part) == (goal, metric, ""):
                now = hot.version, hot.value
                found[hot.day] = max(found.get(hot.day, now), now)
        return {day: value for day, (_, value) in found.items() if value}

    async def hot_days(self) -> list[HotDay]:
        """Return the days of all stripes."""
        rows = await self.all("hot_days")
        return [hot for row in rows for hot in read_stripe(row["body"]).values()]

    async def sent(self, topic: str) -> list[Any]:
        """Return the messages to a topic, lane by lane, in the order of each lane."""
        return [message for _, message in await self.sent_to(topic)]

    async def sent_to(self, topic: str) -> list[tuple[int, Any]]:
        """Return the same, each with its partition."""
        read = decoder_of(ProgressMessage)
        rows = [row for row in await self.all("outbox") if row["topic"] == topic]
        ordered = sorted(rows, key=lane_order)
        return [(row["partition"], read(row["value"])) for row in ordered]

    async def last_sent(self, goal: str) -> dict[date, Decimal]:
        """Return what a reader of progress holds of a goal: the highest version of each day."""
        held: dict[date, DayProgress] = {}
        for message in await self.sent("progress"):
            if isinstance(message, DayProgress) and message.goal == goal:
                known = held.get(message.day)
                if known is None or known.version < message.version:
                    held[message.day] = message
        return {day: message.value for day, message in held.items() if message.value}

    async def all(self, collection: str) -> list[dict[str, Any]]:
        if collection == "outbox":
            return await rows_in(self.store)
        found: list[dict[str, Any]] = await self.store.db[collection].find({}).to_list(None)
        return found


def batch(*cells: tuple[int, str, str], **fields: Any) -> FactBatch:
    """Return facts of gross revenue of the shop."""
    plain: dict[str, Any] = {
        "tenant": "shop",
        "metric": "gross_revenue",
        "source": "orders",
        "definition": 1,
        "as_of_ms": NOW_MS,
        "dims": tuple({"country": country} for _, country, _ in cells),
        "cells": tuple(
            Cell(minute=minute, dims=i, sum=Decimal(amount), count=1)
            for i, (minute, _, amount) in enumerate(cells)
        ),
        "accepted": tuple(Accepted(quarter=minute // 15, count=1) for minute, _, _ in cells),
    }
    return FactBatch(**(plain | fields))


def control(goal: str, **fields: Any) -> GoalControl:
    """Return a control record: the shop's gross revenue of January 2011, London days."""
    plain: dict[str, Any] = {
        "tenant": "shop",
        "metric": "gross_revenue",
        "goal": goal,
        "goal_version": 1,
        "zone": "Europe/London",
        "start": date(2011, 1, 1),
        "end": date(2011, 1, 31),
        "where": (),
    }
    return GoalControl(**(plain | fields))


@pytest.fixture
async def stage() -> Stage:
    stage = Stage()
    await stage.start()
    return stage


class Door:
    """The application with a key per tenant and set of scopes."""

    def __init__(self, runtime: Runtime, stage: Any) -> None:
        self.runtime = runtime
        self.stage = stage
        transport = httpx.ASGITransport(app=make_api(runtime))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://goals")

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int = 200,
        tenant: str = "shop",
        scopes: tuple[str, ...] = ("*",),
        person: tuple[str, str] | None = None,
        language: str = "en",
        content: bytes | None = None,
        **query: Any,
    ) -> Any:
        """Call as a key with the scopes, or as a ``person``: an id and roles joined by +."""
        headers = await self._headers(tenant, scopes, person) | {"Accept-Language": language}
        answer = await self.http.request(
            method, path, json=body, content=content, headers=headers, params=query
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    async def _headers(
        self, tenant: str, scopes: tuple[str, ...], person: tuple[str, str] | None
    ) -> dict[str, str]:
        if person is not None:
            return bearer(person[1], tenant=tenant, person=person[0])
        return {"Authorization": f"Bearer {await self.runtime.keys.create(tenant, scopes)}"}

    async def outbox(self, topic: str, kind: Any) -> list[Any]:
        rows = [row for row in await self.stage.all("outbox") if row["topic"] == topic]
        rows.sort(key=lane_order)
        return [decoder_of(kind)(row["value"]) for row in rows]


@pytest.fixture
async def door(stage: Any) -> AsyncIterator[Door]:
    await stage.define()
    settings = Settings("goal-service", instance="goal-service-0")
    broker: Any = NoBroker()
    runtime = await Runtime.over(settings, stage.store, broker, clock=stage.clock)
    runtime.tokens = FakeTokens()
    door = Door(runtime, stage)
    yield door
    await door.http.aclose()
