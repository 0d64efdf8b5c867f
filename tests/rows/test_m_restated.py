"""Row M3, and what follows from it: a platform's restatement corrects, whatever it restates."""

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paceline.trial.stage import Stage, Tenant, noon
from paceline.trial.system import until

DOCS = Path(__file__).resolve().parents[2] / "docs"


async def _platform(team: Tenant) -> None:
    """Declare a platform with reports by cell, reports by day, and deals."""
    await team.api.call("POST", "metrics-ingest", "/v1/sources", _source())
    won = [{"field": "stage", "op": "eq", "value": "won"}]
    for name, kind, where in (("cells", "cell", []), ("rows", "row", []), ("won", "deal", won)):
        await team.metric(
            name,
            source="platform",
            types=[kind],
            value="amount",
            dims=["campaign"] if name != "won" else [],
            where=where,
        )
    await team.metric(
        "customers",
        source="platform",
        kind="conversion",
        types=["lead"],
        of="person",
        over={"types": ["deal"], "where": won},
        window_days=30,
    )


def _source() -> dict[str, Any]:
    text = ("account", "day", "campaign", "deal", "stage", "person")
    fields: dict[str, Any] = {name: {"paths": [f"data.{name}"]} for name in text}
    fields |= {
        name: {"paths": [f"data.{name}"], "kind": "integer"} for name in ("as_of", "row", "rows")
    }
    fields["amount"] = {"paths": ["data.amount"], "kind": "decimal"}
    mapping = {"id": ["id"], "type": ["type"], "time": ["time"], "fields": fields}
    slice_ = {"kind": "slice", "types": ["row"], "key": ["account", "day"], "cell": ["campaign"]}
    return {
        "name": "platform",
        "zone": "UTC",
        "records": ["deal"],
        "doors": {"http": mapping},
        "restates_days": 7,
        "contributions": [
            {"kind": "snapshot", "types": ["cell"], "key": ["day", "campaign"], "as_of": "as_of"},
            slice_ | {"as_of": "as_of", "part": "row", "parts": "rows"},
            {"kind": "entity", "types": ["deal"], "key": ["deal"], "as_of": "as_of"},
        ],
    }


async def _tell(team: Tenant, day: date, *bodies: dict[str, Any]) -> None:
    events = [
        team.event(noon(day), 0) | {"source": "/platform", "type": body.pop("type"), "data": body}
        for body in bodies
    ]
    await team.api.send(events, "platform")


def _cell(day: date, as_of: int, amount: str, campaign: str = "c") -> dict[str, Any]:
    return {
        "type": "cell",
        "day": str(day),
        "campaign": campaign,
        "as_of": as_of,
        "amount": amount,
    }


@pytest.mark.row("M3", "restatement-corrects")
async def test_a_restated_report_ends_at_the_platforms_last_number(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    await _platform(team)
    goal = await team.goal(monday, monday + timedelta(days=4), 100, metric="cells")
    await _tell(team, monday, _cell(monday, 1, "100.10"), _cell(monday, 1, "50", "d"))
    await team.total_becomes(goal, "150.10")
    await _tell(team, monday, _cell(monday, 3, "88.88"), _cell(monday, 2, "999"))
    await team.total_becomes(goal, "138.88")
    await _tell(team, monday, _cell(monday, 2, "999"), _cell(monday, 3, "88.88"))
    await team.settled()
    assert await team.total(goal) == Decimal("138.88")


@pytest.mark.row("M3", "slice-zeroes")
async def test_a_slice_makes_zero_what_it_no_longer_names_once_it_is_whole(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    await _platform(team)
    goal = await team.goal(monday, monday + timedelta(days=4), 100, metric="rows")

    def row(as_of: int, number: int, rows: int, **fields: Any) -> dict[str, Any]:
        named = {"account": "1", "day": str(monday), "as_of": as_of, "row": number, "rows": rows}
        return {"type": "row"} | named | fields

    first = [row(1, n, 3, campaign=name, amount=10) for n, name in enumerate("abc", 1)]
    await _tell(team, monday, *first)
    await team.total_becomes(goal, 30)
    await _tell(team, monday, row(2, 1, 2, campaign="a", amount=11))
    await team.settled()
    assert await team.total(goal) == 30  # half a slice harms nothing
    await _tell(team, monday, row(2, 2, 2, campaign="c", amount=9))
    await team.total_becomes(goal, 20)
    await _tell(team, monday, row(3, 1, 1))  # the slice without rows
    await team.total_becomes(goal, 0)


@pytest.mark.row("M3", "slice-without-rows")
async def test_an_empty_day_is_told_as_the_documentation_says(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant("Asia/Shanghai")
    await team.api.call("POST", "metrics-ingest", "/v1/connectors/google-ads", {})
    await team.known("google_ads_spend")
    aim = {"metric": "google_ads_spend", "deal_value": 1}
    goal = await team.goal(monday, monday + timedelta(days=4), 100, **aim)

    async def tell(as_of: int, *rows: dict[str, Any] | str) -> None:
        body = rows[0] if rows and isinstance(rows[0], str) else json.dumps([{"results": rows}])
        path = f"/v1/hooks/google-ads?as_of={as_of}"
        await team.api.call("POST", "metrics-ingest", path, body.encode())

    def row(campaign: str, micros: int) -> dict[str, Any]:
        head = {"customer": {"resourceName": "customers/1"}, "segments": {"date": str(monday)}}
        return head | {"campaign": {"id": campaign}, "metrics": {"costMicros": str(micros)}}

    first = int(noon(monday).timestamp() * 1000)
    await tell(first, row("7", 120_500_000), row("8", 30_000_000))
    await team.total_becomes(goal, "150.5")
    await tell(first + 1)  # an answer without rows names no day
    await team.settled()
    assert await team.total(goal) == Decimal("150.5")
    page = (DOCS / "connectors.md").read_text(encoding="utf-8")
    told = page.split("**A day without rows**")[1].split("```json\n")[1].split("```")[0]
    await tell(first + 2, told.replace("2026-11-10", str(monday)))
    await team.total_becomes(goal, 0)
    await tell(first + 3, row("7", 1_000_000))  # and it may get rows again
    await team.total_becomes(goal, 1)


@pytest.mark.row("M3", "entity-reverses")
async def test_won_to_lost_takes_the_deal_back_where_it_landed(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    await _platform(team)
    goal = await team.goal(monday, monday + timedelta(days=4), 100, metric="won")
    stage.clock(noon(monday))
    await _tell(
        team, monday, {"type": "deal", "deal": "7", "stage": "won", "amount": 500, "as_of": 1}
    )
    await _tell(
        team, monday, {"type": "deal", "deal": "8", "stage": "won", "amount": 200, "as_of": 1}
    )
    await team.total_becomes(goal, 700)
    tuesday = monday + timedelta(days=1)
    stage.clock(noon(tuesday))
    await _tell(
        team, monday, {"type": "deal", "deal": "7", "stage": "won", "amount": 450, "as_of": 2}
    )
    await team.total_becomes(goal, 650)
    await _tell(
        team, tuesday, {"type": "deal", "deal": "7", "stage": "lost", "amount": 450, "as_of": 3}
    )
    await team.total_becomes(goal, 200)
    page = await team.api.get("goal-service", f"/v1/goals/{goal}/progress")
    assert {d["day"]: Decimal(d["value"]) for d in page["items"]}[str(monday)] == 200


@pytest.mark.row("M3", "conversion-reverses")
async def test_a_customer_whose_deal_is_lost_again_is_a_lead_again(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant("UTC")
    await _platform(team)

    async def converted(*wanted: int) -> None:
        async def look() -> bool:
            path = "/v1/metrics/customers/series"
            span = {"from": str(monday), "to": str(monday), "zone": "UTC", "grain": "day"}
            points = await team.api.all("goal-service", path, **span)
            found = [(int(p["numerator"]), int(p["denominator"])) for p in points]
            return found == [wanted]

        await until(look, 60, f"{wanted} converted")

    def deal(name: str, as_of: int, state: str) -> dict[str, Any]:
        told = {"deal": name, "as_of": as_of, "stage": state, "amount": 5}
        return {"type": "deal", "person": "p"} | told

    await _tell(team, monday, *({"type": "lead", "person": person} for person in "pq"))
    await converted(0, 2)
    await _tell(team, monday, deal("7", 1, "won"), deal("8", 1, "won"))
    await converted(1, 2)
    tuesday = monday + timedelta(days=1)
    stage.clock(noon(tuesday))
    await _tell(team, tuesday, deal("7", 2, "lost"))
    await team.settled()
    await converted(1, 2)  # the other deal is won
    await _tell(team, tuesday, deal("8", 2, "lost"))
    await converted(0, 2)
    await _tell(team, tuesday, deal("7", 3, "won"))
    await converted(1, 2)


@pytest.mark.row("M3", "mended-mapping")
async def test_a_report_sent_again_after_its_mapping_was_mended_is_right(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    await _platform(team)
    goal = await team.goal(monday, monday + timedelta(days=4), 100, metric="cells")
    report = [_cell(monday, 1, "100"), _cell(monday, 1, "50", "d")]
    events = [
        team.event(noon(monday), 0) | {"source": "/platform", "type": "cell", "data": body}
        for body in report
    ]
    await team.api.send(events, "platform")
    await team.total_becomes(goal, 150)
    mended = _source()
    mended["doors"]["http"]["fields"]["amount"]["scale"] = "0.01"  # it was in cents
    change = mended | {"reason": "cents"}
    await team.api.call("PUT", "metrics-ingest", "/v1/sources/platform", change)
    await team.api.send(events, "platform")
    await team.total_becomes(goal, "1.5")


@pytest.mark.row("M3", "state-restates-a-light")
async def test_a_restatement_of_a_judged_day_restates_its_light(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    await _platform(team)
    goal = await team.goal(monday, monday + timedelta(days=4), 100, metric="cells")
    stage.clock(noon(monday))
    await _tell(team, monday, _cell(monday, 1, "120"))
    team.close(monday)
    assert (await team.judged(goal, monday))["light"] == "green"
    await _tell(team, monday, _cell(monday, 2, "80"))
    stage.clock(noon(monday + timedelta(days=1)) + timedelta(seconds=1))
    restated = await team.deeds_become(goal, "goal.restated", 2)
    assert {deed["span"]["start"] for deed in restated} == {str(monday)}
    assert {deed["light_kind"] for deed in restated} == {"run", "to-date"}
    assert ((await team.light(goal, monday)) or {})["light"] == "yellow"


@pytest.mark.row("G7", "twenty-articles")
async def test_the_fiftieth_lead_counts_for_an_article_within_thirty_days_of_its_publication(
    stage: Stage,
) -> None:
    published = stage.weeks(6)
    stage.clock(noon(published))
    team = await stage.tenant()
    await team.metric(
        "articles",
        kind="unit-threshold",
        types=["published", "lead"],
        value="amount",
        of="channel",
        threshold=50,
        window_days=30,
    )
    # The goal's period ends before the window does, as June ends before 20 July.
    goal = await team.goal(published, published + timedelta(days=4), 1, metric="articles")
    names = ("in time", "too late")
    for name in names:
        await team.send(team.event(noon(published), 0, type="published", channel=name))
        await team.send(*[team.event(noon(published), 1, channel=name) for _ in range(49)])
    in_time, too_late = (published + timedelta(days=days) for days in (25, 31))  # 20 and 26 July
    stage.clock(noon(too_late))
    for name, day in zip(names, (in_time, too_late), strict=True):
        await team.send(team.event(noon(day), 1, channel=name))
    await team.total_becomes(goal, 1)
    await team.settled()
    page = await team.api.get("goal-service", f"/v1/goals/{goal}/progress")
    assert {d["day"]: Decimal(d["value"]) for d in page["items"]} == {str(published): 1}
