"""/v1/metrics/try: what samples would come to, and that nothing is kept."""

from decimal import Decimal
from typing import Any

import pytest

BIG = {
    "name": "big_orders",
    "source": "shop",
    "value": "gross",
    "types": ["order.placed"],
    "where": [{"field": "gross", "op": "ge", "value": 10}],
    "dims": ["country"],
}


async def tried(stage: Any, metric: dict[str, Any], *events: Any, **more: Any) -> Any:
    body = {"metric": metric, "events": list(events)} | more
    return await stage.done("POST", "/v1/metrics/try", body)


async def test_each_sample_says_what_it_adds_or_why_not_and_nothing_is_written(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    good, small = make.cloud(make.order("a", "12.50")), make.cloud(make.order("b", 3))
    other = make.cloud(make.order("c", 50) | {"type": "order.cancelled"})
    broken = make.cloud(make.order("d", "much"))
    found = await tried(stage, BIG, good, small, other, broken, good)

    assert [event["adds"] and Decimal(event["adds"]["sum"]) for event in found["events"]] == [
        Decimal("12.5"),
        None,
        None,
        None,
        None,
    ]
    assert [[(w["code"], w["where"]) for w in event["why"]] for event in found["events"]] == [
        [],
        [("condition-unmet", "$.where[0]")],
        [("type-differs", "$.types")],
        [("wrong-kind", "data.gross")],
        [("id-twice", "id")],
    ]
    assert found["events"][1]["read"]["fields"]["gross"] == "3"
    (cell,) = found["cells"]
    assert (cell["at"], cell["dims"]) == (
        "2011-05-06T12:07:00.000Z",
        {"country": "United Kingdom"},
    )
    assert (Decimal(found["total"]["sum"]), found["total"]["count"]) == (Decimal("12.5"), 1)
    assert (await stage.call("GET", "/v1/metrics/big_orders")).status_code == 404
    assert all(records == [] for records in stage.log.records.values())


async def test_the_total_of_a_trial_is_exact(stage: Any, make: Any) -> None:
    await stage.declare()
    metric = BIG | {"where": []}
    largest = "999999999999999999.999999999999"
    samples = [
        make.cloud(make.order(country, largest, country=country)) for country in ("a", "b", "c")
    ]
    found = await tried(stage, metric, *samples)
    assert found["total"]["sum"] == "2999999999999999999.999999999997"


async def test_a_source_that_is_not_declared_yet_can_be_tried_with_its_metric(
    stage: Any, make: Any
) -> None:
    metric = {
        "name": "share_abroad",
        "source": "shop",
        "kind": "ratio",
        "where": [{"field": "country", "op": "ne", "value": "United Kingdom"}],
        "over": {},
    }
    events = [make.order("a", 1), make.order("b", 1, country="France"), make.order("c", 1)]
    found = await tried(stage, metric, *events, source=make.shop(), door="topic:shop.orders")
    assert [(Decimal(c["sum"]), Decimal(c["over"])) for c in found["cells"]] == [(1, 3)]
    assert [(e["adds"]["sum"], len(e["why"])) for e in found["events"]] == [
        ("0", 1),
        ("1", 0),
        ("0", 1),
    ]
    assert (await stage.call("GET", "/v1/sources/shop")).status_code == 404


async def test_sketches_are_shown_by_what_they_estimate(stage: Any, make: Any) -> None:
    await stage.declare()
    events = [make.cloud(make.order(str(n), n, country=f"c{n % 3}")) for n in range(1, 10)]
    unique = {"name": "countries", "source": "shop", "kind": "unique", "of": "country"}
    assert (await tried(stage, unique, *events))["total"]["estimate"] == "3"
    median = {"name": "m", "source": "shop", "kind": "quantile", "value": "gross"}
    found = await tried(stage, median | {"quantile": "0.5"}, *events)
    assert Decimal(found["total"]["estimate"]) == 5


async def test_units_and_conversions_are_tried_with_the_history_of_the_samples(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    events = [
        make.cloud(make.order("a", 30, country="France", at="2011-05-06T10:00:00")),
        make.cloud(make.order("b", 30, country="France", at="2011-05-07T10:00:00")),
        make.cloud(make.order("c", 5, country="Eire", at="2011-05-07T10:00:00")),
    ]
    units = {"name": "big", "source": "shop", "kind": "unit-threshold", "of": "country"}
    found = await tried(stage, units | {"threshold": 50, "value": "gross"}, *events)
    assert (Decimal(found["total"]["sum"]), found["needs_history"]) == (1, True)
    conversion = {
        "name": "again",
        "source": "shop",
        "kind": "conversion",
        "of": "country",
        "where": [{"field": "gross", "op": "le", "value": 30}],
        "over": {"where": [{"field": "gross", "op": "eq", "value": 5}]},
        "window_days": 3,
    }
    total = (await tried(stage, conversion, *events))["total"]
    assert (Decimal(total["sum"]), Decimal(total["over"])) == (1, 2)


async def test_a_state_that_is_told_twice_counts_as_the_newer_one(stage: Any, make: Any) -> None:
    entity = {"kind": "entity", "types": ["order.placed"], "key": ["country"]}
    source = make.shop() | {"contributions": [entity]}
    source["doors"] = {"http": source["doors"]["http"]}  # by a topic a state needs its as_of
    orders = [make.order("a", 30, country="France"), make.order("b", 20, country="France")]
    metric = {"name": "open_value", "source": "shop", "value": "gross"}
    found = await tried(stage, metric, *map(make.cloud, orders), source=source)
    assert (Decimal(found["total"]["sum"]), found["needs_history"]) == (20, True)


async def test_a_state_that_says_its_record_is_no_more_adds_nothing(stage: Any, make: Any) -> None:
    gone = [{"field": "gross", "op": "eq", "value": 0}]
    entity = {"kind": "entity", "types": ["order.placed"], "key": ["country"], "gone": gone}
    source = make.shop() | {"contributions": [entity]}
    source["doors"] = {"http": source["doors"]["http"]}
    orders = [make.order("a", 30, country="France"), make.order("b", 0, country="France")]
    found = await tried(
        stage, {"name": "orders", "source": "shop"}, *map(make.cloud, orders), source=source
    )
    assert [event["adds"] is None for event in found["events"]] == [False, True]
    assert [why["code"] for why in found["events"][1]["why"]] == ["record-gone"]
    assert Decimal(found["total"]["sum"]) == 0


async def test_a_body_of_several_events_is_taken_apart(stage: Any, make: Any) -> None:
    source = make.shop()
    mapping = make.shop_mapping("item.", "item.event_id") | {
        "each": "orders[]",
        "type": ["item.type"],
    }
    source["doors"] = {"hook": mapping}
    metric = {"name": "value", "source": "shop", "value": "gross"}
    body = {"orders": [make.order("a", 30), make.order("b", 20)]}
    found = await tried(stage, metric, body, source=source, door="hook")
    assert [event["id"] for event in found["events"]] == ["a", "b"]
    assert Decimal(found["total"]["sum"]) == 50


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"metric": BIG | {"value": "nope"}}, "invalid-value", "$.value"),
        ({"metric": BIG | {"source": "nope"}}, "invalid-value", "$.source"),
        ({"door": "topic:nope"}, "unknown-door", "$.door"),
        ({"events": []}, "samples-count", "$.events"),
        ({"events": [{}] * 201}, "samples-count", "$.events"),
        ({"metric": {"name": "orders", "source": "shop"}}, "invalid-value", "$.dims"),
        ({"metric": BIG | {"of": 3}}, "wrong-type", "$.metric.of"),
    ],
)
async def test_what_could_not_be_written_cannot_be_tried(
    stage: Any, make: Any, change: dict[str, Any], code: str, where: str
) -> None:
    await stage.declare()
    body = {"metric": BIG, "events": [make.cloud(make.order("a", 1))]} | change
    response = await stage.call("POST", "/v1/metrics/try", body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["where"]) == (422, code, where)


async def test_samples_that_are_too_large_together_are_refused(stage: Any, make: Any) -> None:
    await stage.declare()
    body = {"metric": BIG, "events": [{"x": "y" * 300_000}] * 2}
    assert (await stage.call("POST", "/v1/metrics/try", body)).status_code == 413


async def test_a_sample_that_is_no_object_says_so(stage: Any, make: Any) -> None:
    await stage.declare()
    found = await tried(stage, BIG, 3, "x", None)
    assert {event["why"][0]["code"] for event in found["events"]} == {"unreadable"}


async def test_a_sample_with_several_events_is_taken_apart_as_its_door_does(stage: Any) -> None:
    door = {
        "each": "rows[]",
        "drop": ["rows[].key"],
        "id": ["item.id"],
        "type": ["=row"],
        "time": ["@received"],
        "fields": {"n": {"paths": ["item.n"], "kind": "decimal"}, "test": {"paths": ["item.test"]}},
        "skip": [{"field": "test", "op": "eq", "value": "true"}],
    }
    source = {"name": "rows", "doors": {"hook": door}}
    metric = {"name": "rows_n", "source": "rows", "value": "n"}
    body = {"rows": [{"id": "a", "n": "1.5"}, {"id": "b", "n": "x"}, {"id": "c", "test": True}]}
    found = await tried(stage, metric, body, {"none": 1}, source=source, door="hook")
    whys = [[why["code"] for why in event["why"]] for event in found["events"]]
    assert whys == [[], ["wrong-kind"], ["skipped"], ["no-such-list"]]
    assert Decimal(found["total"]["sum"]) == Decimal("1.5")


async def test_a_body_that_is_a_list_is_tried_whole_or_by_its_items_with_the_address_query(
    stage: Any,
) -> None:
    """As Google's answers are; a file's list of samples arrives by its items."""
    door = {
        "each": "[].results[]",
        "id": ["{query.account}/{item.id}"],
        "type": ["=row"],
        "time": ["@received"],
        "fields": {"n": {"paths": ["item.n"], "kind": "decimal"}},
    }
    source = {"name": "rows", "doors": {"hook": door}}
    metric = {"name": "rows_n", "source": "rows", "value": "n"}
    one, two = {"results": [{"id": "a", "n": 1}]}, {"results": [{"id": "b", "n": 2}]}
    asked = {"source": source, "door": "hook", "query": {"account": "7"}}
    for samples in ((one, two), ([one, two],)):
        found = await tried(stage, metric, *samples, **asked)
        assert [event["id"] for event in found["events"]] == ["7/a", "7/b"]
        assert Decimal(found["total"]["sum"]) == 3
