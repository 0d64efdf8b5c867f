"""A stage for incentives: the kit's applier on an in-memory store, fed with rows of ``facts``."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from event_contracts.facts import Cell, FactBatch
from event_contracts.metrics import MetricDefined
from event_contracts.rewards import Praised
from event_contracts.wire import Event, decoder_of, encode, key_of
from incentives.adapters.rules import MongoRuleDesk
from incentives.domain.rules import Rule
from incentives.handlers import HANDLERS, MakeRule
from incentives.stream import GAPLESS, GROUP, make_stream
from service_kit import offsets
from service_kit.batch import Applier, Bounds
from service_kit.guards import Guards
from service_kit.lanes import Stamp
from service_kit.owners import Fence
from service_kit.records import Partition, Record, Slice
from service_kit.store import Store, Tx
from service_kit.testing.fake_mongo import FakeMongo
from service_kit.testing.outboxes import rows_in

NOW_MS = 1_295_344_800_000  # 2011-01-18 10:00 UTC


class StandingClock:
    """A clock that stands at NOW_MS."""

    def now_ms(self) -> int:
        return NOW_MS


class Stage:
    """One worker on partition ``facts/1``; ``restart`` is a new process on the same store."""

    partition = Partition("facts", 1)
    people = Partition("directory", 2)
    definitions = Partition("metric-definitions", 3)

    def __init__(self) -> None:
        self.mongo = FakeMongo()
        self.store = Store(self.mongo, "paceline_incentives")
        self.clock = StandingClock()
        self.end = 0
        self.told = 0
        self.defined = 0
        self.seqs: dict[str, int] = {}
        self.applier: Applier
        self.teller: Applier
        self._boots = 0

    async def start(self) -> None:
        for partition in (self.partition, self.people, self.definitions):
            await offsets.seed(self.store, GROUP, partition, 0, "topic")
        await self.restart()
        await self.define("gross_revenue")
        for tenant in ("other-shop", "rival"):
            await self.define("gross_revenue", tenant=tenant)

    async def restart(self) -> None:
        every = [self.partition, self.people, self.definitions]
        self.applier = self.teller = await self._worker("incentives-0", every, Guards())

    async def split(self, guards: Guards) -> None:
        """Start again as two workers: one has the facts, one the directory."""
        self.applier = await self._worker("incentives-0", [self.partition], guards)
        self.teller = await self._worker("incentives-1", [self.people], guards)

    async def _worker(self, name: str, held: Sequence[Partition], guards: Guards) -> Applier:
        self._boots += 1
        fence = Fence(self.store, name, str(self._boots))
        await fence.raise_flag()
        worker = Applier(
            store=self.store,
            session=await self.store.session(),
            fence=fence,
            group=GROUP,
            handler=make_stream(self.store, self.clock, guards, 4),
            bounds=self._bounds,
            gapless=GAPLESS,
            clock=self.clock,
            guards=guards,
        )
        await worker.take(held)
        return worker

    async def _bounds(self, partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
        return {partition: Bounds("topic", 0, 10**9) for partition in partitions}

    async def do(self, command: Any) -> Rule:
        async def body(tx: Tx) -> Rule:
            rule: Rule = await HANDLERS[type(command)](command, MongoRuleDesk(tx, NOW_MS))
            return rule

        return await (await self.store.session()).run(body)

    async def rule(self, **fields: Any) -> Rule:
        """Make a rule: a country reaches 10,000 gross in a day, unless the fields say otherwise."""
        rule = Rule(
            tenant="shop",
            id="country-10k",
            version=1,
            name="A country reaches 10,000 gross in a day",
            metric="gross_revenue",
            dim="country",
            threshold=Decimal(10_000),
            zone="Europe/London",
            start=date(2010, 12, 1),
        )
        return await self.do(MakeRule(replace(rule, **fields), "key:test"))

    def row(self, event: Event, origin: str = "metrics-ingest:raw/0") -> Record:
        """Return the next row of a lane; its place in the log is given when it is fed."""
        seq = self.seqs[origin] = self.seqs.get(origin, 0) + 1
        stamp = Stamp(origin, seq, seq * 10, seq * 10 + 10)
        tenant = getattr(event, "tenant", "")
        return Record(
            self.partition,
            -1,
            key_of(tenant, "gross_revenue").encode(),
            encode(event),
            headers=dict(stamp.headers()),
        )

    def gross(
        self, *cells: tuple[int, str, str], origin: str = "metrics-ingest:raw/0", **more: Any
    ) -> Record:
        """Return a row of gross revenue: (UTC epoch minute, country, amount) each."""
        fields: dict[str, Any] = {
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
        }
        return self.row(FactBatch(**(fields | more)), origin)

    async def feed(self, *rows: Record) -> None:
        """Append the rows to the log and apply them as one slice."""
        placed = tuple(replace(row, offset=self.end + i) for i, row in enumerate(rows))
        batch = Slice(self.partition, self.end, self.end + len(placed), placed)
        self.end = batch.end
        await self.applier.apply([batch])

    async def tell(self, *entries: Event | bytes | None) -> None:
        """Append entries of the directory to its log and apply them as one slice."""
        records = tuple(
            Record(
                self.people,
                self.told + i,
                b"shop|x|",
                encode(entry) if isinstance(entry, Event) else entry,
            )
            for i, entry in enumerate(entries)
        )
        batch = Slice(self.people, self.told, self.told + len(records), records)
        self.told = batch.end
        await self.teller.apply([batch])

    async def define(self, metric: str, kind: str = "additive", **more: Any) -> None:
        """Append the definition of a metric to its log and apply it."""
        fields = {"tenant": "shop", "version": 1, "source": "orders", "unit": "GBP"} | more
        await self.learn(encode(MetricDefined(metric=metric, kind=kind, **fields)))

    async def learn(self, *values: bytes | None) -> None:
        """Append records to the log of definitions and apply them as one slice."""
        start, self.defined = self.defined, self.defined + len(values)
        records = tuple(
            Record(self.definitions, start + i, b"shop|m", value) for i, value in enumerate(values)
        )
        await self.teller.apply([Slice(self.definitions, start, self.defined, records)])

    async def awards(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            await self.store.db["awards"].find({}, sort=[("n", 1)]).to_list(None)
        )
        return found

    async def rewards(self) -> list[Praised]:
        """Return what stands in the outbox for ``rewards``, in lane order."""
        rows = await rows_in(self.store)
        assert {row["topic"] for row in rows} <= {"rewards"}
        return [decoder_of(Praised)(row["value"]) for row in rows]

    async def dead_letters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            await self.store.db["dead_letters"].find({}, sort=[("offset", 1)]).to_list(None)
        )
        return found

    async def totals(self) -> Iterable[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.store.db["totals"].find({}).to_list(None)
        return found


@pytest.fixture
async def stage() -> Stage:
    stage = Stage()
    await stage.start()
    return stage
