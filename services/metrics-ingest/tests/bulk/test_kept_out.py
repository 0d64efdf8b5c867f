"""Which definitions keep events out of the bulk, and that they keep no others out."""

from typing import Any

import msgspec
import pytest

from metrics_ingest.domain.bulk.plans import bulk_plans
from metrics_ingest.domain.definitions import Definitions, Metric, Source
from metrics_ingest.domain.plans import TenantPlan

from .declared import ODD, SOURCES, door
from .folds import both, order, summary


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


def test_states_and_records_keep_their_own_types_out_and_no_others() -> None:
    kinds = ["order", "refund", "kept", "visit", "order"]
    log = [order(f"o{n}", source="mixed", type=k, channel="x") for n, k in enumerate(kinds)]
    folded, plain, in_columns = both(log, {})
    assert in_columns == 3
    assert summary(folded) == summary(plain)
