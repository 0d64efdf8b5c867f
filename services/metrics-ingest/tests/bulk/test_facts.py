"""Facts and sketches of the bulk are those of the general fold, also of many tenants at once."""

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics_ingest.domain.bulk.plans import bulk_plans
from metrics_ingest.domain.definitions import Definitions, Metric, Source
from metrics_ingest.domain.plans import TenantPlan

from .declared import METRICS, SKETCHED, SOURCES, TENANTS, tenant
from .drawn import good
from .folds import both, facts_of, order, summary


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
