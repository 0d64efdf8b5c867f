"""Vendors' payloads from the doors to facts: sent twice, restated, reversed; exact at the end."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from metrics_ingest.adapters.connectors import connectors
from service_kit import strict_json

EXPECTED: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[3] / "tests" / "connectors" / "expected.yaml").read_text("utf-8")
)
HOOKS = [name for name, wanted in EXPECTED.items() if wanted["door"] == "hook"]
LATER_MS = 1_795_219_200_000  # 2026-11-21T00:00:00Z, after all samples


async def post(stage: Any, name: str, body: bytes, **query: str) -> None:
    text = "&".join(f"{key}={value}" for key, value in query.items())
    await stage.done("POST", f"/v1/hooks/{name}?{text}", body)
    await stage.pump()
    await stage.settle()


async def added(stage: Any, name: str) -> None:
    stage.clock.ms = LATER_MS
    # Signatures have their own tests.
    unsigned = {"overrides": {"source": {"signature": None}}}
    await stage.done("POST", f"/v1/connectors/{name}", unsigned)


def sums(events: list[Any]) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for event in events:
        for metric, amount in (event["gives"] if isinstance(event, dict) else {}).items():
            totals[metric] = totals.get(metric, Decimal(0)) + Decimal(amount.split()[0])
    return totals


@pytest.mark.parametrize("name", HOOKS)
async def test_a_sample_comes_to_its_facts_however_often_it_is_sent(
    name: str, stage: Any, shared_samples: Path
) -> None:
    wanted = EXPECTED[name]
    connector, query = wanted["connector"], wanted.get("query", {})
    await added(stage, connector)
    body = (shared_samples / f"{name}.json").read_bytes()
    await post(stage, connector, body, **query)
    stage.clock.ms += 60_000
    await post(stage, connector, body, **query)
    expected = sums(wanted["events"])
    for metric in connectors()[connector].metrics:
        total, _ = await stage.total(metric.name)
        assert total == expected.get(metric.name, 0), metric.name
    stats = await stage.stats(connector)
    refused = {e for e in wanted["events"] if isinstance(e, str)} - {"skipped"}
    assert ("dead_letters" in stats) is bool(refused)
    assert {each["cause"] for each in await stage.letters(source=connector)} == refused


async def test_a_restated_hour_a_shrunken_day_and_an_edited_deal_end_at_the_last_numbers(
    stage: Any, shared_samples: Path
) -> None:
    def sample(name: str) -> Any:
        return json.loads((shared_samples / f"{name}.json").read_bytes())

    await added(stage, "tencent-ads")
    hours, day = sample("tencent_ads_hourly_report"), {"account_id": "1", "date": "2026-11-04"}
    await post(stage, "tencent-ads", strict_json.dumps(hours), **day)
    hours["data"]["list"][0] |= {"cost": 18000, "conversion": 4}
    stage.clock.ms += 60_000
    await post(stage, "tencent-ads", strict_json.dumps(hours), **day)
    assert (await stage.total("tencent_ads_spend"))[0] == Decimal("381.75")  # 180.00 + 201.75
    assert (await stage.total("tencent_ads_conversions"))[0] == 6

    await added(stage, "google-ads")
    chunk = sample("google_ads_search_stream")[0]
    row = chunk["results"][0]
    cells = [row | {"campaign": {"id": f"{n}"}} for n in (1, 2)]
    await post(stage, "google-ads", strict_json.dumps([chunk | {"results": cells}]))
    assert (await stage.total("google_ads_clicks"))[0] == 636
    stage.clock.ms += 60_000
    cells[1]["metrics"] = {"clicks": "300", "costMicros": "1"}
    await post(stage, "google-ads", strict_json.dumps([chunk | {"results": cells[1:]}]))
    assert (await stage.total("google_ads_clicks"))[0] == 300  # campaign 1 is not named: 0
    assert (await stage.total("google_ads_spend"))[0] == Decimal("0.000001")

    await added(stage, "hubspot-deals")
    deal = sample("hubspot_crm_deal_object")
    await post(stage, "hubspot-deals", strict_json.dumps(deal))
    deal["properties"] |= {"amount": "90000.50", "hs_lastmodifieddate": "2026-11-19T00:00:00Z"}
    await post(stage, "hubspot-deals", strict_json.dumps(deal))
    assert (await stage.total("hubspot_closed_won_revenue"))[0] == Decimal("90000.50")
    lost = {"dealstage": "closedlost", "hs_lastmodifieddate": "2026-11-20T00:00:00Z"}
    deal["properties"] |= lost
    await post(stage, "hubspot-deals", strict_json.dumps(deal))
    assert await stage.total("hubspot_closed_won_revenue") == (0, 0)
    assert await stage.total("hubspot_deals_closed_won") == (0, 0)


async def test_a_won_deal_gets_its_amount_from_another_event_and_counts_when_it_was_won(
    stage: Any, shared_samples: Path
) -> None:
    await added(stage, "hubspot-events")
    won = json.loads((shared_samples / "hubspot_webhook_v3_batch.json").read_bytes())[2]
    told = {"propertyName": "amount", "propertyValue": "86400.00", "subscriptionId": 1}
    amount = won | told | {"occurredAt": won["occurredAt"] + 5000}
    code = amount | {"propertyName": "deal_currency_code", "propertyValue": "CNY"}
    await post(stage, "hubspot-events", strict_json.dumps([amount, code, won]))
    assert await stage.total("hubspot_won_revenue") == (Decimal(86400), 1)
    minutes = {
        cell.minute
        for batch in await stage.facts()
        if batch.metric == "hubspot_won_revenue"
        for cell in batch.cells
    }
    assert minutes == {won["occurredAt"] // 60_000}
