"""Row M4: money in the organisation's currency, by the day's rate and by the budget's."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from paceline.trial.stage import Stage, Tenant, noon
from paceline.trial.system import until

SHANGHAI = ZoneInfo("Asia/Shanghai")
LINES = ("revenue", "revenue_planned", "revenue_planned.rate_effect")


async def _declare(team: Tenant) -> None:
    """Deals in any currency, taken in CNY: at the day's rate, and at 7.10 for a dollar."""
    fields = {
        "amount": {"paths": ["data.amount"], "kind": "decimal", "currency": "currency"},
        "currency": {"paths": ["data.currency"]},
    }
    mapping = {"id": ["id"], "type": ["type"], "time": ["time"], "fields": fields}
    source = {"name": "deals", "zone": "Asia/Shanghai", "doors": {"http": mapping}}
    await team.api.call("POST", "metrics-ingest", "/v1/sources", source)
    money = {"source": "deals", "value": "amount", "unit": "CNY", "currency": "CNY"}
    await team.metric("revenue", **money)
    await team.metric("revenue_planned", **money, rates="budget", budget={"USD": "7.10"})

    async def known() -> bool:
        found = await team.api.all("goal-service", "/v1/metrics")
        return set(LINES) <= {metric["name"] for metric in found}

    await until(known, 60, "goal-service knows the rate effect")


async def _load(team: Tenant, *rates: tuple[date, str]) -> dict[str, Any]:
    """Load rates of the dollar as the operator's file has them."""
    rows = "".join(f"{day},USD,CNY,{rate},1,PBoC\n" for day, rate in rates)
    return dict(
        await team.api.call(
            "PUT",
            "metrics-ingest",
            "/v1/rates",
            f"date,base,quote,rate,per,source\n{rows}".encode(),
            headers={"Content-Type": "text/csv"},
        )
    )


def _deal(team: Tenant, day: date, amount: Any, currency: str = "usd") -> dict[str, Any]:
    """Return a deal at half past midnight of the organisation's day: of the day before in UTC."""
    at = datetime(day.year, day.month, day.day, 0, 30, tzinfo=SHANGHAI)
    return team.event(at, 0, data={"amount": amount, "currency": currency})


async def _series(team: Tenant, metric: str, first: date, last: date) -> dict[str, Decimal]:
    span = {"from": str(first), "to": str(last), "zone": "Asia/Shanghai", "grain": "day"}
    points = await team.api.all("goal-service", f"/v1/metrics/{metric}/series", **span)
    return {p["at"]: Decimal(p["value"]) for p in points if p["count"]}


@pytest.mark.row("M4", "dollars-at-two-rates")
@pytest.mark.row("M3", "rate-missing-replayed")
async def test_dollars_count_at_the_days_rate_at_the_budget_rate_and_the_effect_stands_apart(
    stage: Stage,
) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant("Asia/Shanghai")
    await _declare(team)
    span = (monday, monday + timedelta(days=4))
    goals = {name: await team.goal(*span, 50_000, metric=name) for name in LINES[:2]}
    effect = await team.goal(
        *span, 1_000, metric=LINES[2], policy={"grain": "day"}, name="rate effect"
    )
    saturday = monday - timedelta(days=2)
    deals = [_deal(team, monday, "20000"), _deal(team, monday, 10_000, "USD")]
    await team.api.send(deals, "deals")

    async def kept() -> list[Any]:
        found: list[Any] = await team.api.all("metrics-ingest", "/v1/dead-letters")
        return found if len(found) == 2 else []

    letters = await until(kept, 60, "two dead letters")
    assert {(each["cause"], each["where"]) for each in letters} == {("rate-missing", "USD/CNY")}

    # Monday has no rate of its own: Saturday's is the last before it.
    loaded = await _load(team, (saturday, "7.05"), (monday + timedelta(days=1), "7.30"))
    assert (loaded["added"], loaded["revised"]) == (2, 0)
    for _ in range(2):
        await team.api.call(
            "POST", "metrics-ingest", "/v1/dead-letters/replay", {"source": "deals"}
        )

    await team.total_becomes(goals["revenue"], "211500")
    await team.total_becomes(goals["revenue_planned"], "213000")
    await team.total_becomes(effect, "-1500")
    totals = [await _series(team, name, monday, monday) for name in LINES]
    assert totals == [{str(monday): Decimal(n)} for n in (211_500, 213_000, -1_500)]

    # A rate revised later restates nothing that was folded, and the old one stays known.
    assert (await _load(team, (saturday, "7.00")))["revised"] == 1
    await team.api.send([_deal(team, monday, 1)], "deals")
    await team.total_becomes(goals["revenue"], "211507")
    listed = await team.api.all("metrics-ingest", "/v1/rates", quote="CNY", revisions="true")
    assert [r["rate"] for r in listed if r["date"] == str(saturday)] == ["7.05", "7.00"]


@pytest.mark.row("M3", "rate-missing-replayed")
async def test_a_deal_told_by_its_changes_counts_when_its_rate_is_loaded_and_its_letter_replayed(
    stage: Stage,
) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant("Asia/Shanghai")
    fields: dict[str, Any] = {
        "amount": {"paths": ["data.amount"], "kind": "decimal", "currency": "currency"},
        "currency": {"paths": ["data.currency"]},
        "deal": {"paths": ["data.deal"]},
    }
    mapping = {"id": ["id"], "type": ["type"], "time": ["time"], "fields": fields}
    changes = {"kind": "entity", "key": ["deal"], "partial": True}
    source = {"name": "deals", "zone": "Asia/Shanghai", "doors": {"http": mapping}}
    source |= {"contributions": [changes]}
    await team.api.call("POST", "metrics-ingest", "/v1/sources", source)
    await team.metric("revenue", source="deals", value="amount", unit="CNY", currency="CNY")
    goal = await team.goal(monday, monday + timedelta(days=4), 50_000, metric="revenue")

    async def changed(**data: Any) -> None:
        at = datetime(monday.year, monday.month, monday.day, 10, tzinfo=SHANGHAI)
        await team.api.send([team.event(at, 0, data={"deal": "7"} | data)], "deals")

    async def causes() -> set[tuple[str, str]]:
        found = await team.api.all("metrics-ingest", "/v1/dead-letters", source="deals")
        return {(each["cause"], each["where"]) for each in found}

    async def waits_for(*wanted: tuple[str, str]) -> None:
        async def told() -> bool:
            return await causes() == set(wanted)

        await until(told, 60, f"the letters are {wanted}")

    await changed(amount="30000")
    await waits_for(("currency-unknown", "data.currency"))
    await changed(currency="USD")
    await waits_for(("rate-missing", "USD/CNY"))
    assert await team.total(goal) == 0

    await _load(team, (monday, "7.05"))
    await team.api.call("POST", "metrics-ingest", "/v1/dead-letters/replay", {"source": "deals"})
    await team.total_becomes(goal, "211500")
    await waits_for()


@pytest.mark.row("M3", "rate-missing-replayed")
async def test_a_deal_counts_at_the_rate_of_the_day_it_was_won_or_not_at_all_until_that_is_loaded(
    stage: Stage,
) -> None:
    monday = stage.weeks(1)
    tuesday = monday + timedelta(days=1)
    stage.clock(noon(tuesday))
    team = await stage.tenant("Asia/Shanghai")
    fields: dict[str, Any] = {
        "amount": {"paths": ["data.amount"], "kind": "decimal", "currency": "currency"},
        "currency": {"paths": ["data.currency"]},
        "deal": {"paths": ["data.deal"]},
        "as_of": {"paths": ["data.as_of"], "kind": "integer"},
    }
    mapping = {"id": ["id"], "type": ["type"], "time": ["time"], "fields": fields}
    source: dict[str, Any] = {"name": "whole", "zone": "Asia/Shanghai", "doors": {"http": mapping}}
    source |= {"contributions": [{"kind": "entity", "key": ["deal"], "as_of": "as_of"}]}
    await team.api.call("POST", "metrics-ingest", "/v1/sources", source)
    await team.metric("revenue", source="whole", value="amount", unit="CNY", currency="CNY")
    goal = await team.goal(monday, monday + timedelta(days=4), 50_000, metric="revenue")
    await _load(team, (tuesday, "7.20"))

    async def told(day: Any, **data: Any) -> None:
        at = datetime(day.year, day.month, day.day, 10, tzinfo=SHANGHAI)
        await team.api.send([team.event(at, 0, data={"deal": "7"} | data)], "whole")

    async def letters() -> list[str]:
        found = await team.api.all("metrics-ingest", "/v1/dead-letters", source="whole")
        return [each["cause"] for each in found]

    async def lacks_its_rate() -> bool:
        return await letters() == ["rate-missing"]

    await told(monday, as_of=1, amount="1000", currency="CNY")
    await team.total_becomes(goal, "1000")
    await told(tuesday, as_of=2, amount="2000", currency="USD")
    await until(lacks_its_rate, 60, "a letter says that Monday's rate is missing")
    assert await team.total(goal) == 1000

    await _load(team, (monday, "7.05"))
    await team.api.call("POST", "metrics-ingest", "/v1/dead-letters/replay", {"source": "whole"})
    await team.total_becomes(goal, "14100")
    assert await letters() == []
