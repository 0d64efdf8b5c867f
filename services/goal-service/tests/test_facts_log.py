"""The facts log: every row once, whatever order rows and goals come in."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest

from event_contracts.facts import Accepted, Condition, FactBatch, Watermark
from event_contracts.progress import BackFilled, DayProgress, SourceAlive
from event_contracts.wire import partition_of
from service_kit.records import Partition, Record

TEN = int(datetime(2011, 1, 18, 10, tzinfo=UTC).timestamp()) // 60
DAY = date(2011, 1, 18)
UK = "United Kingdom"
ABROAD = (Condition(dim="country", none_of=(UK,)),)


def only(*countries: str) -> tuple[Condition, ...]:
    return (Condition(dim="country", any_of=countries),)


async def test_facts_are_added_to_the_goals_whose_filter_they_meet_and_sent_absolute(
    stage: Any,
) -> None:
    await stage.feed(stage.use("all"), stage.use("export", where=ABROAD))
    await stage.feed(stage.cells((TEN, UK, "139.12"), (TEN, "France", "0.001")))
    await stage.feed(stage.cells((TEN + 1, "France", "-0.0005")))

    assert await stage.days("all") == {DAY: Decimal("139.1205")}
    assert await stage.days("export") == {DAY: Decimal("0.0005")}
    sent = [m for m in await stage.sent("progress") if isinstance(m, DayProgress)]
    found = [(m.goal, m.value, m.count, m.version) for m in sent]
    assert sorted(found) == [
        ("all", Decimal("139.1205"), 3, 2),
        ("all", Decimal("139.121"), 2, 1),
        ("export", Decimal("0.0005"), 2, 2),
        ("export", Decimal("0.001"), 1, 1),
    ]


async def test_a_day_is_written_and_sent_once_per_batch_however_many_rows_touch_it(
    stage: Any,
) -> None:
    await stage.feed(stage.use("all"))
    await stage.feed(*(stage.cells((TEN + n, UK, "1")) for n in range(50)))
    sent = [m for m in await stage.sent("progress") if isinstance(m, DayProgress)]
    assert [(m.value, m.count, m.version) for m in sent] == [(50, 50, 1)]
    assert len(await stage.all("loose_facts")) == 1


async def test_a_row_that_comes_again_counts_once_after_a_restart_too(stage: Any) -> None:
    await stage.feed(stage.use("all"))
    row = stage.cells((TEN, UK, "5"))
    await stage.feed(row, row)
    await stage.restart()
    await stage.feed(row)
    assert await stage.days("all") == {DAY: 5}


async def test_a_goal_made_in_mid_period_has_what_came_before_and_after_it_in_one_batch(
    stage: Any,
) -> None:
    before = stage.cells((TEN - 1440, UK, "1"), (TEN, UK, "2"), (TEN - 40 * 1440, UK, "100"))
    await stage.feed(before)
    await stage.feed(
        stage.cells((TEN, UK, "4")), stage.use("late"), stage.cells((TEN + 1440, UK, "8"))
    )
    expected = {date(2011, 1, 17): 1, DAY: 6, date(2011, 1, 19): 8}
    assert await stage.days("late") == expected
    assert await stage.last_sent("late") == expected


async def test_back_filled_is_sent_behind_the_days_that_it_speaks_of(stage: Any) -> None:
    await stage.feed(stage.cells((TEN, UK, "4"), (TEN + 1440, UK, "2")))
    await stage.feed(stage.use("late"))
    kinds = [type(m) for m in await stage.sent("progress") if getattr(m, "goal", "") == "late"]
    assert kinds == [DayProgress, DayProgress, BackFilled]


@pytest.mark.parametrize("most_hot", [256, 1])
@pytest.mark.parametrize("seed", range(40))
async def test_any_order_of_facts_and_goals_with_rows_sent_again_ends_at_the_fold_of_all_facts(
    stage: Any, seed: int, most_hot: int
) -> None:
    stage.most_hot = most_hot
    await stage.restart()
    rng = random.Random(seed)
    countries = [UK, "France", "Norway"]
    first = TEN - 21 * 1440
    facts: list[tuple[int, str, str]] = []
    rows: list[Record] = []
    for _ in range(25):
        cells = [
            (
                first + rng.randrange(50 * 1440),
                rng.choice(countries),
                str(Decimal(rng.randrange(-2000, 9000)) / 1000),
            )
            for _ in range(rng.randrange(1, 5))
        ]
        facts += cells
        rows.append(stage.cells(*cells, origin=f"metrics-ingest:raw/{rng.randrange(3)}"))
    goals = {"all": (), "export": ABROAD, "nordic": only("Norway", "Sweden")}
    rows += [stage.use(goal, where=where) for goal, where in goals.items()]
    # A later version replaces another filter and period, whichever comes first.
    rows.append(stage.use("moved", where=only(UK), end=date(2011, 1, 20)))
    rows.append(stage.use("moved", where=only("France"), start=date(2011, 1, 10), goal_version=2))
    rng.shuffle(rows)
    rows += rng.sample(rows, 10)  # sent again
    while rows:
        size = rng.randrange(1, 8)
        part, rows = rows[:size], rows[size:]
        await stage.feed(*part)
        if rng.random() < 0.2:
            await stage.restart()

    def fold(allowed: Any, start: date) -> dict[date, Decimal]:
        days: dict[date, Decimal] = {}
        for minute, country, amount in facts:
            day = datetime.fromtimestamp(minute * 60, UTC).date()  # January: London is UTC
            if allowed(country) and start <= day <= date(2011, 1, 31):
                days[day] = days.get(day, Decimal(0)) + Decimal(amount)
        return {day: value for day, value in days.items() if value}

    january = date(2011, 1, 1)
    expected = {
        "all": fold(lambda c: True, january),
        "export": fold(lambda c: c != UK, january),
        "nordic": fold(lambda c: c == "Norway", january),
        "moved": fold(lambda c: c == "France", date(2011, 1, 10)),
    }
    for goal, days in expected.items():
        assert await stage.days(goal) == days
        assert await stage.last_sent(goal) == days


async def test_a_version_with_another_filter_and_period_lets_the_days_outside_come_to_0(
    stage: Any,
) -> None:
    await stage.feed(stage.use("g"), stage.cells((TEN, UK, "4"), (TEN + 1440, "France", "2")))
    await stage.feed(stage.use("g", goal_version=2, end=DAY))
    assert await stage.days("g") == {DAY: 4}
    assert await stage.last_sent("g") == {DAY: 4}
    await stage.feed(stage.use("g", goal_version=3, zone="Asia/Shanghai", where=only("France")))
    assert await stage.days("g") == {date(2011, 1, 19): 2}


async def test_a_version_that_counts_the_same_sends_only_that_it_is_back_filled(
    stage: Any,
) -> None:
    await stage.feed(stage.use("g"), stage.cells((TEN, UK, "4")))
    await stage.feed(stage.use("g", goal_version=2))
    sent = await stage.sent("progress")
    assert [m.goal_version for m in sent if isinstance(m, BackFilled)] == [1, 2]
    assert [m.version for m in sent if isinstance(m, DayProgress)] == [1]
    await stage.feed(stage.cells((TEN, UK, "1")))
    last = max(
        (m for m in await stage.sent("progress") if isinstance(m, DayProgress)),
        key=lambda m: m.version,
    )
    assert (last.value, last.goal_version) == (5, 2)


async def test_a_stopped_goal_counts_no_further_and_counts_all_when_it_runs_again(
    stage: Any,
) -> None:
    await stage.feed(stage.use("g"), stage.cells((TEN, UK, "4")))
    await stage.feed(stage.use("g", goal_version=2, stopped=True), stage.cells((TEN, UK, "1")))
    assert await stage.days("g") == {DAY: 4}
    await stage.restart()
    await stage.feed(stage.use("g", goal_version=1))  # older than what is known
    assert await stage.days("g") == {DAY: 4}
    await stage.feed(stage.use("g", goal_version=3))
    assert await stage.days("g") == {DAY: 5}


async def test_what_stands_before_the_stop_in_the_log_counts_and_what_stands_behind_does_not(
    stage: Any,
) -> None:
    await stage.feed(stage.use("g"))
    stop = stage.use("g", goal_version=2, stopped=True)
    await stage.feed(stage.cells((TEN, UK, "2")), stop, stage.cells((TEN, UK, "1")))
    assert await stage.days("g") == {DAY: 2}


async def test_goals_of_another_metric_or_tenant_are_not_touched(stage: Any) -> None:
    await stage.feed(
        stage.use("mine"),
        stage.use("theirs", tenant="other"),
        stage.use("orders", metric="orders"),
        stage.cells((TEN, UK, "4")),
    )
    days = await stage.hot_days()
    assert [(day.tenant, day.goal, day.metric) for day in days] == [
        ("shop", "mine", "gross_revenue")
    ]


async def cost_of_a_fact(stage: Any) -> tuple[dict[str, int], int, int]:
    """Return the calls to the store, and the documents and messages that a batch made."""
    await stage.feed(stage.cells((TEN, "Norway", "1")))  # the first one of a quarter hour
    progress = {day.place: day.version for day in await stage.hot_days()}
    sent = len(await stage.all("outbox"))
    stage.calls.clear()
    await stage.feed(stage.cells((TEN + 1, "Norway", "1")))
    calls = dict(stage.calls)
    now = {day.place: day.version for day in await stage.hot_days()}
    changed = sum(progress.get(i) != version for i, version in now.items())
    return calls, changed, len(await stage.all("outbox")) - sent


async def test_goals_that_are_not_on_the_metric_cost_a_fact_nothing(stage: Any) -> None:
    await stage.feed(*(stage.use(f"m{n}", where=only("Norway")) for n in range(10)))
    few = await cost_of_a_fact(stage)
    for start in range(0, 3_000, 500):
        await stage.feed(*(stage.use(f"x{n}", metric="orders") for n in range(start, start + 500)))
    many = await cost_of_a_fact(stage)
    assert many == few
    assert few[1:] == (10, 10)


async def test_of_3000_goals_on_the_metric_only_the_10_that_match_are_read_and_written(
    stage: Any,
) -> None:
    await stage.feed(*(stage.use(f"m{n}", where=only("Norway")) for n in range(10)))
    few = await cost_of_a_fact(stage)
    for start in range(0, 3_000, 500):
        await stage.feed(
            *(stage.use(f"x{n}", where=only(f"country {n}")) for n in range(start, start + 500))
        )
    many = await cost_of_a_fact(stage)
    assert many == few
    assert few[1:] == (10, 10)


async def test_a_watermark_is_the_minimum_over_all_origins_and_goes_to_every_partition(
    stage: Any,
) -> None:
    for number in range(4):
        await stage.feed(stage.watermark(f"subjects/{number}", 5000))
    for number in range(3):
        await stage.feed(stage.watermark(f"raw/{number}", 1000 + number))
    assert await stage.sent("progress") == []
    await stage.feed(stage.cells((TEN, UK, "1")), stage.use("g"), stage.watermark("raw/3", 999))
    sent = [m for m in await stage.sent("progress") if isinstance(m, Watermark)]
    assert sent == [Watermark(origin="facts/2", at_ms=999)] * 4
    rows = [row for row in await stage.all("outbox") if row["topic"] == "progress"]
    for lane in {row["lane"] for row in rows}:
        last = max((row for row in rows if row["lane"] == lane), key=lambda row: row["seq"])
        assert b"watermark" in last["value"]  # behind the progress that it covers


async def test_a_tenant_that_one_origin_holds_is_held_on_and_nobody_else(stage: Any) -> None:
    names = [f"{topic}/{number}" for topic in ("raw", "subjects") for number in range(4)]
    await stage.feed(*(stage.watermark(name, 1000) for name in names))
    await stage.feed(*(stage.watermark(name, 2000) for name in names[1:]))
    await stage.feed(stage.watermark(names[0], 3000, shop=-1, birch=1500))
    await stage.feed(stage.watermark(names[0], 3000))

    sent = [m for m in await stage.sent("progress") if isinstance(m, Watermark)][::4]
    held = [(m.at_ms, m.held) for m in sent]
    assert held == [(1000, {}), (2000, {"shop": 1000, "birch": 1500}), (2000, {})]


async def test_what_waits_for_its_subject_holds_the_watermark_back(stage: Any) -> None:
    for number in range(4):
        await stage.feed(stage.watermark(f"raw/{number}", 5000))
    for number in range(3):
        await stage.feed(stage.watermark(f"subjects/{number}", 4000))
    assert [m for m in await stage.sent("progress") if isinstance(m, Watermark)] == []
    await stage.feed(stage.watermark("subjects/3", 900))
    assert {m.at_ms for m in await stage.sent("progress") if isinstance(m, Watermark)} == {900}
    await stage.feed(stage.watermark("subjects/3", 4500))
    assert {m.at_ms for m in await stage.sent("progress") if isinstance(m, Watermark)} == {
        900,
        4000,
    }


async def test_a_watermark_waits_for_the_missing_row_of_its_lane_and_is_told_once(
    stage: Any,
) -> None:
    for number in range(4):
        await stage.feed(stage.watermark(f"subjects/{number}", 5000))
    for number in range(1, 4):
        await stage.feed(stage.watermark(f"raw/{number}", 5000))
    missing = stage.cells((TEN, UK, "1"))
    await stage.feed(stage.watermark("raw/0", 1000))
    assert [m for m in await stage.sent("progress") if isinstance(m, Watermark)] == []
    await stage.feed(missing)
    await stage.feed(stage.watermark("raw/0", 2000))
    await stage.applier.tick()
    told = [m.at_ms for m in await stage.sent("progress") if isinstance(m, Watermark)]
    assert told == [2000] * 4


def alive_at(*minutes: int) -> FactBatch:
    return FactBatch(
        tenant="shop",
        metric="gross_revenue",
        source="orders",
        definition=1,
        as_of_ms=0,
        accepted=tuple(Accepted(minute // 15, 1) for minute in minutes),
    )


async def places(stage: Any) -> list[tuple[int, SourceAlive]]:
    return [(n, m) for n, m in await stage.sent_to("progress") if isinstance(m, SourceAlive)]


def goals_of(place: int, count: int) -> list[str]:
    """Return goals whose progress stands in this partition of the four."""
    names = (f"g{number}" for number in range(1000))
    return list(islice((n for n in names if partition_of(4, "shop", n) == place), count))


async def test_a_new_quarter_hour_is_told_once_to_each_partition_with_a_goal_that_looks(
    stage: Any,
) -> None:
    goals = [*goals_of(1, 2), *goals_of(3, 1)]
    await stage.feed(*map(stage.use, goals))
    alive = alive_at(TEN)
    await stage.feed(stage.row(alive), stage.row(alive))
    await stage.restart()
    await stage.feed(stage.row(alive))
    told = SourceAlive(
        tenant="shop", metric="gross_revenue", day=DAY, quarters=f"{1 << 40:x}", version=1
    )
    assert await places(stage) == [(1, told), (3, told)]
    assert await stage.all("facts") == []


async def test_signs_of_life_that_no_goal_looks_at_are_told_once_one_does(stage: Any) -> None:
    """History may tell of twenty thousand days."""
    days = [TEN + 1440 * number for number in range(-2000, 30)]
    await stage.feed(stage.row(alive_at(*days)))
    assert await places(stage) == []
    assert len(await stage.all("alive")) == 68  # months
    await stage.restart()
    (first, second, third), (other,) = goals_of(1, 3), goals_of(2, 1)
    await stage.feed(stage.use(first, start=DAY, end=DAY + timedelta(days=6)))
    told = await places(stage)
    # From the day before to the day after, for local days reach over UTC days.
    week = [DAY + timedelta(days=n) for n in range(-1, 8)]
    assert [(n, m.day) for n, m in told] == [(1, day) for day in week]
    assert {m.version for _, m in told} == {1}
    eighth = DAY + timedelta(days=7)
    for goal in (second, third):  # the third asks for nothing new
        await stage.feed(stage.use(goal, start=DAY, end=eighth))
        mine = [(1, day) for day in [*week, eighth + timedelta(days=1)]]
        assert [(n, m.day) for n, m in await places(stage)] == mine
    # A goal in another partition has nothing of what the first were told.
    await stage.feed(stage.use(other, start=DAY, end=DAY + timedelta(days=6)))
    assert [(n, m.day) for n, m in await places(stage)] == [*mine, *((2, day) for day in week)]


async def test_a_goal_that_goes_on_after_a_stop_hears_of_what_came_meanwhile(stage: Any) -> None:
    (goal,) = goals_of(2, 1)
    await stage.feed(stage.use(goal), stage.use(goal, goal_version=2, stopped=True))
    await stage.feed(stage.row(alive_at(TEN)))
    assert await places(stage) == []
    await stage.feed(stage.use(goal, goal_version=3))
    assert [(n, m.day) for n, m in await places(stage)] == [(2, DAY)]


async def test_what_nobody_can_read_becomes_a_dead_letter_and_the_log_goes_on(stage: Any) -> None:
    await stage.feed(stage.use("g"))
    good = stage.cells((TEN, UK, "4"))
    garbled = replace(stage.cells((TEN, UK, "1")), value=b"\xff{")
    unknown = replace(stage.cells((TEN, UK, "1")), value=b'{"type":"facts.other.v9"}')
    empty = replace(stage.cells((TEN, UK, "1")), value=None)
    no_lane = replace(stage.cells((TEN, UK, "1")), headers={})
    stage.seqs["metrics-ingest:raw/0", Partition("facts", 2)] -= 1  # that row never had a number
    lost = stage.cells((TEN, UK, "1"), dims=())
    endless = stage.cells((2**60, UK, "1"))
    nan = stage.cells((TEN, UK, "NaN"))
    zone = stage.use("h", zone="Moon/Base")
    await stage.feed(garbled, unknown, empty, no_lane, lost, endless, nan, zone, good)

    assert await stage.days("g") == {DAY: 4}
    letters = sorted(await stage.all("dead_letters"), key=lambda row: row["offset"])
    assert [row["cause"] for row in letters] == [
        "undecodable",
        "undecodable",
        "undecodable",
        "no-lane",
        "bad-cell",
        "bad-cell",
        "bad-cell",
        "bad-control",
    ]
    assert {row["tenant"] for row in letters} == {"shop"}
    lanes = [lane for row in await stage.all("lanes_in") for lane in row["lanes"]]
    assert not any(lane["missing"] for lane in lanes)  # a bad row counts as handled


async def test_a_definition_is_kept_by_its_highest_version(stage: Any) -> None:
    from event_contracts.metrics import MetricDefined

    def definition(version: int, unit: str) -> MetricDefined:
        return MetricDefined(
            tenant="shop", metric="m", version=version, kind="additive", source="s", unit=unit
        )

    await stage.define(definition(2, "GBP"))
    await stage.define(definition(1, "old"))
    topic = Partition("metric-definitions", 0)
    await stage.feed(Record(topic, -1, b"shop|m", b"no json"))
    await stage.feed(Record(topic, -1, b"shop|m", None))
    (kept,) = await stage.all("metric_definitions")
    assert (kept["version"], kept["body"]["unit"]) == (2, "GBP")
    assert [row["cause"] for row in await stage.all("dead_letters")] == ["undecodable"]


async def test_a_batch_that_fails_at_any_call_leaves_nothing_half_done(stage: Any) -> None:
    await stage.feed(stage.use("g"), stage.cells((TEN, UK, "4")))
    stage.calls.clear()
    await stage.feed(stage.cells((TEN, UK, "1")))
    calls = sum(stage.calls.values())
    total = Decimal(5)
    for broken in range(1, calls + 1):
        row = stage.cells((TEN, UK, "1"))
        left = broken

        async def breaks(call: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise RuntimeError("the process dies here")

        stage.mongo.point, kept = breaks, stage.mongo.point
        end = stage.ends[Partition("facts", 2)]
        try:
            await stage.feed(row)
        except RuntimeError:
            stage.ends[Partition("facts", 2)] = end
            stage.mongo.point = kept
            await stage.restart()
            position = stage.applier.next[Partition("facts", 2)]
            if position == end:  # not committed: the loop reads it again
                await stage.feed(row)
            else:
                stage.ends[Partition("facts", 2)] = position
        finally:
            stage.mongo.point = kept
        total += 1
        assert await stage.days("g") == {DAY: total}


def test_msgspec_reads_what_the_store_keeps() -> None:
    from event_contracts.facts import Cell
    from goal_service.adapters.loose_facts import read_sheets, write_sheets
    from goal_service.domain.sheets import Sheet

    sheet = Sheet(({"country": UK},), (Cell(TEN, 0, Decimal("-12.3450"), -2),))
    (found,) = read_sheets(write_sheets([sheet]))
    assert found == sheet
    assert str(found.cells[0].sum) == "-12.3450"
    assert read_sheets(write_sheets([])) == ()
