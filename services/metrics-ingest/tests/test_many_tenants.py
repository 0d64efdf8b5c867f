"""Many tenants: what is done and kept for all of them together is still each one's own."""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from event_contracts.raw import RawEvent
from event_contracts.wire import encode, key_of
from metrics_ingest.adapters.tallies import tallies_in
from metrics_ingest.domain.bulk.fold import fold_prepared
from metrics_ingest.domain.bulk.plans import bulk_plans
from metrics_ingest.domain.bulk.reading import BulkReader
from metrics_ingest.domain.definitions import Definitions, Metric, Source
from metrics_ingest.domain.folding import Folded, SourceFold
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.seen.window import Window
from metrics_ingest.domain.tallies import (
    MOST_UNDECLARED,
    STRIPES,
    UNDECLARED,
    Tallies,
    Tally,
    packed,
    stripe_of,
    unpacked,
)
from service_kit.records import Texts

NOW = 1_800_000_000_000
MAPPING = {
    "id": ["id"],
    "type": ["type"],
    "time": ["time"],
    "fields": {
        "amount": {"paths": ["amount"], "kind": "decimal"},
        "place": {"paths": ["place"]},
        "channel": {"paths": ["channel"]},
    },
}


def plan(tenant: str, head: int, *metrics: Mapping[str, Any], **changed: Any) -> TenantPlan:
    """Return the plan of a tenant with one source."""
    source = msgspec.convert({"name": "shop", "doors": {"http": MAPPING | changed}}, Source)
    made = tuple(msgspec.convert({"source": "shop"} | dict(m), Metric) for m in metrics)
    return TenantPlan.of(Definitions(tenant, head, (source,), made))


SALES = {"name": "sales", "value": "amount", "dims": ["place"]}
VISITS = {"name": "visits", "dims": ["channel"]}
# The same fields are looked at, for other metrics.
BY_CHANNEL = {"name": "sales", "value": "amount", "dims": ["channel"]}
BY_PLACE = {"name": "visits", "types": ["sold"], "dims": ["place"]}
PLANS = {
    "acme": plan("acme", 1, SALES, VISITS),
    "beta": plan("beta", 2, SALES, VISITS),
    "gamma": plan("gamma", 3, BY_CHANNEL, BY_PLACE),
}


def record(tenant: str, name: str, amount: int, **fields: str) -> tuple[bytes, bytes]:
    body = {"type": "sold", "time": "2026-11-03T02:18:45Z", "amount": amount} | fields
    event = RawEvent(
        tenant=tenant,
        source="shop",
        id=name,
        door="http",
        received_ms=NOW,
        body=msgspec.Raw(msgspec.json.encode(body)),
    )
    return key_of(tenant, "shop", name).encode(), encode(event)


def folded_in_bulk(plans: Mapping[str, TenantPlan], log: list[tuple[bytes, bytes]]) -> Folded:
    """Fold a log of which every event has to go in columns."""
    keys, values = (Texts.of([each[column] for each in log]) for column in (0, 1))
    prepared = BulkReader(plans).read(keys, values)
    assert prepared.rest == []
    flat = {(tenant, "shop"): plan.sources["shop"] for tenant, plan in plans.items()}
    return fold_prepared(prepared, lambda rows: [], flat, Window().find)[0]


def cells_of(source: SourceFold) -> Iterator[tuple[str, str | None, Decimal, int]]:
    for name in list(source.columns):
        source.merge_columns(name)
        for (_, (dim,)), cell in source.cells[name].items():
            yield name, None if dim is None else str(dim), cell.sum, cell.count


def test_sources_that_are_declared_alike_are_one_plan_whatever_they_add_up() -> None:
    others = {
        "later": plan("later", 1, SALES, VISITS, time=["at"]),
        "fewer": plan("fewer", 1, SALES),
    }
    plans = [each.sources["shop"] for each in (PLANS | others).values()]
    found = [[tenant for tenant, _ in each.names] for each in bulk_plans(plans)]
    assert found == [["acme", "beta", "gamma"], ["later"], ["fewer"]]


def test_events_of_one_shape_count_for_their_own_tenants_by_their_own_metrics() -> None:
    log = [
        record(tenant, f"{number}", amount, place="here", channel="web")
        for number in range(3)
        for tenant, amount in (("acme", 1), ("beta", 20), ("gamma", 300))
    ]
    log += [log[0], record("beta", "0", 7, place="here", channel="web"), log[2]]
    folded = folded_in_bulk(PLANS, log)
    found = {tenant: set(cells_of(source)) for (tenant, _), source in folded.sources.items()}
    assert found == {
        "acme": {("sales", "here", Decimal(3), 3), ("visits", "web", Decimal(3), 3)},
        "beta": {("sales", "here", Decimal(60), 3), ("visits", "web", Decimal(3), 3)},
        "gamma": {("sales", "web", Decimal(900), 3), ("visits", "here", Decimal(3), 3)},
    }
    assert {source.accepted for source in folded.sources.values()} == {3}
    copies = {tenant: (c.duplicates, c.conflicts) for (tenant, _), c in folded.counts.items()}
    assert copies == {"acme": (1, 0), "beta": (1, 1), "gamma": (1, 0)}


def test_an_event_whose_shape_is_taken_for_another_tenants_is_read_in_the_general_way() -> None:
    reader = BulkReader(PLANS)
    log = [record("acme", "1", 1, place="here"), record("beta", "1", 1, place="here")]
    keys, values = (Texts.of([each[column] for each in log]) for column in (0, 1))
    (columns,) = reader.read(keys, values).columns
    assert columns.owners.tolist() == [0, 1]
    columns.shapes.owner.all[:] = 0  # as if both had the same two words
    assert reader.read(keys, values).rest == [1]


def test_tallies_of_a_partition_stand_in_few_stripes_and_come_back_as_they_were() -> None:
    sources = [(f"tenant-{number}", "shop") for number in range(300)]
    tallies = Tallies()
    changed = tallies.plus({each: Tally(accepted=2, last_ms=5) for each in sources}, sources)
    assert len(changed) == STRIPES
    assert tallies.plus({}, sources) == {}
    tallies.take({number: dict(unpacked(packed(stripe))) for number, stripe in changed.items()})
    again = tallies.plus({sources[7]: Tally(accepted=1, duplicates=3, last_ms=4)}, sources)
    ((number, stripe),) = again.items()
    assert number == stripe_of(sources[7])
    assert stripe[sources[7]] == Tally(accepted=3, duplicates=3, last_ms=5)
    assert len(stripe) > 20
    assert all(stripe[each] == changed[number][each] for each in stripe if each != sources[7])


def test_names_that_nobody_has_declared_do_not_fill_a_stripe_and_all_are_counted() -> None:
    tallies, declared = Tallies(), [("acme", f"shop-{number}") for number in range(20)]
    for turn in range(3):
        names = [("acme", f"none-{turn}-{number}") for number in range(5000)]
        added = {each: Tally(dead_letters=1) for each in [*names, *declared]}
        tallies.take(tallies.plus(added, declared))
    every = {each: Tally() for each in [*declared, UNDECLARED, *names[:100]]}
    stripes = tallies.plus(every, declared)
    assert len(stripes) == STRIPES
    assert max(map(len, stripes.values())) <= MOST_UNDECLARED + len(declared) + 1
    counted = [tally.dead_letters for stripe in stripes.values() for tally in stripe.values()]
    assert sum(counted) == 3 * 5020
    assert stripes[stripe_of(declared[3])][declared[3]].dead_letters == 3


TENANTS = ["acme", *(f"tenant{number}" for number in range(20))]


@pytest.fixture
async def many(stage: Any) -> Any:
    """Return a stage on which many tenants have declared the shop."""
    for tenant in TENANTS:
        await stage.declare(tenant)
    return stage


async def test_what_became_of_each_tenants_events_is_told_by_few_documents(
    many: Any, make: Any
) -> None:
    for restart in range(2):
        for number, tenant in enumerate(TENANTS):
            events = [make.cloud(make.order(f"{restart}.{n}", 1)) for n in range(number + 1)]
            await many.send(*events, events[0], tenant=tenant)
        await many.pump(at_once=7)
        await many.start()  # what a partition has counted is loaded again
    documents = await many.store.db["source_stats"].find({}).to_list(None)
    assert len(documents) <= 2 * STRIPES
    for number, tenant in enumerate(TENANTS):
        found = await many.done("GET", "/v1/sources/shop/stats", tenant=tenant)
        assert (found["accepted"], found["duplicates"]) == (2 * (number + 1), 2)
        assert found["last_ms"] == many.clock.ms
    counted: Counter[str] = Counter()
    for document in documents:
        for (tenant, _), tally in tallies_in(document).items():
            counted[tenant] += tally.accepted
    assert counted["tenant3"] == 10


async def test_a_head_that_moved_while_only_others_sent_is_still_seen(many: Any, make: Any) -> None:
    await many.send(make.cloud(make.order("a", 10, 7)))
    await many.send(make.cloud(make.order("a", 10, 7)), tenant="tenant1")
    await many.pump()
    now = make.shop_metrics()[0] | {"value": "net"}
    await many.done("PUT", "/v1/metrics/gross_revenue", now)
    await many.send(make.cloud(make.order("b", 10, 7)), tenant="tenant1")
    await many.pump()
    await many.send(make.cloud(make.order("b", 10, 7)))
    await many.pump()
    found = [
        (batch.tenant, batch.definition, cell.sum)
        for batch in await many.facts()
        if batch.metric == "gross_revenue"
        for cell in batch.cells
    ]
    assert sorted(found) == [
        ("acme", 1, Decimal(10)),
        ("acme", 2, Decimal(7)),
        ("tenant1", 1, Decimal(10)),
        ("tenant1", 1, Decimal(10)),
    ]


async def test_heads_are_asked_for_once_as_long_as_none_moves(many: Any, make: Any) -> None:
    asked: list[str] = []

    async def point(what: str) -> None:
        asked.append(what)

    for number in range(3):
        for tenant in TENANTS:
            await many.send(make.cloud(make.order(f"{number}", 1)), tenant=tenant)
        asked.clear()
        many.mongo.point = point
        await many.pump()
        many.mongo.point = None
        # Plans are loaded when partitions are taken, before anything was declared here.
        assert ("find:definition_heads" in asked) == (number == 0), asked
