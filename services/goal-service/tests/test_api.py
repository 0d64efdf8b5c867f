"""The HTTP door: goals with all their versions, progress, series; tenants apart, clear refusals."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from event_contracts.facts import GoalControl
from event_contracts.goals import GoalChanged
from event_contracts.wire import partition_of
from service_kit import audit

RETAIL = {
    "id": "export_revenue",
    "name": "Export revenue",
    "metric": "gross_revenue",
    "where": [{"dim": "country", "none_of": ["United Kingdom"]}],
    "start": "2010-12-01",
    "end": "2011-12-09",
    "zone": "Europe/London",
    "plan": {"daily": 5000},
    "target": "1340000",
    "floor": {"share": 0.8},
    "stretch": {"share": "1.2"},
    "policy": {"source_always_alive": True, "restate_share": None},
}
TEN = int(datetime(2011, 1, 18, 10, tzinfo=UTC).timestamp()) // 60


async def test_a_goal_is_made_with_its_audit_entry_its_event_and_its_control_record(
    door: Any,
) -> None:
    made = await door.call("POST", "/v1/goals", RETAIL, status=201)
    assert (made["id"], made["version"], made["working_days"]) == ("export_revenue", 1, 268)
    assert [Decimal(made[t]) for t in ("floor", "target", "stretch")] == [
        1_072_000,
        1_340_000,
        1_608_000,
    ]
    assert made["policy"]["red_after"] == 3
    assert made["policy"]["restate_share"] is None
    assert made["changed_at"] == "2011-01-18T10:00:00.000Z"
    assert made["unit"] == "GBP"

    (event,) = await door.outbox("goals", GoalChanged)
    (control,) = await door.outbox("facts", GoalControl)
    assert (event.tenant, event.goal, event.plan.daily) == ("shop", "export_revenue", 5000)
    assert (control.metric, control.goal_version, control.where) == (
        "gross_revenue",
        1,
        event.where,
    )
    rows = {row["topic"]: row["partition"] for row in await door.stage.all("outbox")}
    assert rows == {
        "goals": partition_of(4, "shop", "export_revenue"),
        "facts": partition_of(4, "shop", "gross_revenue"),
    }
    (entry,) = [row for row in await door.stage.all("audit") if row.get("action")]
    assert (entry["action"], entry["subject"]) == ("goal.created", "export_revenue")
    assert (await audit.verify(door.stage.store, "shop")).whole


async def test_a_goal_that_no_record_has_room_for_is_refused_and_nothing_is_kept(
    door: Any,
) -> None:
    countries = [f"country {number}" for number in range(60_000)]
    wide = RETAIL | {"where": [{"dim": "country", "none_of": countries}]}
    refused = await door.call("POST", "/v1/goals", wide, status=413)
    assert refused["error"]["code"] == "body-too-large"
    assert await door.stage.all("outbox") == await door.stage.all("goals") == []
    await door.call("POST", "/v1/goals", RETAIL, status=201)


async def test_every_version_stays_with_its_reason_and_can_be_seen_as_it_was_known_then(
    door: Any,
) -> None:
    await door.call("POST", "/v1/goals", RETAIL, status=201)
    door.stage.clock.now += 86_400_000
    more = RETAIL | {"plan": {"daily": 6000}, "target": 1608000, "reason": "a new market"}
    changed = await door.call("PUT", "/v1/goals/export_revenue", more)
    assert (changed["version"], changed["reason"]) == (2, "a new market")
    assert changed["changed_by"].startswith("key:")

    then = await door.call("GET", "/v1/goals/export_revenue", known_at="2011-01-19T09:00:00Z")
    now = await door.call("GET", "/v1/goals/export_revenue")
    assert [Decimal(g["plan"]["daily"]) for g in (then, now)] == [5000, 6000]
    first = await door.call("GET", "/v1/goals/export_revenue", version=1)
    assert first == then
    versions = await door.call("GET", "/v1/goals/export_revenue/versions")
    assert [v["version"] for v in versions["items"]] == [1, 2]
    assert [g["version"] for g in (await door.call("GET", "/v1/goals"))["items"]] == [2]
    early = await door.call(
        "GET", "/v1/goals/export_revenue", known_at="2001-01-01T00:00:00Z", status=404
    )
    assert early["error"]["code"] == "version-unknown"


async def test_the_judge_hears_who_made_each_version_and_why(door: Any) -> None:
    await door.call("POST", "/v1/goals", RETAIL, status=201)
    shown = await door.call("PUT", "/v1/goals/export_revenue", RETAIL | {"reason": "a new market"})
    await door.call("DELETE", "/v1/goals/export_revenue", reason="sold the unit")
    told = await door.outbox("goals", GoalChanged)
    assert [event.reason for event in told] == ["", "a new market", "sold the unit"]
    assert told[1].actor == shown["changed_by"]
    assert all(event.actor.startswith("key:") for event in told)
    assert "actor" not in shown


async def test_a_goal_is_stopped_once_and_its_metric_hears_of_it(door: Any) -> None:
    await door.call("POST", "/v1/goals", RETAIL, status=201)
    stopped = await door.call("DELETE", "/v1/goals/export_revenue", reason="sold the unit")
    again = await door.call("DELETE", "/v1/goals/export_revenue")
    assert (stopped["version"], stopped["stopped"]) == (2, True)
    assert again == stopped
    controls = await door.outbox("facts", GoalControl)
    assert [(c.goal_version, c.stopped) for c in controls] == [(1, False), (2, True)]


async def test_a_change_from_an_old_version_or_without_a_reason_is_refused(door: Any) -> None:
    await door.call("POST", "/v1/goals", RETAIL, status=201)
    path = "/v1/goals/export_revenue"
    stale = await door.call("PUT", path, RETAIL | {"reason": "x", "based_on": 7}, status=409)
    assert stale["error"]["code"] == "goal-moved-on"
    mute = await door.call("PUT", path, RETAIL | {"reason": " "}, status=422)
    assert mute["error"]["where"] == "reason"
    await door.call("PUT", path, RETAIL, status=422)
    other = await door.call("PUT", path, RETAIL | {"reason": "x", "id": "y"}, status=422)
    assert other["error"]["code"] == "id-differs"
    twice = await door.call("POST", "/v1/goals", RETAIL, status=409)
    assert twice["error"]["code"] == "goal-exists"


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"metric": "visits"}, "metric-unknown", "metric"),
        ({"target": 1}, "plan-does-not-add-up", "plan"),
        ({"where": [{"dim": "moon", "any_of": ["x"]}]}, "dimension-unknown", "where.0.dim"),
        ({"zone": "Mars/Base"}, "zone-unknown", "zone"),
        ({"id": "a b"}, "id-invalid", "id"),
        ({"colour": "red"}, "unknown-field", "$.colour"),
        ({"policy": {"gren": 1}}, "unknown-field", "$.policy.gren"),
        ({"start": "2010-13-01"}, "invalid-value", "$.start"),
        ({"floor": "NaN"}, "amount-invalid", "floor"),
    ],
)
async def test_a_goal_that_cannot_be_is_refused_in_the_callers_language(
    door: Any, change: dict[str, Any], code: str, where: str
) -> None:
    for language in ("en", "zh"):
        refused = await door.call(
            "POST", "/v1/goals", RETAIL | change, status=422, language=language
        )
        error = refused["error"]
        assert (error["code"], error["where"]) == (code, where)
        is_chinese = any("\u4e00" <= letter <= "\u9fff" for letter in error["message"])
        assert is_chinese == (language == "zh")
    assert await door.stage.all("goals") == []
    assert await door.stage.all("outbox") == []


async def test_tenants_do_not_see_each_other_and_scopes_are_needed(door: Any) -> None:
    await door.call("POST", "/v1/goals", RETAIL, status=201)
    path = "/v1/goals/export_revenue"
    for address in (path, f"{path}/versions", f"{path}/progress"):
        refused = await door.call("GET", address, tenant="rival", status=404)
        assert refused["error"]["code"] == "goal-unknown"
    await door.call("DELETE", path, tenant="rival", status=404)
    await door.call("PUT", path, RETAIL | {"reason": "x"}, tenant="rival", status=404)
    assert (await door.call("GET", "/v1/goals", tenant="rival"))["items"] == []
    assert (await door.call("GET", "/v1/metrics", tenant="rival"))["items"] == []
    series = "/v1/metrics/gross_revenue/series"
    await door.call("GET", series, tenant="rival", status=404)
    reads = ("goals:read", "metrics:read")
    await door.call("POST", "/v1/goals", RETAIL, scopes=reads, status=403)
    await door.call("DELETE", path, scopes=reads, status=403)
    await door.call("GET", path, scopes=("goals:write",), status=403)
    await door.call("GET", series, scopes=("goals:read",), status=403)
    anonymous = await door.http.get(path)
    assert anonymous.status_code == 401


async def test_lists_come_in_pages(door: Any) -> None:
    for number in range(5):
        await door.call("POST", "/v1/goals", RETAIL | {"id": f"g{number}"}, status=201)
    first = await door.call("GET", "/v1/goals", limit=3)
    rest = await door.call("GET", "/v1/goals", limit=3, after=first["next"])
    assert [g["id"] for g in first["items"] + rest["items"]] == [f"g{n}" for n in range(5)]
    assert rest["next"] is None
    assert (await door.call("GET", "/v1/goals", metric="orders"))["items"] == []
    (metric,) = (await door.call("GET", "/v1/metrics"))["items"]
    assert (metric["name"], metric["dims"]) == ("gross_revenue", ["country", "channel"])


async def test_a_goal_without_an_id_gets_one_and_a_straight_plan_by_default(door: Any) -> None:
    body = {k: v for k, v in RETAIL.items() if k not in ("id", "plan")}
    made = await door.call("POST", "/v1/goals", body, status=201)
    assert len(made["id"]) == 32
    assert Decimal(made["plan"]["daily"]) == 5000


async def test_progress_shows_days_sums_and_how_complete_they_are(door: Any) -> None:
    stage = door.stage
    await door.call("POST", "/v1/goals", RETAIL, status=201)
    await stage.feed(stage.use("export_revenue", end=stage_end()))
    await stage.feed(
        stage.cells((TEN, "France", "10.005"), (TEN + 1440, "France", "2")),
    )
    path = "/v1/goals/export_revenue/progress"
    shown = await door.call("GET", path)
    assert shown["complete_to"] is None
    assert (Decimal(shown["total"]), shown["count"]) == (Decimal("12.005"), 2)
    first = shown["items"][0]
    assert (first["day"], Decimal(first["value"]), Decimal(first["plan"]), first["working"]) == (
        "2011-01-18",
        Decimal("10.005"),
        5000,
        True,
    )
    page = await door.call("GET", path, limit=1)
    assert (page["next"], page["total"]) == ("2011-01-18", shown["total"])
    rest = await door.call("GET", path, after=page["next"])
    assert [item["day"] for item in rest["items"]] == ["2011-01-19"]


def stage_end() -> Any:
    return datetime(2011, 12, 9, tzinfo=UTC).date()


@pytest.mark.parametrize("minute", ["x", "9" * 19, "-" + "9" * 19, "9" * 5000])
async def test_a_place_in_a_series_that_is_none_is_refused(door: Any, minute: str) -> None:
    await door.stage.feed(door.stage.cells((TEN, "France", "1")))
    span = {"from": "2011-01-18", "to": "2011-01-18"}
    path = "/v1/metrics/gross_revenue/series"
    refused = await door.call("GET", path, after=f"{minute}|", status=422, **span)
    assert refused["error"]["code"] == "after-unreadable"


async def test_a_series_reads_loose_documents_and_blocks_and_says_how_complete_it_is(
    door: Any,
) -> None:
    from goal_service.adapters.compaction import Compactor

    stage = door.stage
    for number in range(4):
        await stage.feed(stage.cells((TEN + number * 40, "France", "0.1"), (TEN, "Eire", "1")))
    worker = Compactor(stage.store, await stage.store.session(), 4, 2)
    assert await worker.run() == 2
    assert (len(await stage.all("facts")), len(await stage.all("loose_facts"))) == (1, 2)
    path = "/v1/metrics/gross_revenue/series"
    span = {"from": "2011-01-18", "to": "2011-01-18", "zone": "Asia/Shanghai"}
    (day,) = (await door.call("GET", path, **span))["items"]
    assert (day["at"], Decimal(day["value"]), day["count"]) == ("2011-01-18", Decimal("4.4"), 8)
    hours = await door.call("GET", path, grain="hour", by="country", country="France", **span)
    assert [(i["at"], i["by"], Decimal(i["value"])) for i in hours["items"]] == [
        ("2011-01-18T18:00+08:00", "France", Decimal("0.2")),
        ("2011-01-18T19:00+08:00", "France", Decimal("0.1")),
        ("2011-01-18T20:00+08:00", "France", Decimal("0.1")),
    ]
    found = []
    after = ""
    while True:
        page = await door.call(
            "GET", path, grain="minute", by="country", limit=2, after=after, **span
        )
        found += [(i["minute"] - TEN, i["by"], Decimal(i["value"])) for i in page["items"]]
        after = page["next"]
        if not after:
            break
    assert found == [
        (0, "Eire", Decimal(4)),
        (0, "France", Decimal("0.1")),
        (40, "France", Decimal("0.1")),
        (80, "France", Decimal("0.1")),
        (120, "France", Decimal("0.1")),
    ]
    times = {"from": "2011-01-18T10:30:00Z", "to": "2011-01-18T11:20:00Z"}
    (part,) = (await door.call("GET", path, **times))["items"]
    assert Decimal(part["value"]) == Decimal("0.1")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"to": "2011-01-18"}, "time-missing"),
        ({"from": "yesterday", "to": "2011-01-18"}, "time-unreadable"),
        ({"from": "2011-01-19", "to": "2011-01-17"}, "time-reversed"),
        ({"from": "2011-01-18", "to": "2011-01-18", "grain": "year"}, "grain-unknown"),
        ({"from": "2001-01-18", "to": "2011-01-18", "grain": "minute"}, "too-many-buckets"),
        ({"from": "2011-01-18", "to": "2011-01-18", "moon": "x"}, "dimension-unknown"),
        ({"from": "2011-01-18", "to": "2011-01-18", "by": "moon"}, "dimension-unknown"),
        ({"from": "2011-01-18", "to": "2011-01-18", "zone": "Moon"}, "zone-unknown"),
        ({"from": "2011-01-18", "to": "2011-01-18", "after": "x"}, "after-unreadable"),
        ({"from": "9999-12-31", "to": "9999-12-31"}, "time-unreadable"),
    ],
)
async def test_a_series_that_cannot_be_asked_for_is_refused(
    door: Any, query: dict[str, str], code: str
) -> None:
    refused = await door.call("GET", "/v1/metrics/gross_revenue/series", status=422, **query)
    assert refused["error"]["code"] == code


async def test_800_to_1000_over_http_is_a_floor_a_target_and_a_stretch(door: Any) -> None:
    leads = RETAIL | {"plan": "straight", "floor": None, "stretch": None, "target": "800 到 1,000"}
    made = await door.call("POST", "/v1/goals", leads, status=201)
    assert [Decimal(made[tier]) for tier in ("floor", "target", "stretch")] == [800, 900, 1000]
    wrong = leads | {"target": "about 900"}
    refused = await door.call("POST", "/v1/goals", wrong, status=422)
    assert (refused["error"]["code"], refused["error"]["where"]) == ("target-unreadable", "target")


CHINA = {
    "name": "Revenue",
    "metric": "gross_revenue",
    "start": "2026-04-01",
    "end": "2026-06-30",
    "zone": "Asia/Shanghai",
    "target": 1_000_000,
    "calendar": {"kind": "working", "country": "CN"},
}


async def test_a_year_whose_make_up_days_are_not_announced_is_warned_of(door: Any) -> None:
    far = CHINA | {"start": "2090-01-01", "end": "2090-03-31"}
    made = await door.call("POST", "/v1/goals", far, status=201, language="zh")
    (warning,) = made["warnings"]
    assert (warning["code"], warning["where"]) == ("calendar-year-unknown", "calendar")
    assert "2090" in warning["message"]
    near = await door.call("POST", "/v1/goals", CHINA, status=201)
    assert near["warnings"] == []
    assert near["calendar"]["on"] == ["2026-05-09"]


async def test_the_organisations_calendar_of_a_country_stands_over_its_holidays(door: Any) -> None:
    own = {"weekdays": [1, 2, 3, 4, 5], "off": ["2026-05-09", "2090-01-03"], "on": ["2026-05-05"]}
    await door.call("PUT", "/v1/calendars/CN", {"calendar": own})
    near = await door.call("POST", "/v1/goals", CHINA, status=201)
    assert near["calendar"]["on"] == ["2026-05-05"]
    far = CHINA | {"start": "2090-01-01", "end": "2090-03-31"}
    assert (await door.call("POST", "/v1/goals", far, status=201))["warnings"] == []


async def test_days_of_two_years_are_put_side_by_side_by_spring_festival(door: Any) -> None:
    span = {"from": "2026-02-16", "to": "2026-02-18"}
    found = await door.call("GET", "/v1/festivals/spring", **span)
    assert [(each["distance"], each["against"]) for each in found["items"]] == [
        (-1, "2025-01-28"),
        (0, "2025-01-29"),
        (1, "2025-01-30"),
    ]
    for wrong, where in (
        (("2026-02-18", "2026-02-16"), "query.to"),
        (("2026-01-01", "2028-02-16"), "query.to"),
        (("soon", "2028-02-16"), "query.from"),
        (("2099-12-01", "2099-12-31"), "query.from"),
        (("9999-12-30", "9999-12-31"), "query.from"),
    ):
        span = dict(zip(("from", "to"), wrong, strict=True))
        refused = await door.call("GET", "/v1/festivals/spring", status=422, **span)
        assert refused["error"]["where"] == where


async def test_a_goal_is_changed_so_often_and_can_then_be_stopped(
    door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goal_service.handlers.goals.MOST_VERSIONS", 2)
    await door.call("POST", "/v1/goals", RETAIL, status=201)
    path = "/v1/goals/export_revenue"
    await door.call("PUT", path, RETAIL | {"reason": "a new market"})
    for language, word in (("en", "2 versions"), ("zh", "2 个版本")):
        body = RETAIL | {"reason": "once more"}
        refused = await door.call("PUT", path, body, status=409, language=language)
        assert refused["error"]["code"] == "too-many-versions"
        assert word in refused["error"]["message"]
    assert (await door.call("DELETE", path, reason="sold the unit"))["version"] == 3
