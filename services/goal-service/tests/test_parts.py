"""Goals of several sums: one metric twice with different filters, denominators, guardrails."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from event_contracts.facts import Condition, GoalControl
from event_contracts.metrics import MetricDefined
from event_contracts.progress import BackFilled, DayProgress

TEN = int(datetime(2011, 1, 18, 10, tzinfo=UTC).timestamp()) // 60
DAY = date(2011, 1, 18)
FRANCE = (Condition(dim="country", any_of=("France",)),)
SPEND = MetricDefined(
    tenant="shop", metric="spend", version=1, kind="additive", source="ads", unit="GBP"
)
SHARE = {
    "id": "french_share",
    "name": "Share of France",
    "metric": "gross_revenue",
    "where": [{"dim": "country", "any_of": ["France"]}],
    "over_metric": "gross_revenue",
    "form": "level",
    "level_start": "0.25",
    "target": "0.4",
    "start": "2011-01-03",
    "end": "2011-01-31",
    "zone": "Europe/London",
    "guardrails": [
        {
            "name": "spend over revenue",
            "metric": "spend",
            "over_metric": "gross_revenue",
            "limit": 1,
        }
    ],
}


async def last(stage: Any) -> dict[tuple[str, date], Decimal]:
    """Return what a reader of progress holds by part and day."""
    held: dict[tuple[str, date], DayProgress] = {}
    for message in await stage.sent("progress"):
        if isinstance(message, DayProgress):
            place = (message.part, message.day)
            if place not in held or held[place].version < message.version:
                held[place] = message
    return {place: message.value for place, message in held.items()}


async def test_one_metric_counts_twice_for_a_goal_with_different_filters(stage: Any) -> None:
    before = stage.cells((TEN, "France", "31"), (TEN, "Eire", "69"))
    await stage.feed(before)
    await stage.feed(stage.use("share", where=FRANCE), stage.use("share", part="over"))
    await stage.feed(stage.cells((TEN, "France", "1"), (TEN, "Eire", "1")))
    assert await last(stage) == {("", DAY): 32, ("over", DAY): 102}
    ids = sorted(row["_id"] for row in await stage.all("progress"))
    assert ids == [
        "shop|share|gross_revenue|2011-01",
        "shop|share|gross_revenue|over|2011-01",
    ]
    told = [m.part for m in await stage.sent("progress") if isinstance(m, BackFilled)]
    assert told == ["", "over"]


async def test_parts_have_keys_of_their_own_on_the_topic(stage: Any) -> None:
    await stage.feed(stage.cells((TEN, "France", "1")))
    await stage.feed(stage.use("share"), stage.use("share", part="guardrail.0.over"))
    keys = {row["key"].decode() for row in await stage.all("outbox")}
    assert {key for key in keys if key.startswith("shop|share")} == {
        "shop|share|gross_revenue|2011-01-18",
        "shop|share|gross_revenue|",
        "shop|share|gross_revenue|guardrail.0.over|2011-01-18",
        "shop|share|gross_revenue|guardrail.0.over|",
    }


async def test_a_part_changes_and_stops_without_the_others(stage: Any) -> None:
    await stage.feed(stage.cells((TEN, "France", "1"), (TEN, "Eire", "2")))
    await stage.feed(stage.use("share", where=FRANCE), stage.use("share", part="over"))
    await stage.feed(
        stage.use("share", part="over", where=FRANCE, goal_version=2),
        stage.use("share", where=FRANCE, stopped=True, goal_version=2),
    )
    await stage.restart()
    await stage.feed(stage.cells((TEN, "France", "4")))
    assert await last(stage) == {("", DAY): 1, ("over", DAY): 5}


async def test_a_part_never_takes_the_days_of_another_for_its_own(stage: Any) -> None:
    # The goal's own sum comes after its parts have days: it must not read theirs as its own.
    await stage.feed(stage.cells((TEN, "France", "7")))
    await stage.feed(stage.use("share", part="over"))
    await stage.feed(stage.use("share", start=date(2011, 1, 20)))
    assert await last(stage) == {("over", DAY): 7}


async def test_a_level_with_a_guardrail_is_set_over_http_and_all_its_sums_are_shown(
    door: Any,
) -> None:
    await door.stage.define(SPEND)
    made = await door.call("POST", "/v1/goals", SHARE, status=201)
    assert (made["form"], made["policy"]["grain"], made["plan"]) == (
        "level",
        "day",
        {"daily": None, "days": {}},
    )
    assert made["guardrails"][0]["over_metric"] == "gross_revenue"
    told = [(c.metric, c.part) for c in await door.outbox("facts", GoalControl)]
    assert sorted(told) == [
        ("gross_revenue", ""),
        ("gross_revenue", "guardrail.0.over"),
        ("gross_revenue", "over"),
        ("spend", "guardrail.0"),
    ]
    stage = door.stage
    await stage.feed(
        stage.use("french_share", where=FRANCE), stage.use("french_share", part="over")
    )
    await stage.feed(stage.cells((TEN, "France", "31"), (TEN + 1440, "Eire", "69")))
    path = "/v1/goals/french_share/progress"
    shown = await door.call("GET", path)
    assert (Decimal(shown["total"]), Decimal(shown["value"])) == (31, Decimal("0.31"))
    assert {name: Decimal(part["total"]) for name, part in shown["parts"].items()} == {
        "over": 100,
        "guardrail.0": 0,
        "guardrail.0.over": 0,
    }
    (day,) = shown["items"]
    # Tuesday 18 January is the 12th of 21 working days: 0.25 + 0.15 x 12 / 21.
    assert round(Decimal(day["plan"]), 10) == Decimal("0.3357142857")
    over = await door.call("GET", path, part="over")
    assert [(i["day"], Decimal(i["value"]), i["plan"]) for i in over["items"]] == [
        ("2011-01-18", 31, None),
        ("2011-01-19", 69, None),
    ]
    wrong = await door.call("GET", path, status=422, part="moon")
    assert wrong["error"]["code"] == "part-unknown"
    assert "guardrail.0.over" in wrong["error"]["message"]


async def test_a_ratio_over_nothing_has_no_value(door: Any) -> None:
    await door.stage.define(SPEND)
    cost = SHARE | {
        "id": "cost",
        "form": "ratio",
        "level_start": None,
        "metric": "spend",
        "where": [],
        "at_most": True,
        "target": 80,
        "guardrails": [],
    }
    await door.call("POST", "/v1/goals", cost, status=201)
    shown = await door.call("GET", "/v1/goals/cost/progress")
    assert (shown["value"], Decimal(shown["total"]), shown["items"]) == (None, 0, [])


async def test_a_guardrail_of_an_unknown_metric_is_refused_where_it_is_named(door: Any) -> None:
    refused = await door.call("POST", "/v1/goals", SHARE, status=422)
    assert (refused["error"]["code"], refused["error"]["where"]) == (
        "metric-unknown",
        "guardrails.0.metric",
    )
    assert await door.stage.all("goals") == []
