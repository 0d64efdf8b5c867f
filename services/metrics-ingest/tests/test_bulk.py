"""The bulk fold and the general one come to the same, whatever stands in the log."""

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_contracts.facts import FactBatch
from event_contracts.raw import RawEvent
from event_contracts.wire import decoder_of, encode, hash16, key_of
from metrics_ingest.domain.bulk import reading as bulk_reading
from metrics_ingest.domain.bulk import shapes as bulk_shapes
from metrics_ingest.domain.bulk.fold import fold_prepared
from metrics_ingest.domain.bulk.plans import bulk_plans
from metrics_ingest.domain.definitions import Definitions, Metric, Source
from metrics_ingest.domain.facts.batches import accepted_of, fact_batches
from metrics_ingest.domain.facts.cells import CellKey, CellSum
from metrics_ingest.domain.facts.parts import Part, WrittenPart, parts_of
from metrics_ingest.domain.folding import Folded, Plans, SourceFold, fold
from metrics_ingest.domain.money.rates import Rate
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.seen.window import ENTRY, Block, Window, pack
from metrics_ingest.stream.raw_records import PlannedReader, SliceRecords
from service_kit.records import Bulk, Partition, Record, Slice, Texts
from service_kit.sketches import Ranks, Sketch

RAW = Partition("raw", 0)
NOW = 1_800_000_000_000


def door(at: str) -> dict[str, Any]:
    return {
        "id": ["id"],
        "type": ["type"],
        "time": [f"{at}time"],
        "subject": [f"{at}who"],
        "fields": {
            "amount": {"paths": [f"{at}amount"], "kind": "decimal", "required": True},
            "items": {"paths": [f"{at}items"], "kind": "integer"},
            "country": {"paths": [f"{at}place.country"]},
            "channel": {"paths": [f"{at}channel"]},
            "note": {"paths": [f"{at}place.note"]},
        },
    }


def with_money(at: str) -> dict[str, Any]:
    """Return a door whose fields are more than what stands in an event."""
    plain = door(at)
    fields = plain["fields"] | {
        "price": {"paths": [f"{at}price"], "kind": "decimal", "currency": "currency"},
        "euros": {"paths": [f"{at}euros"], "kind": "decimal", "currency": "note or EUR"},
        "dollars": {"paths": [f"{at}dollars"], "kind": "decimal", "currency": "USD"},
        "currency": {
            "paths": [f"{at}code", f"{at}currency", "=EUR"],
            "format": "upper",
            "values": {"EURO": "EUR", "7": "USD"},
            "absent": ["-", ""],
        },
        "named": {"paths": [f"{at}channel"], "values": {"web": "Web"}, "required": True},
    }
    return plain | {"type": [f"{at}type"], "fields": fields}


def with_more(at: str) -> dict[str, Any]:
    """Return a door with fields of other kinds, and with paths of which the first wins."""
    plain = door(at)
    fields = plain["fields"] | {
        "asked": {"paths": [f"{at}asked", f"{at}ticks"], "kind": "time"},
        "sent": {"paths": [f"{at}time"], "kind": "time"},
        "ticks": {"paths": [f"{at}ticks"], "kind": "time", "format": "epoch_ms"},
        "cost": {"paths": [f"{at}cents"], "kind": "decimal", "scale": "0.01", "required": True},
        "micros": {"paths": [f"{at}micros"], "kind": "decimal", "scale": "0.000001"},
        "price": {"paths": [f"{at}price", f"{at}amount"], "kind": "decimal"},
        "euros": {"paths": [f"{at}euros", "=5"], "kind": "decimal"},
        "note": {"paths": [f"{at}place.note", f"{at}code", f"{at}more"]},
    }
    subject = [f"{at}who", f"{at}currency"]
    return plain | {"type": [f"{at}type", "=x"], "fields": fields, "subject": subject}


SOURCES = [
    {"name": "shop", "doors": {"http": door("data."), "topic:orders": door("")}},
    {"name": "odd|name", "zone": "Europe/Berlin", "late_days": 73, "doors": {"http": door("")}},
    {"name": "kept", "records": ["order"], "doors": {"http": door("")}},
    {"name": "off", "paused": "bad", "doors": {"http": door("")}},
    {
        "name": "more",
        "zone": "Asia/Shanghai",
        "doors": {"http": with_more(""), "topic:orders": with_more("item.")},
    },
    {
        "name": "mixed",
        "restates_days": 3,
        "records": ["kept"],
        "contributions": [
            {"kind": "delta", "types": ["order"]},
            {"kind": "entity", "types": ["refund"], "key": ["channel"]},
        ],
        "doors": {
            "http": with_money("item.") | {"each": "batch[]", "time": ["item.time", "@received"]},
            "topic:orders": with_money(""),
            "topic:s": with_money("") | {"time_format": "epoch_s"},
            "topic:ms": with_money("") | {"time_format": "epoch_ms"},
            "topic:us": with_money("") | {"time_format": "epoch_us"},
            "topic:day": with_money("") | {"time_format": "date"},
        },
    },
]
METRICS = [
    {"name": "revenue", "types": ["order", "refund"], "value": "amount", "dims": ["country"]},
    {"name": "orders", "types": ["order"], "dims": ["channel", "country"]},
    {
        "name": "big",
        "types": ["order"],
        "value": "items",
        "dims": ["items"],
        "where": [{"field": "amount", "op": "gt", "value": 5}],
    },
    {
        "name": "elsewhere",
        "types": ["order", "visit"],
        "value": "items",
        "where": [{"field": "country", "op": "ne", "value": "CN"}],
    },
    {"name": "so_far", "kind": "cumulative", "value": "amount"},
    {
        "name": "rate",
        "kind": "ratio",
        "types": ["order"],
        "over": {"types": ["visit", "order"]},
        "dims": ["channel"],
    },
    {
        "name": "cost_per_item",
        "kind": "ratio",
        "types": ["order", "refund"],
        "value": "amount",
        "where": [{"field": "channel", "op": "exists"}],
        "over": {
            "types": ["order", "visit"],
            "value": "items",
            "where": [{"field": "country", "op": "ne", "value": "CN"}],
        },
        "dims": ["country"],
    },
    {
        "name": "per_item",
        "kind": "ratio",
        "value": "items",
        "where": [{"field": "items", "op": "gt", "value": 0}],
        "over": {"value": "items"},
    },
]
SKETCHED = [
    {"name": "readers", "kind": "unique", "types": ["visit"], "of": "note", "dims": ["channel"]},
    {"name": "lands", "kind": "unique", "of": "country"},
    {
        "name": "median",
        "kind": "quantile",
        "types": ["ping", "order"],
        "value": "amount",
        "where": [{"field": "items", "op": "ne", "value": 1}],
        "quantile": "0.5",
    },
]
ODD = [
    {"name": "buckets", "kind": "unique", "types": [""], "of": "items"},
    {"name": "units", "kind": "unit-threshold", "types": ["7"], "of": "note", "value": "items"},
    {
        "name": "won",
        "kind": "conversion",
        "types": ["CN"],
        "of": "note",
        "over": {"types": ["DE"], "value": "amount"},
    },
]
MONEY = [
    {"name": "turnover", "types": ["order"], "value": "price", "currency": "EUR"},
    {"name": "in_euros", "types": ["order"], "value": "euros", "currency": "EUR"},
    {"name": "in_dollars", "types": ["ping"], "value": "dollars", "currency": "EUR"},
    {
        "name": "price_per_item",
        "kind": "ratio",
        "types": ["order", "visit"],
        "value": "price",
        "over": {"value": "items", "types": ["order"]},
        "dims": ["named", "currency"],
        "currency": "EUR",
        "rates": "budget",
        "budget": {"CNY": 1, "USD": 1},
    },
]
MONEY.append(
    {"name": "effect", "types": ["日本"], "value": "price", "currency": "EUR", "rates": "effect"}
    | {"budget": {"USD": Decimal("0.8")}}
)
MORE = [
    {"name": "cost", "value": "cost", "where": [{"field": "asked", "op": "ge", "value": 5}]},
    {"name": "dear", "value": "amount", "where": [{"field": "cost", "op": "gt", "value": "0.05"}]},
    {
        "name": "late",
        "value": "price",
        "where": [{"field": "sent", "op": "lt", "value": "2026-11-03T02:19:00Z"}],
    },
    {"name": "micros", "kind": "ratio", "value": "micros", "over": {"value": "euros"}},
    {
        "name": "working_time",
        "types": ["refund"],
        "elapsed": {"since": "asked", "zone": "UTC"},
    },
]
METRICS_OF = {"mixed": METRICS + ODD + MONEY, "more": METRICS + MORE + SKETCHED}
RATES = tuple(
    Rate(base=base, quote="EUR", date=date(first, 1, 1), rate=Decimal(rate))
    for base, first, rate in [("USD", 1970, "1"), ("USD", 2000, "0.9"), ("JPY", 2020, "0.006")]
)


def tenant(
    name: str, turned: int = 0, metrics_of: dict[str, list[dict[str, Any]]] = METRICS_OF
) -> TenantPlan:
    """Return a tenant's plan; ``turned``, each metric has the name of one behind it."""
    sources = tuple(msgspec.convert(each, Source) for each in SOURCES)
    metrics = []
    for source in SOURCES:
        made = metrics_of.get(str(source["name"]), METRICS)
        for each, named in zip(made, made[turned:] + made[:turned], strict=True):
            names = {"source": source["name"], "name": f"{source['name']}.{named['name']}"}
            metrics.append(msgspec.convert(each | names, Metric))
    return TenantPlan.of(Definitions(name, 3 + turned, sources, tuple(metrics), RATES))


TENANTS = {"acme": tenant("acme"), "b%c": tenant("b%c"), "turned": tenant("turned", 3)}


def plans_of(tenants: dict[str, TenantPlan]) -> Plans:
    return {
        (name, source): plan
        for name, each in tenants.items()
        for source, plan in each.sources.items()
    }


numbers = st.one_of(
    st.integers(-3, 12),
    st.decimals(-20, 20, places=2),
    st.sampled_from(
        [
            Decimal("0.00"),
            Decimal("-0"),
            Decimal("1E+3"),
            Decimal("1E-13"),
            Decimal("0.123456789012"),
            Decimal("1000000000000000000"),
            Decimal("999999999999999999.999999999999"),
            2**63,
            "12.50",
            "1e3",
            "",
            None,
            True,
            [],
            {"a": 1},
        ]
    ),
)
texts = st.one_of(
    st.sampled_from(["CN", "DE", "", "日本", "a|b", "x" * 1024, "x" * 1025]),
    st.sampled_from([None, 7, True, 1.5, [], {}]),
)
times = st.sampled_from(
    [
        "2026-11-03T02:18:45Z",
        "2026-11-03T02:18:45.123Z",
        "2026-11-03T10:18:45+08:00",
        "2026-11-03T02:18:45.123-00:30",
        "2026-11-03T02:18:45",
        "2026-11-03 02:18z",
        "2026-02-29T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "9999-01-01T00:00:00Z",
        "2026-11-03T24:00:00Z",
        "2027-01-16T07:59:00Z",  # a day after acceptance at most
        "2027-01-16T08:01:00Z",
        "２026-11-03T02:18:45Z",
        "",
        5,
        None,
    ]
)
codes = st.sampled_from(["EUR", "eur", "Euro", "USD", "CNY", "JPY", "XXX", "", "-", 7, None, 1.5])
counts = st.sampled_from(
    [
        1_793_672_325,
        1_793_672_325_250,
        "1793672325999",
        "01793672325250",
        1_793_672_325_250_999,
        Decimal("1793672325250.0"),
        Decimal("1793672325250.5"),
        "1793672325250.0",
        "",
        "1793672325250 ",
        -1,
        0,
        253_370_764_799,
        253_370_764_800,
        253_370_764_800_000,
        253_370_764_799_999_999,
        10**18,
        10**22,
        Decimal("1.7E+12"),
    ]
)
dates = st.sampled_from(["2026-11-03", "2026-03-29", "2026-02-30", "20261103", 20_261_103])
kinds = st.one_of(st.sampled_from(["order", "order", "refund", "visit", "ping"]), texts)
bodies = st.fixed_dictionaries(
    {"type": kinds, "time": times},
    optional={
        "who": texts,
        "amount": numbers,
        "items": numbers,
        "channel": texts,
        "place": st.one_of(
            st.fixed_dictionaries({}, optional={"country": texts, "note": texts}),
            st.sampled_from([None, "x", []]),
        ),
        "asked": times,
        "ticks": counts,
        "cents": numbers,
        "micros": numbers,
        "price": numbers,
        "euros": numbers,
        "dollars": numbers,
        "code": codes,
        "currency": codes,
        "more": st.just({"deep": [1, {"amount": 2}]}),
    },
)
good = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["order", "refund", "visit"]),
        "time": st.sampled_from(["2026-11-03T02:18:45Z", "2026-11-03T02:19:45.500Z"]),
        "amount": st.decimals(0, 20, places=2),
        "items": st.integers(0, 3),
        "channel": st.sampled_from(["web", "shop"]),
        "price": st.decimals(0, 20, places=2),
        "code": st.sampled_from(["EUR", "eur", "-", "EUR", "USD"]),
        "cents": st.integers(0, 2000),
        "micros": st.sampled_from([1, 10, Decimal("0.5"), 1_000_000, Decimal("0.0000001"), 0]),
        "asked": st.sampled_from(["2026-11-03T02:18:45Z", "2026-11-03T03:18:45.1Z", None]),
        "ticks": st.sampled_from([0, 7, "1793672325250", 1_793_672_325_000]),
        "euros": st.sampled_from([1, 2, None]),
        "place": st.fixed_dictionaries({"country": st.sampled_from(["CN", "DE"])}),
    }
)


TIMES = {"topic:s": counts, "topic:ms": counts, "topic:us": counts, "topic:day": dates}
SENT = ["shop", "shop", "mixed", "mixed", "more", "more", "odd|name", "kept", "off", "none"]


@st.composite
def records(draw: Any) -> tuple[bytes, bytes]:
    """Draw a record of the raw log: its key and its value."""
    who = draw(st.sampled_from(["acme", "acme", "acme", "b%c", "turned", "nobody"]))
    source = draw(st.sampled_from(SENT))
    name = draw(st.sampled_from(["a", "b", "c", "d", "e|f", "g%h", "日"]))
    kind = draw(st.sampled_from(["http", "http", "topic:orders", "none"]))
    if source == "mixed" and kind != "none":
        kind = draw(st.sampled_from(["http", "http", "topic:orders", *TIMES]))
    body = draw(st.one_of(good, bodies))
    if source == "mixed" and kind in TIMES:
        body |= {"time": draw(st.one_of(TIMES[kind], TIMES[kind], times))}
    if source == "mixed" and kind == "http":
        body = {"item": body, "root": None}
    if source == "more" and kind == "topic:orders":
        body = {"item": body}
    if source == "shop" and kind == "http":
        data = {name: value for name, value in body.items() if name != "type"}
        body = {"type": body["type"], "data": data}
    more = draw(
        st.sampled_from([{}, {}, {}, {}, {}, {"error": "unreadable||x"}, {"replay_of": "letter"}])
    )
    event = RawEvent(
        tenant=who,
        source=source,
        id=name,
        door=kind,
        received_ms=NOW - draw(st.integers(0, 5)),
        body=_raw(body),
        **more,
    )
    value = encode(event)
    value = draw(st.sampled_from([value] * 12 + [value[:-2], b"", b"[]", value + b"x"]))
    return key_of(who, source, name).encode(), value


_write = msgspec.json.Encoder(decimal_format="number").encode


def _raw(body: Any) -> msgspec.Raw:
    return msgspec.Raw(_write(body))


def _cells(cells: dict[CellKey, CellSum]) -> dict[CellKey, Any]:
    """Return cells so that sketches of the same are the same."""
    return {
        key: (each.sum, each.count, each.over, _sketch(each.sketch)) for key, each in cells.items()
    }


def _sketch(sketch: Sketch | None) -> Any:
    if isinstance(sketch, Ranks):
        return [sketch.quantile(Decimal(n) / 20) for n in range(21)]
    return sketch and sketch.estimate()


def summary(folded: Folded) -> dict[str, Any]:
    """Return what a fold comes to, in an order that says nothing."""
    entries = folded.packed
    packed = Block(0, entries)
    assert len(entries) % ENTRY == 0
    fresh = dict(packed.items())
    assert not fresh.keys() & folded.fresh.keys()
    for source in folded.sources.values():
        for metric in list(source.columns):
            source.merge_columns(metric)
    return {
        "sources": {
            name: {
                "accepted": each.accepted,
                "unmatched": each.unmatched,
                "quarters": each.quarters,
                "cells": {name: _cells(cells) for name, cells in each.cells.items()},
                "diverted": sorted(each.diverted, key=lambda event: (event.id, event.name)),
                "records": [(record.arrival.offset, record.event) for record in each.records],
            }
            for name, each in folded.sources.items()
        },
        "counts": folded.counts,
        "letters": sorted(
            (each.arrival.offset, each.unfit.cause, each.unfit.where, str(each.unfit))
            for each in folded.letters
        ),
        "fresh": fresh | folded.fresh,
    }


def both(
    log: list[tuple[bytes, bytes]],
    known: dict[bytes, int],
    tenants: dict[str, TenantPlan] = TENANTS,
) -> tuple[Folded, Folded, int]:
    """Fold a log in bulk and in general; return both, and how many went in columns."""
    made = [Record(RAW, n, key, value) for n, (key, value) in enumerate(log)]
    reading = SliceRecords(Slice(RAW, 0, len(made), made), PlannedReader(), NOW)
    window = Window()
    window.add(Block(1, pack(known.items())))
    plans = plans_of(tenants)
    prepared = reading.read(tenants)
    folded, general = fold_prepared(prepared, reading.arrivals, plans, window.find)
    plain = fold(reading.arrivals(range(len(made))), plans, known.get)
    return folded, plain, len(made) - len(general)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(records(), max_size=25), st.sets(st.sampled_from("abcd")))
def test_any_log_comes_to_the_same_in_bulk_and_one_by_one(
    log: list[tuple[bytes, bytes]], seen: set[str]
) -> None:
    known = {hash16("acme", "shop", name): 3 << 56 | number for number, name in enumerate(seen)}
    folded, plain, _ = both(log, known)
    assert summary(folded) == summary(plain)


def order(
    name: str,
    amount: Any = 5,
    door: str = "topic:orders",
    source: str = "shop",
    owner: str = "acme",
    **more: Any,
) -> tuple[bytes, bytes]:
    """Return the record of a good order, or of another type."""
    body = {"type": "order", "time": "2026-11-03T02:18:45Z", "amount": amount} | more
    if door == "http":
        body = {"type": "order", "data": body} if source == "shop" else {"item": body}
    event = RawEvent(
        tenant=owner, source=source, id=name, door=door, received_ms=NOW, body=_raw(body)
    )
    return key_of(owner, source, name).encode(), encode(event)


def test_plain_orders_go_in_columns_and_so_do_their_copies_by_either_door() -> None:
    log = [order(f"o{n}", Decimal(n) / 100) for n in range(500)]
    log += [order("o7", Decimal("0.070"), "http"), order("o8", 99), order("o9", Decimal("0.09"))]
    folded, plain, in_columns = both(log, {})
    assert in_columns == 503
    counts = folded.counts["acme", "shop"]
    assert (counts.duplicates, counts.conflicts) == (3, 1)
    assert summary(folded) == summary(plain)


def test_a_copy_of_an_event_that_was_read_with_other_definitions_is_no_conflict() -> None:
    folded, plain, in_columns = both([order("o1")], {hash16("acme", "shop", "o1"): 2 << 56 | 5})
    counts = folded.counts["acme", "shop"]
    assert (in_columns, counts.duplicates, counts.conflicts) == (1, 1, 0)
    assert summary(folded) == summary(plain)


def only_revenue() -> dict[str, TenantPlan]:
    source = msgspec.convert(SOURCES[0], Source)
    metric = Metric(name="revenue", source="shop", value="amount")
    return {"acme": TenantPlan.of(Definitions("acme", 1, (source,), (metric,)))}


def test_a_number_with_too_many_digits_goes_the_general_way_alone() -> None:
    log = [order("o1", Decimal("1E-13")), *[order(f"p{n}") for n in range(5)]]
    folded, plain, in_columns = both(log, {}, only_revenue())
    assert in_columns == 5
    assert [letter.unfit.cause for letter in folded.letters] == ["out-of-range"]
    assert summary(folded) == summary(plain)


def test_a_number_that_no_decimal_holds_is_a_letter_wherever_it_stands() -> None:
    """No door lets it through; written to the log, it must not end the fold."""
    number = msgspec.Raw(b"1e99999999999999999999")
    log = [order("o1", more=number), order("o2", number), order("o3")]
    folded, plain, _ = both(log, {}, only_revenue())
    assert summary(folded) == summary(plain)
    assert [letter.cause for letter in plain.letters] == ["unreadable"] * 2


def test_shapes_that_never_come_again_do_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk_shapes, "MOST_TARGETS", 40)
    monkeypatch.setattr(bulk_reading, "MOST_HELD", 60)
    reader, plans = PlannedReader(), plans_of(TENANTS)
    for turn in range(5):
        log = [order(f"{turn}.{n}", place={"country": f"{turn}.{n}"}) for n in range(30)]
        log += [order(f"{turn}h{n}", 5, "http", channel=f"{turn}.{n}") for n in range(30)]
        made = [Record(RAW, n, key, value) for n, (key, value) in enumerate(log)]
        reading = SliceRecords(Slice(RAW, 0, len(made), made), reader, NOW)
        prepared = reading.read(TENANTS)
        assert all(len(each.shapes.targets) < 50 for each in prepared.columns)
        folded, general = fold_prepared(prepared, reading.arrivals, plans, Window().find)
        assert 0 < len(general) < len(made)
        plain = fold(reading.arrivals(range(len(made))), plans, {}.get)
        assert summary(folded) == summary(plain)
    assert sum(plan.held for plan in reader._reader._sources) <= 60


def test_a_sum_beyond_64_bits_sends_the_slice_the_general_way() -> None:
    log = [order(f"p{n}", 10**14) for n in range(9)] + [order("q", Decimal("10.00000001"))]
    folded, plain, in_columns = both(log, {}, only_revenue())
    assert in_columns == 0
    assert summary(folded) == summary(plain)


def with_field(field: dict[str, Any]) -> dict[str, Any]:
    plain = door("")
    return plain | {"fields": plain["fields"] | {"extra": field}}


@pytest.mark.parametrize(
    "change",
    [
        {"paused": "bad"},
        {"drift": "quarantine"},
        {"doors": {"http": door("") | {"type": ["=order"]}}},
        {"doors": {"http": door("") | {"subject": ["{who}"]}}},
        {"doors": {"http": door("") | {"schema": {"type": "object"}}}},
        {"doors": {"http": with_field({"paths": ["n"], "kind": "decimal", "scale": "0.02"})}},
        {"doors": {"http": with_field({"paths": ["n"], "kind": "decimal", "scale": 100})}},
        {"doors": {"http": with_field({"paths": ["n"], "kind": "time", "format": "date"})}},
        {"doors": {"http": with_field({"paths": ["n"], "absent": ["-", "7"]})}},
        {"doors": {"http": with_field({"paths": ["{id}", "n"]})}},
        {"doors": {"http": door("") | {"skip": [{"field": "channel", "op": "eq", "value": "x"}]}}},
    ],
)
def test_a_source_that_wants_more_than_adding_is_not_folded_in_bulk(change: Any) -> None:
    source = msgspec.convert(SOURCES[1] | change, Source)
    (plan,) = TenantPlan.of(Definitions("acme", 1, (source,), ())).sources.values()
    assert bulk_plans([plan]) == []


KEPT_OUT = [
    *ODD,
    {"name": "m", "types": ["7"], "elapsed": {"since": "asked", "zone": "UTC"}},
    {
        "name": "m",
        "types": ["ping"],
        "kind": "ratio",
        "over": {"types": ["ping"], "elapsed": {"since": "asked", "zone": "UTC"}},
    },
]


@pytest.mark.parametrize("odd", KEPT_OUT)
def test_a_metric_that_does_not_add_up_keeps_its_own_types_out_and_no_others(odd: Any) -> None:
    source = msgspec.convert(SOURCES[0], Source)
    revenue = Metric(name="revenue", source="shop", value="amount")
    changed = msgspec.convert(odd | {"source": "shop"}, Metric)
    tenants = {"acme": TenantPlan.of(Definitions("acme", 1, (source,), (revenue, changed)))}
    kinds = ["order", *changed.types] * 5
    log = [order(f"o{n}", type=kind) for n, kind in enumerate(kinds)]
    folded, plain, in_columns = both(log, {}, tenants)
    assert in_columns == 5
    assert folded.sources["acme", "shop"].accepted == 10
    assert summary(folded) == summary(plain)


def test_sketches_of_plain_events_are_the_same_bytes_as_one_by_one() -> None:
    source = msgspec.convert(SOURCES[0], Source)
    metrics = [
        msgspec.convert(each | {"source": "shop"}, Metric, strict=False) for each in SKETCHED
    ]
    tenants = {"acme": TenantPlan.of(Definitions("acme", 1, (source,), tuple(metrics)))}
    log = [
        order(f"o{n}", Decimal(n * 7919 % 900) / 8, type=kind, channel="x", place=place)
        for n in range(700)
        for kind in ("visit" if n % 4 else "order",)
        for place in ({"note": f"日{n % 90}", "country": "CN" if n % 3 else ""},)
    ]
    folded, plain, in_columns = both(log, {}, tenants)
    assert in_columns == 700
    assert summary(folded) == summary(plain)
    (found,) = folded.sources["acme", "shop"].cells["readers"].values()
    (wanted,) = plain.sources["acme", "shop"].cells["readers"].values()
    assert found.sketch is not None
    assert wanted.sketch is not None
    assert found.sketch.to_bytes() == wanted.sketch.to_bytes()
    (median,) = folded.sources["acme", "shop"].cells["median"].values()
    assert median.count == 175  # beyond 200 they are thinned out at random


def test_states_and_records_keep_their_own_types_out_and_no_others() -> None:
    kinds = ["order", "refund", "kept", "visit", "order"]
    log = [order(f"o{n}", source="mixed", type=k, channel="x") for n, k in enumerate(kinds)]
    folded, plain, in_columns = both(log, {})
    assert in_columns == 3
    assert summary(folded) == summary(plain)


def test_money_in_the_metrics_own_currency_goes_in_columns_and_foreign_money_does_not() -> None:
    currencies = [
        {},
        {"code": "eur"},
        {"currency": "EURO"},
        {"code": "-"},
        {"code": "usd"},
        {"code": 7},
    ]
    log = [
        order(f"o{n}", price=5, source="mixed", channel="web", **c)
        for n, c in enumerate(currencies)
    ]
    folded, plain, in_columns = both(log, {})
    assert in_columns == 3
    assert summary(folded) == summary(plain)
    turnover = folded.sources["acme", "mixed"].cells["mixed.turnover"]
    (cell,) = turnover.values()
    assert (cell.sum, cell.count) == (Decimal(24), 5)  # three of 5, two of 4.50; one has no code


@pytest.mark.parametrize(
    ("kind", "time"),
    [
        ("topic:s", 1_793_672_325),
        ("topic:ms", "1793672325250"),
        ("topic:us", 1_793_672_325_250_999),
        ("topic:day", "2026-11-03"),
        ("http", "2026-11-03T02:18:45Z"),
    ],
)
def test_times_of_other_forms_and_items_of_a_body_go_in_columns(kind: str, time: Any) -> None:
    log = [order(f"o{n}", n, kind, "mixed", channel="x", time=time) for n in range(9)]
    folded, plain, in_columns = both(log, {})
    assert in_columns == 9
    assert summary(folded) == summary(plain)


def test_the_first_of_some_paths_goes_in_columns_and_another_one_instead_does_not() -> None:
    first = {"euros": 1, "cents": 5, "price": 7, "place": {"note": "x"}, "code": "y", "who": "z"}
    bodies = [first, first | {"price": None}, first | {"place": {}}, first | {"euros": None}]
    bodies += [first | {"place": {}, "code": None}, first | {"who": None}]
    bodies += [first | {"cents": "0.00000000001"}, first | {"asked": "2026-11-03T02:18:45Z"}]
    more = {"type": "order", "time": "2026-11-03T02:18:45Z", "amount": 1}
    log = [order(f"o{n}", source="more", item=more | body) for n, body in enumerate(bodies)]
    folded, plain, in_columns = both(log, {})
    assert in_columns == 4  # the first, that without any note, without a subject, with a time
    assert summary(folded) == summary(plain)


def test_a_worked_text_that_is_required_and_not_there_is_a_letter() -> None:
    log = [order("o1", source="mixed", channel="web"), order("o2", source="mixed")]
    folded, plain, in_columns = both(log, {})
    assert in_columns == 1
    assert [letter.cause for letter in folded.letters] == ["missing-field"]
    assert summary(folded) == summary(plain)


SKETCHING = {
    name: tenant(name, turned, {"shop": METRICS + SKETCHED}) for turned, name in enumerate(TENANTS)
}


def test_sources_of_three_tenants_that_are_declared_alike_are_one_plan() -> None:
    plans = bulk_plans(plan for each in TENANTS.values() for plan in each.sources.values())
    assert [plan.names for plan in plans] == [
        [(owner, source) for owner in TENANTS]
        for source in ("shop", "odd|name", "kept", "more", "mixed")
    ]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from([*TENANTS]), st.integers(0, 9), good), min_size=1, max_size=60
    )
)
def test_what_many_tenants_send_in_one_slice_is_written_as_it_is_one_by_one(
    drawn: list[tuple[str, int, dict[str, Any]]],
) -> None:
    log = [order(f"o{number}", owner=owner, **body) for owner, number, body in drawn]
    folded, plain, in_columns = both(log, {}, SKETCHING)
    assert in_columns == len(log)
    assert folded.sources.keys() == plain.sources.keys()
    for name, source in folded.sources.items():
        assert source.columns
        assert not source.cells
        assert facts_of(source) == facts_of(plain.sources[name])
    assert summary(folded) == summary(plain)


def test_cells_of_ratios_that_need_many_records_are_written_as_they_are_one_by_one() -> None:
    times = [{"time": f"2026-11-03T02:{n % 60:02}:00Z"} for n in range(4000)]
    more = [{"channel": "c" * 200 + f"{n // 60}", "items": n % 3 or None} for n in range(4000)]
    log = [order(f"o{n}", n, **times[n], **more[n]) for n in range(4000)]
    folded, plain, in_columns = both(log, {})
    assert in_columns == 4000
    source, one_by_one = folded.sources["acme", "shop"], plain.sources["acme", "shop"]
    assert len(list(source.columns["shop.rate"][0].parts())) > 1
    assert facts_of(source) == facts_of(one_by_one)


read_facts = decoder_of(FactBatch)


def facts_of(source: SourceFold) -> dict[str, tuple[set[Any], int]]:
    """Return what is written of each metric: its cells, and how many denominators."""
    found = {}
    for metric in source.plan.metrics:
        name = metric.definition.name
        columns = source.columns.get(name)
        if columns and columns[0].sketches:
            source.merge_columns(name)
            columns = None
        parts: Iterable[Part | WrittenPart] = parts_of(metric, source.cells.get(name, {}))
        if columns:
            parts = columns[0].parts()
        batches = fact_batches(source, metric, parts, accepted_of(source), NOW)
        read = [read_facts(encode(batch)) for batch in batches]
        cells = [
            (cell.minute, str(batch.dims[cell.dims]), cell.sum, cell.count, over)
            for batch in read
            for cell, over in zip_longest(batch.cells, batch.over)
        ]
        assert len(cells) == len(set(cells))
        found[name] = set(cells), sum(len(batch.over) for batch in read)
    return found


def test_after_warming_up_a_log_compiles_nothing_more() -> None:
    code = """
from numba.core.dispatcher import Dispatcher
import gc, test_bulk
import gc
import subprocess
import sys
import weakref
from decimal import Decimal
from pathlib import Path
from metrics_ingest.domain.bulk.warm import warm
warm()
loops = [each for each in gc.get_objects() if isinstance(each, Dispatcher)]
before = [len(loop.signatures) for loop in loops]
log = [test_bulk.order(f"o{n}", Decimal(n) / 100) for n in range(500)]
log += [test_bulk.order(f"o{n}", Decimal(n), "http", channel="c") for n in range(700)]
more = {"type": "order", "time": "2026-11-03T02:18:45Z", "amount": 1, "price": 1, "cents": 1}
more["euros"] = 1
log += [test_bulk.order(f"m{n}", source="more", item=more) for n in range(9)]
folded, plain, in_columns = test_bulk.both(log, {})
assert in_columns == 1209, in_columns
for columns in folded.sources["acme", "shop"].columns.values():
    assert list(columns[0].parts())
assert [len(loop.signatures) for loop in loops] == before
print(sum(before))
"""
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    assert int(found.stdout) >= 8


def fold_a_log_with_letters() -> "weakref.ref[Bulk]":
    log = [order("o1"), order("o2", "n/a"), (b"acme|shop|o3", b"cut off")]
    records = Bulk(RAW, 0, *(Texts.of([record[column] for record in log]) for column in (0, 1)))
    reading = SliceRecords(Slice(RAW, 0, 3, records), PlannedReader(), NOW)
    prepared, plans = reading.read(TENANTS), plans_of(TENANTS)
    folded, _ = fold_prepared(prepared, reading.arrivals, plans, Window().find)
    assert len(folded.letters) == 2
    return weakref.ref(records)


def test_dead_letters_hold_no_slice_until_the_garbage_collector_looks() -> None:
    gc.collect()
    gc.disable()
    try:
        assert fold_a_log_with_letters()() is None
    finally:
        gc.enable()
