"""What of a slice goes to one facts partition of one tenant travels in one record."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from event_contracts.facts import Cell, FactBatch, FactBatches, FactsMessage
from event_contracts.topics import FACTS
from event_contracts.wire import decoder_of, key_of, partition_of
from metrics_ingest.adapters.routes import Counts, FactsRoute
from service_kit.outbox import Outbox, rows_of
from service_kit.store import Store
from service_kit.testing.fake_mongo import FakeMongo

COUNTS = Counts(raw=2, subjects=2, facts=3, metric_definitions=2)
RECORD_BYTES = 400_000


def batch(tenant: str, metric: str, cells: int = 2, name: str = "x") -> FactBatch:
    return FactBatch(
        tenant=tenant,
        metric=metric,
        source="shop",
        definition=1,
        as_of_ms=1,
        dims=({"campaign": name},),
        cells=tuple(Cell(minute, 0, Decimal(1), 1) for minute in range(cells)),
    )


async def sent(*batches: FactBatch) -> list[dict[str, Any]]:
    """Return the outbox's rows, each with its message."""
    store = Store(FakeMongo(), "paceline_ingest")
    outbox = Outbox("metrics-ingest:raw/0", {})
    FactsRoute(outbox, COUNTS).publish(iter(batches))
    await (await store.session()).run(outbox.write)
    read = decoder_of(FactsMessage)
    return [
        row | {"message": read(row["value"])}
        for bundle in await store.db["outbox"].find({}).to_list(None)
        for row in rows_of(bundle)
    ]


async def test_all_metrics_of_a_tenant_that_live_in_a_partition_are_one_record() -> None:
    given = [batch(t, f"m{n}") for t in ("acme", "a|b") for n in range(20)]
    rows = await sent(*given)
    assert len(rows) == 2 * COUNTS.facts
    assert {row["topic"] for row in rows} == {FACTS.name}
    for row in rows:
        assert isinstance(row["message"], FactBatches)
        assert row["key"] == key_of(row["message"].tenant).encode()
        for each in row["message"].batches:
            assert row["partition"] == partition_of(COUNTS.facts, each.tenant, each.metric)
    assert sorted(map(str, given)) == sorted(str(b) for r in rows for b in r["message"].batches)


async def test_the_facts_of_a_metric_keep_their_order() -> None:
    given = [batch("acme", f"m{n % 5}", name=str(n)) for n in range(50)]
    found: dict[str, list[FactBatch]] = defaultdict(list)
    for row in sorted(await sent(*given), key=lambda row: row["seq"]):
        for each in row["message"].batches:
            found[each.metric].append(each)
    for metric, batches in found.items():
        assert batches == [each for each in given if each.metric == metric]


async def test_what_is_too_much_for_a_record_goes_into_several() -> None:
    given = [batch("acme", "m", 5_000, str(n)) for n in range(12)]
    rows = await sent(*given)
    assert [len(row["message"].batches) for row in rows] == [5, 5, 2]
    assert max(len(row["value"]) for row in rows) <= RECORD_BYTES + 100
    assert [b for row in rows for b in row["message"].batches] == given


async def test_a_batch_that_fills_a_record_goes_alone() -> None:
    given = [batch("acme", "m", size) for size in (10, 29_000, 10)]
    rows = await sent(*given)
    assert [[len(b.cells) for b in row["message"].batches] for row in rows] == [
        [10],
        [29_000],
        [10],
    ]


@pytest.mark.parametrize("tenants", [1, 3])
async def test_a_slice_of_many_events_sends_as_many_records_as_tenants_and_partitions(
    stage: Any, make: Any, tenants: int
) -> None:
    names = ["acme", "beta", "gamma"][:tenants]
    for tenant in names:
        await stage.declare(tenant)
    for number in range(40):
        for tenant in names:
            await stage.send(make.cloud(make.order(f"{tenant}{number}", 1)), tenant=tenant)
    await stage.pump()
    rows = await stage.rows("facts")
    places = {
        (t, partition_of(stage.counts.facts, t, m["name"]))
        for t in names
        for m in make.shop_metrics()
    }
    assert len(rows) == stage.counts.raw * len(places)
    assert await stage.total("orders") == (40 * tenants, 40 * tenants)
