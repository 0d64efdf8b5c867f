"""Days that change stand in stripes, the others by the month; whoever reads finds the newest."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from event_contracts.progress import DayProgress
from goal_service.adapters.hot_days import STRIPES
from goal_service.stream.facts import pause_for

TEN = int(datetime(2011, 1, 18, 10, tzinfo=UTC).timestamp()) // 60
DAY = date(2011, 1, 18)
UK = "United Kingdom"


async def test_a_slice_that_meets_many_goals_writes_at_most_a_document_a_stripe(
    stage: Any,
) -> None:
    await stage.feed(*(stage.use(f"g{number}") for number in range(100)))
    await stage.feed(stage.cells((TEN, UK, "1")))
    await stage.feed(stage.cells((TEN, UK, "2")))
    assert len(await stage.all("hot_days")) <= STRIPES
    assert await stage.all("progress") == []
    assert len(await stage.hot_days()) == 100
    assert await stage.days("g7") == {DAY: 3}


async def test_the_day_that_did_not_change_for_longest_makes_room_and_comes_back_whole(
    stage: Any,
) -> None:
    stage.most_hot = 1
    await stage.restart()
    await stage.feed(stage.use("all"))
    await stage.feed(stage.cells((TEN, UK, "1")))
    await stage.feed(stage.cells((TEN + 1440, UK, "2")))
    (month,) = await stage.all("progress")
    assert (month["_id"], month["days"]["2011-01-18"]["value"]) == (
        "shop|all|gross_revenue|2011-01",
        Decimal(1),
    )
    assert [hot.day for hot in await stage.hot_days()] == [date(2011, 1, 19)]
    await stage.feed(stage.cells((TEN, UK, "4")))
    assert await stage.days("all") == {DAY: 5, date(2011, 1, 19): 2}
    days = [m for m in await stage.sent("progress") if isinstance(m, DayProgress)]
    found = [(m.day.day, m.value, m.version) for m in days]
    assert found == [(18, 1, 1), (19, 2, 1), (18, 5, 2)]


async def test_a_door_shows_the_newest_whether_it_holds_the_partition_or_not(
    door: Any, stage: Any
) -> None:
    stage.most_hot = 1
    await stage.restart()
    await door.call("POST", "/v1/goals", GOAL, status=201)
    await stage.feed(stage.use("all"))
    for minute, amount in ((TEN, "1"), (TEN + 1440, "2"), (TEN, "4")):
        await stage.feed(stage.cells((minute, UK, amount)))
    await stage.feed(stage.use("all", goal_version=2, end=date(2011, 1, 30)))
    shown = await door.call("GET", "/v1/goals/all/progress")
    values = [(item["day"], item["value"], item["version"]) for item in shown["items"]]
    assert values == [("2011-01-18", "5", 2), ("2011-01-19", "2", 1)]


async def test_what_days_have_come_to_is_told_with_the_next_watermark_after_a_restart_too(
    stage: Any,
) -> None:
    stage.tell_seconds = 3600.0
    await stage.restart()
    await stage.feed(stage.use("all"), stage.cells((TEN, UK, "1")))  # the first is due at once
    for amount in ("2", "4"):
        await stage.feed(stage.cells((TEN, UK, amount)))
    for number in range(4):
        await stage.feed(stage.watermark(f"raw/{number}", 5000))
        await stage.feed(stage.watermark(f"subjects/{number}", 5000))
    assert [(m.value, m.version) for m in await told(stage)] == [(1, 1)]
    await stage.restart()
    await stage.applier.tick()
    assert [(m.value, m.version) for m in await told(stage)] == [(1, 1), (7, 3)]
    assert await ahead_of_the_watermark(stage)


def test_the_more_days_have_changed_the_longer_they_wait_but_never_for_long() -> None:
    assert pause_for(0) == 1
    assert pause_for(3) < 1.1
    assert pause_for(250) == 3.5
    assert pause_for(100_000) == 4


async def told(stage: Any) -> list[DayProgress]:
    return [m for m in await stage.sent("progress") if isinstance(m, DayProgress)]


async def ahead_of_the_watermark(stage: Any) -> bool:
    """Whether in each lane all days stand before the first watermark."""
    rows = [row for row in await stage.all("outbox") if row["topic"] == "progress"]
    first = {
        lane: min(r["seq"] for r in rows if r["lane"] == lane and b"watermark" in r["value"])
        for lane in {row["lane"] for row in rows}
    }
    days = [row for row in rows if b"day" in row["value"] and b"watermark" not in row["value"]]
    return bool(days) and all(row["seq"] < first[row["lane"]] for row in days)


GOAL = {
    "id": "all",
    "name": "all",
    "metric": "gross_revenue",
    "start": "2011-01-01",
    "end": "2011-01-31",
    "zone": "Europe/London",
    "target": "310",
}
