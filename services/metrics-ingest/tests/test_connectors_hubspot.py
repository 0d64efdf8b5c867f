"""HubSpot tells one property at a time: what is known of a deal counts, whatever is missing."""

from typing import Any

PROPERTIES = ("dealstage", "amount", "deal_currency_code")


async def told(stage: Any, name: str, value: str, at_ms: int) -> None:
    event = {
        "objectId": 5,
        "propertyName": name,
        "propertyValue": value,
        "subscriptionId": PROPERTIES.index(name),
        "portalId": 3,
        "occurredAt": at_ms,
        "subscriptionType": "deal.propertyChange",
    }
    await stage.done("POST", "/v1/hooks/hubspot-events", [event])
    await stage.pump()
    await stage.settle()


async def added(stage: Any, currency: str = "CNY", **fields: Any) -> None:
    hook = {"doors": {"hook": {"fields": fields}}}
    body = {"currency": currency, "overrides": {"source": hook | {"signature": None}}}
    await stage.done("POST", "/v1/connectors/hubspot-events", body)


async def test_an_account_with_one_currency_never_names_it_and_its_deals_are_in_it(
    stage: Any,
) -> None:
    await added(stage, "EUR")
    now_ms = stage.clock.ms
    await told(stage, "amount", "86400.00", now_ms - 3000)
    await told(stage, "dealstage", "closedwon", now_ms - 2000)
    assert (await stage.total("hubspot_won_revenue"))[0] == 86400
    rate = {"date": "2011-05-01", "base": "USD", "quote": "EUR", "rate": "0.5"}
    await stage.done("PUT", "/v1/rates", [rate])
    await told(stage, "deal_currency_code", "USD", now_ms - 1000)  # what is named holds
    assert (await stage.total("hubspot_won_revenue"))[0] == 43200
    assert await stage.letters() == []


async def test_a_won_deal_without_currency_is_won_and_its_revenue_comes_with_the_currency(
    stage: Any,
) -> None:
    await added(stage, amount={"currency": "currency"})
    now_ms = stage.clock.ms
    await told(stage, "amount", "86400.00", now_ms - 3000)
    await told(stage, "dealstage", "closedwon", now_ms - 2000)
    assert (await stage.total("hubspot_deals_won"))[0] == 1
    assert (await stage.total("hubspot_won_revenue"))[0] == 0
    assert [each["cause"] for each in await stage.letters()] == ["currency-unknown"]
    await told(stage, "deal_currency_code", "CNY", now_ms - 1000)
    assert await stage.letters() == []
    assert (await stage.total("hubspot_deals_won"))[0] == 1
    assert (await stage.total("hubspot_won_revenue"))[0] == 86400
    await told(stage, "dealstage", "closedlost", now_ms)
    assert (await stage.total("hubspot_deals_won"))[0] == 0
    assert (await stage.total("hubspot_won_revenue"))[0] == 0
