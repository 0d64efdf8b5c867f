"""Events beyond the tolerance of their source's clock, and fields that no mapping knows."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from metrics_ingest.domain.definitions import FieldMapping, Mapping
from metrics_ingest.domain.drift import MOST_PATHS, Known, Sampled, steps_of

HOUR_MS = 3_600_000


def at(stage: Any, hours: float) -> str:
    """Return the local time in London so many hours from now."""
    ms = stage.clock.ms + int(hours * HOUR_MS)
    return datetime.fromtimestamp(ms / 1000, ZoneInfo("Europe/London")).strftime("%FT%T")


async def test_an_event_too_far_ahead_waits_until_its_source_allows_it(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    await stage.done("PUT", "/v1/sources/shop", make.shop() | {"ahead_hours": 24})
    just, beyond = (
        make.cloud(make.order(name, 1, at=at(stage, hours)))
        for name, hours in (("a", 24), ("b", 24.001))
    )
    await stage.send(just, beyond)
    await stage.pump()
    (letter,) = await stage.letters()
    assert (letter["cause"], letter["where"]) == ("time-future", "data.occurred_at")
    assert letter["failure"]["expected"] == "at most 24 hours after its acceptance"
    assert await stage.total("gross_revenue") == (Decimal(1), 1)

    await stage.done("PUT", "/v1/sources/shop", make.shop() | {"ahead_hours": 48})
    await stage.done("POST", "/v1/dead-letters/replay", {"source": "shop"})
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal(2), 2)


async def test_an_event_of_next_month_counts_and_one_in_two_years_does_not(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    month, years = (
        make.cloud(make.order(name, 1, at=at(stage, 24 * days)))
        for name, days in (("a", 31), ("b", 731))
    )
    await stage.send(month, years)
    await stage.pump()
    (letter,) = await stage.letters()
    assert (letter["cause"], letter["event_id"]) == ("time-future", "b")
    assert await stage.total("gross_revenue") == (Decimal(1), 1)


async def test_no_event_is_too_late_unless_its_source_says_so(stage: Any, make: Any) -> None:
    await stage.declare()
    await stage.send(make.cloud(make.order("a", 1, at="1999-01-01T00:00:00")))
    await stage.pump()
    assert await stage.letters() == []
    await stage.done("PUT", "/v1/sources/shop", make.shop() | {"late_days": 30})
    for name, days in (("b", 30), ("c", 30.01)):
        await stage.send(make.cloud(make.order(name, 1, at=at(stage, -24 * days))))
    await stage.pump()
    (letter,) = await stage.letters()
    assert (letter["cause"], letter["event_id"]) == ("too-late", "c")
    assert await stage.total("gross_revenue") == (Decimal(2), 2)


@pytest.mark.parametrize("field", [{"ahead_hours": -1}, {"late_days": 0}, {"drift": "fail"}])
async def test_a_source_with_limits_that_make_no_sense_is_refused(
    stage: Any, make: Any, field: dict[str, Any]
) -> None:
    answer = await stage.call("POST", "/v1/sources", make.shop() | field)
    assert (answer.status_code, answer.json()["error"]["where"]) == (422, f"$.{next(iter(field))}")


async def test_first_whole_prices_and_then_19_99_count_exactly(stage: Any, make: Any) -> None:
    """PostHog 64164: a column inferred from whole numbers refused every fraction after them."""
    await stage.declare()
    for name, price in (("a", 20), ("b", 5), ("c", Decimal("19.99")), ("d", "0.01")):
        await stage.send(make.cloud(make.order(name, price)))
        await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal("45.00"), 4)
    assert await stage.letters() == []


async def test_a_quarantined_source_keeps_out_what_has_a_field_nobody_knows(
    stage: Any, make: Any
) -> None:
    strict = make.shop() | {"drift": "quarantine"}
    for door, under in (("http", "data."), ("topic:shop.orders", "")):
        strict["doors"][door]["known"] = [f"{under}event_id", f"{under}type", f"{under}extra"]
    await stage.done("POST", "/v1/sources", strict)
    for metric in make.shop_metrics():
        await stage.done("POST", "/v1/metrics", metric)
    good = make.cloud(make.order("a", 1) | {"extra": {"any": [1]}})
    drifted = make.cloud(make.order("b", 2))
    drifted["data"]["dims"]["city"] = "Leeds"
    await stage.send(good, drifted)
    await stage.pump()
    (letter,) = await stage.letters()
    assert (letter["cause"], letter["where"]) == ("schema-drift", "data.dims.city")
    assert letter["failure"]["got"] == "string"
    assert await stage.total("gross_revenue") == (Decimal(1), 1)

    for door, under in (("http", "data."), ("topic:shop.orders", "")):
        strict["doors"][door]["known"] += [f"{under}dims.city"]
    await stage.done("PUT", "/v1/sources/shop", strict)
    group = {"source": "shop", "cause": "schema-drift", "where": "data.dims.city"}
    done = await stage.done("POST", "/v1/dead-letters/replay", group | {"where": "data.other"})
    assert done["replayed"] == 0
    assert (await stage.done("POST", "/v1/dead-letters/replay", group))["replayed"] == 1
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal(3), 2)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a.b", [["a", "b"]]),
        ("a.0.b", [["a", "b"]]),
        ("a[name=email].value", [["a", "name"], ["a", "value"]]),
        ("a:json.b", [["a"]]),
        ("{a}/{b.c}/{#d}", [["a"], ["b", "c"], ["d"]]),
        ("=constant", []),
        ("@received", []),
        ("#", []),
        (r"a\.b.c", [["a.b", "c"]]),
        ("{a[b=c.d].e}/{f}", [["a", "b"], ["a", "e"], ["f"]]),
        ("people[].phone", [["people", "phone"]]),
        ("header.number:0000", [["header", "number"]]),
    ],
)
def test_the_names_that_a_path_reads(path: str, steps: list[list[str]]) -> None:
    assert list(steps_of(path)) == steps


def test_unknown_paths_are_counted_up_to_a_number_and_not_below_themselves() -> None:
    known = Known.of(
        Mapping(
            id=("id",),
            type=("=x",),
            time=("time",),
            fields={"value": FieldMapping(paths=("rows.value",))},
            known=("rows.any",),
        )
    )
    sampled = Sampled()
    for n in range(3):
        rows = [{"value": 1, "any": {"x": 1}, "new": {"deep": 1}}, {"new": 2}]
        sampled.look({"id": "a", "time": "t", "rows": rows, f"k{n}": None}, known, n)
    assert {path: (s.count, s.first_ms, s.last_ms) for path, s in sampled.paths.items()} == {
        "rows.new": (3, 0, 2),
        "k0": (1, 0, 0),
        "k1": (1, 1, 1),
        "k2": (1, 2, 2),
    }
    sampled.look({f"n{n}": 1 for n in range(2 * MOST_PATHS)}, known, 9)
    assert (len(sampled.paths), sampled.others, sampled.sampled) == (MOST_PATHS, MOST_PATHS + 4, 4)


async def test_fields_that_no_mapping_knows_are_sampled_kept_and_told_until_they_are_mapped(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    first, second = make.cloud(make.order("a", 1)), make.cloud(make.order("b", 1))
    second["data"]["coupon"] = "X"
    await stage.send(first, second)
    await stage.pump()
    await stage.start()
    third = make.cloud(make.order("c", 1))
    third["data"]["coupon"] = "Y"
    await stage.send(third)
    stage.clock.ms += HOUR_MS
    await stage.pump()

    drift = await stage.done("GET", "/v1/sources/shop/drift")
    found = {each["path"]: (each["count"], each["sort"]) for each in drift["items"]}
    assert found == {
        "data.coupon": (2, "string"),
        "data.event_id": (3, "string"),
        "data.type": (3, "string"),
    }
    assert (drift["sampled"], drift["others"], drift["drift"]) == (3, 0, "ignore")
    source = make.shop()
    for door, under in (("http", "data."), ("topic:shop.orders", "")):
        source["doors"][door]["known"] = [f"{under}coupon"]
    await stage.done("PUT", "/v1/sources/shop", source)
    drift = await stage.done("GET", "/v1/sources/shop/drift")
    assert {each["path"] for each in drift["items"]} == {"data.event_id", "data.type"}
    assert (await stage.call("GET", "/v1/sources/none/drift")).status_code == 404


async def test_a_large_slice_is_sampled_and_written_only_when_a_path_is_new(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    await stage.send(*[make.cloud(make.order(f"e{n}", 1)) for n in range(1000)])
    await stage.pump()
    drift = await stage.done("GET", "/v1/sources/shop/drift")
    assert 16 <= drift["sampled"] <= 36  # eight or a few more of each of two partitions
    await stage.send(*[make.cloud(make.order(f"f{n}", 1)) for n in range(100)])
    await stage.pump()
    same = await stage.done("GET", "/v1/sources/shop/drift")
    assert same == drift
