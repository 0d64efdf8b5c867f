"""Sources and metrics of all kinds, as three tenants declare them."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from metrics_ingest.domain.definitions import Definitions, Metric, Source
from metrics_ingest.domain.folding import Plans
from metrics_ingest.domain.money.rates import Rate
from metrics_ingest.domain.plans import TenantPlan

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


def only_revenue() -> dict[str, TenantPlan]:
    source = msgspec.convert(SOURCES[0], Source)
    metric = Metric(name="revenue", source="shop", value="amount")
    return {"acme": TenantPlan.of(Definitions("acme", 1, (source,), (metric,)))}
