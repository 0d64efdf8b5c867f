"""Connectors are listed, shown and made one's own: source and metrics at once, or nothing."""

from decimal import Decimal
from typing import Any

import pytest


async def test_a_connector_becomes_a_source_with_its_metrics(stage: Any) -> None:
    listed = (await stage.done("GET", "/v1/connectors"))["items"]
    assert {"stripe", "google-ads", "debezium-deals"} <= {each["name"] for each in listed}
    assert "sources" in await stage.done("GET", "/v1/connectors/stripe")

    body = {"source": "stripe-eu", "currency": "EUR", "prefix": "eu_"}
    added = await stage.done("POST", "/v1/connectors/stripe", body)
    assert added["source"]["name"] == "stripe-eu"
    assert added["at_vendor"]
    metric = await stage.done("GET", "/v1/metrics/eu_stripe_renewal_revenue")
    assert (metric["currency"], metric["source"], metric["version"]) == ("EUR", "stripe-eu", 1)
    assert (await stage.done("GET", "/v1/sources/stripe-eu"))["doors"]["hook"]["type"] == ["type"]
    again = await stage.call("POST", "/v1/connectors/stripe", body)
    assert again.status_code == 409


async def test_a_connector_that_cannot_be_written_whole_is_not_written_at_all(stage: Any) -> None:
    await stage.done("POST", "/v1/connectors/posthog", {})
    taken = {"source": "posthog-2"}  # its metrics' names are there
    response = await stage.call("POST", "/v1/connectors/posthog", taken)
    assert response.status_code == 409
    assert (await stage.call("GET", "/v1/sources/posthog-2")).status_code == 404
    wrong = {"source": "x", "prefix": "x_", "overrides": {"source": {"zone": "Mars"}}}
    response = await stage.call("POST", "/v1/connectors/posthog", wrong, accept_language="zh")
    assert (response.status_code, response.json()["error"]["where"]) == (422, "$.zone")
    assert (await stage.call("POST", "/v1/connectors/unheard-of", {})).status_code == 404
    assert (await stage.call("GET", "/v1/connectors/unheard-of")).status_code == 404


async def test_a_currency_of_ones_own_holds_where_an_event_names_none_too(stage: Any) -> None:
    await stage.done("POST", "/v1/connectors/hubspot-deals", {"currency": "EUR"})
    properties = {
        "amount": "86400.00",
        "deal_currency_code": None,
        "dealstage": "closedwon",
        "hs_lastmodifieddate": "2011-05-05T07:12:33.451Z",
    }
    await stage.done("POST", "/v1/hooks/hubspot-deals", {"id": "1", "properties": properties})
    await stage.pump()
    await stage.settle()
    assert await stage.letters() == []
    assert await stage.total("hubspot_closed_won_revenue") == (Decimal(86400), 1)


@pytest.mark.parametrize("overrides", [{"source": "x"}, {"source": None}, {"metrics": [1]}])
async def test_overrides_that_leave_no_document_are_refused(stage: Any, overrides: Any) -> None:
    response = await stage.call("POST", "/v1/connectors/stripe", {"overrides": overrides})
    assert (response.status_code, response.json()["error"]["where"]) == (422, "$.overrides")


async def test_secrets_of_a_cloudevent_are_taken_out_too(stage: Any, make: Any) -> None:
    source = make.shop()
    source["doors"]["http"]["drop"] = ["data.card"]
    await stage.done("POST", "/v1/sources", source)
    await stage.send(make.cloud(make.order("a", 1) | {"card": "4111"}))
    (kept,) = [record for records in stage.log.records.values() for record in records]
    assert b"4111" not in kept
    assert b"order.placed" in kept
