"""Money: taken into a metric's currency at the day's rate or the budget's, the rest told apart."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.definitions import (
    Definitions,
    FieldMapping,
    Kind,
    Mapping,
    Measure,
    Metric,
    Source,
)
from metrics_ingest.domain.facts.cells import Amount
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.money.exchange import effect_of
from metrics_ingest.domain.money.rates import Rate
from metrics_ingest.domain.plans import MetricPlan, TenantPlan

FIELDS = {
    "amount": FieldMapping(paths=("amount",), kind=Kind.DECIMAL, currency="currency"),
    "cost": FieldMapping(paths=("cost",), kind=Kind.DECIMAL, currency="currency"),
    "fee": FieldMapping(paths=("fee",), kind=Kind.DECIMAL, currency="JPY"),
    "currency": FieldMapping(paths=("money.currency",)),
    "seats": FieldMapping(paths=("seats",), kind=Kind.DECIMAL),
}
MONDAY_MS = 1_794_182_400_000  # 2026-11-09 00:00 UTC: 08:00 in Shanghai
RATES = (
    Rate(date=date(2026, 11, 6), base="USD", quote="CNY", rate=Decimal("7.05")),
    Rate(date=date(2026, 11, 9), base="USD", quote="CNY", rate=Decimal("7.06")),
    Rate(date=date(2026, 11, 6), base="JPY", quote="CNY", rate=Decimal("4.7"), per=100),
)


def plans(*metrics: Metric, zone: str = "Asia/Shanghai") -> dict[str, MetricPlan]:
    door = Mapping(id=("id",), type=("type",), time=("time",), fields=FIELDS)
    source = Source(name="crm", doors={"http": door}, zone=zone)
    plan = TenantPlan.of(Definitions("acme", 1, (source,), metrics, RATES))
    return {each.definition.name: each for each in plan.sources["crm"].metrics}


def metric(name: str = "revenue", **fields: Any) -> Metric:
    return Metric(**{"source": "crm", "value": "amount", "currency": "CNY", "name": name} | fields)


def event(at_ms: int = MONDAY_MS, **fields: Any) -> Mapped:
    return Mapped("deal", at_ms, None, {"currency": "USD"} | fields)


def amount(plan: MetricPlan, happened: Mapped) -> Decimal:
    found = plan.amount(happened)
    assert found is not None
    return found.sum


def test_an_amount_takes_the_rate_of_its_local_day_whatever_case_the_code_is_in() -> None:
    plan = plans(metric())["revenue"]
    minute = 60_000
    # Monday begins in Shanghai at 16:00 UTC of Sunday.
    midnight = MONDAY_MS - 8 * 3_600_000
    sunday = event(midnight - minute, amount=Decimal(100), currency="usd")
    monday = event(midnight, amount=Decimal(100), currency=" Usd ")
    assert (amount(plan, sunday), amount(plan, monday)) == (Decimal(705), Decimal(706))
    assert amount(plan, event(amount=Decimal("0.01"), currency="CNY")) == Decimal("0.01")
    assert amount(plans(metric(value="fee"))["revenue"], event(fee=Decimal(1000))) == Decimal(47)
    assert amount(plans(metric(value="seats"))["revenue"], event(seats=Decimal(3))) == Decimal(3)


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Asia/Kolkata", "Pacific/Chatham"])
def test_days_begin_at_midnight_of_zones_with_odd_minutes_too(zone: str) -> None:
    midnight = int(datetime(2026, 11, 9, tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    plan = plans(metric(), zone=zone)["revenue"]
    assert amount(plan, event(midnight - 1, amount=Decimal(1))) == Decimal("7.05")
    assert amount(plan, event(midnight, amount=Decimal(1))) == Decimal("7.06")


@pytest.mark.parametrize(
    ("fields", "cause", "where", "got"),
    [
        ({"currency": "RMB"}, "currency-unknown", "money.currency", "RMB"),
        ({"currency": "hunter2"}, "currency-unknown", "money.currency", "text"),
        ({"currency": None}, "currency-unknown", "money.currency", "nothing"),
        ({"currency": "EUR"}, "rate-missing", "EUR/CNY", ""),
        ({"at_ms": MONDAY_MS - 4 * 86_400_000}, "rate-missing", "USD/CNY", ""),
        ({"amount": Decimal("999999999999999999")}, "out-of-range", "amount", ""),
    ],
)
def test_what_cannot_be_taken_into_the_currency_is_told(
    fields: dict[str, Any], cause: str, where: str, got: str
) -> None:
    plan = plans(metric())["revenue"]
    at_ms = fields.pop("at_ms", MONDAY_MS)
    values = {"amount": Decimal(1), "currency": "USD"} | fields
    happened = Mapped("deal", at_ms, None, {k: v for k, v in values.items() if v is not None})
    with pytest.raises(Unfit) as unfit:
        plan.amount(happened)
    assert (unfit.value.cause, unfit.value.where, unfit.value.got) == (cause, where, got)


def test_all_money_of_a_row_takes_the_rate_of_the_same_day() -> None:
    both = plans(metric("revenue"), metric("cost", value="cost"))
    row = event(amount=Decimal(300), cost=Decimal(100))
    revenue, cost = amount(both["revenue"], row), amount(both["cost"], row)
    assert (revenue, cost) == (Decimal(2118), Decimal(706))
    assert revenue / cost == 3


@given(
    amounts=st.lists(st.decimals(-(10**9), 10**9, places=6), min_size=1, max_size=30),
    budget=st.decimals("0.000001", 1000, places=12),
)
def test_day_less_budget_is_the_effect_to_the_last_digit(
    amounts: list[Decimal], budget: Decimal
) -> None:
    at_budget = metric("b", rates="budget", budget={"USD": budget})
    effect = effect_of(at_budget, None)
    assert effect is not None
    found = plans(metric("d"), at_budget, effect)
    rows = [event(amount=each) for each in amounts]

    day, planned, rest = (
        sum((amount(found[name], row) for row in rows), Decimal(0))
        for name in ("d", "b", "b.rate_effect")
    )

    assert day - planned == rest


def deal(make: Any, identity: str, amount: Any, currency: str | None = "USD") -> dict[str, Any]:
    event = make.cloud(make.order(identity, 1, at="2026-11-10T10:00:00"))
    money = {"amount": amount} | ({} if currency is None else {"currency": currency})
    event["data"] |= {"deal": money}
    return dict(event)


async def declare(stage: Any, make: Any) -> None:
    """The shop, with deals in any currency and their value in CNY by the day and by budget."""
    source = make.shop() | {"zone": "Asia/Shanghai"}
    for door, at in (("http", "data."), ("topic:shop.orders", "")):
        source["doors"][door]["fields"] |= {
            "deal": {"paths": [f"{at}deal.amount"], "kind": "decimal", "currency": "currency"},
            "currency": {"paths": [f"{at}deal.currency"]},
        }
    await stage.done("POST", "/v1/sources", source)
    deals = {"source": "shop", "value": "deal", "currency": "CNY", "unit": "CNY"}
    await stage.done("POST", "/v1/metrics", deals | {"name": "at_day"})
    budget = {"name": "at_budget", "rates": "budget", "budget": {"USD": "7.10"}}
    await stage.done("POST", "/v1/metrics", deals | budget)
    stage.clock.ms = MONDAY_MS + 86_400_000


async def load(stage: Any, day: str, rate: str, base: str = "USD") -> None:
    row = {"date": day, "base": base, "quote": "CNY", "rate": rate}
    await stage.done("PUT", "/v1/rates", [row])


async def test_the_day_the_budget_and_the_rate_effect_are_three_lines(
    stage: Any, make: Any
) -> None:
    await declare(stage, make)
    await load(stage, "2026-11-10", "7.05")
    await stage.send(
        deal(make, "a", "20000"), deal(make, "b", 10000, "usd"), deal(make, "c", 7, "CNY")
    )
    await stage.pump()

    assert await stage.total("at_day") == (Decimal(211_507), 3)
    assert await stage.total("at_budget") == (Decimal(213_007), 3)
    assert await stage.total("at_budget.rate_effect") == (Decimal(-1_500), 3)
    told = await stage.rows("metric-definitions")
    assert sum(b'"at_budget.rate_effect"' in row["value"] for row in told) == 1


async def test_an_event_whose_rate_is_missing_adds_nothing_anywhere_until_it_is_loaded(
    stage: Any, make: Any
) -> None:
    await declare(stage, make)
    await stage.send(deal(make, "a", 100), deal(make, "b", 5, "CNY"))
    await stage.pump()
    (letter,) = await stage.letters()
    assert (letter["cause"], letter["where"]) == ("rate-missing", "USD/CNY")
    assert "2026-11-10" in letter["message"]
    for name in ("at_day", "at_budget"):
        assert await stage.total(name) == (Decimal(5), 1)

    await load(stage, "2026-11-06", "7.05")
    await stage.done("POST", "/v1/dead-letters/replay", {"source": "shop"})
    await stage.pump()

    assert await stage.total("at_day") == (Decimal(710), 2)
    assert await stage.total("at_budget") == (Decimal(715), 2)
    assert await stage.letters() == []


async def test_a_revised_rate_holds_from_then_on_and_restates_nothing(
    stage: Any, make: Any
) -> None:
    await declare(stage, make)
    await load(stage, "2026-11-10", "7.05")
    await stage.send(deal(make, "a", 100))
    await stage.pump()
    await load(stage, "2026-11-10", "7.00")
    await stage.send(deal(make, "b", 100))
    await stage.pump()
    assert await stage.total("at_day") == (Decimal(1405), 2)


async def test_a_metric_that_leaves_its_budget_rates_has_a_rate_effect_no_more(
    stage: Any, make: Any
) -> None:
    await declare(stage, make)
    await load(stage, "2026-11-10", "7.05")
    await stage.send(deal(make, "a", 100))
    await stage.pump()
    moved = {"name": "at_budget", "source": "shop", "value": "deal", "currency": "CNY"}
    await stage.done("PUT", "/v1/metrics/at_budget", moved)
    await stage.send(deal(make, "b", 100))
    await stage.pump()
    assert await stage.total("at_budget") == (Decimal(1415), 2)
    assert await stage.total("at_budget.rate_effect") == (Decimal(-5), 1)
    listed = (await stage.done("GET", "/v1/metrics"))["items"]
    versions = {m["name"]: m["version"] for m in listed}
    assert versions["at_budget"] == versions["at_budget.rate_effect"] == 2


MONEY = {"name": "m", "source": "shop", "value": "deal", "currency": "CNY"}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"currency": "RMB"}, "$.currency"),
        ({"currency": None}, "$.currency"),
        ({"rates": "month"}, "$.rates"),
        ({"rates": "effect"}, "$.rates"),
        ({"budget": {"USD": 7}}, "$.budget"),
        ({"rates": "budget"}, "$.budget"),
        ({"rates": "budget", "budget": {"CNY": 1}}, "$.budget.CNY"),
        ({"rates": "budget", "budget": {"USD": 0}}, "$.budget.USD"),
        ({"rates": "budget", "budget": {"USD": 7}, "value": "gross"}, "$.value"),
        ({"rates": "budget", "budget": {"USD": 7}, "name": "m" * 52}, "$.name"),
        ({"name": "m.rate_effect"}, "$.name"),
    ],
)
async def test_a_metric_whose_money_makes_no_sense_is_refused(
    stage: Any, make: Any, change: dict[str, Any], where: str
) -> None:
    await declare(stage, make)
    answer = await stage.call("POST", "/v1/metrics", MONEY | change)
    assert (answer.status_code, answer.json()["error"]["where"]) == (422, where)


@pytest.mark.parametrize(
    ("field", "where"),
    [
        ({"kind": "decimal", "currency": "RMB"}, "$.doors[http].fields.deal.currency"),
        ({"kind": "decimal", "currency": "gross"}, "$.doors[http].fields.deal.currency"),
        ({"kind": "integer", "currency": "USD"}, "$.doors[http].fields.deal.kind"),
    ],
)
async def test_a_field_of_money_names_a_currency_or_the_field_that_has_it(
    stage: Any, make: Any, field: dict[str, Any], where: str
) -> None:
    source = make.shop()
    del source["doors"]["topic:shop.orders"]
    source["doors"]["http"]["fields"]["deal"] = {"paths": ["data.deal"]} | field
    answer = await stage.call("POST", "/v1/sources", source)
    assert (answer.status_code, answer.json()["error"]["where"]) == (422, where)


async def test_doors_agree_on_the_currency_of_a_field(stage: Any, make: Any) -> None:
    source = make.shop()
    source["doors"]["http"]["fields"]["gross"]["currency"] = "GBP"
    answer = await stage.call("POST", "/v1/sources", source)
    assert (answer.status_code, answer.json()["error"]["where"]) == (422, "$.doors")


async def test_a_metric_keeps_its_currency_for_pounds_and_dollars_add_up_to_nothing(
    stage: Any, make: Any
) -> None:
    await declare(stage, make)
    await stage.done("POST", "/v1/metrics", MONEY)
    plain = {"name": "p", "source": "shop", "value": "gross"}
    await stage.done("POST", "/v1/metrics", plain)
    for change in ({"currency": "EUR"}, {"currency": None, "value": "gross"}):
        answer = await stage.call("PUT", "/v1/metrics/m", MONEY | change | {"reason": "test"})
        assert (answer.status_code, answer.json()["error"]["where"]) == (422, "$.currency")
    converted = plain | {"value": "deal", "currency": "CNY", "reason": "test"}
    answer = await stage.call("PUT", "/v1/metrics/p", converted)
    assert (answer.status_code, answer.json()["error"]["where"]) == (422, "$.currency")
    # Named for the first time, and the amounts stay what they were.
    await stage.done("PUT", "/v1/metrics/p", plain | {"currency": "GBP", "reason": "test"})


def test_both_sides_of_a_ratio_take_the_rate_of_the_same_day() -> None:
    roas = metric("roas", kind="ratio", over=Measure(value="cost"))
    plan = plans(roas)["roas"]
    row = event(amount=Decimal(300), cost=Decimal(100))
    assert plan.amount(row) == Amount(Decimal(2118), Decimal(706))
    with pytest.raises(Unfit):
        plan.check_money(event(cost=Decimal(100), currency="EUR"), False)


async def test_a_metric_of_money_is_tried_at_the_rates_that_are_loaded(
    stage: Any, make: Any
) -> None:
    await declare(stage, make)
    await load(stage, "2026-11-10", "7.05")
    tried = {"metric": MONEY, "events": [deal(make, "a", 100)]}
    found = await stage.done("POST", "/v1/metrics/try", tried)
    assert "705" in msgspec.json.encode(found["total"]).decode()


async def test_a_lost_deal_takes_back_what_it_added_whatever_the_rate_is_by_now(
    stage: Any, make: Any
) -> None:
    source = make.shop() | {"zone": "Asia/Shanghai", "records": []}
    del source["doors"]["topic:shop.orders"]
    source["doors"]["http"]["fields"] = {
        "deal": {"paths": ["data.deal.amount"], "kind": "decimal", "currency": "currency"},
        "currency": {"paths": ["data.deal.currency"]},
        "stage": {"paths": ["data.stage"]},
        "key": {"paths": ["data.no"]},
    }
    source["contributions"] = [{"kind": "entity", "key": ["key"], "partial": True}]
    await stage.done("POST", "/v1/sources", source)
    won = {"name": "won", "unit": "CNY", "where": [{"field": "stage", "op": "eq", "value": "won"}]}
    budget = {"rates": "budget", "budget": {"USD": "7.10"}}
    await stage.done("POST", "/v1/metrics", MONEY | won | budget)
    stage.clock.ms = MONDAY_MS + 86_400_000
    await load(stage, "2026-11-10", "7.05")

    async def told(identity: str, **data: Any) -> None:
        at = {"occurred_at": "2026-11-10T10:00:00", "no": "1"}
        body = {"specversion": "1.0", "id": identity, "source": "/crm", "type": "deal"}
        await stage.send(body | {"data": at | data})
        await stage.pump()
        await stage.settle()

    await told("a", deal={"amount": 30000, "currency": "USD"}, stage="won")
    assert [await stage.total(n) for n in ("won", "won.rate_effect")] == [(213_000, 1), (-1_500, 1)]
    await load(stage, "2026-11-10", "6.00")
    await told("b", stage="lost")
    assert [await stage.total(n) for n in ("won", "won.rate_effect")] == [(0, 0), (0, 0)]
    assert await stage.letters() == []
