"""Rules and the kinds of metrics: what adds up is praised, what does not is refused at once."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from event_contracts.facts import Cell
from event_contracts.metrics import MetricDefined
from event_contracts.wire import encode
from service_kit.errors import UserError

NINE = int(datetime(2011, 1, 18, 9, tzinfo=UTC).timestamp()) // 60
REMEDY = {
    "ratio": ("additive metric of its numerator", "分子的 additive 指标"),
    "conversion": ("additive metric of its numerator", "分子的 additive 指标"),
    "unique": ("unit-threshold metric with the same field in of and threshold 1", "threshold 为 1"),
    "quantile": ("additive metric: the events whose value reaches a limit", "达到界限的事件数"),
}


@pytest.mark.parametrize("kind", REMEDY)
async def test_a_rule_on_what_does_not_add_up_is_refused_with_what_to_use_instead(
    stage: Any, kind: str
) -> None:
    await stage.define("m", kind)
    with pytest.raises(UserError) as caught:
        await stage.rule(metric="m")
    error = caught.value
    assert (error.code, error.where, error.status) == ("metric-not-additive", "$.metric", 422)
    assert (error.en[:7], error.zh[:3]) == ("m is a ", "m 是")
    assert [
        part in text for part, text in zip(REMEDY[kind], (error.en, error.zh), strict=True)
    ] == [
        True,
        True,
    ]
    assert await stage.store.db["rules"].find({}).to_list(None) == []


async def test_a_rule_on_a_metric_that_nobody_defined_is_refused(stage: Any) -> None:
    with pytest.raises(UserError) as caught:
        await stage.rule(metric="gros_revenue")
    assert (caught.value.code, caught.value.where) == ("metric-unknown", "$.metric")
    await stage.define("gros_revenue", tenant="other-shop")
    with pytest.raises(UserError):
        await stage.rule(metric="gros_revenue")


async def test_a_rule_on_units_counts_those_that_reached_their_threshold_once_per_deed(
    stage: Any,
) -> None:
    """Three articles of an author with 50 leads each: the units' ones add up, a withdrawn one too.

    Facts of a unit-threshold metric are +1 where a unit reaches its threshold, -1 where a
    correction takes it below again; with a window on the day of the first event.
    """
    await stage.define("strong_articles", "unit-threshold", window_days=30)
    await stage.rule(metric="strong_articles", dim="country", threshold=Decimal(3))

    def units(*signs: int, value: str) -> Any:
        cells = tuple(Cell(NINE + i, 0, Decimal(sign), sign) for i, sign in enumerate(signs))
        dims = ({"country": value},)
        return stage.gross(metric="strong_articles", dims=dims, cells=cells)

    await stage.feed(units(1, 1, -1, value="Anna"), units(1, 1, value="Bo"))
    assert await stage.awards() == []
    await stage.feed(units(1, value="Anna"), units(1, value="Bo"))
    (award,) = await stage.awards()
    assert (award["value"], award["actual"], award["day"]) == ("Bo", Decimal(3), "2011-01-18")
    await stage.feed(units(1, value="Anna"))
    assert [each["value"] for each in await stage.awards()] == ["Bo", "Anna"]


async def test_a_rule_on_a_cumulative_metric_sums_what_the_day_adds(stage: Any) -> None:
    """As a goal on it does: the total of all time is 19,000, yet no day reached 10,000."""
    await stage.define("revenue_so_far", "cumulative")
    await stage.rule(metric="revenue_so_far")
    day = 24 * 60
    for minute in (NINE - day, NINE):
        await stage.feed(stage.gross((minute, "France", "9500"), metric="revenue_so_far"))
    assert await stage.awards() == []
    await stage.feed(stage.gross((NINE, "France", "500"), metric="revenue_so_far"))
    (award,) = await stage.awards()
    assert (award["actual"], award["day"]) == (Decimal(10_000), "2011-01-18")


@pytest.mark.parametrize("beside", [{"over": (Decimal(20_000),)}, {"sketches": (b"\x01",)}])
async def test_a_rule_older_than_its_refusal_sums_no_numerators(
    stage: Any, beside: dict[str, Any]
) -> None:
    await stage.rule()
    await stage.feed(stage.gross((NINE, "France", "20000"), **beside))
    assert (await stage.awards(), await stage.totals()) == ([], [])
    assert await stage.dead_letters() == []


async def test_the_highest_version_of_a_definition_holds_and_a_broken_one_is_a_dead_letter(
    stage: Any,
) -> None:
    await stage.define("m", "additive", version=2)
    await stage.define("m", "ratio", version=1)
    await stage.learn(b"{", None, encode(defined("n")))
    assert [letter["cause"] for letter in await stage.dead_letters()] == ["undecodable"]
    assert (await stage.rule(metric="m", start=date(2011, 1, 1))).metric == "m"
    assert (await stage.rule(metric="n", id="n")).metric == "n"


def defined(metric: str) -> MetricDefined:
    return MetricDefined(
        tenant="shop", metric=metric, version=1, kind="additive", source="orders", unit="1"
    )
