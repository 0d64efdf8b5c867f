"""Every kind of metric: its facts kept and compacted, its series, and the goals that use it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from event_contracts.facts import Cell, GoalControl
from event_contracts.goals import GoalChanged
from event_contracts.metrics import MetricDefined
from event_contracts.progress import DayProgress
from event_contracts.wire import partition_of
from goal_service.adapters.compaction import Compactor
from goal_service.domain.amounts import divide
from goal_service.domain.finality import Moment, state_of
from goal_service.domain.sheets import Sheet
from service_kit.sketches import Distinct, Ranks

UK, FRANCE = "United Kingdom", "France"
TEN = int(datetime(2011, 1, 18, 10, tzinfo=UTC).timestamp()) // 60
DAY, DAY_MINUTES, DAY_MS = date(2011, 1, 18), 1_440, 86_400_000
SPAN = {"from": "2011-01-17", "to": "2011-01-20", "zone": "Europe/London"}
RATE = {
    "id": "rate",
    "name": "Lead capture rate",
    "metric": "captures",
    "form": "ratio",
    "target": "0.05",
    "start": "2011-01-03",
    "end": "2011-01-31",
    "zone": "Europe/London",
}


@dataclass
class Facts:
    """A metric of the shop whose facts are fed to the log."""

    stage: Any
    name: str
    kind: str

    async def define(self, **fields: Any) -> "Facts":
        plain = {"tenant": "shop", "metric": self.name, "version": 1, "kind": self.kind}
        more = {"source": "site", "unit": "", "dims": ("country",)}
        await self.stage.define(MetricDefined(**(plain | more | fields)))
        return self

    async def feed(self, *cells: tuple[int, str, str], **fields: Any) -> None:
        """Feed (UTC epoch minute, country, amount) each, with further columns."""
        await self.stage.feed(self.stage.cells(*cells, metric=self.name, **fields))

    async def compact(self) -> None:
        worker = Compactor(self.stage.store, await self.stage.store.session(), 4, 1)
        assert await worker.run()


@pytest.fixture
async def capture(stage: Any) -> Facts:
    """Leads over visits: 2 of 50, then 3 of 50, and 1 of 20 from France a day later."""
    facts = await Facts(stage, "captures", "ratio").define()
    await facts.feed((TEN, UK, "2"), over=(Decimal(50),))
    await facts.feed((TEN + 30, UK, "3"), over=(Decimal(50),))
    await facts.feed((TEN + DAY_MINUTES, FRANCE, "1"), over=(Decimal(20),))
    return facts


async def series(door: Any, metric: str, **query: str) -> list[dict[str, Any]]:
    found = await door.call("GET", f"/v1/metrics/{metric}/series", **(SPAN | query))
    items: list[dict[str, Any]] = found["items"]
    return items


def amounts(items: Sequence[dict[str, Any]], *names: str) -> list[tuple[Decimal | None, ...]]:
    return [tuple(None if i[n] is None else Decimal(i[n]) for n in names) for i in items]


@pytest.mark.parametrize("compacted", [False, True])
async def test_a_ratio_is_shown_with_its_parts_and_adds_up_over_days_by_them(
    door: Any, capture: Facts, compacted: bool
) -> None:
    if compacted:
        await capture.compact()
    columns = ("value", "numerator", "denominator")
    assert amounts(await series(door, "captures"), *columns) == [
        (Decimal("0.05"), 5, 100),
        (Decimal("0.05"), 1, 20),
    ]
    assert amounts(await series(door, "captures", grain="week"), *columns) == [
        (Decimal("0.05"), 6, 120)
    ]
    assert amounts(await series(door, "captures", country=FRANCE), "value") == [(Decimal("0.05"),)]


async def test_a_ratio_over_nothing_has_no_value(door: Any, stage: Any) -> None:
    facts = await Facts(stage, "captures", "ratio").define()
    await facts.feed((TEN, UK, "2"), over=(Decimal(0),))
    assert amounts(await series(door, "captures"), "value", "denominator") == [(None, 0)]


@pytest.mark.parametrize("compacted", [False, True])
async def test_a_goal_on_a_ratio_has_its_denominators_as_the_part_that_alerting_reads(
    door: Any, capture: Facts, compacted: bool
) -> None:
    if compacted:
        await capture.compact()
    made = await door.call("POST", "/v1/goals", RATE, status=201)
    assert made["over_metric"] == "captures"
    (event,) = await door.outbox("goals", GoalChanged)
    assert (event.form, event.over_metric, event.over_where) == ("ratio", "captures", ())
    await capture.stage.feed(
        *(
            capture.stage.row(control, "goal-service:api:goal-service-0")
            for control in await door.outbox("facts", GoalControl)
        )
    )
    await capture.feed((TEN + 60, UK, "7"), over=(Decimal(100),))

    held = {
        (m.part, m.day): m.value
        for m in await capture.stage.sent("progress")
        if isinstance(m, DayProgress)
    }
    later = date(2011, 1, 19)
    assert held == {("", DAY): 12, ("over", DAY): 200, ("", later): 1, ("over", later): 20}
    shown = await door.call("GET", "/v1/goals/rate/progress")
    assert Decimal(shown["value"]) == divide(Decimal(13), Decimal(220))
    assert Decimal(shown["parts"]["over"]["total"]) == 220


async def test_cells_without_denominators_add_none(stage: Any) -> None:
    facts = await Facts(stage, "captures", "ratio").define()
    use = {"metric": "captures", "part": "over", "denominator": True}
    await stage.feed(stage.use("rate", **use))
    await facts.feed((TEN, UK, "2"))
    await facts.feed((TEN, UK, "0"), over=(Decimal(9),))
    values = [m.value for m in await stage.sent("progress") if isinstance(m, DayProgress)]
    assert values == [9]
    await facts.compact()
    await stage.feed(stage.use("later", **use))
    later = [m for m in await stage.sent("progress") if isinstance(m, DayProgress)]
    assert {m.goal: m.value for m in later} == {"rate": 9, "later": 9}


async def test_the_answer_about_a_ratio_goal_can_be_sent_back_as_its_next_version(
    door: Any, capture: Facts
) -> None:
    await door.call("POST", "/v1/goals", RATE, status=201)
    again = RATE | {"over_metric": "captures", "over_where": [], "target": "0.06", "reason": "more"}
    changed = await door.call("PUT", "/v1/goals/rate", again)
    assert (changed["version"], changed["over_metric"]) == (2, "captures")


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"form": "sum"}, "form-of-a-ratio", "form"),
        ({"over_metric": "gross_revenue"}, "over-metric-twice", "over_metric"),
        (
            {"metric": "gross_revenue", "over_metric": "captures"},
            "over-metric-is-a-ratio",
            "over_metric",
        ),
        ({"metric": "uv"}, "metric-not-additive", "metric"),
        ({"metric": "deal", "form": "sum"}, "metric-not-additive", "metric"),
        (
            {"guardrails": [{"name": "n", "metric": "uv", "limit": 1}]},
            "metric-not-additive",
            "guardrails.0.metric",
        ),
    ],
)
async def test_a_goal_that_a_kind_cannot_carry_is_refused_with_what_to_use_instead(
    door: Any, capture: Facts, change: dict[str, Any], code: str, where: str
) -> None:
    await Facts(capture.stage, "uv", "unique").define()
    await Facts(capture.stage, "deal", "quantile").define(quantile=Decimal("0.5"))
    for language in ("en", "zh"):
        refused = await door.call("POST", "/v1/goals", RATE | change, status=422, language=language)
        assert (refused["error"]["code"], refused["error"]["where"]) == (code, where)


async def test_a_guardrail_on_a_ratio_is_over_its_own_denominators(
    door: Any, capture: Facts
) -> None:
    rail = {"name": "captures", "metric": "captures", "limit": "0.03", "at_most": False}
    goal = RATE | {"metric": "gross_revenue", "form": "sum", "target": 5, "guardrails": [rail]}
    made = await door.call("POST", "/v1/goals", goal, status=201)
    assert made["guardrails"][0]["over_metric"] == "captures"


def distinct(*names: str) -> bytes:
    sketch = Distinct()
    for name in names:
        sketch.add(name)
    return sketch.to_bytes()


def ranks(*values: int) -> bytes:
    sketch = Ranks()
    for value in values:
        sketch.add(Decimal(value))
    return sketch.to_bytes()


@pytest.mark.parametrize("compacted", [False, True])
async def test_a_visitor_of_two_days_is_one_in_their_week(
    door: Any, stage: Any, compacted: bool
) -> None:
    facts = await Facts(stage, "uv", "unique").define()
    await facts.feed((TEN, UK, "0"), (TEN, FRANCE, "0"), sketches=(distinct("a"), distinct("b")))
    await facts.feed((TEN + 5, UK, "0"), sketches=(distinct("a", "c"),))
    await facts.feed((TEN + DAY_MINUTES, UK, "0"), sketches=(distinct("a", "d"),))
    if compacted:
        await facts.compact()
    columns = ("value", "low", "high")
    assert amounts(await series(door, "uv"), *columns) == [(3, 3, 3), (2, 2, 2)]
    assert amounts(await series(door, "uv", grain="month"), *columns) == [(4, 4, 4)]
    by = await series(door, "uv", by="country", grain="day", to="2011-01-18")
    assert [(i["by"], Decimal(i["value"])) for i in by] == [(FRANCE, 1), (UK, 2)]


@pytest.mark.parametrize("compacted", [False, True])
async def test_the_quantile_of_a_week_is_that_of_all_its_values(
    door: Any, stage: Any, compacted: bool
) -> None:
    facts = await Facts(stage, "deal", "quantile").define(quantile=Decimal("0.5"))
    await facts.feed((TEN, UK, "140000"), sketches=(ranks(20_000, 50_000, 70_000),))
    await facts.feed((TEN + 1, UK, "80000"), sketches=(ranks(80_000),))
    await facts.feed((TEN + DAY_MINUTES, UK, "38000"), sketches=(ranks(38_000),))
    if compacted:
        await facts.compact()
    columns = ("value", "low", "high", "sum")
    assert amounts(await series(door, "deal"), *columns) == [
        (50_000, 50_000, 50_000, 220_000),
        (38_000, 38_000, 38_000, 38_000),
    ]
    assert amounts(await series(door, "deal", grain="week"), "value") == [(50_000,)]


async def test_a_cumulative_metric_runs_on_from_all_that_stood_before(
    door: Any, stage: Any
) -> None:
    facts = await Facts(stage, "followers", "cumulative").define()
    long_ago = TEN - 200 * DAY_MINUTES
    await facts.feed((long_ago, UK, "100"), (long_ago + 1, FRANCE, "10"))
    await facts.feed(
        (TEN, UK, "5"), (TEN + DAY_MINUTES, UK, "-2"), (TEN + DAY_MINUTES, FRANCE, "1")
    )
    assert amounts(await series(door, "followers"), "value") == [(115,), (114,)]
    pages, after = [], ""
    while after is not None:
        path = "/v1/metrics/followers/series"
        page = await door.call("GET", path, by="country", limit=1, after=after, **SPAN)
        pages += [(i["at"], i["by"], Decimal(i["value"])) for i in page["items"]]
        after = page["next"]
    assert pages == [
        ("2011-01-18", UK, 105),
        ("2011-01-19", FRANCE, 11),
        ("2011-01-19", UK, 103),
    ]


async def test_time_without_facts_costs_a_running_total_nothing(door: Any, stage: Any) -> None:
    facts = await Facts(stage, "followers", "cumulative").define()
    await facts.feed((5, UK, "1"), (TEN, UK, "5"))
    await facts.feed((TEN - 40 * DAY_MINUTES, UK, "3"))
    await facts.compact()
    stage.calls.clear()
    assert amounts(await series(door, "followers"), "value") == [(9,)]
    assert stage.calls["find_one:facts"] <= 5


async def test_a_goal_on_a_cumulative_metric_counts_what_its_days_add(
    door: Any, stage: Any
) -> None:
    facts = await Facts(stage, "followers", "cumulative").define()
    await facts.feed((TEN - 200 * DAY_MINUTES, UK, "100"), (TEN, UK, "5"))
    await stage.feed(stage.use("g", metric="followers"))
    assert await stage.days("g", "followers") == {DAY: 5}


async def test_a_whole_day_of_another_zone_stays_that_day(door: Any, stage: Any) -> None:
    facts = await Facts(stage, "spend", "additive").define(day_zone="Pacific/Kiritimati")
    # The 18th begins in Kiritimati (UTC+14) at 10:00 UTC of the 17th.
    kiritimati = int(datetime(2011, 1, 17, 10, tzinfo=UTC).timestamp()) // 60
    await facts.feed((kiritimati, UK, "40"), day_zone="Pacific/Kiritimati")
    use = {"metric": "spend", "zone": "Pacific/Honolulu", "start": DAY, "end": DAY}
    await stage.feed(stage.use("late", **use))
    await facts.feed((kiritimati, UK, "2"), day_zone="Pacific/Kiritimati")
    assert await stage.days("late", "spend") == {DAY: 42}
    await facts.compact()
    await stage.feed(stage.use("later", **use))
    assert await stage.days("later", "spend") == {DAY: 42}

    one_day = {"from": "2011-01-18", "to": "2011-01-18"}
    for zone in ("Pacific/Honolulu", "Asia/Shanghai", "Pacific/Kiritimati"):
        (item,) = await series(door, "spend", zone=zone, **one_day)
        assert (item["at"], Decimal(item["value"])) == ("2011-01-18", 42)
    refused = await door.call(
        "GET", "/v1/metrics/spend/series", status=422, **(SPAN | {"grain": "hour"})
    )
    assert refused["error"]["code"] == "grain-too-fine"


async def test_a_goal_in_another_zone_than_its_source_s_days_is_warned(
    door: Any, stage: Any
) -> None:
    await Facts(stage, "spend", "additive").define(day_zone="America/New_York")
    goal = RATE | {"metric": "spend", "form": "sum", "target": 5}
    made = await door.call("POST", "/v1/goals", goal, status=201)
    (warning,) = made["warnings"]
    assert (warning["code"], warning["where"]) == ("day-zone-differs", "metric")
    shown = await door.call("GET", "/v1/goals/rate/progress", language="zh")
    assert "America/New_York" in shown["warnings"][0]["message"]
    same = goal | {"id": "same", "zone": "America/New_York"}
    assert (await door.call("POST", "/v1/goals", same, status=201))["warnings"] == []


async def test_a_day_is_provisional_then_settling_then_final(door: Any, stage: Any) -> None:
    # The stage's one log of facts has to be the metric's own for its watermark to be read.
    names = (f"spend{number}" for number in range(100))
    name = next(each for each in names if partition_of(4, "shop", each) == 2)
    facts = await Facts(stage, name, "additive").define(restates_days=28)
    await facts.feed((TEN, UK, "5"))
    await stage.feed(stage.use("g", metric=name))
    goal = RATE | {"id": "g", "metric": name, "form": "sum", "target": 5}
    await door.call("POST", "/v1/goals", goal, status=201)

    async def states() -> set[str]:
        (item,) = await series(door, name, to="2011-01-18")
        (day,) = (await door.call("GET", "/v1/goals/g/progress"))["items"]
        return {item["state"], day["state"]}

    end_ms = int(datetime(2011, 1, 19, tzinfo=UTC).timestamp()) * 1000
    stage.clock.now = end_ms + 1
    assert await states() == {"provisional"}  # nobody says that all is in
    for number in range(4):
        for topic in ("raw", "subjects"):
            await stage.feed(stage.watermark(f"{topic}/{number}", end_ms))
    assert await states() == {"settling"}
    stage.clock.now = end_ms + 28 * DAY_MS - 1
    assert await states() == {"settling"}
    stage.clock.now += 1
    assert await states() == {"final"}


def test_a_source_that_does_not_restate_is_final_once_the_day_is_whole() -> None:
    metric = MetricDefined(
        tenant="shop", metric="m", version=1, kind="additive", source="s", unit=""
    )
    assert state_of(metric, 10, Moment(600_000, 600_000)) == "final"
    assert state_of(metric, 10, Moment(599_999, 600_000)) == "provisional"
    assert state_of(metric, 10, Moment(600_000, 599_999)) == "provisional"


async def test_a_cohort_matures_until_its_window_has_ended(door: Any, stage: Any) -> None:
    facts = await Facts(stage, "won", "conversion").define(window_days=7)
    await facts.feed((TEN, UK, "1"), over=(Decimal(10),))
    (item,) = await series(door, "won", to="2011-01-18")
    assert (Decimal(item["value"]), item["maturing"]) == (Decimal("0.1"), True)
    stage.clock.now = int(datetime(2011, 1, 26, tzinfo=UTC).timestamp()) * 1000
    (item,) = await series(door, "won", to="2011-01-18")
    assert item["maturing"] is False


@pytest.mark.parametrize(
    "fields",
    [
        {"over": (Decimal(1), Decimal(2))},
        {"over": (Decimal("NaN"),)},
        {"sketches": (b"abc",)},
        {"sketches": (distinct("a"), ranks(1))},
        {"day_zone": "Moon"},
    ],
)
async def test_columns_that_nothing_could_add_up_are_a_dead_letter(
    stage: Any, fields: dict[str, Any]
) -> None:
    await stage.feed(stage.cells((TEN, UK, "1"), **fields))
    assert await stage.all("facts") == []
    assert len(await stage.all("dead_letters")) == 1


async def test_a_sheet_as_it_was_written_before_there_were_columns_is_still_read() -> None:
    old = msgspec.msgpack.encode([[{"country": UK}], [[TEN, 0, "1.5", 1]]])
    read = msgspec.msgpack.decode(old, type=Sheet)
    assert read == Sheet(({"country": UK},), (Cell(TEN, 0, Decimal("1.5"), 1),))
