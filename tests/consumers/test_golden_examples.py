"""Every consumer is run on every golden example of its topics, and each record is handled.

Handled means: applied, dropped because it was there before, or kept as a dead letter that EXPECTED
names. The consumers are compared with the register of topics: one without a line here fails.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from event_contracts.examples import Example, examples
from event_contracts.topics import TOPICS
from service_kit import offsets
from service_kit.batch import Applier, Bounds, Handler
from service_kit.guards import Guards
from service_kit.owners import Fence
from service_kit.records import Partition, Record, Slice
from service_kit.store import Store, Tx
from service_kit.testing.fake_mongo import FakeMongo
from service_kit.testing.outboxes import rows_in

PARTITIONS = 4
NOW_MS = 1_323_432_000_000  # 2011-12-09 12:00 UTC, the shop's last day

# What a consumer keeps as a dead letter on purpose, and with which cause. In the order of paths.
EXPECTED = {
    ("metrics-ingest", "raw/v1/event-replayed"): "missing-field",
    ("metrics-ingest", "raw/v1/event-unreadable"): "unreadable",
}


class StandingClock:
    def now_ms(self) -> int:
        return NOW_MS


async def metrics_ingest(store: Store) -> Handler:
    from goal_service.stream import Stream
    from metrics_ingest.adapters.definitions import MongoDefinitions
    from metrics_ingest.adapters.routes import Counts
    from metrics_ingest.domain.definitions import (
        Contribution,
        ContributionKind,
        FieldMapping,
        Kind,
        Mapping,
        Metric,
        Source,
    )
    from metrics_ingest.domain.memory import Memory
    from metrics_ingest.settings import IngestSettings
    from metrics_ingest.stream.folding import FoldHandler
    from metrics_ingest.stream.subjects import SubjectsHandler

    def door(prefix: str) -> Mapping:
        gross = FieldMapping(paths=(f"{prefix}gross",), kind=Kind.DECIMAL, required=True)
        country = FieldMapping(paths=(f"{prefix}dims.country",))
        return Mapping(
            id=("id", "event_id"),
            type=("type",),
            time=(f"{prefix}occurred_at", "time"),
            fields={"gross": gross, "country": country},
        )

    source = Source(
        name="orders",
        doors={"http": door("data."), "topic:shop.orders": door("")},
        zone="Europe/London",
        version=1,
    )
    gross = Metric(
        name="gross_revenue", source="orders", value="gross", dims=("country",), version=1
    )
    names = ("account", "day", "campaign", "row", "rows", "read_at", "deal", "stage")
    amounts = {name: FieldMapping(paths=(name,), kind=Kind.DECIMAL) for name in ("spend", "amount")}
    reports = Source(
        name="ads",
        doors={
            "http": Mapping(
                id=("id",),
                type=("type",),
                time=("time",),
                fields=amounts | {name: FieldMapping(paths=(name,)) for name in names},
            )
        },
        contributions=(
            Contribution(
                kind=ContributionKind.SLICE,
                types=("report.row",),
                key=("account", "day"),
                cell=("campaign",),
                as_of="read_at",
                part="row",
                parts="rows",
            ),
            Contribution(kind=ContributionKind.ENTITY, types=("deal.changed",), key=("deal",)),
        ),
        restates_days=28,
        version=1,
    )
    spend = Metric(name="spend", source="ads", types=("report.row",), value="spend", version=1)
    won = Metric(name="won", source="ads", types=("deal.changed",), value="amount", version=1)

    async def define(tx: Tx) -> None:
        definitions = MongoDefinitions(tx, NOW_MS)
        for each in (source, reports):
            await definitions.write_source("shop", each)
        for metric in (gross, spend, won):
            await definitions.write_metric("shop", metric)

    await (await store.session()).run(define)
    counts = Counts(
        raw=PARTITIONS, subjects=PARTITIONS, facts=PARTITIONS, metric_definitions=PARTITIONS
    )
    memory = Memory(IngestSettings().window_bytes)
    return Stream(
        {
            "raw": FoldHandler(store, StandingClock(), counts, memory),
            "subjects": SubjectsHandler(store, StandingClock(), counts, Guards()),
        }
    )


async def goal_service(store: Store) -> Handler:
    from goal_service.stream import make_stream

    return make_stream(store, StandingClock(), Guards(), PARTITIONS)


async def incentives(store: Store) -> Handler:
    from event_contracts.metrics import MetricDefined
    from incentives.adapters.metrics import MongoMetrics
    from incentives.adapters.rules import MongoRuleDesk
    from incentives.domain.rules import Rule
    from incentives.handlers import MakeRule, make_rule
    from incentives.stream import make_stream

    rule = Rule(
        tenant="shop",
        id="country-600",
        version=1,
        name="A country reaches 600 gross in a day",
        metric="gross_revenue",
        dim="country",
        threshold=Decimal(600),
        zone="Europe/London",
        start=date(2010, 12, 1),
    )

    gross = MetricDefined(
        tenant="shop",
        metric="gross_revenue",
        version=1,
        kind="additive",
        source="orders",
        unit="GBP",
    )

    async def make(tx: Tx) -> Any:
        await MongoMetrics(tx).keep(gross)
        return await make_rule(MakeRule(rule, "key:test"), MongoRuleDesk(tx, NOW_MS))

    await (await store.session()).run(make)
    return make_stream(store, StandingClock(), Guards(), PARTITIONS)


async def alerting(store: Store) -> Handler:
    from alerting.stream import Stream as GoalsStream

    return GoalsStream(StandingClock(), Guards(), PARTITIONS)


MAKERS: dict[str, Callable[[Store], Awaitable[Handler]]] = {
    "metrics-ingest": metrics_ingest,
    "goal-service": goal_service,
    "incentives": incentives,
    "alerting": alerting,
}

CONSUMERS = sorted({(s, t.name) for t in TOPICS for s in t.consumers if s != "subscribers"})
RUNNABLE = [(service, topic) for service, topic in CONSUMERS if service in MAKERS]
SINGLE = [(service, each) for service, topic in RUNNABLE for each in examples(topic)]


class Reader:
    """One service's handler behind the kit's applier, on partition 1 of one topic."""

    def __init__(self, service: str, topic: str) -> None:
        self.service = service
        self.partition = Partition(topic, 1)
        self.group = next(t for t in TOPICS if t.name == topic).group_of(service)
        self.store = Store(FakeMongo(), "paceline_reader")
        self.end = 0
        self.applier: Applier

    async def start(self) -> "Reader":
        group = self.group
        await offsets.seed(self.store, group, self.partition, 0, "topic")
        fence = Fence(self.store, "reader-0", "boot")
        await fence.raise_flag()
        self.applier = Applier(
            store=self.store,
            session=await self.store.session(),
            fence=fence,
            group=group,
            handler=await MAKERS[self.service](self.store),
            bounds=_bounds,
            gapless=frozenset({self.partition.topic}),
            clock=StandingClock(),
            guards=Guards(),
        )
        await self.applier.take([self.partition])
        return self

    async def read(self, *given: Example) -> None:
        records = tuple(self._record(each, self.end + i) for i, each in enumerate(given))
        batch = Slice(self.partition, self.end, self.end + len(records), records)
        self.end = batch.end
        await self.applier.apply([batch])
        assert self.applier.halted == {}
        assert self.applier.next == {self.partition: self.end}

    async def all(self, collection: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            await self.store.db[collection].find({}, sort=[("_id", 1)]).to_list(None)
        )
        return found

    async def sent(self) -> list[tuple[str, bytes]]:
        return [(row["topic"], row["value"]) for row in await rows_in(self.store)]

    def _record(self, example: Example, offset: int) -> Record:
        return Record(
            self.partition, offset, example.key, example.value, NOW_MS, dict(example.headers)
        )


async def _bounds(partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
    return {partition: Bounds("topic", 0, 10**9) for partition in partitions}


def expected(service: str, given: Sequence[Example]) -> list[str]:
    return sorted(EXPECTED[service, str(e)] for e in given if (service, str(e)) in EXPECTED)


def test_every_consumer_of_the_register_is_run() -> None:
    assert {service for service, _ in CONSUMERS} == set(MAKERS)


def test_every_expected_dead_letter_is_of_an_example() -> None:
    assert set(EXPECTED) <= {(service, str(each)) for service, each in SINGLE}


@pytest.mark.parametrize(("service", "example"), SINGLE, ids=str)
async def test_a_consumer_handles_each_example_of_its_topics(
    service: str, example: Example
) -> None:
    reader = await Reader(service, example.topic.name).start()
    await reader.read(example)
    letters = await reader.all("dead_letters")
    assert [letter["cause"] for letter in letters] == expected(service, [example])


@pytest.mark.parametrize(("service", "topic"), RUNNABLE)
async def test_a_consumer_handles_all_examples_of_a_topic_and_the_same_again_changes_nothing(
    service: str, topic: str
) -> None:
    given = examples(topic)
    reader = await Reader(service, topic).start()
    await reader.read(*given)
    letters = await reader.all("dead_letters")
    assert sorted(letter["cause"] for letter in letters) == expected(service, given)
    sent = await reader.sent()
    # What could not be read has no id by which a second copy could be told.
    known = [each for each in given if (service, str(each)) not in EXPECTED]
    await reader.read(*known)
    assert await reader.sent() == sent
    assert await reader.all("dead_letters") == letters


@pytest.mark.parametrize(("service", "topic"), RUNNABLE)
async def test_a_record_that_is_no_message_becomes_a_dead_letter_and_stops_nothing(
    service: str, topic: str
) -> None:
    reader = await Reader(service, topic).start()
    example = examples(topic)[0]
    await reader.read(replace(example, value=b'{"type":"weather.report.v1"}'))
    assert len(await reader.all("dead_letters")) == 1


async def test_incentives_praises_what_the_examples_add_up_to() -> None:
    # 27 March 2011: the United Kingdom's 633.60 + 485.45 + 266.55; every other window is below 600
    reader = await Reader("incentives", "facts").start()
    await reader.read(*examples("facts"))
    awards = await reader.all("awards")
    assert [(a["value"], a["day"], a["actual"]) for a in awards] == [
        ("United Kingdom", "2011-03-27", Decimal("1385.60"))
    ]


async def test_goal_service_turns_the_examples_into_the_progress_of_the_example_goal() -> None:
    # The goal leaves the United Kingdom out: France's 12.500 of 27 March stands in its progress.
    from event_contracts.progress import DayProgress, ProgressMessage
    from event_contracts.wire import decoder_of

    control = [e for e in examples("facts") if e.name == "goal-control"]
    facts = [e for e in examples("facts") if e.name == "batch-spring-forward"]
    reader = await Reader("goal-service", "facts").start()
    await reader.read(*control)
    await reader.read(*facts)
    decode = decoder_of(ProgressMessage)
    days = [decode(value) for topic, value in await reader.sent() if topic == "progress"]
    assert [(d.day, d.value) for d in days if isinstance(d, DayProgress)] == [
        (date(2011, 3, 27), Decimal("12.500"))
    ]


async def test_metrics_ingest_folds_the_examples_to_the_digit() -> None:
    from event_contracts.facts import FactsMessage, batches_of
    from event_contracts.wire import decoder_of

    reader = await Reader("metrics-ingest", "raw").start()
    await reader.read(*examples("raw"))
    decode = decoder_of(FactsMessage)
    sent = [decode(value) for topic, value in await reader.sent() if topic == "facts"]
    batches = [batch for each in sent for batch in batches_of(each)]
    assert sum(cell.sum for each in batches for cell in each.cells) == Decimal("2042.761")


async def test_metrics_ingest_turns_the_subjects_of_the_examples_into_facts() -> None:
    from event_contracts.facts import FactsMessage, batches_of
    from event_contracts.wire import decoder_of

    reader = await Reader("metrics-ingest", "subjects").start()
    await reader.read(*examples("subjects"))
    decode = decoder_of(FactsMessage)
    sent = [decode(value) for topic, value in await reader.sent() if topic == "facts"]
    batches = [batch for each in sent for batch in batches_of(each)]
    assert {(b.metric, c.sum, c.count) for b in batches for c in b.cells} == {
        ("spend", Decimal("120.500000"), 1),
        ("won", Decimal("5000.00"), 1),
    }
    assert all(b.provisional and b.corrects is None for b in batches)
