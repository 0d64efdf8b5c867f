"""Kinds of metrics: what each needs, and what its events come to in the fold."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_contracts.facts import FactBatch
from event_contracts.metrics import MetricDefined
from event_contracts.raw import RawEvent
from event_contracts.wire import decoder_of
from metrics_ingest.domain.checks.definitions import check_dims_kept, check_metric
from metrics_ingest.domain.definitions import Definitions, Metric, Source
from metrics_ingest.domain.facts.batches import accepted_of, fact_batches
from metrics_ingest.domain.facts.parts import parts_of
from metrics_ingest.domain.folding import Arrival, SourceFold, fold
from metrics_ingest.domain.plans import TenantPlan
from service_kit.errors import UserError
from service_kit.sketches import Distinct, Ranks, merged

PAGES = {
    "name": "site",
    "doors": {
        "http": {
            "id": ["id"],
            "type": ["type"],
            "time": ["at"],
            "fields": {
                "visitor": {"paths": ["visitor"]},
                "channel": {"paths": ["channel"]},
                "seconds": {"paths": ["seconds"], "kind": "decimal"},
            },
        }
    },
}
READ = {
    "name": "read_completion",
    "source": "site",
    "kind": "ratio",
    "types": ["read.finished"],
    "dims": ["channel"],
    "over": {"types": ["read.started"]},
}
VISITORS = {"name": "uv", "source": "site", "kind": "unique", "of": "visitor", "dims": ["channel"]}
DWELL = {
    "name": "dwell",
    "source": "site",
    "kind": "quantile",
    "value": "seconds",
    "quantile": "0.5",
}


AT = 1_777_888_800_000  # 2026-05-04 10:00 UTC


def page(number: int, type: str, **fields: Any) -> dict[str, Any]:
    at = f"2026-05-04T10:{number % 60:02d}:00Z"
    return {"id": str(number), "type": type, "at": at, "channel": "seo", **fields}


def raw(event: dict[str, Any]) -> RawEvent:
    body = msgspec.Raw(msgspec.json.encode(event))
    return RawEvent(
        tenant="acme", source="site", id=event["id"], door="http", received_ms=AT, body=body
    )


def folded(metric: dict[str, Any], *batches: Sequence[dict[str, Any]]) -> list[FactBatch]:
    """Return the facts of each batch of events."""
    source = msgspec.convert(PAGES, Source)
    definition = msgspec.convert(metric, Metric, strict=False)
    check_metric(definition, source)
    plan = TenantPlan.of(Definitions("acme", 1, (source,), (definition,))).sources["site"]
    facts: list[FactBatch] = []
    for events in batches:
        arrivals = [Arrival(n, event["id"].encode(), raw(event)) for n, event in enumerate(events)]
        found = fold(arrivals, {("acme", "site"): plan}, lambda key: None)
        assert found.letters == []
        each = found.sources.get(("acme", "site"), SourceFold(plan))
        cells = each.cells.get(definition.name, {})
        parts = parts_of(plan.metrics[0], cells)
        facts += fact_batches(each, plan.metrics[0], parts, accepted_of(each), 0)
    return [decoder_of(FactBatch)(msgspec.json.encode(batch)) for batch in facts]


def test_a_ratio_keeps_numerator_and_denominator_apart() -> None:
    events = [
        *(page(n, "read.started") for n in range(4)),
        *(page(n, "read.finished") for n in range(4, 7)),
        page(7, "page.viewed"),
    ]
    (batch,) = folded(READ, events)
    assert sum(cell.sum for cell in batch.cells) == 3
    assert sum(batch.over) == 4
    assert len(batch.over) == len(batch.cells) == 7
    assert batch.sketches == ()


def test_one_event_may_feed_both_sides_of_a_ratio() -> None:
    long = [{"field": "seconds", "op": "ge", "value": 60}]
    metric = READ | {"types": ["read.finished"], "where": long, "over": {"types": []}}
    events = [page(0, "read.finished", seconds=s, id=str(s)) for s in (30, 60, 90)]
    (batch,) = folded(metric, events)
    (cell,) = batch.cells
    assert (cell.sum, batch.over, cell.count) == (2, (3,), 3)


@settings(deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["read.started", "read.finished", "page.viewed"]), max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
def test_a_ratio_is_exact_however_its_events_are_split(kinds: list[str], cuts: list[int]) -> None:
    events = [page(n, kind, seconds=f"0.{n}1") for n, kind in enumerate(kinds)]
    edges = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    parts = [events[a:b] for a, b in pairwise(edges)]
    metric = READ | {"value": "seconds", "over": {"types": ["read.started"], "value": "seconds"}}
    found = folded(metric, *parts)
    for kind, column in (
        ("read.finished", [cell.sum for batch in found for cell in batch.cells]),
        ("read.started", [amount for batch in found for amount in batch.over]),
    ):
        expected = [Decimal(e["seconds"]) for e in events if e["type"] == kind]
        assert sum(column, Decimal(0)) == sum(expected, Decimal(0))


def test_visitors_count_once_however_often_they_come_and_in_whichever_batch() -> None:
    first = [page(n, "page.viewed", visitor=f"v{n % 3}") for n in range(9)]
    second = [page(n, "page.viewed", visitor=f"v{n % 5}") for n in range(9, 20)]
    batches = folded(VISITORS, first, second)
    sketch = merged(blob for batch in batches for blob in batch.sketches)
    assert isinstance(sketch, Distinct)
    assert sketch.estimate().value == 5
    assert sum(cell.count for batch in batches for cell in batch.cells) == 20
    assert {len(batch.sketches) == len(batch.cells) for batch in batches} == {True}
    assert max(len(blob) for batch in batches for blob in batch.sketches) <= 20


def test_an_event_without_the_visitor_is_no_visit() -> None:
    (batch,) = folded(VISITORS, [page(1, "page.viewed"), page(2, "x", visitor="a")])
    assert [cell.count for cell in batch.cells] == [1]


def test_the_median_of_what_was_folded_is_one_of_the_values() -> None:
    events = [page(n, "read.finished", seconds=s) for n, s in enumerate((90, 30.5, 12, 300, 60))]
    (batch,) = folded(DWELL, events)
    sketch = merged(batch.sketches)
    assert isinstance(sketch, Ranks)
    found = sketch.quantile(Decimal("0.5"))
    assert found is not None
    assert found.value == 60
    assert sum(cell.sum for cell in batch.cells) == Decimal("492.5")


def test_a_record_of_large_sketches_stays_below_its_limit() -> None:
    # A cell for each of 200 channels with 400 visitors each: 1.6 KB a sketch.
    events = [
        page(n, "page.viewed", visitor=f"v{n}", channel=f"c{n % 200}", at="2026-05-04T10:00:00Z")
        for n in range(80_000)
    ]
    batches = folded(VISITORS, events)
    assert len(batches) > 1
    assert max(len(msgspec.json.encode(batch)) for batch in batches) < 512_000
    assert sum(cell.count for batch in batches for cell in batch.cells) == 80_000
    sketch = merged(blob for batch in batches for blob in batch.sketches)
    assert isinstance(sketch, Distinct)
    assert abs(sketch.estimate().value / 80_000 - 1) < Decimal("0.035")


async def test_a_sketch_metric_keeps_fewer_sets_a_day_and_the_rest_is_other(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metrics_ingest.domain.facts.batches.SKETCHED_SETS_A_DAY", 2)
    await stage.done("POST", "/v1/sources", PAGES)
    plain = {"name": "pv", "source": "site", "dims": ["channel"]}
    for metric in (VISITORS, plain):
        await stage.done("POST", "/v1/metrics", metric)
    for n, channel in enumerate("abcd"):
        await stage.append(raw(page(n, "page.viewed", visitor=channel, channel=channel)))
    await stage.pump()
    found = await stage.facts()
    kept = {name: set() for name in ("uv", "pv")}
    for batch in found:
        kept[batch.metric] |= {batch.dims[cell.dims]["channel"] for cell in batch.cells}
    assert len(kept["pv"]) == 4
    assert len(kept["uv"]) == 3
    assert "other" in kept["uv"]
    sketch = merged(b for batch in found if batch.metric == "uv" for b in batch.sketches)
    assert isinstance(sketch, Distinct)
    assert sketch.estimate().value == 4


@pytest.mark.parametrize(
    ("document", "where"),
    [
        (READ | {"over": None}, "$.over"),
        (READ | {"over": {"value": "visitor"}}, "$.over.value"),
        (READ | {"over": {"where": [{"field": "nope", "op": "exists"}]}}, "$.over.where[0].field"),
        (READ | {"over": {"types": [""]}}, "$.over.types[0]"),
        (READ | {"of": "visitor"}, "$.of"),
        (READ | {"by": "period"}, "$.by"),
        (VISITORS | {"of": None}, "$.of"),
        (VISITORS | {"of": "nope"}, "$.of"),
        (VISITORS | {"of": "seconds"}, "$.of"),
        (VISITORS | {"value": "seconds"}, "$.value"),
        (DWELL | {"quantile": None}, "$.quantile"),
        (DWELL | {"quantile": 1}, "$.quantile"),
        (DWELL | {"value": None}, "$.value"),
        (DWELL | {"kind": "additive"}, "$.quantile"),
        (DWELL | {"kind": "cumulative", "quantile": None, "threshold": 3}, "$.threshold"),
        (VISITORS | {"kind": "unit-threshold"}, "$.threshold"),
        (VISITORS | {"kind": "unit-threshold", "threshold": 0}, "$.threshold"),
        (READ | {"kind": "conversion", "of": "visitor"}, "$.window_days"),
        (READ | {"kind": "conversion", "of": "visitor", "window_days": 400}, "$.window_days"),
        (READ | {"kind": "conversion", "of": "visitor", "window_days": 7, "by": "week"}, "$.by"),
    ],
)
def test_a_kind_needs_exactly_its_fields(document: dict[str, Any], where: str) -> None:
    source = msgspec.convert(PAGES, Source)
    metric = msgspec.convert(document, Metric, strict=False)
    with pytest.raises(UserError) as refused:
        check_metric(metric, source)
    assert refused.value.where == where
    assert refused.value.zh != refused.value.en


def test_a_sketch_takes_deltas_alone() -> None:
    entity = {"kind": "entity", "types": ["deal"], "key": ["visitor"]}
    source = msgspec.convert(PAGES | {"contributions": [entity]}, Source)
    check_metric(msgspec.convert(VISITORS | {"types": ["page.viewed"]}, Metric), source)
    with pytest.raises(UserError, match="cannot take back"):
        check_metric(msgspec.convert(VISITORS, Metric), source)


@pytest.mark.parametrize("change", [{"kind": "cumulative"}, {"kind": "ratio", "over": {}}])
def test_a_metric_never_becomes_another_kind(change: dict[str, Any]) -> None:
    plain = {"name": "views", "source": "site"}
    before, after = (msgspec.convert(plain | each, Metric) for each in ({}, change))
    with pytest.raises(UserError) as refused:
        check_dims_kept(before, after)
    assert refused.value.where == "$.kind"


async def test_what_others_know_of_a_metric_follows_its_source(stage: Any, make: Any) -> None:
    await stage.declare()
    source = make.shop() | {"restates_days": 28, "reason": "the platform restates a month"}
    await stage.done("PUT", "/v1/sources/shop", source)
    await stage.done("PUT", "/v1/sources/shop", source | {"records": []})

    decode = decoder_of(MetricDefined)
    told = [decode(row["value"]) for row in await stage.rows("metric-definitions")]
    orders = [each for each in told if each.metric == "orders"]
    assert [(each.version, each.restates_days) for each in orders] == [(1, 0), (2, 28)]
    assert (await stage.done("GET", "/v1/metrics/orders"))["version"] == 2
