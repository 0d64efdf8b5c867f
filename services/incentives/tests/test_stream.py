"""The door of the facts: each row once, each deed once, whatever is sent again or started again."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from event_contracts.facts import Cell, GoalControl, Watermark
from event_contracts.wire import deed_id, key_of, partition_of
from incentives.handlers import ChangeRule, StopRule
from service_kit.testing.outboxes import rows_in

NINE = int(datetime(2011, 1, 18, 9, tzinfo=UTC).timestamp()) // 60


async def test_the_first_crossing_is_awarded_and_sent_once(stage: Any) -> None:
    await stage.rule()
    await stage.feed(stage.gross((NINE, "France", "9999.999")))
    assert await stage.awards() == []
    await stage.feed(stage.gross((NINE + 60, "France", "0.001"), (NINE + 60, "EIRE", "30")))
    await stage.feed(stage.gross((NINE + 61, "France", "500")))
    (award,) = await stage.awards()
    (praised,) = await stage.rewards()
    expected = deed_id("shop", "country-10k", "France", "2011-01-18", "praise")
    assert award["_id"] == praised.id == expected
    assert award["actual"] == praised.actual == Decimal("10000.000")
    assert (praised.value, praised.dim, praised.rule_version) == ("France", "country", 1)
    assert praised.window_start == praised.window_end == date(2011, 1, 18)
    assert praised.at == datetime(2011, 1, 18, 10, tzinfo=UTC)


async def test_a_praise_goes_to_the_partition_and_key_of_its_rule(stage: Any) -> None:
    await stage.rule(threshold=Decimal(1))
    await stage.feed(stage.gross((NINE, "a|b", "5")))
    (row,) = await rows_in(stage.store)
    assert row["key"] == key_of("shop", "country-10k", "a|b").encode()
    assert row["partition"] == partition_of(4, "shop", "country-10k")
    assert row["lane"] == f"incentives:facts/1>rewards/{row['partition']}"


async def test_rows_that_are_sent_again_count_once(stage: Any) -> None:
    await stage.rule()
    first, second = stage.gross((NINE, "France", "6000")), stage.gross((NINE, "EIRE", "1"))
    await stage.feed(first, second, first)
    await stage.feed(first)
    (france,) = [t for t in await stage.totals() if t["value"] == "France"]
    assert (france["amount"], france["count"]) == (Decimal(6000), 1)
    assert await stage.awards() == []


async def test_a_restart_forgets_nothing(stage: Any) -> None:
    await stage.rule()
    row = stage.gross((NINE, "France", "6000"))
    await stage.feed(row)
    await stage.restart()
    await stage.feed(row, stage.gross((NINE, "France", "4000")))
    await stage.restart()
    await stage.feed(row, stage.gross((NINE, "France", "9000")))
    assert [award["actual"] for award in await stage.awards()] == [Decimal(10_000)]
    assert len(await stage.rewards()) == 1


async def test_a_correction_down_and_up_again_makes_no_second_deed(stage: Any) -> None:
    await stage.rule()
    await stage.feed(stage.gross((NINE, "France", "10500")))
    await stage.feed(stage.gross((NINE, "France", "-10500")))
    await stage.restart()
    await stage.feed(stage.gross((NINE, "France", "11000")))
    assert [award["actual"] for award in await stage.awards()] == [Decimal(10_500)]


async def test_a_crossing_inside_a_slice_does_not_depend_on_how_rows_are_sliced(stage: Any) -> None:
    await stage.rule()
    await stage.feed(
        stage.gross((NINE, "France", "10500")), stage.gross((NINE, "France", "-10500"))
    )
    assert [award["actual"] for award in await stage.awards()] == [Decimal(10_500)]
    (total,) = await stage.totals()
    assert (total["amount"], total["praised"]) == (Decimal(0), True)


async def test_a_late_row_of_a_lane_is_still_applied_once(stage: Any) -> None:
    await stage.rule()
    early, late = stage.gross((NINE, "France", "6000")), stage.gross((NINE, "France", "4000"))
    await stage.feed(late)
    await stage.feed(early)
    await stage.feed(early, late)
    assert [award["actual"] for award in await stage.awards()] == [Decimal(10_000)]


async def test_facts_that_arrived_before_the_rule_do_not_count(stage: Any) -> None:
    await stage.feed(stage.gross((NINE, "France", "9000")))
    await stage.rule()
    await stage.feed(stage.gross((NINE, "France", "9000")))
    assert await stage.awards() == []
    (total,) = await stage.totals()
    assert total["amount"] == Decimal(9000)


async def test_a_changed_threshold_holds_from_the_next_batch_on_and_keeps_the_sum(
    stage: Any,
) -> None:
    await stage.rule()
    await stage.feed(stage.gross((NINE, "France", "6000")))
    await stage.do(ChangeRule("shop", "country-10k", None, Decimal(6500), "key:test"))
    await stage.feed(stage.gross((NINE, "France", "600"), (NINE, "EIRE", "1")))
    (praised,) = await stage.rewards()
    assert (praised.rule_version, praised.threshold) == (2, Decimal(6500))
    assert praised.actual == Decimal(6600)


async def test_a_stopped_rule_praises_no_more(stage: Any) -> None:
    await stage.rule()
    await stage.feed(stage.gross((NINE, "France", "6000")))
    await stage.do(StopRule("shop", "country-10k", "key:test"))
    await stage.feed(stage.gross((NINE, "France", "60000")))
    assert await stage.awards() == []


async def test_a_rule_that_changed_while_only_others_facts_came_holds_and_heads_are_asked_for_once(
    stage: Any,
) -> None:
    await stage.rule()
    await stage.rule(tenant="other-shop")
    one, other = (stage.gross((NINE, "France", "6000"), tenant=t) for t in ("shop", "other-shop"))
    await stage.feed(one, other)
    await stage.do(ChangeRule("shop", "country-10k", None, Decimal(6500), "key:test"))
    await stage.feed(stage.gross((NINE, "France", "1"), tenant="other-shop"))
    await stage.feed(stage.gross((NINE, "France", "600")))
    assert [praised.rule_version for praised in await stage.rewards()] == [2]

    asked: list[str] = []

    async def point(what: str) -> None:
        asked.append(what)

    stage.mongo.point = point
    await stage.feed(
        stage.gross((NINE, "EIRE", "1")), stage.gross((NINE, "EIRE", "1"), tenant="other-shop")
    )
    stage.mongo.point = None
    assert asked.count("find:rule_heads") == 0
    assert asked.count("find:rule_moves") == 1


async def test_loaded_history_pays_nothing(stage: Any) -> None:
    await stage.rule()
    await stage.feed(stage.gross((NINE, "France", "20000"), history=True))
    assert await stage.awards() == []
    assert await stage.totals() == []


async def test_tenants_and_metrics_are_kept_apart(stage: Any) -> None:
    await stage.rule()
    await stage.rule(tenant="other-shop", threshold=Decimal(5))
    await stage.feed(
        stage.gross((NINE, "France", "9000")),
        stage.gross((NINE, "France", "9000"), metric="net_revenue"),
        stage.gross((NINE, "France", "4"), tenant="other-shop"),
    )
    assert await stage.awards() == []
    await stage.feed(stage.gross((NINE, "France", "1"), tenant="other-shop"))
    assert [award["tenant"] for award in await stage.awards()] == ["other-shop"]


async def test_watermarks_and_goal_controls_only_move_the_position_and_the_lanes(
    stage: Any,
) -> None:
    await stage.rule()
    control = GoalControl(
        tenant="shop",
        metric="gross_revenue",
        goal="g",
        goal_version=1,
        zone="Europe/London",
        start=date(2011, 1, 1),
        end=date(2011, 1, 31),
    )
    await stage.feed(
        stage.row(Watermark(origin="metrics-ingest:raw/0", at_ms=5)),
        stage.row(control, "goal-service:api:goal-service-0"),
        stage.gross((NINE, "France", "10000")),
    )
    assert stage.applier.next[stage.partition] == 3
    (kept,) = await stage.store.db["lanes_in"].find({}).to_list(None)
    lanes = kept["lanes"]
    assert {lane["origin"]: lane["high"] for lane in lanes} == {
        "metrics-ingest:raw/0": 2,
        "goal-service:api:goal-service-0": 1,
    }
    assert all(lane["missing"] == [] for lane in lanes)
    assert len(await stage.awards()) == 1
    assert await stage.dead_letters() == []


async def test_what_nothing_can_apply_is_a_dead_letter_and_the_rest_goes_on(stage: Any) -> None:
    await stage.rule()
    broken = replace(stage.gross((NINE, "France", "1")), value=b"{")
    deep = replace(stage.gross((NINE, "France", "1")), value=b'{"x":' + b"[" * 100_000)
    unknown = replace(stage.gross((NINE, "France", "1")), value=b'{"type":"weather.report.v1"}')
    no_lane = replace(stage.gross((NINE, "France", "1")), headers={})
    stage.seqs["metrics-ingest:raw/0"] -= 1  # the row without headers took no seq
    nan = stage.gross((NINE, "France", "NaN"))
    outside = stage.gross(
        (NINE, "France", "1"), cells=(Cell(minute=NINE, dims=-1, sum=Decimal(1), count=1),)
    )
    good = stage.gross((NINE, "France", "10000"))
    await stage.feed(broken, deep, unknown, no_lane, nan, outside, good)
    letters = await stage.dead_letters()
    assert [letter["cause"] for letter in letters] == [
        "undecodable",
        "undecodable",
        "undecodable",
        "no-lane",
        "amount",
        "dims",
    ]
    assert {(letter["tenant"], letter["source"]) for letter in letters} == {("shop", "facts/1")}
    assert [award["actual"] for award in await stage.awards()] == [Decimal(10_000)]
    (kept,) = await stage.store.db["lanes_in"].find({}).to_list(None)
    (lane,) = kept["lanes"]
    assert (lane["high"], lane["missing"]) == (6, [])


async def test_one_seq_with_two_ranges_halts_the_partition(stage: Any) -> None:
    await stage.rule()
    row = stage.gross((NINE, "France", "1"))
    await stage.feed(row)
    await stage.feed(replace(row, headers={**row.headers, "range": b"11-12"}))
    assert stage.applier.halted == {stage.partition: "lane-conflict"}
